/* Formats, for when they are asserted. Each takes the whole text. */
#include <arpa/inet.h>

#include "schema_internal.h"
#include "schema_uri.h"

#define HOSTNAME_BYTES_MAX 253
#define LABEL_BYTES_MAX 63
#define LOCAL_PART_BYTES_MAX 64
#define REGEX_ARENA_BYTES_MAX (4 * 1024 * 1024)

struct reader {
	const char *at, *end;
};

static struct reader reader_of(struct str text)
{
	const char *start = text.data ? text.data : "";

	return (struct reader){ .at = start, .end = start + text.size };
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_hex(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool take(struct reader *r, const char *set)
{
	if (r->at == r->end || *r->at == '\0' || !strchr(set, *r->at))
		return false;
	r->at++;
	return true;
}

/* Exactly `digits` of them. */
static bool take_digits(struct reader *r, int digits, int *ret)
{
	int value = 0;

	for (int i = 0; i < digits; i++) {
		if (r->at == r->end || !is_digit(*r->at))
			return false;
		value = value * 10 + (*r->at++ - '0');
	}
	*ret = value;
	return true;
}

static bool take_number(struct reader *r)
{
	const char *start = r->at;

	while (r->at < r->end && is_digit(*r->at))
		r->at++;
	return r->at > start;
}

static bool take_date(struct reader *r)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	int year, month, day;
	bool leap;

	if (!take_digits(r, 4, &year) || !take(r, "-") || !take_digits(r, 2, &month) ||
	    !take(r, "-") || !take_digits(r, 2, &day))
		return false;
	if (month < 1 || month > 12 || day < 1)
		return false;
	leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	return day <= days[month - 1] + (month == 2 && leap);
}

static bool take_offset(struct reader *r, int *ret_minutes)
{
	int hours, minutes;
	bool negative;

	*ret_minutes = 0;
	if (take(r, "zZ"))
		return true;
	negative = r->at < r->end && *r->at == '-';
	if (!take(r, "+-") || !take_digits(r, 2, &hours) || !take(r, ":") ||
	    !take_digits(r, 2, &minutes) || hours > 23 || minutes > 59)
		return false;
	*ret_minutes = (hours * 60 + minutes) * (negative ? -1 : 1);
	return true;
}

/* A leap second is the last of a day in UTC. */
static bool take_time(struct reader *r)
{
	int hour, minute, second, offset, utc;

	if (!take_digits(r, 2, &hour) || !take(r, ":") || !take_digits(r, 2, &minute) ||
	    !take(r, ":") || !take_digits(r, 2, &second))
		return false;
	if (take(r, ".") && !take_number(r))
		return false;
	if (!take_offset(r, &offset) || hour > 23 || minute > 59 || second > 60)
		return false;
	utc = (hour * 60 + minute - offset + 2 * 1440) % 1440;
	return second < 60 || utc == 1439;
}

static bool is_date(struct str text)
{
	struct reader r = reader_of(text);

	return take_date(&r) && r.at == r.end;
}

static bool is_time(struct str text)
{
	struct reader r = reader_of(text);

	return take_time(&r) && r.at == r.end;
}

static bool is_date_time(struct str text)
{
	struct reader r = reader_of(text);

	return take_date(&r) && take(&r, "tT") && take_time(&r) && r.at == r.end;
}

/* Numbers each followed by one of `units`, in that order and without a gap (RFC 3339, appendix A:
 * "P1Y2D" is none). False when there is not at least one. */
static bool take_units(struct reader *r, const char *units)
{
	const char *expected = NULL;

	while (r->at < r->end && is_digit(*r->at)) {
		const char *unit;
		take_number(r);
		unit = r->at < r->end && *r->at ? strchr(units, *r->at) : NULL;
		if (!unit || (expected && unit != expected))
			return false;
		expected = unit + 1;
		r->at++;
	}
	return expected != NULL;
}

static bool is_duration(struct str text)
{
	struct reader r = reader_of(text);

	if (!take(&r, "P") || r.at == r.end)
		return false;
	if (r.end[-1] == 'W')
		return take_number(&r) && r.end - r.at == 1;
	if (is_digit(*r.at) && !take_units(&r, "YMD"))
		return false;
	if (take(&r, "T") && !take_units(&r, "HMS"))
		return false;
	return r.at == r.end;
}

static bool is_label(const char *at, size_t size)
{
	if (size == 0 || size > LABEL_BYTES_MAX || at[0] == '-' || at[size - 1] == '-')
		return false;
	for (size_t i = 0; i < size; i++) {
		if (!is_letter(at[i]) && !is_digit(at[i]) && at[i] != '-')
			return false;
	}
	/* "--" in the third place is kept for what is encoded, of which "xn--" is all there is */
	return size < 4 || at[2] != '-' || at[3] != '-' ||
	       (size > 4 && (at[0] | 0x20) == 'x' && (at[1] | 0x20) == 'n');
}

static bool is_hostname(struct str text)
{
	size_t start = 0;

	if (text.size == 0 || text.size > HOSTNAME_BYTES_MAX)
		return false;
	for (size_t i = 0; i <= text.size; i++) {
		if (i < text.size && text.data[i] != '.')
			continue;
		if (!is_label(text.data + start, i - start))
			return false;
		start = i + 1;
	}
	return true;
}

static bool is_ipv4(struct str text)
{
	char buffer[16];
	struct in_addr address;

	return !memchr(text.data ? text.data : "", '\0', text.size) &&
	       str_copy(text, buffer, sizeof(buffer)) && inet_pton(AF_INET, buffer, &address) == 1;
}

static bool is_ipv6(struct str text)
{
	char buffer[48];
	struct in6_addr address;

	return !memchr(text.data ? text.data : "", '\0', text.size) &&
	       str_copy(text, buffer, sizeof(buffer)) && inet_pton(AF_INET6, buffer, &address) == 1;
}

/* The domain: a host name or an address in brackets (RFC 5321). */
static bool is_mail_domain(struct str text)
{
	struct str inner;

	if (text.size < 2 || text.data[0] != '[')
		return is_hostname(text);
	if (text.data[text.size - 1] != ']')
		return false;
	inner = (struct str){ .data = text.data + 1, .size = text.size - 2 };
	if (str_starts(inner, "IPv6:")) {
		inner.data += 5;
		inner.size -= 5;
		return is_ipv6(inner);
	}
	return is_ipv4(inner);
}

static bool is_quoted_local(struct str text)
{
	if (text.size < 2 || text.data[0] != '"' || text.data[text.size - 1] != '"')
		return false;
	for (size_t i = 1; i + 1 < text.size; i++) {
		unsigned char c = (unsigned char)text.data[i];
		if (c < 0x20 || c == 0x7f || c == '"')
			return false;
		if (c == '\\' && ++i + 1 >= text.size)
			return false;
	}
	return true;
}

static bool is_dotted_local(struct str text, bool (*is_extra)(char c))
{
	if (text.size == 0 || text.data[0] == '.' || text.data[text.size - 1] == '.')
		return false;
	for (size_t i = 0; i < text.size; i++) {
		char c = text.data[i];
		if (c == '.' ? text.data[i + 1] == '.'
			     : (c == '\0' || (!is_letter(c) && !is_digit(c) && !is_extra(c) &&
					      !strchr("!#$%&'*+-/=?^_`{|}~", c))))
			return false;
	}
	return true;
}

static bool is_never(char c)
{
	(void)c;
	return false;
}

static bool is_beyond_ascii(char c)
{
	return (unsigned char)c >= 0x80;
}

static bool mail_split(struct str text, struct str *ret_local, struct str *ret_domain)
{
	size_t at = text.size;

	while (at > 0 && text.data[at - 1] != '@')
		at--;
	if (at == 0 || at - 1 > LOCAL_PART_BYTES_MAX)
		return false;
	*ret_local = (struct str){ .data = text.data, .size = at - 1 };
	*ret_domain = (struct str){ .data = text.data + at, .size = text.size - at };
	return true;
}

static bool is_email(struct str text)
{
	struct str local, domain;

	return mail_split(text, &local, &domain) && is_mail_domain(domain) &&
	       (is_quoted_local(local) || is_dotted_local(local, is_never));
}

/* The domain of an internationalised address is looked at for its bytes only. */
static bool is_idn_email(struct str text)
{
	struct str local, domain;

	if (!mail_split(text, &local, &domain) ||
	    !(is_quoted_local(local) || is_dotted_local(local, is_beyond_ascii)))
		return false;
	return is_mail_domain(domain) ||
	       (is_dotted_local(domain, is_beyond_ascii) && !memchr(domain.data, '_', domain.size));
}

static bool has_scheme(struct str text)
{
	struct schema_uri uri;

	schema_uri_split(text, &uri);
	return uri.scheme.data != NULL;
}

static bool is_uri_reference(struct str text)
{
	return schema_uri_is_reference(text, SCHEMA_URI_ASCII);
}

static bool is_uri(struct str text)
{
	return has_scheme(text) && is_uri_reference(text);
}

static bool is_iri_reference(struct str text)
{
	return schema_uri_is_reference(text, SCHEMA_URI_UNICODE);
}

static bool is_iri(struct str text)
{
	return has_scheme(text) && is_iri_reference(text);
}

static bool take_name_character(struct reader *r)
{
	if (take(r, "%")) {
		if (r->end - r->at < 2 || !is_hex(r->at[0]) || !is_hex(r->at[1]))
			return false;
		r->at += 2;
		return true;
	}
	if (r->at == r->end || (!is_letter(*r->at) && !is_digit(*r->at) && *r->at != '_'))
		return false;
	r->at++;
	return true;
}

/* RFC 6570: operator, then names with modifiers between commas. */
static bool take_expression(struct reader *r)
{
	take(r, "+#./;?&=,!@|");
	do {
		do {
			if (!take_name_character(r))
				return false;
			while (take_name_character(r))
				;
		} while (take(r, "."));
		if (take(r, ":")) {
			const char *start = r->at;
			if (take(r, "0") || !take_number(r) || r->at - start > 4)
				return false;
		} else {
			take(r, "*");
		}
	} while (take(r, ","));
	return take(r, "}");
}

static bool is_uri_template(struct str text)
{
	struct reader r = reader_of(text);

	while (r.at < r.end) {
		unsigned char c = (unsigned char)*r.at;
		if (take(&r, "{")) {
			if (!take_expression(&r))
				return false;
		} else if (c == '%') {
			if (!take_name_character(&r))
				return false;
		} else if (c <= 0x20 || c == 0x7f || strchr("\"'<>\\^`|}", c)) {
			return false;
		} else {
			r.at++;
		}
	}
	return true;
}

static bool is_uuid(struct str text)
{
	if (text.size != 36)
		return false;
	for (size_t i = 0; i < text.size; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;
		if (dash ? text.data[i] != '-' : !is_hex(text.data[i]))
			return false;
	}
	return true;
}

static bool is_json_pointer(struct str text)
{
	if (text.size > 0 && text.data[0] != '/')
		return false;
	for (size_t i = 0; i < text.size; i++) {
		if (text.data[i] == '~' &&
		    (i + 1 == text.size || (text.data[i + 1] != '0' && text.data[i + 1] != '1')))
			return false;
	}
	return true;
}

static bool is_relative_json_pointer(struct str text)
{
	struct reader r = reader_of(text);

	if (!take(&r, "0") && !take_number(&r))
		return false;
	if (r.end - r.at == 1 && *r.at == '#')
		return true;
	return is_json_pointer((struct str){ .data = r.at, .size = (size_t)(r.end - r.at) });
}

static bool is_regex(struct str text)
{
	struct arena arena;
	struct regex *regex;
	bool compiles;

	arena_init(&arena, REGEX_ARENA_BYTES_MAX);
	compiles = regex_compile(&arena, text, &regex, NULL) == ST_OK;
	arena_free(&arena);
	return compiles;
}

schema_format_check *schema_format_of(struct str name)
{
	static const struct {
		const char *name;
		schema_format_check *check;
	} formats[] = {
		{ "date-time", is_date_time },
		{ "date", is_date },
		{ "time", is_time },
		{ "duration", is_duration },
		{ "email", is_email },
		{ "idn-email", is_idn_email },
		{ "hostname", is_hostname },
		{ "ipv4", is_ipv4 },
		{ "ipv6", is_ipv6 },
		{ "uri", is_uri },
		{ "uri-reference", is_uri_reference },
		{ "iri", is_iri },
		{ "iri-reference", is_iri_reference },
		{ "uri-template", is_uri_template },
		{ "uuid", is_uuid },
		{ "json-pointer", is_json_pointer },
		{ "relative-json-pointer", is_relative_json_pointer },
		{ "regex", is_regex },
	};

	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		if (str_is(name, formats[i].name))
			return formats[i].check;
	}
	return NULL;
}
