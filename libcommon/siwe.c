/* siwe.c: EIP-4361 messages, read line by line. */
#include "siwe.h"

#include <stdio.h>

#include "clock.h"
#include "schema_uri.h"

#define HEAD_END " wants you to sign in with your Ethereum account:"
#define UNRESERVED "-._~"
#define SUB_DELIMS "!$&'()*+,;="
#define GEN_DELIMS ":/?#[]@"

/* The lines that are left; `number` is that of `line`. */
struct reader {
	struct str rest;
	struct str line;
	int number;
	bool more;
	struct problem *problem;
};

static enum st wrong(const struct reader *reader, const char *what)
{
	char pointer[32];

	snprintf(pointer, sizeof(pointer), "line %d", reader->number);
	return problem_set(reader->problem, ST_MESSAGE_INVALID, pointer, "%s", what);
}

/* False at the end of the message. */
static bool line_next(struct reader *reader)
{
	struct str tail;

	reader->number++;
	if (!reader->more)
		return false;
	reader->more = str_cut(reader->rest, '\n', &reader->line, &tail);
	if (reader->more)
		reader->rest = tail;
	else
		reader->line = reader->rest;
	return true;
}

static enum st line_need(struct reader *reader, const char *what)
{
	return line_next(reader) ? ST_OK : wrong(reader, what);
}

/* ---- characters ---- */

static bool is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool all_of(struct str s, const char *others)
{
	for (size_t i = 0; i < s.size; i++)
		if (!is_alnum(s.data[i]) && (s.data[i] == 0 || !strchr(others, s.data[i])))
			return false;
	return true;
}

static bool is_pchars(struct str s)
{
	for (size_t i = 0; i < s.size; i++) {
		if (s.data[i] == '%' && s.size - i >= 3 && is_hex(s.data[i + 1]) &&
		    is_hex(s.data[i + 2]))
			i += 2;
		else if (!all_of((struct str){ s.data + i, 1 }, UNRESERVED SUB_DELIMS ":@"))
			return false;
	}
	return true;
}

static bool is_scheme(struct str s)
{
	return s.size > 0 && all_of(s, "+-.") && (s.data[0] >= 'A' && is_alnum(s.data[0]));
}

static bool is_uri(struct str s)
{
	struct schema_uri uri;

	schema_uri_split(s, &uri);
	return uri.scheme.data && is_scheme(uri.scheme) &&
	       schema_uri_is_reference(s, SCHEMA_URI_ASCII);
}

/* An authority without user information, which nobody's origin has. */
static bool is_domain(struct str s)
{
	char text[SIWE_BYTES_MAX + 3];
	struct schema_uri uri;

	if (s.size == 0 || s.size > SIWE_BYTES_MAX || s.data[0] == ':' ||
	    !all_of(s, UNRESERVED SUB_DELIMS ":[]%"))
		return false;
	memcpy(text, "//", 2);
	memcpy(text + 2, s.data, s.size);
	struct str reference = { text, s.size + 2 };
	schema_uri_split(reference, &uri);
	return uri.authority.size == s.size && schema_uri_is_reference(reference, SCHEMA_URI_ASCII);
}

/* ---- times ---- */

static bool offset_parse(struct str s, int64_t *ret_ms)
{
	int hours, minutes;

	if (str_is(s, "Z")) {
		*ret_ms = 0;
		return true;
	}
	if (s.size != 6 || (s.data[0] != '+' && s.data[0] != '-') || s.data[3] != ':')
		return false;
	for (size_t i = 1; i < 6; i++)
		if (i != 3 && (s.data[i] < '0' || s.data[i] > '9'))
			return false;
	hours = (s.data[1] - '0') * 10 + s.data[2] - '0';
	minutes = (s.data[4] - '0') * 10 + s.data[5] - '0';
	if (hours > 23 || minutes > 59)
		return false;
	*ret_ms = (int64_t)(hours * 60 + minutes) * 60000 * (s.data[0] == '-' ? -1 : 1);
	return true;
}

/* "." and one to nine digits, cut to milliseconds; how many bytes it took. */
static bool fraction_parse(struct str s, size_t *ret_size, int64_t *ret_ms)
{
	int64_t ms = 0, unit = 100;
	size_t i = 1;

	*ret_size = 0;
	*ret_ms = 0;
	if (s.size == 0 || s.data[0] != '.')
		return true;
	for (; i < s.size && s.data[i] >= '0' && s.data[i] <= '9'; i++, unit /= 10)
		ms += unit * (s.data[i] - '0');
	*ret_size = i;
	*ret_ms = ms;
	return i > 1 && i <= 10;
}

bool siwe_time_parse(struct str text, int64_t *ret_ms)
{
	static const size_t seconds_size = sizeof("2026-01-02T03:04:05") - 1;
	char seconds[sizeof("2026-01-02T03:04:05Z")];
	int64_t whole, fraction, offset;
	size_t fraction_size;

	if (text.size <= seconds_size)
		return false;
	memcpy(seconds, text.data, seconds_size);
	memcpy(seconds + seconds_size, "Z", 2);
	struct str rest = { text.data + seconds_size, text.size - seconds_size };
	if (!time_parse((struct str){ seconds, seconds_size + 1 }, &whole) ||
	    !fraction_parse(rest, &fraction_size, &fraction))
		return false;
	rest = (struct str){ rest.data + fraction_size, rest.size - fraction_size };
	if (!offset_parse(rest, &offset))
		return false;
	whole += fraction - offset;
	if (whole < 0 || whole > TIME_MS_MAX)
		return false;
	*ret_ms = whole;
	return true;
}

/* ---- the parts of a message, in order ---- */

static enum st head_read(struct reader *reader, struct siwe *ret)
{
	struct str head;
	const char *colon;

	TRY(line_need(reader, "the message is empty"));
	if (!str_ends(reader->line, HEAD_END))
		return wrong(reader, "it has to end with \"" HEAD_END "\"");
	head = reader->line;
	head.size -= sizeof(HEAD_END) - 1;
	colon = memmem(head.data, head.size, "://", 3);
	if (colon) {
		ret->scheme = (struct str){ head.data, (size_t)(colon - head.data) };
		if (!is_scheme(ret->scheme))
			return wrong(reader, "what stands before \"://\" is no scheme");
		head = (struct str){ colon + 3, head.size - ret->scheme.size - 3 };
	}
	if (!is_domain(head))
		return wrong(reader, "the domain is a host, or a host and a port");
	ret->domain = head;
	return ST_OK;
}

static enum st address_read(struct reader *reader, struct siwe *ret)
{
	char pointer[] = "line 2";

	TRY(line_need(reader, "the address belongs here"));
	if (ethereum_address_of_text(reader->line, &ret->address, reader->problem) == ST_OK)
		return ST_OK;
	if (reader->problem)
		memcpy(reader->problem->pointer, pointer, sizeof(pointer));
	return ST_MESSAGE_INVALID;
}

static enum st empty_read(struct reader *reader, const char *what)
{
	TRY(line_need(reader, what));
	return reader->line.size == 0 ? ST_OK : wrong(reader, what);
}

static enum st statement_read(struct reader *reader, struct siwe *ret)
{
	TRY(empty_read(reader, "an empty line follows the address"));
	TRY(line_need(reader, "a statement, or another empty line, belongs here"));
	if (reader->line.size == 0)
		return ST_OK;
	if (!all_of(reader->line, UNRESERVED SUB_DELIMS GEN_DELIMS " "))
		return wrong(reader, "a statement has letters, digits, spaces and the marks that a "
				     "URI may have");
	ret->statement = reader->line;
	return empty_read(reader, "an empty line follows the statement");
}

/* The rest of the line after its label. */
static enum st field_read(struct reader *reader, const char *label, struct str *ret)
{
	char what[64];
	size_t size = strlen(label);

	snprintf(what, sizeof(what), "\"%s\" and its value belong here", label);
	TRY(line_need(reader, what));
	if (!str_starts(reader->line, label))
		return wrong(reader, what);
	*ret = (struct str){ reader->line.data + size, reader->line.size - size };
	return ST_OK;
}

static enum st time_field(struct reader *reader, struct str text, int64_t *ret)
{
	return siwe_time_parse(text, ret)
		       ? ST_OK
		       : wrong(reader, "the time is not RFC 3339's, like 2026-01-02T03:04:05Z");
}

static enum st required_read(struct reader *reader, struct siwe *ret)
{
	struct str value;

	TRY(field_read(reader, "URI: ", &ret->uri));
	if (!is_uri(ret->uri))
		return wrong(reader, "the URI is not one of RFC 3986");
	TRY(field_read(reader, "Version: ", &value));
	if (!str_is(value, "1"))
		return wrong(reader, "the version is 1");
	TRY(field_read(reader, "Chain ID: ", &value));
	if (!str_to_i64(value, &ret->chain_id) || ret->chain_id < 0)
		return wrong(reader, "the chain id is a decimal number");
	TRY(field_read(reader, "Nonce: ", &ret->nonce));
	if (ret->nonce.size < SIWE_NONCE_BYTES_MIN || !all_of(ret->nonce, ""))
		return wrong(reader, "a nonce has at least 8 letters and digits");
	TRY(field_read(reader, "Issued At: ", &value));
	return time_field(reader, value, &ret->issued_at_ms);
}

/* What may be left out. True when the line at hand has the label: it is taken. */
static bool optional_read(struct reader *reader, const char *label, struct str *ret)
{
	struct reader ahead = *reader;
	size_t size = strlen(label);

	if (!line_next(&ahead) || !str_starts(ahead.line, label))
		return false;
	*reader = ahead;
	*ret = (struct str){ ahead.line.data + size, ahead.line.size - size };
	return true;
}

static enum st resources_read(struct reader *reader, struct siwe *ret)
{
	struct str value;

	if (!optional_read(reader, "Resources:", &value))
		return ST_OK;
	if (value.size > 0)
		return wrong(reader, "resources begin on the line after \"Resources:\"");
	while (optional_read(reader, "- ", &value)) {
		if (!is_uri(value))
			return wrong(reader, "the resource is not a URI of RFC 3986");
		if (ret->resource_count == SIWE_RESOURCES_MAX)
			return wrong(reader, "a message has at most 128 resources");
		ret->resources[ret->resource_count++] = value;
	}
	return ST_OK;
}

static enum st optionals_read(struct reader *reader, struct siwe *ret)
{
	struct str value;

	if (optional_read(reader, "Expiration Time: ", &value)) {
		ret->has_expiration_ms = true;
		TRY(time_field(reader, value, &ret->expiration_ms));
	}
	if (optional_read(reader, "Not Before: ", &value)) {
		ret->has_not_before_ms = true;
		TRY(time_field(reader, value, &ret->not_before_ms));
	}
	if (optional_read(reader, "Request ID: ", &value)) {
		if (!is_pchars(value))
			return wrong(reader, "the request id has a character that no path has");
		ret->request_id = value;
	}
	TRY(resources_read(reader, ret));
	if (line_next(reader))
		return wrong(reader, "this line does not belong here: the message has an order, "
				     "each line once and nothing after the last");
	return ST_OK;
}

enum st siwe_parse(struct str text, struct siwe *ret, struct problem *problem)
{
	struct reader reader = { .rest = text, .more = text.size > 0, .problem = problem };
	struct siwe message = { 0 };

	if (text.size > SIWE_BYTES_MAX)
		return problem_set(problem, ST_MESSAGE_INVALID, "",
				   "a message has at most %d bytes", SIWE_BYTES_MAX);
	TRY(head_read(&reader, &message));
	TRY(address_read(&reader, &message));
	TRY(statement_read(&reader, &message));
	TRY(required_read(&reader, &message));
	TRY(optionals_read(&reader, &message));
	*ret = message;
	return ST_OK;
}

/* ---- writing ---- */

static void print_time(struct buf *buf, const char *label, int64_t ms)
{
	char text[TIME_TEXT_SIZE];

	time_format(ms, text);
	buf_printf(buf, "\n%s: %s", label, text);
}

struct str siwe_print(const struct siwe *message, struct arena *arena)
{
	char address[ETHEREUM_ADDRESS_TEXT_SIZE];
	struct buf buf;

	buf_init(&buf, arena, 1024);
	ethereum_address_to_text(&message->address, address);
	if (message->scheme.data)
		buf_printf(&buf, "%.*s://", STR_ARG(message->scheme));
	buf_printf(&buf, "%.*s" HEAD_END "\n%s\n\n", STR_ARG(message->domain), address);
	if (message->statement.data)
		buf_printf(&buf, "%.*s\n", STR_ARG(message->statement));
	buf_printf(&buf, "\nURI: %.*s\nVersion: 1\nChain ID: %lld\nNonce: %.*s",
		   STR_ARG(message->uri), (long long)message->chain_id, STR_ARG(message->nonce));
	print_time(&buf, "Issued At", message->issued_at_ms);
	if (message->has_expiration_ms)
		print_time(&buf, "Expiration Time", message->expiration_ms);
	if (message->has_not_before_ms)
		print_time(&buf, "Not Before", message->not_before_ms);
	if (message->request_id.data)
		buf_printf(&buf, "\nRequest ID: %.*s", STR_ARG(message->request_id));
	if (message->resource_count > 0)
		buf_add_c(&buf, "\nResources:");
	for (size_t i = 0; i < message->resource_count; i++)
		buf_printf(&buf, "\n- %.*s", STR_ARG(message->resources[i]));
	return buf_str(&buf);
}
