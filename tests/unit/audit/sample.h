/* sample.h: made-up evidence, and exports of made-up logs, for the tests of the audit log. */
#ifndef PIOPL_TEST_AUDIT_SAMPLE_H
#define PIOPL_TEST_AUDIT_SAMPLE_H

#include <stdio.h>
#include <stdlib.h>

#include "auditlog.h"

#define SAMPLE_ORIGIN "test.example/audit"

struct sample_random {
	uint64_t state;
};

static inline uint64_t sample_next(struct sample_random *random)
{
	random->state ^= random->state << 13;
	random->state ^= random->state >> 7;
	random->state ^= random->state << 17;
	return random->state;
}

static inline struct str sample_hash(struct sample_random *random, struct arena *arena)
{
	struct hash hash;
	char text[HASH_TEXT_SIZE];

	for (size_t i = 0; i < HASH_BYTES; i += 8) {
		uint64_t word = sample_next(random);

		memcpy(hash.bytes + i, &word, 8);
	}
	hash_to_text(&hash, text);
	return arena_copy(arena, str_of(text));
}

/* Text with what JSON escapes, and with letters of two to four bytes. */
static inline struct str sample_text(struct sample_random *random, struct arena *arena)
{
	static const char *const pieces[] = { "a",    "\"",          "\\", "\n",  "\x01",
					      "\x1f", "é",           "€",  "😀",   "/",
					      "\x7f", "plain words", "\t", "<&>", "\b" };
	struct buf buf;

	buf_init(&buf, arena, 64);
	for (uint64_t n = 1 + sample_next(random) % 9; n > 0; n--)
		buf_add_c(&buf, pieces[sample_next(random) % (sizeof(pieces) / sizeof(*pieces))]);
	return buf_str(&buf);
}

static inline bool sample_coin(struct sample_random *random)
{
	return (sample_next(random) >> 33 & 1) != 0;
}

/* Everything optional comes and goes. */
static inline void sample_evidence(struct sample_random *random, struct arena *arena,
				   const char *agent_id, struct common_evidence *ret)
{
	uint64_t a = sample_next(random), b = sample_next(random);

	*ret = (struct common_evidence){
		.evidence_id = arena_printf(arena, "evd_%08x-%04x-7%03x-8%03x-%012llx",
					    (unsigned)(a >> 32), (unsigned)(a & 0xffff),
					    (unsigned)(a >> 16 & 0xfff), (unsigned)(b & 0xfff),
					    (unsigned long long)(b >> 16)),
		.timestamp_ms = 1780000000000 + (int64_t)(b % 1000000000),
		.agent_id = agent_id ? str_of(agent_id) : sample_text(random, arena),
		.trace_id = arena_printf(arena, "%016llx%016llx", (unsigned long long)a,
					 (unsigned long long)b),
		.operation = { .type = STR("tool_invocation"),
			       .tool = STR("ledger.write"),
			       .parameters_hash = sample_hash(random, arena) },
		.policy_evaluation = { .decision =
					       (enum common_evidence_policy_decision)(1 + a % 5) },
		.outcome = { .status = (enum common_evidence_outcome_status)(1 + b % 4) },
		.domain = STR("finance"),
	};
	if (sample_coin(random))
		ret->context.user_id = sample_text(random, arena);
	if (sample_coin(random))
		ret->context.session_id = STR("sess-1");
	if (sample_coin(random))
		ret->context.capability_applied = STR("Finance/Treasury/cashflow");
	if (sample_coin(random))
		ret->provenance = sample_text(random, arena);
	if (sample_coin(random))
		ret->outcome.result_hash = sample_hash(random, arena);
	ret->has_original_timestamp_ms = sample_coin(random);
	ret->original_timestamp_ms = 1770000000000;
	ret->has_system_timestamp_ms = sample_coin(random);
	ret->system_timestamp_ms = 1780000000123;
	ret->policy_evaluation.has_policies_applied = sample_coin(random);
	if (ret->policy_evaluation.has_policies_applied) {
		size_t count = sample_next(random) % 4;
		struct str *items = ARENA_ARRAY(arena, struct str, count + 1);

		for (size_t i = 0; i < count; i++)
			items[i] = sample_text(random, arena);
		ret->policy_evaluation.policies_applied.items = items;
		ret->policy_evaluation.policies_applied.count = count;
	}
	if (sample_coin(random)) {
		struct common_evidence_approval *approval =
			ARENA_NEW(arena, struct common_evidence_approval);

		approval->required = sample_coin(random);
		if (sample_coin(random))
			approval->approver = sample_text(random, arena);
		approval->has_approved_at_ms = sample_coin(random);
		approval->approved_at_ms = 1780000000999;
		ret->policy_evaluation.approval = approval;
	}
}

/* ---- a log in memory ---- */

#define SAMPLE_LOG_MAX 4096
#define SAMPLE_AGENTS 7

struct sample_log {
	struct arena arena;
	struct signing_key key;
	struct note_key note_key;
	struct str texts[SAMPLE_LOG_MAX];
	struct hash leaves[SAMPLE_LOG_MAX];
	int64_t count;
	struct hash heads[SAMPLE_AGENTS];
	int64_t seal_at; /* position of a seal of agent 0's chain; -1: none */
};

static inline void sample_log_make(struct sample_log *log, int64_t count, int64_t seal_at)
{
	struct sample_random random = { 88172645463325252u };
	uint8_t seed[SEED_BYTES] = { 7 };

	arena_init(&log->arena, (size_t)64 * 1024 * 1024);
	crypto_init();
	signing_key_of_seed(seed, &log->key);
	ASSERT(note_key_make(STR(SAMPLE_ORIGIN), NOTE_ED25519, log->key.public_key,
			     &log->note_key) == ST_OK);
	log->count = count;
	log->seal_at = seal_at;
	memset(log->heads, 0, sizeof(log->heads));
	for (int64_t i = 0; i < count; i++) {
		int agent = i == seal_at ? 0 : (int)(sample_next(&random) % SAMPLE_AGENTS);
		struct common_evidence evidence;
		struct auditlog_place place = { .log_id = i,
						.source = i == seal_at ? STR("audit")
								       : STR("registry"),
						.source_sequence = i + 1,
						.previous = log->heads[agent] };
		char name[32];

		snprintf(name, sizeof(name), "piopl_%05d", agent);
		sample_evidence(&random, &log->arena, arena_printf(&log->arena, "%s", name).data,
				&evidence);
		if (i == seal_at)
			evidence.operation.type = STR(AUDITLOG_SEAL_TYPE);
		ASSERT(auditlog_record_text(&evidence, &place, &log->arena, &log->texts[i]) ==
		       ST_OK);
		sha256_of(log->texts[i].data, log->texts[i].size, &log->heads[agent]);
		merkle_leaf(log->texts[i].data, log->texts[i].size, &log->leaves[i]);
	}
}

static inline struct str sample_note(struct sample_log *log, int64_t size)
{
	struct checkpoint checkpoint = { .origin = STR(SAMPLE_ORIGIN), .size = size };
	struct str text;
	struct buf buf;

	merkle_root(log->leaves, (size_t)size, &checkpoint.root);
	buf_init(&buf, &log->arena, 512);
	ASSERT(checkpoint_build(&checkpoint, &log->arena, &text, NULL) == ST_OK);
	ASSERT(note_start(&buf, text, NULL) == ST_OK);
	ASSERT(note_sign(&buf, text, &log->note_key, &log->key, 0) == ST_OK);
	return buf_str(&buf);
}

static inline struct str sample_hash_text(struct arena *arena, const struct hash *hash)
{
	char text[HASH_TEXT_SIZE];

	hash_to_text(hash, text);
	return arena_copy(arena, str_of(text));
}

static inline struct str sample_subtree(struct sample_log *log, struct auditlog_subtree place)
{
	struct hash root;

	merkle_root(log->leaves + (place.index << place.level), (size_t)1 << place.level, &root);
	return sample_hash_text(&log->arena, &root);
}

static inline struct str sample_header(struct sample_log *log, int64_t first, int64_t end)
{
	struct auditlog_subtree left[AUDITLOG_LEFT_MAX], right[AUDITLOG_RIGHT_MAX];
	struct str left_texts[AUDITLOG_LEFT_MAX], right_texts[AUDITLOG_RIGHT_MAX], text;
	size_t l = auditlog_left(first, left), r = auditlog_right(end, log->count, right);
	struct audit_export_header header = {
		.format = AUDIT_EXPORT_HEADER_FORMAT_PIOPL_AUDIT_EXPORT_V1,
		.origin = STR(SAMPLE_ORIGIN),
		.first = first,
		.end = end,
		.size = log->count,
		.checkpoint = sample_note(log, log->count),
		.left = { .items = left_texts, .count = l },
		.right = { .items = right_texts, .count = r },
	};

	for (size_t i = 0; i < l; i++)
		left_texts[i] = sample_subtree(log, left[i]);
	for (size_t i = 0; i < r; i++)
		right_texts[i] = sample_subtree(log, right[i]);
	ASSERT(proto_encode(&audit_export_header_type, &header, &log->arena, &text) == ST_OK);
	return text;
}

/* `expired` (may be NULL) says of each position of the log whether it expired. */
static inline struct str sample_block(struct sample_log *log, int64_t first, int64_t count,
				      const bool *expired)
{
	char *leaves = arena_alloc(&log->arena, BASE64_SIZE((size_t)count * HASH_BYTES));
	struct audit_export_block block = { .first = first, .count = count };
	int64_t runs[2 * AUDITLOG_BLOCK_MAX];
	struct str text;

	block.leaves.size = base64_encode(log->leaves + first, (size_t)count * HASH_BYTES, leaves);
	block.leaves.data = leaves;
	block.expired.items = runs;
	for (int64_t i = 0; expired && i < count; i++) {
		if (!expired[first + i])
			continue;
		runs[block.expired.count++] = i;
		runs[block.expired.count++] = 1;
	}
	block.has_expired = block.expired.count > 0;
	ASSERT(proto_encode(&audit_export_block_type, &block, &log->arena, &text) == ST_OK);
	return text;
}

struct sample_lines {
	struct str items[2 * SAMPLE_LOG_MAX];
	size_t count;
};

/* Blocks of `block` positions; a checkpoint line after each when `checkpoints`. */
static inline void sample_export(struct sample_log *log, int64_t first, int64_t end, int64_t block,
				 const bool *expired, bool checkpoints, struct sample_lines *ret)
{
	ret->count = 0;
	ret->items[ret->count++] = sample_header(log, first, end);
	for (int64_t at = first; at < end; at += block) {
		int64_t count = at + block < end ? block : end - at;

		ret->items[ret->count++] = sample_block(log, at, count, expired);
		for (int64_t i = at; i < at + count; i++)
			if (!expired || !expired[i])
				ret->items[ret->count++] = log->texts[i];
		if (checkpoints) {
			struct audit_export_checkpoint line = { .checkpoint = sample_note(
									log, at + count) };
			struct str text;

			ASSERT(proto_encode(&audit_export_checkpoint_type, &line, &log->arena,
					    &text) == ST_OK);
			ret->items[ret->count++] = text;
		}
	}
}

#endif
