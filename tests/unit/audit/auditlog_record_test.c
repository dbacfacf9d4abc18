/* The text of a record: written by hand, held to the generic canonical form. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sample.h"

#define ROUNDS 3000

static struct arena arena;

static int setup(void **state)
{
	(void)state;
	crypto_init();
	arena_init(&arena, (size_t)32 * 1024 * 1024);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

static struct auditlog_place place_of(struct sample_random *random, int64_t log_id)
{
	struct auditlog_place place = { .log_id = log_id,
					.source = STR("ledger-reconciler"),
					.source_sequence = (int64_t)(sample_next(random) >> 1) };

	for (size_t i = 0; i < HASH_BYTES; i++)
		place.previous.bytes[i] = (uint8_t)sample_next(random);
	return place;
}

/* The long way: contract struct, encoder, JSON nodes, canonical writer. */
static struct str text_the_long_way(const struct common_evidence *e,
				    const struct auditlog_place *place)
{
	struct audit_record record = {
		.log_id = place->log_id,
		.evidence_id = e->evidence_id,
		.timestamp_ms = e->timestamp_ms,
		.agent_id = e->agent_id,
		.trace_id = e->trace_id,
		.operation = e->operation,
		.context = e->context,
		.policy_evaluation = e->policy_evaluation,
		.outcome = e->outcome,
		.domain = e->domain,
		.provenance = e->provenance,
		.has_original_timestamp_ms = e->has_original_timestamp_ms,
		.original_timestamp_ms = e->original_timestamp_ms,
		.has_system_timestamp_ms = e->has_system_timestamp_ms,
		.system_timestamp_ms = e->system_timestamp_ms,
		.source = place->source,
		.source_sequence = place->source_sequence,
		.previous_log_hash = sample_hash_text(&arena, &place->previous),
	};
	struct problem problem;
	struct str text, canonical;

	assert_int_equal(proto_encode(&audit_record_type, &record, &arena, &text), ST_OK);
	assert_int_equal(json_canonical(&arena, text, &canonical, &problem), ST_OK);
	return canonical;
}

/* [AUD-1] [AUD-4] */
static void the_text_of_a_record_is_its_rfc_8785_form(void **state)
{
	struct sample_random random = { 1 };

	(void)state;
	for (int i = 0; i < ROUNDS; i++) {
		struct common_evidence evidence;
		struct str text, expected;

		arena_reset(&arena);
		sample_evidence(&random, &arena, NULL, &evidence);
		struct auditlog_place place =
			place_of(&random, i == 0 ? 0 : (int64_t)(sample_next(&random) >> 1));
		assert_int_equal(auditlog_record_text(&evidence, &place, &arena, &text), ST_OK);
		expected = text_the_long_way(&evidence, &place);
		assert_string_equal(text.data, expected.data);
		assert_int_equal(text.size, expected.size);
	}
}

/* The largest the contract allows: 64 policies, everything escaped six times over. */
static void a_record_of_the_largest_evidence_is_written_whole(void **state)
{
	struct sample_random random = { 3 };
	struct common_evidence evidence;
	struct auditlog_place place = place_of(&random, INT64_MAX);
	static struct str policies[64];
	static char ones[256];
	struct str text, expected;

	(void)state;
	arena_reset(&arena);
	memset(ones, 1, sizeof(ones));
	sample_evidence(&random, &arena, NULL, &evidence);
	for (size_t i = 0; i < 64; i++)
		policies[i] = (struct str){ ones, 128 };
	evidence.policy_evaluation.has_policies_applied = true;
	evidence.policy_evaluation.policies_applied.items = policies;
	evidence.policy_evaluation.policies_applied.count = 64;
	evidence.provenance = (struct str){ ones, 256 };
	evidence.agent_id = (struct str){ ones, 64 };
	assert_int_equal(auditlog_record_text(&evidence, &place, &arena, &text), ST_OK);
	expected = text_the_long_way(&evidence, &place);
	assert_true(str_equal(text, expected));
	assert_true(text.size < 64 * 1024);
}

static void a_full_arena_refuses_a_record(void **state)
{
	struct sample_random random = { 3 };
	struct common_evidence evidence;
	struct auditlog_place place = place_of(&random, 1);
	struct arena tight;
	struct str text = STR("untouched");

	(void)state;
	arena_reset(&arena);
	sample_evidence(&random, &arena, NULL, &evidence);
	arena_init(&tight, 64);
	assert_int_equal(auditlog_record_text(&evidence, &place, &tight, &text), ST_TOO_LARGE);
	assert_true(str_is(text, "untouched"));
	arena_free(&tight);
}

/* [AUD-6] */
static void what_was_written_is_read_back(void **state)
{
	struct sample_random random = { 5 };

	(void)state;
	for (int i = 0; i < ROUNDS; i++) {
		struct common_evidence evidence;
		struct auditlog_view view;
		struct str text;

		arena_reset(&arena);
		sample_evidence(&random, &arena, "piopl_00007", &evidence);
		struct auditlog_place place = place_of(&random, i);
		assert_int_equal(auditlog_record_text(&evidence, &place, &arena, &text), ST_OK);
		assert_int_equal(auditlog_record_read(text, &view), ST_OK);
		assert_int_equal(view.log_id, i);
		assert_int_equal(view.source_sequence, place.source_sequence);
		assert_true(str_is(view.agent_id, "piopl_00007"));
		assert_true(str_is(view.source, "ledger-reconciler"));
		assert_true(str_is(view.operation_type, "tool_invocation"));
		assert_true(hash_equal(&view.previous, &place.previous));
	}
}

/* What the reader takes is canonical: read generically and written again it is the same text. So
 * no two texts are one record. */
static void a_changed_byte_is_refused_or_another_canonical_record(void **state)
{
	struct sample_random random = { 9 };
	size_t taken = 0, refused = 0;

	(void)state;
	for (int i = 0; i < 400; i++) {
		struct common_evidence evidence;
		struct auditlog_view view;
		struct problem problem;
		struct str text, canonical;

		arena_reset(&arena);
		sample_evidence(&random, &arena, NULL, &evidence);
		struct auditlog_place place = place_of(&random, i);
		assert_int_equal(auditlog_record_text(&evidence, &place, &arena, &text), ST_OK);
		char *bytes = (char *)(uintptr_t)text.data;
		for (size_t at = 0; at < text.size; at += 1 + sample_next(&random) % 7) {
			char was = bytes[at];

			bytes[at] = " \"\\{}:,x09\x01\xff"[sample_next(&random) % 12];
			if (auditlog_record_read(text, &view) == ST_OK) {
				assert_int_equal(json_canonical(&arena, text, &canonical, &problem),
						 ST_OK);
				assert_true(str_equal(text, canonical));
				taken++;
			} else {
				refused++;
			}
			bytes[at] = was;
		}
	}
	assert_true(taken > 1000 && refused > 1000);
}

struct replaced {
	const char *from, *to;
};

/* [AUD-2] each of these is a text the log never wrote */
static void texts_of_another_shape_are_refused(void **state)
{
	static const struct replaced cases[] = {
		{ "{\"agent_id\"", " {\"agent_id\"" },
		{ "\"}", "\"} " },
		{ ",\"domain\":", ", \"domain\":" },
		{ ",\"domain\":\"finance\"", "" },
		{ ",\"domain\":\"finance\"", ",\"domain\":\"finance\",\"extra\":1" },
		{ ",\"log_id\":\"5\"", ",\"log_id\":5" },
		{ ",\"log_id\":\"5\"", ",\"log_id\":\"05\"" },
		{ ",\"log_id\":\"5\"", ",\"log_id\":\"-5\"" },
		{ ",\"log_id\":\"5\"", ",\"log_id\":\"\"" },
		{ ",\"log_id\":\"5\"", ",\"log_id\":\"9223372036854775808\"" },
		{ "\"decision\":\"deny\"", "\"decision\":\"never\"" },
		{ "\"status\":\"refused\"", "\"status\":\"maybe\"" },
		{ ".000Z\",\"trace", "Z\",\"trace" },
		{ "\"agent_id\":\"piopl\"", "\"agent_id\":\"pi\\u006fpl\"" },
		{ "\"agent_id\":\"piopl\"", "\"agent_id\":\"pi\\u000apl\"" },
		{ "\"agent_id\":\"piopl\"", "\"agent_id\":\"pi\\/pl\"" },
		{ "\"parameters_hash\":\"sha256:0", "\"parameters_hash\":\"sha256:A" },
	};
	struct common_evidence evidence = {
		.evidence_id = STR("evd_1"),
		.timestamp_ms = 1780000000000,
		.agent_id = STR("piopl"),
		.trace_id = STR("0"),
		.operation = { STR("a"), STR("b"),
			       STR("sha256:"
				   "000000000000000000000000000000000000000000000000000000000000000"
				   "0") },
		.policy_evaluation = { .decision = COMMON_EVIDENCE_POLICY_DECISION_DENY },
		.outcome = { .status = COMMON_EVIDENCE_OUTCOME_STATUS_REFUSED },
		.domain = STR("finance"),
	};
	struct auditlog_place place = { .log_id = 5, .source = STR("s"), .source_sequence = 1 };
	struct auditlog_view view;
	struct str text;

	(void)state;
	arena_reset(&arena);
	assert_int_equal(auditlog_record_text(&evidence, &place, &arena, &text), ST_OK);
	assert_int_equal(auditlog_record_read(text, &view), ST_OK);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *at = strstr(text.data, cases[i].from);

		/* the last place, so that "}" is the end of the text */
		for (const char *next = at; next; next = strstr(next + 1, cases[i].from))
			at = next;
		assert_non_null(at);
		struct str changed =
			arena_printf(&arena, "%.*s%s%s", (int)(at - text.data), text.data,
				     cases[i].to, at + strlen(cases[i].from));
		assert_int_equal(auditlog_record_read(changed, &view), ST_MESSAGE_INVALID);
	}
	for (size_t size = 0; size < text.size; size++)
		assert_int_equal(auditlog_record_read((struct str){ text.data, size }, &view),
				 ST_MESSAGE_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_text_of_a_record_is_its_rfc_8785_form),
		cmocka_unit_test(a_record_of_the_largest_evidence_is_written_whole),
		cmocka_unit_test(a_full_arena_refuses_a_record),
		cmocka_unit_test(what_was_written_is_read_back),
		cmocka_unit_test(a_changed_byte_is_refused_or_another_canonical_record),
		cmocka_unit_test(texts_of_another_shape_are_refused),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
