/* core_pack.c: how a record lies in the database: its values without names, hashes and ids as
 * bytes, a third of the text. The text is made again by the function that made it first, so it is
 * the same to the last byte; a test holds the two together. What the database writes is most of
 * what an append costs, so this is where it is saved. */
#include "audit.h"

#define PACK_VERSION 1

/* Which of the optional members are there. */
enum {
	HAS_USER = 1 << 0,
	HAS_SESSION = 1 << 1,
	HAS_CAPABILITY = 1 << 2,
	HAS_PROVENANCE = 1 << 3,
	HAS_RESULT = 1 << 4,
	HAS_ORIGINAL = 1 << 5,
	HAS_SYSTEM = 1 << 6,
	HAS_POLICIES = 1 << 7,
	HAS_APPROVAL = 1 << 8,
	APPROVAL_REQUIRED = 1 << 9,
	HAS_APPROVER = 1 << 10,
	HAS_APPROVED_AT = 1 << 11,
	EVIDENCE_IS_UUID = 1 << 12, /* evd_ and a UUID: kept as its 16 bytes */
	FLAGS_KNOWN = (1 << 13) - 1,
};

#define UUID_BYTES 16
#define TRACE_BYTES 16
#define VARINT_BYTES_MAX 10

/* ---- packing ---- */

static uint8_t *put_varint(uint8_t *out, uint64_t value)
{
	for (; value >= 0x80; value >>= 7)
		*out++ = (uint8_t)(value | 0x80);
	*out++ = (uint8_t)value;
	return out;
}

static uint8_t *put_text(uint8_t *out, struct str s)
{
	out = put_varint(out, s.size);
	if (s.size > 0)
		memcpy(out, s.data, s.size);
	return out + s.size;
}

static unsigned digit_of(char c)
{
	return c <= '9' ? (unsigned)(c - '0') : (unsigned)(c - 'a') + 10;
}

/* Lower-case hex, as the contract's patterns say; dashes of a UUID are passed over. */
static uint8_t *put_hex(uint8_t *out, const char *at, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++, at += 2) {
		if (*at == '-')
			at++;
		*out++ = (uint8_t)(digit_of(at[0]) << 4 | digit_of(at[1]));
	}
	return out;
}

static uint8_t *put_hash(uint8_t *out, struct str text)
{
	ASSERT(text.size == HASH_TEXT_SIZE - 1);
	return put_hex(out, text.data + sizeof("sha256:") - 1, HASH_BYTES);
}

static bool is_uuid_text(struct str id)
{
	if (id.size != 4 + UUID_TEXT_SIZE - 1 || !str_starts(id, "evd_"))
		return false;
	for (size_t i = 4; i < id.size; i++) {
		bool dash = i == 12 || i == 17 || i == 22 || i == 27;
		char c = id.data[i];
		bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');

		if (dash ? c != '-' : !hex)
			return false;
	}
	return true;
}

static unsigned flags_of(const struct common_evidence *e)
{
	const struct common_evidence_approval *approval = e->policy_evaluation.approval;
	unsigned flags = 0;

	flags |= e->context.user_id.data ? HAS_USER : 0;
	flags |= e->context.session_id.data ? HAS_SESSION : 0;
	flags |= e->context.capability_applied.data ? HAS_CAPABILITY : 0;
	flags |= e->provenance.data ? HAS_PROVENANCE : 0;
	flags |= e->outcome.result_hash.data ? HAS_RESULT : 0;
	flags |= e->has_original_timestamp_ms ? HAS_ORIGINAL : 0;
	flags |= e->has_system_timestamp_ms ? HAS_SYSTEM : 0;
	flags |= e->policy_evaluation.has_policies_applied ? HAS_POLICIES : 0;
	flags |= is_uuid_text(e->evidence_id) ? EVIDENCE_IS_UUID : 0;
	if (!approval)
		return flags;
	flags |= HAS_APPROVAL;
	flags |= approval->required ? APPROVAL_REQUIRED : 0;
	flags |= approval->approver.data ? HAS_APPROVER : 0;
	flags |= approval->has_approved_at_ms ? HAS_APPROVED_AT : 0;
	return flags;
}

static uint8_t *put_policy(uint8_t *out, const struct common_evidence_policy *policy,
			   unsigned flags)
{
	if (flags & HAS_POLICIES) {
		out = put_varint(out, policy->policies_applied.count);
		for (size_t i = 0; i < policy->policies_applied.count; i++)
			out = put_text(out, policy->policies_applied.items[i]);
	}
	if (flags & HAS_APPROVER)
		out = put_text(out, policy->approval->approver);
	if (flags & HAS_APPROVED_AT)
		out = put_varint(out, (uint64_t)policy->approval->approved_at_ms);
	return out;
}

static uint8_t *put_record(uint8_t *out, const struct common_evidence *e,
			   const struct auditlog_place *place)
{
	unsigned flags = flags_of(e);

	*out++ = PACK_VERSION;
	*out++ = (uint8_t)flags;
	*out++ = (uint8_t)(flags >> 8);
	*out++ = (uint8_t)e->policy_evaluation.decision;
	*out++ = (uint8_t)e->outcome.status;
	memcpy(out, place->previous.bytes, HASH_BYTES);
	out = put_hash(out + HASH_BYTES, e->operation.parameters_hash);
	if (flags & HAS_RESULT)
		out = put_hash(out, e->outcome.result_hash);
	out = put_hex(out, e->trace_id.data, TRACE_BYTES);
	out = flags & EVIDENCE_IS_UUID ? put_hex(out, e->evidence_id.data + 4, UUID_BYTES)
				       : put_text(out, e->evidence_id);
	out = put_varint(out, (uint64_t)place->source_sequence);
	out = put_varint(out, (uint64_t)e->timestamp_ms);
	if (flags & HAS_ORIGINAL)
		out = put_varint(out, (uint64_t)e->original_timestamp_ms);
	if (flags & HAS_SYSTEM)
		out = put_varint(out, (uint64_t)e->system_timestamp_ms);
	out = put_text(out, place->source);
	out = put_text(out, e->agent_id);
	out = put_text(out, e->domain);
	out = put_text(out, e->operation.type);
	out = put_text(out, e->operation.tool);
	if (flags & HAS_USER)
		out = put_text(out, e->context.user_id);
	if (flags & HAS_SESSION)
		out = put_text(out, e->context.session_id);
	if (flags & HAS_CAPABILITY)
		out = put_text(out, e->context.capability_applied);
	if (flags & HAS_PROVENANCE)
		out = put_text(out, e->provenance);
	return put_policy(out, &e->policy_evaluation, flags);
}

/* Everything that is not a text: five bytes, four hashes or ids, varints. */
#define FIXED_BYTES_MAX (5 + 3 * HASH_BYTES + TRACE_BYTES + UUID_BYTES + 20 * VARINT_BYTES_MAX)

static size_t packed_bytes_max(const struct common_evidence *e, const struct auditlog_place *place)
{
	const struct common_evidence_policy *policy = &e->policy_evaluation;
	size_t sum = FIXED_BYTES_MAX + place->source.size + e->evidence_id.size + e->agent_id.size +
		     e->domain.size + e->operation.type.size + e->operation.tool.size +
		     e->context.user_id.size + e->context.session_id.size +
		     e->context.capability_applied.size + e->provenance.size;

	for (size_t i = 0; i < policy->policies_applied.count; i++)
		sum += policy->policies_applied.items[i].size + VARINT_BYTES_MAX;
	if (policy->approval)
		sum += policy->approval->approver.size;
	return sum;
}

enum st audit_pack(const struct common_evidence *evidence, const struct auditlog_place *place,
		   struct arena *arena, struct str *ret)
{
	size_t bytes_max = packed_bytes_max(evidence, place);
	uint8_t *bytes = arena_alloc(arena, bytes_max);
	size_t size;

	if (!bytes)
		return ST_TOO_LARGE;
	size = (size_t)(put_record(bytes, evidence, place) - bytes);
	ASSERT(size <= bytes_max);
	*ret = (struct str){ (const char *)bytes, size };
	return ST_OK;
}

/* ---- unpacking ---- */

struct packed {
	const uint8_t *at, *end;
	struct arena *arena;
	bool failed; /* sticky; what is read afterwards is empty */
	bool no_room;
};

static const uint8_t *take(struct packed *in, size_t size)
{
	const uint8_t *at = in->at;

	if (in->failed || (size_t)(in->end - at) < size) {
		in->failed = true;
		return NULL;
	}
	in->at += size;
	return at;
}

static uint64_t take_varint(struct packed *in)
{
	uint64_t value = 0;

	for (unsigned shift = 0; shift < 64; shift += 7) {
		const uint8_t *byte = take(in, 1);

		if (!byte)
			return 0;
		value |= (uint64_t)(*byte & 0x7f) << shift;
		if ((*byte & 0x80) == 0)
			return value;
	}
	in->failed = true;
	return 0;
}

static int64_t take_i64(struct packed *in)
{
	uint64_t value = take_varint(in);

	in->failed = in->failed || value > INT64_MAX;
	return in->failed ? 0 : (int64_t)value;
}

/* A view; never without data, because the member is there. */
static struct str take_text(struct packed *in)
{
	size_t size = (size_t)take_varint(in);
	const uint8_t *at = take(in, size);

	return at ? (struct str){ (const char *)at, size } : STR("");
}

static char *room(struct packed *in, size_t size)
{
	char *text = in->failed ? NULL : arena_alloc(in->arena, size);

	in->no_room = in->no_room || (!text && !in->failed);
	in->failed = in->failed || !text;
	return text;
}

static struct str take_hash(struct packed *in)
{
	const uint8_t *bytes = take(in, HASH_BYTES);
	char *text = room(in, HASH_TEXT_SIZE);
	struct hash hash;

	if (in->failed)
		return STR("");
	memcpy(hash.bytes, bytes, HASH_BYTES);
	hash_to_text(&hash, text);
	return (struct str){ text, HASH_TEXT_SIZE - 1 };
}

static struct str take_trace(struct packed *in)
{
	const uint8_t *bytes = take(in, TRACE_BYTES);
	char *text = room(in, HEX_SIZE(TRACE_BYTES));

	if (in->failed)
		return STR("");
	hex_encode(bytes, TRACE_BYTES, text);
	return (struct str){ text, HEX_SIZE(TRACE_BYTES) - 1 };
}

static struct str take_uuid(struct packed *in)
{
	static const size_t groups[] = { 4, 2, 2, 2, 6 };
	const uint8_t *bytes = take(in, UUID_BYTES);
	char *text = room(in, 4 + UUID_TEXT_SIZE), *out;

	if (in->failed)
		return STR("");
	memcpy(text, "evd_", 4);
	out = text + 4;
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		hex_encode(bytes, groups[i], out);
		bytes += groups[i];
		out += 2 * groups[i];
		*out++ = i < 4 ? '-' : '\0';
	}
	return (struct str){ text, 4 + UUID_TEXT_SIZE - 1 };
}

static void take_policies(struct packed *in, struct common_evidence_policy *policy)
{
	size_t count = (size_t)take_varint(in);
	struct str *items;

	if (in->failed || count > (size_t)(in->end - in->at)) {
		in->failed = true;
		return;
	}
	items = (struct str *)(void *)room(in, (count + 1) * sizeof(struct str));
	for (size_t i = 0; i < count && !in->failed; i++)
		items[i] = take_text(in);
	policy->has_policies_applied = true;
	policy->policies_applied.items = items;
	policy->policies_applied.count = in->failed ? 0 : count;
}

static void take_policy(struct packed *in, unsigned flags, struct common_evidence_policy *policy)
{
	struct common_evidence_approval *approval;

	if (flags & HAS_POLICIES)
		take_policies(in, policy);
	if ((flags & HAS_APPROVAL) == 0)
		return;
	approval = (struct common_evidence_approval *)(void *)room(in, sizeof(*approval));
	if (!approval)
		return;
	approval->required = (flags & APPROVAL_REQUIRED) != 0;
	if (flags & HAS_APPROVER)
		approval->approver = take_text(in);
	if (flags & HAS_APPROVED_AT) {
		approval->has_approved_at_ms = true;
		approval->approved_at_ms = take_i64(in);
	}
	policy->approval = approval;
}

static void take_evidence(struct packed *in, unsigned flags, struct common_evidence *e,
			  struct auditlog_place *place)
{
	const uint8_t *bytes = take(in, 2 + HASH_BYTES);

	if (!bytes)
		return;
	e->policy_evaluation.decision = (enum common_evidence_policy_decision)bytes[0];
	e->outcome.status = (enum common_evidence_outcome_status)bytes[1];
	memcpy(place->previous.bytes, bytes + 2, HASH_BYTES);
	e->operation.parameters_hash = take_hash(in);
	if (flags & HAS_RESULT)
		e->outcome.result_hash = take_hash(in);
	e->trace_id = take_trace(in);
	e->evidence_id = flags & EVIDENCE_IS_UUID ? take_uuid(in) : take_text(in);
	place->source_sequence = take_i64(in);
	e->timestamp_ms = take_i64(in);
	e->has_original_timestamp_ms = (flags & HAS_ORIGINAL) != 0;
	if (flags & HAS_ORIGINAL)
		e->original_timestamp_ms = take_i64(in);
	e->has_system_timestamp_ms = (flags & HAS_SYSTEM) != 0;
	if (flags & HAS_SYSTEM)
		e->system_timestamp_ms = take_i64(in);
	place->source = take_text(in);
	e->agent_id = take_text(in);
	e->domain = take_text(in);
	e->operation.type = take_text(in);
	e->operation.tool = take_text(in);
	if (flags & HAS_USER)
		e->context.user_id = take_text(in);
	if (flags & HAS_SESSION)
		e->context.session_id = take_text(in);
	if (flags & HAS_CAPABILITY)
		e->context.capability_applied = take_text(in);
	if (flags & HAS_PROVENANCE)
		e->provenance = take_text(in);
	take_policy(in, flags, &e->policy_evaluation);
}

/* Times and choices have to be ones that can be written. */
static bool evidence_is_writable(const struct common_evidence *e)
{
	const struct common_evidence_approval *approval = e->policy_evaluation.approval;

	return e->policy_evaluation.decision >= COMMON_EVIDENCE_POLICY_DECISION_ALLOW &&
	       e->policy_evaluation.decision <= COMMON_EVIDENCE_POLICY_DECISION_DENY &&
	       e->outcome.status >= COMMON_EVIDENCE_OUTCOME_STATUS_SUCCESS &&
	       e->outcome.status <= COMMON_EVIDENCE_OUTCOME_STATUS_PENDING &&
	       e->timestamp_ms <= TIME_MS_MAX && e->original_timestamp_ms <= TIME_MS_MAX &&
	       e->system_timestamp_ms <= TIME_MS_MAX &&
	       (!approval || approval->approved_at_ms <= TIME_MS_MAX);
}

enum st audit_unpack(struct str bytes, int64_t position, struct arena *arena,
		     struct common_evidence *ret_evidence, struct auditlog_place *ret_place)
{
	struct packed in = { .at = (const uint8_t *)bytes.data,
			     .end = (const uint8_t *)bytes.data + bytes.size,
			     .arena = arena };
	struct common_evidence evidence = { .timestamp_ms = 0 };
	struct auditlog_place place = { .log_id = position };
	const uint8_t *head = take(&in, 3);
	unsigned flags;

	if (!head || head[0] != PACK_VERSION)
		return ST_LOG_DAMAGED;
	flags = head[1] | (unsigned)head[2] << 8;
	if ((flags & ~(unsigned)FLAGS_KNOWN) != 0)
		return ST_LOG_DAMAGED;
	take_evidence(&in, flags, &evidence, &place);
	if (in.no_room)
		return ST_TOO_LARGE;
	if (in.failed || in.at != in.end || !evidence_is_writable(&evidence))
		return ST_LOG_DAMAGED;
	*ret_evidence = evidence;
	*ret_place = place;
	return ST_OK;
}

enum st audit_unpack_text(struct str bytes, int64_t position, struct arena *arena, struct str *ret)
{
	struct common_evidence evidence;
	struct auditlog_place place;

	TRY(audit_unpack(bytes, position, arena, &evidence, &place));
	return auditlog_record_text(&evidence, &place, arena, ret);
}

static struct str previous_text(const struct hash *previous, struct arena *arena)
{
	char text[HASH_TEXT_SIZE];

	hash_to_text(previous, text);
	return arena_copy(arena, str_of(text));
}

enum st audit_unpack_record(struct str bytes, int64_t position, struct arena *arena,
			    struct audit_record *ret)
{
	struct common_evidence e;
	struct auditlog_place place;
	struct str previous;

	TRY(audit_unpack(bytes, position, arena, &e, &place));
	previous = previous_text(&place.previous, arena);
	if (!previous.data)
		return ST_TOO_LARGE;
	*ret = (struct audit_record){
		.log_id = position,
		.evidence_id = e.evidence_id,
		.timestamp_ms = e.timestamp_ms,
		.agent_id = e.agent_id,
		.trace_id = e.trace_id,
		.operation = e.operation,
		.context = e.context,
		.policy_evaluation = e.policy_evaluation,
		.outcome = e.outcome,
		.domain = e.domain,
		.provenance = e.provenance,
		.has_original_timestamp_ms = e.has_original_timestamp_ms,
		.original_timestamp_ms = e.original_timestamp_ms,
		.has_system_timestamp_ms = e.has_system_timestamp_ms,
		.system_timestamp_ms = e.system_timestamp_ms,
		.source = place.source,
		.source_sequence = place.source_sequence,
		.previous_log_hash = previous,
	};
	return ST_OK;
}
