/* The audit service's rules: terms and postings, chain heads, appending, months. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "clock.h"
#include "sample.h"
#include "services/audit/audit.h"

static struct arena arena;
static struct audit_heads heads;

static int setup(void **state)
{
	(void)state;
	crypto_init();
	arena_init(&arena, (size_t)64 * 1024 * 1024);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

/* ---- terms ---- */

static void a_value_is_another_term_under_another_attribute(void **state)
{
	(void)state;
	assert_int_equal(audit_term(AUDIT_AGENT, STR("x")), audit_term(AUDIT_AGENT, STR("x")));
	assert_int_not_equal(audit_term(AUDIT_AGENT, STR("x")), audit_term(AUDIT_USER, STR("x")));
	assert_int_not_equal(audit_term(AUDIT_AGENT, STR("x")), audit_term(AUDIT_AGENT, STR("y")));
	assert_int_not_equal(audit_term(AUDIT_AGENT, STR("")), audit_term(AUDIT_USER, STR("")));
}

static bool has(const struct audit_terms *terms, int64_t term)
{
	for (size_t i = 0; i < terms->count; i++)
		if (terms->items[i] == term)
			return true;
	return false;
}

/* The record as the reader of the log sees it. */
static struct audit_record record_of(const struct common_evidence *evidence)
{
	struct auditlog_place place = { .log_id = 1, .source = STR("s"), .source_sequence = 1 };
	struct audit_record record;
	struct str text;

	assert_int_equal(auditlog_record_text(evidence, &place, &arena, &text), ST_OK);
	assert_int_equal(proto_decode(&audit_record_type, text, PROTO_UNKNOWN_REFUSED, &arena,
				      &record, NULL),
			 ST_OK);
	return record;
}

/* [AUD-7] every attribute alone, right and wrong */
static void a_query_has_the_terms_of_the_records_it_matches(void **state)
{
	struct sample_random random = { 21 };

	(void)state;
	for (int i = 0; i < 300; i++) {
		struct common_evidence e;
		struct audit_terms terms, wanted;

		arena_reset(&arena);
		sample_evidence(&random, &arena, "piopl_00001", &e);
		struct audit_record record = record_of(&e);
		audit_terms_of_evidence(&e, &terms);
		assert_int_equal(terms.items[0], audit_term(AUDIT_AGENT, e.agent_id));
		struct audit_record_query_request good[] = {
			{ .agent_id = e.agent_id },
			{ .user_id = e.context.user_id },
			{ .trace_id = e.trace_id },
			{ .operation_type = e.operation.type },
			{ .tool = e.operation.tool },
			{ .decision = (enum audit_record_query_request_decision)
					      e.policy_evaluation.decision },
			{ .outcome = (enum audit_record_query_request_outcome)e.outcome.status },
			{ .domain = e.domain },
			{ .provenance = e.provenance },
			{ .has_from_ms = true, .from_ms = e.timestamp_ms },
			{ .has_to_ms = true, .to_ms = e.timestamp_ms + 1 },
		};
		struct audit_record_query_request bad[] = {
			{ .agent_id = STR("piopl_00002") },
			{ .user_id = STR("nobody here") },
			{ .trace_id = STR("00000000000000000000000000000000") },
			{ .operation_type = STR("x") },
			{ .tool = STR("x") },
			{ .decision = (enum audit_record_query_request_decision)(
				  e.policy_evaluation.decision % 5 + 1) },
			{ .outcome = (enum audit_record_query_request_outcome)(
				  e.outcome.status % 4 + 1) },
			{ .domain = STR("health") },
			{ .provenance = STR("nowhere") },
			{ .has_from_ms = true, .from_ms = e.timestamp_ms + 1 },
			{ .has_to_ms = true, .to_ms = e.timestamp_ms },
		};
		for (size_t k = 0; k < sizeof(good) / sizeof(good[0]); k++) {
			assert_true(audit_query_matches(&good[k], &record));
			audit_terms_of_query(&good[k], &wanted);
			assert_true(wanted.count <= 1);
			if (wanted.count == 1)
				assert_true(has(&terms, wanted.items[0]));
			assert_false(audit_query_matches(&bad[k], &record));
			audit_terms_of_query(&bad[k], &wanted);
			if (wanted.count == 1)
				assert_false(has(&terms, wanted.items[0]));
		}
	}
}

/* The query's own lists of decisions and outcomes are the evidence's. */
static void query_and_evidence_count_their_choices_alike(void **state)
{
	(void)state;
	for (int i = 0; common_evidence_policy_decision_names[i]; i++)
		assert_string_equal(common_evidence_policy_decision_names[i],
				    audit_record_query_request_decision_names[i]);
	for (int i = 0; common_evidence_outcome_status_names[i]; i++)
		assert_string_equal(common_evidence_outcome_status_names[i],
				    audit_record_query_request_outcome_names[i]);
}

static void an_evidence_key_is_the_first_eight_bytes_of_its_uuid(void **state)
{
	(void)state;
	assert_int_equal(audit_evidence_key(STR("evd_01234567-89ab-7def-8123-456789abcdef")),
			 INT64_C(0x0123456789ab7def));
	assert_int_equal(audit_evidence_key(STR("evd_")), 0);
	assert_true(audit_evidence_key(STR("evd_018f0000-0000-7000-8000-000000000000")) <
		    audit_evidence_key(STR("evd_018f0000-0001-7000-8000-000000000000")));
}

/* ---- postings ---- */

static struct audit_index_entry entries[AUDIT_SEGMENT * 2];

/* A posting of `count` of the offsets, at one form's limit and one past it. */
static void postings_hold_what_was_put_in(void **state)
{
	static const size_t counts[] = { 1, 2, 510, 511, 512, 513, 4000, AUDIT_SEGMENT };
	static uint16_t offsets[AUDIT_SEGMENT];

	(void)state;
	for (size_t c = 0; c < sizeof(counts) / sizeof(counts[0]); c++) {
		size_t count = counts[c], step = AUDIT_SEGMENT / count;
		struct audit_posting posting;
		struct audit_bitmap bitmap;

		for (size_t i = 0; i < count; i++) /* backwards: sorting is part of it */
			entries[i] = (struct audit_index_entry){
				.term = -5, .offset = (uint16_t)((count - 1 - i) * step)
			};
		audit_index_sort(entries, count);
		assert_int_equal(audit_index_next(entries, count, 0, &posting), count);
		assert_int_equal(posting.term, -5);
		assert_int_equal(posting.size, count <= 511 ? 2 * count : AUDIT_POSTING_BYTES_MAX);
		audit_bitmap_fill(&bitmap);
		struct str bytes = { (const char *)posting.bytes, posting.size };
		assert_int_equal(audit_bitmap_and(&bitmap, bytes), ST_OK);
		assert_int_equal(audit_bitmap_first(&bitmap, AUDIT_SEGMENT, offsets), count);
		for (size_t i = 0; i < count; i++)
			assert_int_equal(offsets[i], i * step);
		assert_int_equal(audit_bitmap_last(&bitmap, AUDIT_SEGMENT, offsets), count);
		for (size_t i = 0; i < count; i++)
			assert_int_equal(offsets[i], (count - 1 - i) * step);
	}
}

static void terms_come_one_after_the_other(void **state)
{
	struct audit_posting posting;
	size_t at = 0, terms = 0;

	(void)state;
	for (size_t i = 0; i < 1000; i++)
		entries[i] = (struct audit_index_entry){ .term = (int64_t)(i * 7 % 10) - 5,
							 .offset = (uint16_t)i };
	audit_index_sort(entries, 1000);
	while (at < 1000) {
		at = audit_index_next(entries, 1000, at, &posting);
		assert_int_equal(posting.term, (int64_t)terms - 5);
		assert_int_equal(posting.size, 200);
		terms++;
	}
	assert_int_equal(terms, 10);
}

static void postings_of_another_shape_are_refused(void **state)
{
	static const char large[AUDIT_POSTING_BYTES_MAX + 2];
	struct audit_bitmap bitmap;

	(void)state;
	audit_bitmap_fill(&bitmap);
	assert_int_equal(audit_bitmap_and(&bitmap, (struct str){ large, 3 }), ST_LOG_DAMAGED);
	assert_int_equal(audit_bitmap_and(&bitmap, (struct str){ large, sizeof(large) }),
			 ST_LOG_DAMAGED);
	assert_int_equal(audit_bitmap_and(&bitmap, STR("\x00\x20")), ST_LOG_DAMAGED); /* 8192 */
	assert_int_equal(audit_bitmap_and(&bitmap, STR("\xff\x1f")), ST_OK);          /* 8191 */
}

static void clipping_keeps_the_range_and_nothing_else(void **state)
{
	static const int64_t cases[][2] = { { 0, AUDIT_SEGMENT }, { 0, 0 },       { 5, 6 },
					    { 63, 65 },           { 64, 128 },    { 100, 9000 },
					    { -50, 3 },           { 9000, 9999 }, { 8191, 8192 } };
	static uint16_t offsets[AUDIT_SEGMENT];

	(void)state;
	for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
		int64_t from = cases[c][0] < 0 ? 0 : cases[c][0];
		int64_t to = cases[c][1] > AUDIT_SEGMENT ? AUDIT_SEGMENT : cases[c][1];
		struct audit_bitmap bitmap;
		size_t count;

		audit_bitmap_fill(&bitmap);
		audit_bitmap_clip(&bitmap, cases[c][0], cases[c][1]);
		count = audit_bitmap_first(&bitmap, AUDIT_SEGMENT, offsets);
		assert_int_equal(count, to > from ? to - from : 0);
		for (size_t i = 0; i < count; i++)
			assert_int_equal(offsets[i], from + (int64_t)i);
		assert_true(audit_bitmap_last(&bitmap, 2, offsets) <= 2);
	}
}

/* ---- records as they are stored ---- */

static struct str pack(const struct common_evidence *e, const struct auditlog_place *place)
{
	struct str packed;

	assert_int_equal(audit_pack(e, place, &arena, &packed), ST_OK);
	return packed;
}

/* [AUD-4] the text that was hashed comes back to the last byte */
static void a_stored_record_gives_its_text_again(void **state)
{
	struct sample_random random = { 31 };
	size_t texts = 0, bytes = 0;

	(void)state;
	for (int i = 0; i < 3000; i++) {
		struct auditlog_place place = { .log_id = i,
						.source = STR("registry"),
						.source_sequence =
							(int64_t)(sample_next(&random) >> 1) };
		struct common_evidence e;
		struct str text, again;

		arena_reset(&arena);
		sample_evidence(&random, &arena, i % 2 ? "piopl_00001" : NULL, &e);
		if (i % 7 == 0)
			e.evidence_id = STR("evd_------------------------------------");
		if (i % 11 == 0)
			e.context.session_id = STR("");
		place.previous.bytes[i % HASH_BYTES] = (uint8_t)i;
		assert_int_equal(auditlog_record_text(&e, &place, &arena, &text), ST_OK);
		struct str packed = pack(&e, &place);
		assert_int_equal(audit_unpack_text(packed, i, &arena, &again), ST_OK);
		assert_true(str_equal(text, again));
		texts += text.size;
		bytes += packed.size;
	}
	assert_true(bytes * 2 < texts);
}

/* What the calls answer is the text, decoded. */
static void a_stored_record_is_the_record_of_its_text(void **state)
{
	struct sample_random random = { 32 };

	(void)state;
	for (int i = 0; i < 300; i++) {
		struct auditlog_place place = { .log_id = i,
						.source = STR("registry"),
						.source_sequence = i + 1 };
		struct audit_record record, decoded;
		struct common_evidence e;
		struct str text, a, b;

		arena_reset(&arena);
		sample_evidence(&random, &arena, NULL, &e);
		assert_int_equal(auditlog_record_text(&e, &place, &arena, &text), ST_OK);
		assert_int_equal(proto_decode(&audit_record_type, text, PROTO_UNKNOWN_REFUSED,
					      &arena, &decoded, NULL),
				 ST_OK);
		assert_int_equal(audit_unpack_record(pack(&e, &place), i, &arena, &record), ST_OK);
		assert_int_equal(proto_encode(&audit_record_type, &record, &arena, &a), ST_OK);
		assert_int_equal(proto_encode(&audit_record_type, &decoded, &arena, &b), ST_OK);
		assert_true(str_equal(a, b));
	}
}

/* Cut, lengthened or changed bytes are refused, or are another record; never a fault. */
static void bytes_that_were_not_packed_here_are_refused(void **state)
{
	struct sample_random random = { 33 };
	size_t refused = 0;

	(void)state;
	for (int i = 0; i < 300; i++) {
		struct auditlog_place place = { .log_id = i,
						.source = STR("registry"),
						.source_sequence = i + 1 };
		struct common_evidence e;
		struct str packed, text;

		arena_reset(&arena);
		sample_evidence(&random, &arena, NULL, &e);
		packed = pack(&e, &place);
		for (size_t size = 0; size < packed.size; size += 1 + size / 20)
			assert_int_equal(audit_unpack_text((struct str){ packed.data, size }, i,
							   &arena, &text),
					 ST_LOG_DAMAGED);
		char *bytes = arena_alloc(&arena, packed.size + 1);
		memcpy(bytes, packed.data, packed.size);
		struct str longer = { bytes, packed.size + 1 };
		assert_int_equal(audit_unpack_text(longer, i, &arena, &text), ST_LOG_DAMAGED);
		for (int k = 0; k < 50; k++) {
			size_t at = sample_next(&random) % (packed.size > 0 ? packed.size : 1);
			char was = bytes[at];

			bytes[at] = (char)sample_next(&random);
			refused += audit_unpack_text((struct str){ bytes, packed.size }, i, &arena,
						     &text) != ST_OK;
			bytes[at] = was;
		}
	}
	assert_true(refused > 1000);
}

/* ---- chain heads ---- */

static void heads_are_found_again_and_have_a_limit(void **state)
{
	char name[32];

	(void)state;
	audit_heads_clear(&heads);
	for (int64_t i = 0; i < AUDIT_HEADS_MAX; i++) {
		snprintf(name, sizeof(name), "piopl_%05lld", (long long)i);
		struct audit_head *head = audit_heads_of(&heads, str_of(name));
		assert_non_null(head);
		assert_int_equal(head->position, -1);
		assert_int_equal(head->sealed_position, -1);
		assert_false(head->loaded);
		head->position = i;
	}
	assert_null(audit_heads_of(&heads, STR("one more")));
	for (int64_t i = 0; i < AUDIT_HEADS_MAX; i++) {
		snprintf(name, sizeof(name), "piopl_%05lld", (long long)i);
		assert_int_equal(audit_heads_of(&heads, str_of(name))->position, i);
	}
	audit_heads_clear(&heads);
	assert_int_equal(audit_heads_of(&heads, STR("piopl_00001"))->position, -1);
}

/* ---- appending ---- */

static struct common_evidence evidences[AUDIT_BATCH_MAX];
static struct audit_entry batch[AUDIT_BATCH_MAX];
static struct audit_node_run nodes[AUDIT_TILE_LEVELS];

static void batch_fill(struct sample_random *random, size_t count, int64_t sequence)
{
	char name[32];

	for (size_t i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "piopl_%05d", (int)(sample_next(random) % 5));
		sample_evidence(random, &arena, arena_printf(&arena, "%s", name).data,
				&evidences[i]);
		batch[i] = (struct audit_entry){
			.evidence = &evidences[i],
			.source_sequence = sequence + (int64_t)i,
			.head = audit_heads_of(&heads, str_of(name)),
			.part = 1,
		};
	}
}

static void append_all(struct merkle_tree *tree, struct str source, size_t count)
{
	audit_nodes_clear(nodes);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(audit_append(tree, source, &batch[i], &arena, nodes), ST_OK);
}

/* [AUD-4] batches of any size: dense positions, chains that link, the tree and its tiles */
static void batches_make_one_log(void **state)
{
	static struct hash leaves[4096], level1[16];
	static struct {
		struct str agent;
		struct hash hash;
	} last[5];
	struct sample_random random = { 77 };
	struct merkle_tree tree = { .size = 0 };
	struct hash root, expected;
	size_t known = 0, total = 0, tiles = 0;

	(void)state;
	arena_reset(&arena);
	audit_heads_clear(&heads);
	while (total + AUDIT_BATCH_MAX <= 4096) {
		size_t count = total == 0 ? AUDIT_BATCH_MAX : 1 + sample_next(&random) % 300;

		batch_fill(&random, count, (int64_t)total + 1);
		append_all(&tree, STR("registry"), count);
		for (size_t i = 0; i < count; i++) {
			struct auditlog_view view;
			size_t k = 0;

			assert_int_equal(auditlog_record_read(batch[i].text, &view), ST_OK);
			assert_int_equal(view.log_id, total + i);
			assert_int_equal(view.source_sequence, total + i + 1);
			while (k < known && !str_equal(last[k].agent, view.agent_id))
				k++;
			if (k == known) {
				last[known].agent = view.agent_id;
				last[known++].hash = (struct hash){ { 0 } };
			}
			assert_true(hash_equal(&view.previous, &last[k].hash));
			sha256_of(batch[i].text.data, batch[i].text.size, &last[k].hash);
			merkle_leaf(batch[i].text.data, batch[i].text.size, &leaves[total + i]);
			assert_true(hash_equal(&leaves[total + i], &batch[i].leaf));
		}
		for (int i = 0; i < nodes[0].count; i++) {
			assert_int_equal(nodes[0].first + i, tiles);
			level1[tiles++] = nodes[0].hashes[i];
		}
		assert_int_equal(nodes[1].count, 0);
		total += count;
	}
	merkle_tree_root(&tree, &root);
	merkle_root(leaves, total, &expected);
	assert_true(hash_equal(&root, &expected));
	assert_int_equal(tiles, total / TILE_WIDTH);
	for (size_t i = 0; i < tiles; i++) {
		merkle_root(leaves + i * TILE_WIDTH, TILE_WIDTH, &expected);
		assert_true(hash_equal(&level1[i], &expected));
	}
}

static void the_records_of_one_event_stay_together(void **state)
{
	static struct audit_item items[2 * AUDIT_BATCH_MAX];

	(void)state;
	for (int64_t i = 0; i < 2 * AUDIT_BATCH_MAX; i++)
		items[i].source_sequence = i / AUDIT_PACK_MAX;
	assert_int_equal(audit_items_cut(items, 1), 1);
	assert_int_equal(audit_items_cut(items, AUDIT_BATCH_MAX), AUDIT_BATCH_MAX);
	assert_int_equal(audit_items_cut(items, AUDIT_BATCH_MAX + 1), AUDIT_BATCH_MAX);
	/* one more before: now the second event does not fit whole */
	assert_int_equal(audit_items_cut(items + 1, 2 * AUDIT_BATCH_MAX - 1),
			 2 * AUDIT_PACK_MAX - 1);
	for (int64_t i = 0; i < 2 * AUDIT_BATCH_MAX; i++)
		items[i].source_sequence = (i + 1) / AUDIT_PACK_MAX;
	assert_int_equal(audit_items_cut(items, AUDIT_BATCH_MAX + 1), 2 * AUDIT_PACK_MAX - 1);
	for (int64_t i = 0; i < 2 * AUDIT_BATCH_MAX; i++)
		items[i].source_sequence = i;
	assert_int_equal(audit_items_cut(items, 2 * AUDIT_BATCH_MAX), AUDIT_BATCH_MAX);
}

/* [AUD-11] */
static void after_the_seal_a_record_is_marked(void **state)
{
	struct merkle_tree tree = { .size = 0 };
	struct sample_random random = { 78 };

	(void)state;
	arena_reset(&arena);
	audit_heads_clear(&heads);
	batch_fill(&random, 4, 1);
	for (int i = 0; i < 4; i++)
		batch[i].head = batch[0].head;
	evidences[1].operation.type = STR(AUDITLOG_SEAL_TYPE);
	evidences[3].operation.type = STR(AUDITLOG_SEAL_TYPE);
	append_all(&tree, STR("audit"), 4);
	assert_true(!batch[0].seals && !batch[0].after_seal);
	assert_true(batch[1].seals && !batch[1].after_seal);
	assert_true(!batch[2].seals && batch[2].after_seal);
	assert_true(!batch[3].seals && batch[3].after_seal); /* a second seal seals nothing */
	assert_int_equal(batch[0].head->sealed_position, 1);
}

/* Only the audit service seals. */
static void a_seal_of_another_service_seals_nothing(void **state)
{
	struct merkle_tree tree = { .size = 0 };
	struct sample_random random = { 79 };

	(void)state;
	arena_reset(&arena);
	audit_heads_clear(&heads);
	batch_fill(&random, 1, 1);
	evidences[0].operation.type = STR(AUDITLOG_SEAL_TYPE);
	append_all(&tree, STR("registry"), 1);
	assert_false(batch[0].seals);
	assert_int_equal(batch[0].head->sealed_position, -1);
}

static void a_frontier_survives_being_stored(void **state)
{
	uint8_t bytes[AUDIT_FRONTIER_BYTES_MAX];
	struct merkle_tree tree = { .size = 0 }, back;
	struct hash leaf = { { 1 } }, a, b;

	(void)state;
	for (int i = 0; i < 300; i++) {
		struct str stored = { (const char *)bytes, audit_frontier_pack(&tree, bytes) };

		assert_int_equal(audit_frontier_unpack(tree.size, stored, &back), ST_OK);
		merkle_tree_root(&tree, &a);
		merkle_tree_root(&back, &b);
		assert_true(hash_equal(&a, &b));
		assert_int_equal(
			audit_frontier_unpack(tree.size,
					      (struct str){ stored.data, stored.size + 32 }, &back),
			ST_LOG_DAMAGED);
		leaf.bytes[1] = (uint8_t)i;
		assert_int_equal(merkle_append(&tree, &leaf, NULL, NULL), ST_OK);
	}
	assert_int_equal(audit_frontier_unpack(-1, STR(""), &back), ST_LOG_DAMAGED);
}

static void runs_of_partitions_are_counted(void **state)
{
	static const int32_t parts[] = { 3, 3, 1, 3, 2, 2, 2 };
	struct audit_part_run runs[7];

	(void)state;
	for (size_t i = 0; i < 7; i++)
		batch[i].part = parts[i];
	assert_int_equal(audit_part_runs(batch, 7, runs), 4);
	assert_int_equal(runs[0].part, 3);
	assert_int_equal(runs[0].count, 2);
	assert_int_equal(runs[3].part, 2);
	assert_int_equal(runs[3].count, 3);
}

/* ---- months ---- */

/* [AUD-8] by the library's own calendar */
static void months_begin_on_their_first_day(void **state)
{
	char text[TIME_TEXT_SIZE], expected[64];

	(void)state;
	for (int32_t month = 0; month < 12 * 8029; month += 1 + month / 1000) {
		int64_t start = audit_month_start_ms(month);

		time_format(start, text);
		snprintf(expected, sizeof(expected), "%04d-%02d-01T00:00:00.000Z",
			 1970 + month / 12, month % 12 + 1);
		assert_string_equal(text, expected);
		assert_int_equal(audit_month_of(start), month);
		if (month > 0)
			assert_int_equal(audit_month_of(start - 1), month - 1);
	}
}

/* [AUD-8] */
static void records_expire_so_many_days_after_the_end_of_their_month(void **state)
{
	int64_t end, now;
	char text[TIME_TEXT_SIZE];

	(void)state;
	assert_true(time_parse(STR("2026-03-15T12:00:00.000Z"), &now));
	end = audit_month_start_ms(audit_month_of(now) + 1);
	time_format(audit_expires_ms(end, 2557), text);
	assert_string_equal(text, "2033-04-01T00:00:00.000Z");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_value_is_another_term_under_another_attribute),
		cmocka_unit_test(a_query_has_the_terms_of_the_records_it_matches),
		cmocka_unit_test(query_and_evidence_count_their_choices_alike),
		cmocka_unit_test(an_evidence_key_is_the_first_eight_bytes_of_its_uuid),
		cmocka_unit_test(postings_hold_what_was_put_in),
		cmocka_unit_test(terms_come_one_after_the_other),
		cmocka_unit_test(postings_of_another_shape_are_refused),
		cmocka_unit_test(clipping_keeps_the_range_and_nothing_else),
		cmocka_unit_test(a_stored_record_gives_its_text_again),
		cmocka_unit_test(a_stored_record_is_the_record_of_its_text),
		cmocka_unit_test(bytes_that_were_not_packed_here_are_refused),
		cmocka_unit_test(heads_are_found_again_and_have_a_limit),
		cmocka_unit_test(batches_make_one_log),
		cmocka_unit_test(the_records_of_one_event_stay_together),
		cmocka_unit_test(after_the_seal_a_record_is_marked),
		cmocka_unit_test(a_seal_of_another_service_seals_nothing),
		cmocka_unit_test(a_frontier_survives_being_stored),
		cmocka_unit_test(runs_of_partitions_are_counted),
		cmocka_unit_test(months_begin_on_their_first_day),
		cmocka_unit_test(records_expire_so_many_days_after_the_end_of_their_month),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
