/* Verification of exports: what is whole is proved, what is not is named by position. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sample.h"

#define COUNT 300
#define FINDINGS_MAX 256

static struct sample_log log_made;
static struct sample_lines lines;

struct findings {
	struct auditlog_finding items[FINDINGS_MAX];
	size_t count;
};

static void keep(void *context, const struct auditlog_finding *finding)
{
	struct findings *findings = context;

	if (findings->count < FINDINGS_MAX)
		findings->items[findings->count++] = *finding;
}

static struct auditlog_summary verify_with(const struct note_key *keys, size_t key_count,
					   struct findings *ret)
{
	struct auditlog_verifier *v = auditlog_verifier_new(keys, key_count, keep, ret);
	struct auditlog_summary summary;

	ret->count = 0;
	assert_non_null(v);
	for (size_t i = 0; i < lines.count; i++)
		assert_int_equal(auditlog_verifier_line(v, lines.items[i]), ST_OK);
	auditlog_verifier_end(v, &summary);
	auditlog_verifier_free(v);
	assert_int_equal(summary.findings, ret->count);
	return summary;
}

static struct auditlog_summary verify(struct findings *ret)
{
	return verify_with(&log_made.note_key, 1, ret);
}

static int setup(void **state)
{
	(void)state;
	sample_log_make(&log_made, COUNT, -1);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_free(&log_made.arena);
	return 0;
}

static void line_remove(size_t at)
{
	memmove(&lines.items[at], &lines.items[at + 1],
		(lines.count - at - 1) * sizeof(lines.items[0]));
	lines.count--;
}

static void line_insert(size_t at, struct str line)
{
	memmove(&lines.items[at + 1], &lines.items[at],
		(lines.count - at) * sizeof(lines.items[0]));
	lines.items[at] = line;
	lines.count++;
}

/* Where the record of a position stands. */
static size_t line_of(int64_t position)
{
	for (size_t i = 0; i < lines.count; i++)
		if (lines.items[i].data == log_made.texts[position].data)
			return i;
	fail();
	return 0;
}

static struct str text_replace(struct str text, const char *from, const char *to)
{
	const char *at = strstr(text.data, from);

	assert_non_null(at);
	return arena_printf(&log_made.arena, "%.*s%s%s", (int)(at - text.data), text.data, to,
			    at + strlen(from));
}

/* ---- the tree of a range ---- */

/* [AUD-5] every range of every tree up to a size */
static void a_range_and_its_subtrees_give_the_root(void **state)
{
	struct auditlog_subtree left[AUDITLOG_LEFT_MAX], right[AUDITLOG_RIGHT_MAX];

	(void)state;
	for (int64_t size = 1; size <= 40; size++) {
		struct hash root;

		merkle_root(log_made.leaves, (size_t)size, &root);
		for (int64_t first = 0; first < size; first++) {
			for (int64_t end = first; end <= size; end++) {
				struct hash l[AUDITLOG_LEFT_MAX], r[AUDITLOG_RIGHT_MAX], got;
				size_t ln = auditlog_left(first, left);
				size_t rn = auditlog_right(end, size, right);
				struct merkle_tree tree;

				for (size_t i = 0; i < ln; i++)
					merkle_root(log_made.leaves +
							    (left[i].index << left[i].level),
						    (size_t)1 << left[i].level, &l[i]);
				for (size_t i = 0; i < rn; i++)
					merkle_root(log_made.leaves +
							    (right[i].index << right[i].level),
						    (size_t)1 << right[i].level, &r[i]);
				assert_int_equal(auditlog_tree_begin(first, l, ln, &tree), ST_OK);
				for (int64_t i = first; i < end; i++)
					assert_int_equal(merkle_append(&tree, &log_made.leaves[i],
								       NULL, NULL),
							 ST_OK);
				assert_int_equal(auditlog_tree_end(&tree, size, r, rn), ST_OK);
				merkle_tree_root(&tree, &got);
				assert_true(hash_equal(&got, &root));
				assert_int_equal(auditlog_tree_begin(first, l, ln + 1, &tree),
						 ST_PROOF_INVALID);
				assert_int_equal(auditlog_tree_begin(-1, l, ln, &tree),
						 ST_PROOF_INVALID);
			}
		}
	}
}

static void subtrees_of_the_largest_tree_are_within_their_limits(void **state)
{
	struct auditlog_subtree left[AUDITLOG_LEFT_MAX], right[AUDITLOG_RIGHT_MAX];
	struct merkle_tree tree = { .size = 1 };

	(void)state;
	assert_int_equal(auditlog_left(MERKLE_SIZE_MAX - 1, left), 62);
	assert_int_equal(auditlog_left(MERKLE_SIZE_MAX, left), 1);
	assert_in_range(auditlog_right(1, MERKLE_SIZE_MAX - 1, right), 100, AUDITLOG_RIGHT_MAX);
	assert_int_equal(auditlog_right(MERKLE_SIZE_MAX, MERKLE_SIZE_MAX, right), 0);
	assert_int_equal(auditlog_tree_end(&tree, 0, NULL, 0), ST_PROOF_INVALID);
}

/* ---- whole exports ---- */

/* [AUD-6] [AUD-9] */
static void a_whole_export_is_proved(void **state)
{
	static const int64_t ranges[][2] = { { 0, COUNT }, { 0, 1 },     { COUNT - 1, COUNT },
					     { 7, 130 },   { 128, 256 }, { 1, COUNT - 1 } };
	struct findings findings;

	(void)state;
	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		for (int64_t block = 1; block < 130; block += 43) {
			sample_export(&log_made, ranges[i][0], ranges[i][1], block, NULL,
				      block % 2 != 0, &lines);
			struct auditlog_summary summary = verify(&findings);

			assert_int_equal(findings.count, 0);
			assert_true(summary.proved);
			assert_int_equal(summary.records, ranges[i][1] - ranges[i][0]);
			assert_int_equal(summary.size, COUNT);
		}
	}
}

static void expired_positions_are_proved_by_their_hashes(void **state)
{
	static bool expired[SAMPLE_LOG_MAX];
	struct findings findings;

	(void)state;
	for (int64_t i = 0; i < COUNT; i++)
		expired[i] = i % 3 == 1 || (i > 100 && i < 140);
	sample_export(&log_made, 5, 290, 64, expired, true, &lines);
	struct auditlog_summary summary = verify(&findings);

	assert_int_equal(findings.count, 0);
	assert_true(summary.proved);
	assert_true(summary.expired > 100);
	assert_int_equal(summary.records + summary.expired, 285);
}

/* ---- what is wrong is named ---- */

struct expected {
	enum auditlog_finding_kind kind;
	int64_t position;
};

static void expect_only(enum auditlog_finding_kind kind, int64_t position)
{
	struct findings findings;
	struct auditlog_summary summary = verify(&findings);

	assert_int_equal(findings.count, 1);
	assert_int_equal(findings.items[0].kind, kind);
	assert_int_equal(findings.items[0].position, position);
	assert_false(summary.proved);
}

/* [AUD-6] each record of the export in turn */
static void an_altered_record_is_named(void **state)
{
	(void)state;
	for (int64_t i = 20; i < 220; i++) {
		sample_export(&log_made, 20, 220, 64, NULL, true, &lines);
		lines.items[line_of(i)] =
			text_replace(log_made.texts[i], "\"finance\"", "\"finances\"");
		expect_only(AUDITLOG_ALTERED, i);
	}
}

static void a_record_that_is_no_record_any_more_is_named(void **state)
{
	(void)state;
	sample_export(&log_made, 20, 220, 64, NULL, true, &lines);
	lines.items[line_of(77)] = STR("{\"agent_id\":\"piopl_00001\"}");
	expect_only(AUDITLOG_ALTERED, 77);
	lines.items[line_of(78)] = STR("");
	struct findings findings;

	verify(&findings);
	assert_int_equal(findings.count, 2);
	assert_int_equal(findings.items[1].position, 78);
}

/* [AUD-6] */
static void a_removed_record_is_named(void **state)
{
	(void)state;
	for (int64_t i = 20; i < 220; i++) {
		sample_export(&log_made, 20, 220, 64, NULL, true, &lines);
		line_remove(line_of(i));
		expect_only(AUDITLOG_REMOVED, i);
	}
}

static void a_run_of_removed_records_is_one_finding(void **state)
{
	struct findings findings;

	(void)state;
	sample_export(&log_made, 20, 220, 64, NULL, false, &lines);
	for (int64_t i = 30; i < 40; i++)
		line_remove(line_of(i));
	verify(&findings);
	assert_int_equal(findings.count, 1);
	assert_int_equal(findings.items[0].kind, AUDITLOG_REMOVED);
	assert_int_equal(findings.items[0].position, 30);
	assert_int_equal(findings.items[0].end, 40);
}

/* [AUD-6] */
static void an_inserted_record_is_named(void **state)
{
	(void)state;
	sample_export(&log_made, 20, 220, 64, NULL, true, &lines);
	line_insert(line_of(50), log_made.texts[48]); /* again */
	expect_only(AUDITLOG_INSERTED, 48);
	sample_export(&log_made, 20, 220, 64, NULL, true, &lines);
	line_insert(line_of(50), log_made.texts[3]); /* of another place of the log */
	expect_only(AUDITLOG_INSERTED, 3);
	sample_export(&log_made, 20, 220, 64, NULL, true, &lines);
	line_insert(line_of(50), text_replace(log_made.texts[50], "\"finance\"", "\"forged\""));
	expect_only(AUDITLOG_INSERTED, 50);
	sample_export(&log_made, 20, 220, 64, NULL, true, &lines);
	line_insert(line_of(50) + 1, text_replace(log_made.texts[50], "\"finance\"", "\"forged\""));
	expect_only(AUDITLOG_INSERTED, 50);
}

/* [AUD-6] */
static void a_reordered_record_is_named(void **state)
{
	size_t at;

	(void)state;
	sample_export(&log_made, 20, 220, 64, NULL, true, &lines);
	at = line_of(60);
	lines.items[at] = log_made.texts[61];
	lines.items[at + 1] = log_made.texts[60];
	expect_only(AUDITLOG_REORDERED, 60);
}

/* Whoever can change the file can change the leaf hashes in it too, and so hide which record it is;
 * the checkpoints on both sides still say between which positions. */
static void a_forged_leaf_is_caught_between_the_checkpoints_around_it(void **state)
{
	struct findings findings;
	struct hash leaf;
	size_t at;

	(void)state;
	sample_export(&log_made, 0, COUNT, 64, NULL, true, &lines);
	at = line_of(100);
	lines.items[at] = text_replace(log_made.texts[100], "\"finance\"", "\"forged\"");
	leaf = log_made.leaves[100];
	merkle_leaf(lines.items[at].data, lines.items[at].size, &log_made.leaves[100]);
	lines.items[line_of(64) - 1] = sample_block(&log_made, 64, 64, NULL);
	log_made.leaves[100] = leaf;
	struct auditlog_summary summary = verify(&findings);

	assert_false(summary.proved);
	bool root = false, link = false;
	for (size_t i = 0; i < findings.count; i++) {
		if (findings.items[i].kind == AUDITLOG_ROOT && !root) {
			root = true;
			assert_int_equal(findings.items[i].position, 64);
			assert_int_equal(findings.items[i].end, 128);
		}
		/* and the agent's next record does not fit it */
		if (findings.items[i].kind == AUDITLOG_LINK_BROKEN)
			link = findings.items[i].position > 100;
	}
	assert_true(root && link);
}

/* A chain that does not link although every leaf is signed: the log itself was wrong. */
static void a_broken_link_is_named(void **state)
{
	static struct sample_log wrong;
	struct findings findings;

	(void)state;
	sample_log_make(&wrong, 60, -1);
	wrong.texts[30] = text_replace(wrong.texts[30], "\"previous_log_hash\":\"sha256:",
				       "\"previous_log_hash\":\"sha256:00000000");
	char *tail = strstr(wrong.texts[30].data, "sha256:00000000");
	memmove(tail + 15, tail + 23, strlen(tail + 23) + 1);
	wrong.texts[30].size -= 8;
	merkle_leaf(wrong.texts[30].data, wrong.texts[30].size, &wrong.leaves[30]);
	sample_export(&wrong, 0, 60, 64, NULL, false, &lines);
	verify(&findings);
	assert_in_range(findings.count, 1, 2); /* the next of the agent does not fit it either */
	assert_int_equal(findings.items[0].kind, AUDITLOG_LINK_BROKEN);
	assert_int_equal(findings.items[0].position, 30);
	arena_free(&wrong.arena);
}

/* [AUD-11] */
static void a_record_after_the_seal_is_named(void **state)
{
	static struct sample_log sealed;
	struct findings findings;

	(void)state;
	sample_log_make(&sealed, 100, 90);
	sample_export(&sealed, 0, 100, 64, NULL, true, &lines);
	verify(&findings);
	assert_true(findings.count > 0);
	for (size_t i = 0; i < findings.count; i++) {
		assert_int_equal(findings.items[i].kind, AUDITLOG_AFTER_SEAL);
		assert_true(findings.items[i].position > 90);
	}
	arena_free(&sealed.arena);
}

static void a_missing_block_is_named(void **state)
{
	struct findings findings;

	(void)state;
	sample_export(&log_made, 0, 192, 64, NULL, false, &lines);
	for (size_t from = line_of(64) - 1, i = 0; i < 65; i++)
		line_remove(from);
	verify(&findings);
	assert_true(findings.count >= 2);
	assert_int_equal(findings.items[0].kind, AUDITLOG_REMOVED);
	assert_int_equal(findings.items[0].position, 64);
	assert_int_equal(findings.items[0].end, 128);
}

/* The block claims a later place and is not well formed: what follows belongs to no block. */
static void records_after_a_block_that_is_not_well_formed_are_named(void **state)
{
	struct findings findings;

	(void)state;
	sample_export(&log_made, 0, 192, 64, NULL, false, &lines);
	lines.items[line_of(64) - 1] = STR("{\"first\":\"100\",\"count\":2,\"leaves\":\"AAAA\"}");
	line_insert(line_of(70), STR("no record"));
	struct auditlog_summary summary = verify(&findings);

	assert_false(summary.proved);
	assert_int_equal(findings.items[0].kind, AUDITLOG_REMOVED);
	assert_int_equal(findings.items[0].position, 64);
	assert_int_equal(findings.items[0].end, 100);
	assert_int_equal(findings.items[1].kind, AUDITLOG_FORMAT);
}

static void an_export_that_was_cut_short_is_named(void **state)
{
	struct findings findings;

	(void)state;
	sample_export(&log_made, 0, 192, 64, NULL, false, &lines);
	lines.count = line_of(150);
	verify(&findings);
	assert_int_equal(findings.items[0].kind, AUDITLOG_REMOVED);
	assert_int_equal(findings.items[0].position, 150);
	assert_int_equal(findings.items[0].end, 192);
}

/* ---- headers and keys ---- */

static void expect_first(enum auditlog_finding_kind kind)
{
	struct findings findings;

	assert_false(verify(&findings).proved);
	assert_true(findings.count > 0);
	assert_int_equal(findings.items[0].kind, kind);
}

/* [AUD-6] */
static void a_checkpoint_of_another_key_proves_nothing(void **state)
{
	struct signing_key other;
	struct note_key key, same_key_other_name;
	struct findings findings;
	uint8_t seed[SEED_BYTES] = { 8 };

	(void)state;
	sample_export(&log_made, 0, COUNT, 64, NULL, false, &lines);
	signing_key_of_seed(seed, &other);
	assert_int_equal(note_key_make(STR(SAMPLE_ORIGIN), NOTE_ED25519, other.public_key, &key),
			 ST_OK);
	assert_false(verify_with(&key, 1, &findings).proved);
	assert_int_equal(findings.items[0].kind, AUDITLOG_SIGNATURE);
	assert_int_equal(note_key_make(STR("other.example/audit"), NOTE_ED25519,
				       log_made.key.public_key, &same_key_other_name),
			 ST_OK);
	assert_false(verify_with(&same_key_other_name, 1, &findings).proved);
	assert_int_equal(findings.items[0].kind, AUDITLOG_SIGNATURE);
	assert_false(verify_with(NULL, 0, &findings).proved);
}

static void a_header_that_was_changed_proves_nothing(void **state)
{
	struct str header;

	(void)state;
	sample_export(&log_made, 20, 220, 64, NULL, false, &lines);
	header = lines.items[0];
	lines.items[0] = text_replace(header, "\"first\":\"20\"", "\"first\":\"21\"");
	expect_first(AUDITLOG_FORMAT);
	lines.items[0] = text_replace(header, "\"end\":\"220\"", "\"end\":\"301\"");
	expect_first(AUDITLOG_FORMAT);
	lines.items[0] = text_replace(header, "\"size\":\"300\"", "\"size\":\"301\"");
	expect_first(AUDITLOG_FORMAT);
	lines.items[0] = text_replace(header, "piopl-audit-export/v1", "piopl-audit-export/v2");
	expect_first(AUDITLOG_FORMAT);
	lines.items[0] = text_replace(header, "{", "{\"more\":1,");
	expect_first(AUDITLOG_FORMAT);
	/* another left root: everything is in its place and still the root differs */
	lines.items[0] = text_replace(header, "\"left\":[\"sha256:", "\"left\":[\"sha256:0");
	expect_first(AUDITLOG_FORMAT);
	lines.count = 0;
	expect_first(AUDITLOG_FORMAT);
}

static void a_changed_subtree_root_is_caught(void **state)
{
	struct findings findings;
	struct str header;
	char *digit;

	(void)state;
	sample_export(&log_made, 20, 220, 64, NULL, false, &lines);
	header = arena_copy(&log_made.arena, lines.items[0]);
	digit = strstr(header.data, "\"right\":[\"sha256:") + strlen("\"right\":[\"sha256:");
	*digit = *digit == '0' ? '1' : '0';
	lines.items[0] = header;
	verify(&findings);
	assert_int_equal(findings.count, 1);
	assert_int_equal(findings.items[0].kind, AUDITLOG_ROOT);
}

static void lines_that_belong_to_no_export_are_named(void **state)
{
	struct findings findings;
	char *large = malloc(AUDITLOG_LINE_BYTES_MAX + 2);

	(void)state;
	memset(large, 'x', AUDITLOG_LINE_BYTES_MAX + 2);
	sample_export(&log_made, 0, 64, 64, NULL, false, &lines);
	lines.items[lines.count++] = STR("more");
	verify(&findings);
	assert_int_equal(findings.count, 1);
	assert_int_equal(findings.items[0].kind, AUDITLOG_FORMAT);
	lines.items[lines.count - 1] = (struct str){ large, AUDITLOG_LINE_BYTES_MAX + 1 };
	verify(&findings);
	assert_int_equal(findings.count, 1);
	assert_int_equal(findings.items[0].kind, AUDITLOG_FORMAT);
	lines.items[lines.count - 1] = STR("{\"first\":\"64\",\"count\":1,\"leaves\":\"AAAA\"}");
	verify(&findings);
	assert_int_equal(findings.items[0].kind, AUDITLOG_FORMAT);
	free(large);
}

/* A checkpoint of this log, but of another size than where it stands. */
static void a_checkpoint_in_the_wrong_place_is_named(void **state)
{
	struct audit_export_checkpoint line = { .checkpoint = sample_note(&log_made, 100) };
	struct findings findings;
	struct str text;

	(void)state;
	sample_export(&log_made, 0, 128, 64, NULL, false, &lines);
	assert_int_equal(proto_encode(&audit_export_checkpoint_type, &line, &log_made.arena, &text),
			 ST_OK);
	line_insert(line_of(64) - 1, text);
	verify(&findings);
	assert_int_equal(findings.count, 1);
	assert_int_equal(findings.items[0].kind, AUDITLOG_FORMAT);
}

/* More agents than the table has room for at first. */
static void many_chains_are_followed(void **state)
{
	static struct sample_log wide;
	struct sample_random random = { 4 };
	struct findings findings;

	(void)state;
	sample_log_make(&wide, 0, -1);
	for (int64_t i = 0; i < 3000; i++) {
		struct common_evidence evidence;
		struct auditlog_place place = { .log_id = i,
						.source = STR("registry"),
						.source_sequence = i + 1 };

		sample_evidence(&random, &wide.arena,
				arena_printf(&wide.arena, "piopl_%05d", (int)i).data, &evidence);
		assert_int_equal(
			auditlog_record_text(&evidence, &place, &wide.arena, &wide.texts[i]),
			ST_OK);
		merkle_leaf(wide.texts[i].data, wide.texts[i].size, &wide.leaves[i]);
		wide.count++;
	}
	sample_export(&wide, 0, 3000, 512, NULL, false, &lines);
	struct auditlog_summary summary = verify(&findings);

	assert_true(summary.proved);
	assert_int_equal(summary.chains, 3000);
	arena_free(&wide.arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_range_and_its_subtrees_give_the_root),
		cmocka_unit_test(subtrees_of_the_largest_tree_are_within_their_limits),
		cmocka_unit_test(a_whole_export_is_proved),
		cmocka_unit_test(expired_positions_are_proved_by_their_hashes),
		cmocka_unit_test(an_altered_record_is_named),
		cmocka_unit_test(a_record_that_is_no_record_any_more_is_named),
		cmocka_unit_test(a_removed_record_is_named),
		cmocka_unit_test(a_run_of_removed_records_is_one_finding),
		cmocka_unit_test(an_inserted_record_is_named),
		cmocka_unit_test(a_reordered_record_is_named),
		cmocka_unit_test(a_forged_leaf_is_caught_between_the_checkpoints_around_it),
		cmocka_unit_test(a_broken_link_is_named),
		cmocka_unit_test(a_record_after_the_seal_is_named),
		cmocka_unit_test(a_missing_block_is_named),
		cmocka_unit_test(records_after_a_block_that_is_not_well_formed_are_named),
		cmocka_unit_test(an_export_that_was_cut_short_is_named),
		cmocka_unit_test(a_checkpoint_of_another_key_proves_nothing),
		cmocka_unit_test(a_header_that_was_changed_proves_nothing),
		cmocka_unit_test(a_changed_subtree_root_is_caught),
		cmocka_unit_test(lines_that_belong_to_no_export_are_named),
		cmocka_unit_test(a_checkpoint_in_the_wrong_place_is_named),
		cmocka_unit_test(many_chains_are_followed),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
