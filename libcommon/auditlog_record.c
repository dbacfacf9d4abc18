/* auditlog_record.c: the text of a record, written and read in one fixed order. */
#include "auditlog.h"
#include "clock.h"

#define TEXT_LITERALS_BYTES_MAX 1024 /* all names, punctuation, hashes, times and numbers */
#define ESCAPE_BYTES_MAX 6           /* \u001f */
#define I64_TEXT_SIZE 21

/* ---- writing ---- */

static bool word_needs_escape(uint64_t word)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones * 0x80;
	uint64_t quote = word ^ (ones * '"'), slash = word ^ (ones * '\\');

	/* a byte below 0x20, or equal to one of the two */
	return ((((word - ones * 0x20) & ~word) | ((quote - ones) & ~quote) |
		 ((slash - ones) & ~slash)) &
		tops) != 0;
}

static bool needs_escape(struct str s)
{
	size_t i = 0;

	for (; i + 8 <= s.size; i += 8) {
		uint64_t word;

		memcpy(&word, s.data + i, 8);
		if (word_needs_escape(word))
			return true;
	}
	for (; i < s.size; i++)
		if ((unsigned char)s.data[i] < 0x20 || s.data[i] == '"' || s.data[i] == '\\')
			return true;
	return false;
}

static char *put_escaped(char *out, struct str s)
{
	static const char hex[] = "0123456789abcdef", with_letter[] = "\b\t\n\f\r\"\\";

	for (size_t i = 0; i < s.size; i++) {
		unsigned char c = (unsigned char)s.data[i];
		const char *place = memchr(with_letter, c, sizeof(with_letter) - 1);

		if (place) {
			*out++ = '\\';
			*out++ = "btnfr\"\\"[place - with_letter];
		} else if (c < 0x20) {
			memcpy(out, "\\u00", 4);
			out[4] = hex[c >> 4];
			out[5] = hex[c & 15];
			out += ESCAPE_BYTES_MAX;
		} else {
			*out++ = (char)c;
		}
	}
	return out;
}

#define PUT(out, literal)                                                                          \
	(memcpy((out), (literal), sizeof(literal) - 1), (out) + sizeof(literal) - 1)

static char *put_string(char *out, struct str s)
{
	*out++ = '"';
	if (needs_escape(s)) {
		out = put_escaped(out, s);
	} else if (s.size > 0) {
		memcpy(out, s.data, s.size);
		out += s.size;
	}
	*out++ = '"';
	return out;
}

static char *put_i64(char *out, int64_t value)
{
	char digits[I64_TEXT_SIZE];
	size_t at = sizeof(digits);

	ASSERT(value >= 0);
	do {
		digits[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value > 0);
	*out++ = '"';
	memcpy(out, digits + at, sizeof(digits) - at);
	out += sizeof(digits) - at;
	*out++ = '"';
	return out;
}

static char *put_time(char *out, int64_t ms)
{
	*out = '"';
	time_format(ms, out + 1);
	out[TIME_TEXT_SIZE] = '"';
	return out + TIME_TEXT_SIZE + 1;
}

static char *put_hash(char *out, const struct hash *hash)
{
	*out = '"';
	hash_to_text(hash, out + 1);
	out[HASH_TEXT_SIZE] = '"';
	return out + HASH_TEXT_SIZE + 1;
}

static char *put_context(char *out, const struct common_evidence_context *context)
{
	char *start = out;

	if (context->capability_applied.data)
		out = put_string(PUT(out, ",\"capability_applied\":"), context->capability_applied);
	if (context->session_id.data)
		out = put_string(PUT(out, ",\"session_id\":"), context->session_id);
	if (context->user_id.data)
		out = put_string(PUT(out, ",\"user_id\":"), context->user_id);
	if (out == start)
		*out++ = '{';
	*start = '{'; /* in place of the first comma */
	*out++ = '}';
	return out;
}

static char *put_approval(char *out, const struct common_evidence_approval *approval)
{
	*out++ = '{';
	if (approval->has_approved_at_ms) {
		out = put_time(PUT(out, "\"approved_at\":"), approval->approved_at_ms);
		*out++ = ',';
	}
	if (approval->approver.data) {
		out = put_string(PUT(out, "\"approver\":"), approval->approver);
		*out++ = ',';
	}
	return approval->required ? PUT(out, "\"required\":true}")
				  : PUT(out, "\"required\":false}");
}

static char *put_policy(char *out, const struct common_evidence_policy *policy)
{
	const char *decision = common_evidence_policy_decision_names[policy->decision - 1];

	*out++ = '{';
	if (policy->approval) {
		out = put_approval(PUT(out, "\"approval\":"), policy->approval);
		*out++ = ',';
	}
	out = put_string(PUT(out, "\"decision\":"), str_of(decision));
	if (policy->has_policies_applied) {
		out = PUT(out, ",\"policies_applied\":[");
		for (size_t i = 0; i < policy->policies_applied.count; i++) {
			if (i > 0)
				*out++ = ',';
			out = put_string(out, policy->policies_applied.items[i]);
		}
		*out++ = ']';
	}
	*out++ = '}';
	return out;
}

static char *put_operation(char *out, const struct common_evidence_operation *operation)
{
	out = put_string(PUT(out, "{\"parameters_hash\":"), operation->parameters_hash);
	out = put_string(PUT(out, ",\"tool\":"), operation->tool);
	out = put_string(PUT(out, ",\"type\":"), operation->type);
	*out++ = '}';
	return out;
}

static char *put_outcome(char *out, const struct common_evidence_outcome *outcome)
{
	const char *status = common_evidence_outcome_status_names[outcome->status - 1];

	*out++ = '{';
	if (outcome->result_hash.data) {
		out = put_string(PUT(out, "\"result_hash\":"), outcome->result_hash);
		*out++ = ',';
	}
	out = put_string(PUT(out, "\"status\":"), str_of(status));
	*out++ = '}';
	return out;
}

static char *put_record(char *out, const struct common_evidence *e,
			const struct auditlog_place *place)
{
	out = put_string(PUT(out, "{\"agent_id\":"), e->agent_id);
	out = put_context(PUT(out, ",\"context\":"), &e->context);
	out = put_string(PUT(out, ",\"domain\":"), e->domain);
	out = put_string(PUT(out, ",\"evidence_id\":"), e->evidence_id);
	out = put_i64(PUT(out, ",\"log_id\":"), place->log_id);
	out = put_operation(PUT(out, ",\"operation\":"), &e->operation);
	if (e->has_original_timestamp_ms)
		out = put_time(PUT(out, ",\"original_timestamp\":"), e->original_timestamp_ms);
	out = put_outcome(PUT(out, ",\"outcome\":"), &e->outcome);
	out = put_policy(PUT(out, ",\"policy_evaluation\":"), &e->policy_evaluation);
	out = put_hash(PUT(out, ",\"previous_log_hash\":"), &place->previous);
	if (e->provenance.data)
		out = put_string(PUT(out, ",\"provenance\":"), e->provenance);
	out = put_string(PUT(out, ",\"source\":"), place->source);
	out = put_i64(PUT(out, ",\"source_sequence\":"), place->source_sequence);
	if (e->has_system_timestamp_ms)
		out = put_time(PUT(out, ",\"system_timestamp\":"), e->system_timestamp_ms);
	out = put_time(PUT(out, ",\"timestamp\":"), e->timestamp_ms);
	out = put_string(PUT(out, ",\"trace_id\":"), e->trace_id);
	*out++ = '}';
	return out;
}

static size_t string_bytes_max(struct str s)
{
	return s.size * ESCAPE_BYTES_MAX + 3;
}

static size_t record_bytes_max(const struct common_evidence *e, const struct auditlog_place *place)
{
	const struct common_evidence_policy *policy = &e->policy_evaluation;
	size_t sum = TEXT_LITERALS_BYTES_MAX;

	sum += string_bytes_max(e->agent_id) + string_bytes_max(e->context.capability_applied) +
	       string_bytes_max(e->context.session_id) + string_bytes_max(e->context.user_id) +
	       string_bytes_max(e->domain) + string_bytes_max(e->evidence_id) +
	       string_bytes_max(e->operation.tool) + string_bytes_max(e->operation.type) +
	       string_bytes_max(e->provenance) + string_bytes_max(place->source) +
	       string_bytes_max(e->trace_id) + string_bytes_max(e->operation.parameters_hash) +
	       string_bytes_max(e->outcome.result_hash);
	for (size_t i = 0; i < policy->policies_applied.count; i++)
		sum += string_bytes_max(policy->policies_applied.items[i]);
	if (policy->approval)
		sum += string_bytes_max(policy->approval->approver);
	return sum;
}

#define STACK_BYTES 8192

enum st auditlog_record_text(const struct common_evidence *evidence,
			     const struct auditlog_place *place, struct arena *arena,
			     struct str *ret)
{
	char stack[STACK_BYTES];
	size_t bytes_max = record_bytes_max(evidence, place);
	char *room = bytes_max <= sizeof(stack) ? stack : arena_alloc(arena, bytes_max);
	struct str text;

	if (!room)
		return ST_TOO_LARGE;
	text = (struct str){ .data = room,
			     .size = (size_t)(put_record(room, evidence, place) - room) };
	ASSERT(text.size <= bytes_max);
	if (room == stack)
		text = arena_copy(arena, text);
	if (!text.data)
		return ST_TOO_LARGE;
	*ret = text;
	return ST_OK;
}

/* ---- reading ---- */

struct reader {
	const char *at, *end;
};

static bool take(struct reader *in, const char *literal, size_t size)
{
	if ((size_t)(in->end - in->at) < size || memcmp(in->at, literal, size) != 0)
		return false;
	in->at += size;
	return true;
}

#define TAKE(in, literal) take((in), (literal), sizeof(literal) - 1)

/* An escape that RFC 8785 would write; `at` is after the backslash. */
static const char *escape_end(const char *at, const char *end)
{
	if (at < end && memchr("btnfr\"\\", *at, 7))
		return at + 1;
	if (end - at < 5 || memcmp(at, "u00", 3) != 0 || (at[3] != '0' && at[3] != '1'))
		return NULL;
	if ((at[4] < '0' || at[4] > '9') && (at[4] < 'a' || at[4] > 'f'))
		return NULL;
	if (at[3] == '0' && strchr("89acd", at[4]))
		return NULL; /* these have a short form */
	return at + 5;
}

static bool take_string(struct reader *in, struct str *ret)
{
	const char *start = in->at + 1, *at = start;

	if (in->at == in->end || *in->at != '"')
		return false;
	for (;;) {
		uint64_t word;

		if (in->end - at >= 8) {
			memcpy(&word, at, 8);
			if (!word_needs_escape(word)) {
				at += 8;
				continue;
			}
		}
		while (at < in->end && *at != '"' && *at != '\\' && (unsigned char)*at >= 0x20)
			at++;
		if (at == in->end || (unsigned char)*at < 0x20)
			return false;
		if (*at == '"')
			break;
		at = escape_end(at + 1, in->end);
		if (!at)
			return false;
	}
	*ret = (struct str){ .data = start, .size = (size_t)(at - start) };
	in->at = at + 1;
	return true;
}

static bool take_i64(struct reader *in, int64_t *ret)
{
	struct str digits;

	return take_string(in, &digits) && digits.size > 0 && digits.data[0] != '-' &&
	       digits.data[0] != '+' && (digits.data[0] != '0' || digits.size == 1) &&
	       str_to_i64(digits, ret);
}

static bool take_time(struct reader *in)
{
	struct str text;
	int64_t ms;

	return take_string(in, &text) && text.size == TIME_TEXT_SIZE - 1 && time_parse(text, &ms);
}

/* Value of a hex digit and 1 more, 0 for other characters. Three hashes a record are read. */
static const uint8_t hex_values[256] = {
	['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,
	['6'] = 7,  ['7'] = 8,  ['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12,
	['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
};

static bool take_hash(struct reader *in, struct hash *ret)
{
	const uint8_t *digits;
	uint8_t all = 1;

	if (!TAKE(in, "\"sha256:") || in->end - in->at < 2 * HASH_BYTES + 1)
		return false;
	digits = (const uint8_t *)in->at;
	for (size_t i = 0; i < HASH_BYTES; i++) {
		unsigned high = hex_values[digits[2 * i]], low = hex_values[digits[2 * i + 1]];

		all = all && high && low;
		ret->bytes[i] = (uint8_t)((high - 1) << 4 | ((low - 1) & 15));
	}
	in->at += 2 * HASH_BYTES;
	return all && TAKE(in, "\"");
}

static bool is_one_of(struct str s, const char *const *names)
{
	for (; *names; names++)
		if (str_is(s, *names))
			return true;
	return false;
}

/* Members that may be missing: `name` with its comma, colon and quotes. */
#define OPTIONAL(in, name, taken) (!TAKE((in), name) || (taken))

static bool take_context(struct reader *in)
{
	struct str s;
	const char *start = in->at;

	if (!TAKE(in, "{"))
		return false;
	if (TAKE(in, "}"))
		return true;
	if (!OPTIONAL(in, "\"capability_applied\":", take_string(in, &s)))
		return false;
	if (in->at != start + 1 && TAKE(in, "}"))
		return true;
	if (in->at != start + 1 && !TAKE(in, ","))
		return false;
	if (TAKE(in, "\"session_id\":")) {
		if (!take_string(in, &s))
			return false;
		if (TAKE(in, "}"))
			return true;
		if (!TAKE(in, ","))
			return false;
	}
	return TAKE(in, "\"user_id\":") && take_string(in, &s) && TAKE(in, "}");
}

static bool take_approval(struct reader *in)
{
	struct str s;

	if (!TAKE(in, "{") || !OPTIONAL(in, "\"approved_at\":", take_time(in) && TAKE(in, ",")) ||
	    !OPTIONAL(in, "\"approver\":", take_string(in, &s) && TAKE(in, ",")))
		return false;
	return TAKE(in, "\"required\":true}") || TAKE(in, "\"required\":false}");
}

static bool take_policies(struct reader *in)
{
	struct str s;

	if (!TAKE(in, "["))
		return false;
	if (TAKE(in, "]"))
		return true;
	do {
		if (!take_string(in, &s))
			return false;
	} while (TAKE(in, ","));
	return TAKE(in, "]");
}

static bool take_policy(struct reader *in)
{
	struct str decision;

	return TAKE(in, "{") && OPTIONAL(in, "\"approval\":", take_approval(in) && TAKE(in, ",")) &&
	       TAKE(in, "\"decision\":") && take_string(in, &decision) &&
	       is_one_of(decision, common_evidence_policy_decision_names) &&
	       OPTIONAL(in, ",\"policies_applied\":", take_policies(in)) && TAKE(in, "}");
}

static bool take_operation(struct reader *in, struct auditlog_view *view)
{
	struct hash hash;
	struct str tool;

	return TAKE(in, "{\"parameters_hash\":") && take_hash(in, &hash) &&
	       TAKE(in, ",\"tool\":") && take_string(in, &tool) && TAKE(in, ",\"type\":") &&
	       take_string(in, &view->operation_type) && TAKE(in, "}");
}

static bool take_outcome(struct reader *in)
{
	struct hash hash;
	struct str status;

	return TAKE(in, "{") &&
	       OPTIONAL(in, "\"result_hash\":", take_hash(in, &hash) && TAKE(in, ",")) &&
	       TAKE(in, "\"status\":") && take_string(in, &status) &&
	       is_one_of(status, common_evidence_outcome_status_names) && TAKE(in, "}");
}

static bool take_record(struct reader *in, struct auditlog_view *view)
{
	struct str s;

	return TAKE(in, "{\"agent_id\":") && take_string(in, &view->agent_id) &&
	       TAKE(in, ",\"context\":") && take_context(in) && TAKE(in, ",\"domain\":") &&
	       take_string(in, &s) && TAKE(in, ",\"evidence_id\":") && take_string(in, &s) &&
	       TAKE(in, ",\"log_id\":") && take_i64(in, &view->log_id) &&
	       TAKE(in, ",\"operation\":") && take_operation(in, view) &&
	       OPTIONAL(in, ",\"original_timestamp\":", take_time(in)) &&
	       TAKE(in, ",\"outcome\":") && take_outcome(in) &&
	       TAKE(in, ",\"policy_evaluation\":") && take_policy(in) &&
	       TAKE(in, ",\"previous_log_hash\":") && take_hash(in, &view->previous) &&
	       OPTIONAL(in, ",\"provenance\":", take_string(in, &s)) && TAKE(in, ",\"source\":") &&
	       take_string(in, &view->source) && TAKE(in, ",\"source_sequence\":") &&
	       take_i64(in, &view->source_sequence) &&
	       OPTIONAL(in, ",\"system_timestamp\":", take_time(in)) &&
	       TAKE(in, ",\"timestamp\":") && take_time(in) && TAKE(in, ",\"trace_id\":") &&
	       take_string(in, &s) && TAKE(in, "}");
}

static bool is_ascii(struct str s)
{
	uint64_t all = 0;
	size_t i = 0;

	for (; i + 8 <= s.size; i += 8) {
		uint64_t word;

		memcpy(&word, s.data + i, 8);
		all |= word;
	}
	for (; i < s.size; i++)
		all |= (unsigned char)s.data[i];
	return (all & UINT64_C(0x8080808080808080)) == 0;
}

enum st auditlog_record_read(struct str text, struct auditlog_view *ret)
{
	struct reader in = { .at = text.data, .end = text.data + text.size };
	struct auditlog_view view;

	if (!take_record(&in, &view) || in.at != in.end || (!is_ascii(text) && !str_is_utf8(text)))
		return ST_MESSAGE_INVALID;
	*ret = view;
	return ST_OK;
}
