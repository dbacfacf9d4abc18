/* The log in PostgreSQL: appending, the index, proofs, export, and that nobody can change it. */
#include "world.h"

static struct world world;

static int setup(void **state)
{
	(void)state;
	world_start(&world);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_stop(&world);
	return 0;
}

/* Every test starts with an empty log. */
static int clean(void **state)
{
	(void)state;
	harness_sql(
		world.harness,
		"SET session_replication_role = replica; DO $$ DECLARE t text; BEGIN FOR t IN "
		"SELECT 'record_p' || part FROM audit.record_part WHERE expired_ms IS NULL LOOP "
		"EXECUTE format('DROP TABLE audit.%I', t); END LOOP; END $$; "
		"TRUNCATE audit.record_part, audit.leaf_run, audit.node_run, audit.checkpoint, "
		"audit.cosignature, audit.posting, audit.segment, audit.chain, audit.seal, "
		"audit.evidence_source, audit.alarm, audit.outbox, audit.legal_hold, "
		"audit.witness; "
		"UPDATE audit.tree SET size = 0, frontier = ''; "
		"RESET session_replication_role");
	world.sequence = 0;
	world.now_ms = WORLD_START_MS;
	return 0;
}

static int64_t sql(const char *text)
{
	return harness_sql_i64(world.harness, text);
}

static const char *log_root(char ret[HASH_TEXT_SIZE])
{
	struct audit_proof_inclusion_reply reply = { 0 };
	struct audit_proof_inclusion_request request = { .log_id = 0, .has_size = true };

	request.size = sql("SELECT size FROM audit.tree");
	assert_int_equal(world_call(&world, audit_proof_inclusion, &request, &reply), ST_OK);
	strcpy(ret, reply.root_hash.data);
	return ret;
}

struct verified {
	struct auditlog_summary summary;
	struct auditlog_finding first;
};

static void keep_first(void *context, const struct auditlog_finding *finding)
{
	struct verified *verified = context;

	if (verified->first.kind == 0)
		verified->first = *finding;
}

/* Exports a range through the calls and verifies it with the public key alone. */
static struct verified export_verify(int64_t first, int64_t end)
{
	struct audit_export_begin_request begin = {
		.has_first = true, .first = first, .has_end = end > 0, .end = end
	};
	struct audit_export_header header = { 0 };
	struct verified ret = { 0 };
	struct note_key key;
	struct str line;

	assert_int_equal(note_key_make(STR(SAMPLE_ORIGIN), NOTE_ED25519,
				       world.svc.signing_key.public_key, &key),
			 ST_OK);
	struct auditlog_verifier *v = auditlog_verifier_new(&key, 1, keep_first, &ret);
	assert_int_equal(world_call(&world, audit_export_begin, &begin, &header), ST_OK);
	assert_int_equal(proto_encode(&audit_export_header_type, &header, &world.svc.arena, &line),
			 ST_OK);
	assert_int_equal(auditlog_verifier_line(v, line), ST_OK);
	for (int64_t at = header.first, to = header.end; at < to;) {
		struct audit_export_read_request request = { .first = at, .end = to };
		struct audit_export_read_reply reply = { 0 };

		assert_int_equal(world_call(&world, audit_export_read, &request, &reply), ST_OK);
		assert_int_equal(proto_encode(&audit_export_block_type, &reply.block,
					      &world.svc.arena, &line),
				 ST_OK);
		assert_int_equal(auditlog_verifier_line(v, line), ST_OK);
		for (size_t i = 0; i < reply.texts.count; i++)
			assert_int_equal(auditlog_verifier_line(v, reply.texts.items[i]), ST_OK);
		if (reply.checkpoint.data) {
			struct audit_export_checkpoint mark = { .checkpoint = reply.checkpoint };

			assert_int_equal(proto_encode(&audit_export_checkpoint_type, &mark,
						      &world.svc.arena, &line),
					 ST_OK);
			assert_int_equal(auditlog_verifier_line(v, line), ST_OK);
		}
		at = reply.next;
	}
	auditlog_verifier_end(v, &ret.summary);
	auditlog_verifier_free(v);
	return ret;
}

/* ---- appending ---- */

/* [AUD-1] [AUD-4] [AUD-5] [AUD-9] */
static void evidence_becomes_a_log_that_verifies_from_outside(void **state)
{
	static const size_t batches[] = { 1, 512, 3, 300, 512, 1, 1, 200 };
	int64_t size = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(batches) / sizeof(batches[0]); i++) {
		world_append(&world, batches[i], 20, NULL);
		size += (int64_t)batches[i];
		assert_int_equal(sql("SELECT size FROM audit.tree"), size);
		assert_int_equal(world_tick(&world, audit_tick_checkpoint), ST_OK);
		world.now_ms += 1000;
	}
	assert_int_equal(sql("SELECT count(*) FROM audit.record"), size);
	assert_int_equal(sql("SELECT count(*) FROM audit.checkpoint"), 8);
	struct verified whole = export_verify(0, 0);

	assert_true(whole.summary.proved);
	assert_int_equal(whole.summary.records, size);
	assert_int_equal(whole.summary.chains, 20);
	assert_int_equal(whole.summary.checkpoints, 9); /* the last one twice */
	assert_true(export_verify(700, 900).summary.proved);
	assert_true(export_verify(size - 1, size).summary.proved);
}

static void no_growth_makes_no_checkpoint(void **state)
{
	(void)state;
	assert_int_equal(world_tick(&world, audit_tick_checkpoint), ST_OK);
	assert_int_equal(sql("SELECT count(*) FROM audit.checkpoint"), 0);
	world_append(&world, 1, 1, NULL);
	for (int i = 0; i < 3; i++)
		assert_int_equal(world_tick(&world, audit_tick_checkpoint), ST_OK);
	assert_int_equal(sql("SELECT count(*) FROM audit.checkpoint"), 1);
}

/* What the appender remembers must not outlive the transaction it was true in. */
static void a_rolled_back_batch_leaves_no_trace(void **state)
{
	static struct svc_event events[100];
	struct db_tx *tx;

	(void)state;
	world_append(&world, 50, 5, NULL);
	tx = world_begin(&world);
	world_events(&world, tx, "registry", 100, 5, NULL, events);
	assert_int_equal(audit_on_evidence(events, 100), ST_OK);
	db_rollback(tx);
	world_append(&world, 60, 5, NULL);
	assert_int_equal(sql("SELECT size FROM audit.tree"), 110);
	assert_int_equal(world_tick(&world, audit_tick_checkpoint), ST_OK);
	assert_true(export_verify(0, 0).summary.proved);
}

/* Another process took over in between and hands back: heads are loaded anew. */
static void an_appender_that_was_away_goes_on_where_the_log_is(void **state)
{
	static struct audit_service away;

	(void)state;
	world_append(&world, 300, 5, NULL);
	memcpy(&away, &world_audit, sizeof(away));
	world_append(&world, 300, 5, NULL);
	memcpy(&world_audit, &away, sizeof(away)); /* stale: it thinks the log has 300 */
	world_append(&world, 300, 5, NULL);
	memset(&world_audit.cache, 0, sizeof(world_audit.cache)); /* a new process */
	world_append(&world, 300, 5, NULL);
	assert_int_equal(world_tick(&world, audit_tick_checkpoint), ST_OK);
	struct verified whole = export_verify(0, 0);

	assert_true(whole.summary.proved);
	assert_int_equal(whole.summary.records, 1200);
}

/* [AUD-10] */
static void evidence_that_was_taken_is_not_taken_again(void **state)
{
	(void)state;
	world_append(&world, 10, 5, NULL);
	world.sequence = 9;
	/* not passed over, not set aside: it waits, and the log says why */
	assert_int_equal(world_try_append(&world, "registry", 1, 5, NULL), ST_UNAVAILABLE);
	assert_non_null(strstr(world.problem.detail, "evidence_out_of_order"));
	world.sequence = 10;
	assert_int_equal(world_try_append(&world, "registry", 1, 5, NULL), ST_OK);
	world.sequence = 0; /* another source counts for itself */
	assert_int_equal(world_try_append(&world, "token", 1, 5, NULL), ST_OK);
	assert_int_equal(sql("SELECT size FROM audit.tree"), 12);
}

/* `packs` events of `each` records; the events before their sequences are one a record. */
static enum st append_packed(size_t packs, size_t each)
{
	static struct svc_event events[8], single[8 * AUDIT_PACK_MAX];
	static struct common_evidence_pack data[8];
	struct db_tx *tx = world_begin(&world);
	int64_t sequence = world.sequence;
	struct common_evidence *evidence =
		ARENA_ARRAY(&world.svc.arena, struct common_evidence, packs * each);

	world_events(&world, tx, "registry", packs * each, 50, NULL, single);
	for (size_t i = 0; i < packs * each; i++)
		evidence[i] = *(const struct common_evidence *)single[i].data;
	for (size_t i = 0; i < packs; i++) {
		data[i].records.items = evidence + i * each;
		data[i].records.count = each;
		events[i] = single[i];
		events[i].event = &EVT_EVIDENCE_PACKED;
		events[i].data = &data[i];
		events[i].sequence = sequence + 1 + (int64_t)i;
	}
	world.sequence = sequence + (int64_t)packs;
	return world_end(&world, tx, audit_on_evidence_packed(events, packs));
}

/* [AUD-10] */
static void packed_evidence_becomes_a_record_each_in_order(void **state)
{
	struct audit_record_get_request get = { .log_id = 0 };
	struct audit_record_reply record = { 0 };

	(void)state;
	world_append(&world, 10, 5, NULL);
	assert_int_equal(append_packed(5, 200), ST_OK);
	assert_int_equal(append_packed(4, AUDIT_PACK_MAX), ST_OK);
	assert_int_equal(append_packed(1, 1), ST_OK);
	assert_int_equal(sql("SELECT size FROM audit.tree"), 10 + 1000 + 4 * AUDIT_PACK_MAX + 1);
	assert_int_equal(sql("SELECT last_sequence FROM audit.evidence_source"), 20);
	get.log_id = 10 + 399;
	assert_int_equal(world_call(&world, audit_record_get, &get, &record), ST_OK);
	assert_int_equal(record.record.source_sequence, 12);
	get.log_id = 10 + 400;
	assert_int_equal(world_call(&world, audit_record_get, &get, &record), ST_OK);
	assert_int_equal(record.record.source_sequence, 13);
	/* the same event again is not taken */
	world.sequence = 19;
	assert_int_equal(append_packed(1, 3), ST_UNAVAILABLE);
	assert_int_equal(world_tick(&world, audit_tick_checkpoint), ST_OK);
	assert_true(export_verify(0, 0).summary.proved);
}

static void name_with_nul(struct world *w, size_t index, struct common_evidence *evidence)
{
	(void)w;
	(void)index;
	evidence->agent_id = STR("piopl\0");
}

static void evidence_that_can_never_be_stored_is_refused(void **state)
{
	(void)state;
	assert_int_equal(world_try_append(&world, "registry", 1, 5, name_with_nul),
			 ST_MESSAGE_INVALID);
	assert_int_equal(sql("SELECT size FROM audit.tree"), 0);
}

/* ---- nobody changes the log ---- */

/* [AUD-4] [AUD-10] Heads and partitions are asked for before the batch is written. When that fails
 * the next attempt must not take what was never answered for what is known. */
static void a_question_that_failed_breaks_no_chain(void **state)
{
	struct verified found;
	size_t some = AUDIT_SEGMENT + 100;

	(void)state;
	world_append(&world, some, 50, NULL);
	assert_int_equal(world_tick(&world, audit_tick_index), ST_OK);
	memset(&world_audit.cache, 0, sizeof(world_audit.cache)); /* a new process */
	harness_sql(world.harness, "REVOKE SELECT ON audit.chain FROM audit");
	assert_int_not_equal(world_try_append(&world, "registry", 100, 50, NULL), ST_OK);
	harness_sql(world.harness, "GRANT SELECT ON audit.chain TO audit");
	world_append(&world, 100, 50, NULL);
	assert_int_equal(world_tick(&world, audit_tick_checkpoint), ST_OK);
	found = export_verify(0, 0);
	assert_int_equal(found.summary.records, (int64_t)some + 100);
	assert_int_equal(found.summary.findings, 0);
	assert_true(found.summary.proved);
}

static bool refused(const char *role, const char *statement)
{
	char text[512];

	snprintf(text, sizeof(text), "SELECT public.refused('%s', '%s')::int", role, statement);
	return sql(text) == 1;
}

/* [AUD-3] as the service's own role and as the owner's */
static void no_role_changes_or_removes_what_was_logged(void **state)
{
	static const char *const tables[] = { "record", "leaf_run", "node_run", "checkpoint",
					      "cosignature" };
	static const char *const columns[] = { "packed = packed", "hashes = hashes",
					       "hashes = hashes", "note = note", "line = line" };
	static const char *const roles[] = { "audit", "audit_owner" };
	char text[256];

	(void)state;
	world_append(&world, 300, 5, NULL);
	assert_int_equal(world_tick(&world, audit_tick_checkpoint), ST_OK);
	harness_sql(world.harness, "INSERT INTO audit.cosignature SELECT size, 'w', 'l', 0 FROM "
				   "audit.checkpoint");
	for (size_t r = 0; r < 2; r++) {
		for (size_t t = 0; t < 5; t++) {
			snprintf(text, sizeof(text), "UPDATE %s SET %s", tables[t], columns[t]);
			assert_true(refused(roles[r], text));
			snprintf(text, sizeof(text), "DELETE FROM %s", tables[t]);
			assert_true(refused(roles[r], text));
			snprintf(text, sizeof(text), "TRUNCATE %s CASCADE", tables[t]);
			assert_true(refused(roles[r], text));
		}
		snprintf(text, sizeof(text), "TRUNCATE record_p%lld",
			 (long long)sql("SELECT part FROM audit.record_part LIMIT 1"));
		assert_true(refused(roles[r], text));
		snprintf(text, sizeof(text), "DELETE FROM record_p%lld",
			 (long long)sql("SELECT part FROM audit.record_part LIMIT 1"));
		assert_true(refused(roles[r], text));
	}
	/* rights and triggers each refuse alone */
	for (size_t t = 0; t < 5; t++) {
		snprintf(text, sizeof(text),
			 "SELECT has_table_privilege('audit', 'audit.%s', 'UPDATE, DELETE, "
			 "TRUNCATE')::int",
			 tables[t]);
		assert_int_equal(sql(text), 0);
	}
	/* the service cannot go round the function that expires */
	snprintf(text, sizeof(text), "DROP TABLE record_p%lld",
		 (long long)sql("SELECT part FROM audit.record_part LIMIT 1"));
	assert_true(refused("audit", text));
	assert_true(refused("audit", "ALTER TABLE record DISABLE TRIGGER ALL"));
	assert_true(refused("audit", "DELETE FROM record_part"));
	assert_true(refused("audit", "UPDATE record_part SET to_ms = 1"));
	assert_true(refused("audit", "UPDATE record_part SET days = days - 1"));
	assert_true(refused("audit_owner", "UPDATE record_part SET days = days - 1"));
	assert_true(refused("audit", "UPDATE legal_hold SET to_ms = 1"));
	assert_true(refused("audit", "DELETE FROM legal_hold"));
	assert_true(refused("audit", "DELETE FROM alarm"));
	/* and the same questions do pass where they should: the test's own test */
	assert_false(refused("audit", "SELECT FROM record"));
	assert_false(refused("audit", "UPDATE record_part SET days = days + 1"));
	assert_int_equal(sql("SELECT count(*) FROM audit.record"), 300);
}

/* Someone with the superuser's rights changed the tables behind our backs. */
/* [AUD-5] [AUD-6] */
static void a_tampered_log_is_not_signed_and_is_found_out(void **state)
{
	struct verified found;

	(void)state;
	world_append(&world, 512, 5, NULL);
	world_append(&world, 88, 5, NULL);
	assert_int_equal(world_tick(&world, audit_tick_checkpoint), ST_OK);
	harness_sql(world.harness,
		    "SET session_replication_role = replica; UPDATE audit.record SET "
		    "packed = set_byte(packed, 40, get_byte(packed, 40) # 1) WHERE "
		    "position = 123; RESET session_replication_role");
	found = export_verify(0, 0);
	assert_int_equal(found.summary.findings, 1);
	assert_int_equal(found.first.kind, AUDITLOG_ALTERED);
	assert_int_equal(found.first.position, 123);
	/* so much that it cannot even be read */
	harness_sql(world.harness,
		    "SET session_replication_role = replica; UPDATE audit.record SET "
		    "packed = set_byte(packed, 0, 9) WHERE position = 123; RESET "
		    "session_replication_role");
	found = export_verify(0, 0);
	assert_int_equal(found.summary.findings, 1);
	assert_int_equal(found.first.kind, AUDITLOG_ALTERED);
	assert_int_equal(found.first.position, 123);
	harness_sql(world.harness,
		    "SET session_replication_role = replica; DELETE FROM audit.record "
		    "WHERE position = 123; RESET session_replication_role");
	found = export_verify(0, 0);
	assert_int_equal(found.summary.findings, 1);
	assert_int_equal(found.first.kind, AUDITLOG_REMOVED);
	assert_int_equal(found.first.position, 123);
	/* the hashes too: then no checkpoint is signed over them any more, and it is an alarm */
	harness_sql(world.harness,
		    "SET session_replication_role = replica; UPDATE audit.leaf_run SET "
		    "hashes = set_byte(hashes, 5, get_byte(hashes, 5) # 1) WHERE "
		    "first = 0; UPDATE audit.node_run SET hashes = set_byte(hashes, 5, "
		    "get_byte(hashes, 5) # 1) WHERE first = 0; "
		    "RESET session_replication_role");
	world_append(&world, 100, 5, NULL);
	assert_int_equal(world_tick(&world, audit_tick_checkpoint), ST_OK);
	assert_int_equal(world_tick(&world, audit_tick_checkpoint), ST_OK);
	assert_int_equal(sql("SELECT count(*) FROM audit.checkpoint"), 1);
	assert_int_equal(sql("SELECT count(*) FROM audit.alarm WHERE kind = 'log_damaged'"), 1);
}

/* ---- calls about single records ---- */

static void a_record_is_found_by_place_and_by_evidence(void **state)
{
	struct audit_record_get_request get = { .log_id = 77 };
	struct audit_record_find_request find = { 0 };
	struct audit_record_reply a = { 0 }, b = { 0 };
	char hash[HASH_TEXT_SIZE];

	(void)state;
	world_append(&world, 200, 5, NULL);
	assert_int_equal(world_call(&world, audit_record_get, &get, &a), ST_OK);
	assert_int_equal(a.record.log_id, 77);
	assert_int_equal(a.record.source_sequence, 78);
	strcpy(hash, a.record_hash.data);
	find.evidence_id = arena_copy(&world.keep, a.record.evidence_id);
	assert_int_equal(world_call(&world, audit_record_find, &find, &b), ST_OK);
	assert_int_equal(b.record.log_id, 77);
	assert_string_equal(b.record_hash.data, hash);
	find.evidence_id = STR("evd_00000000-0000-7000-8000-000000000000");
	assert_int_equal(world_call(&world, audit_record_find, &find, &b), ST_NOT_FOUND);
	get.log_id = 199;
	assert_int_equal(world_call(&world, audit_record_get, &get, &a), ST_OK);
	get.log_id = 200;
	assert_int_equal(world_call(&world, audit_record_get, &get, &a), ST_NOT_FOUND);
	assert_string_equal(world.problem.pointer, "/log_id");
}

/* [AUD-5] every position in trees of several sizes */
static void an_inclusion_proof_verifies_for_every_record(void **state)
{
	static const int64_t sizes[] = { 1, 2, 255, 256, 257, 600, 700 };
	struct hash leaf, root, path[64];

	(void)state;
	world_append(&world, 700, 5, NULL);
	for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
		for (int64_t i = 0; i < sizes[s]; i += 1 + sizes[s] / 40) {
			struct audit_proof_inclusion_request in = { .log_id = i,
								    .has_size = true,
								    .size = sizes[s] };
			struct audit_proof_inclusion_reply out = { 0 };

			assert_int_equal(world_call(&world, audit_proof_inclusion, &in, &out),
					 ST_OK);
			assert_int_equal(hash_of_text(out.leaf_hash, &leaf), ST_OK);
			assert_int_equal(hash_of_text(out.root_hash, &root), ST_OK);
			for (size_t k = 0; k < out.hashes.count; k++)
				assert_int_equal(hash_of_text(out.hashes.items[k], &path[k]),
						 ST_OK);
			assert_int_equal(merkle_verify_path(&leaf, i, sizes[s], path,
							    out.hashes.count, &root),
					 ST_OK);
		}
	}
	struct audit_proof_inclusion_request ahead = { .log_id = 5, .has_size = true, .size = 701 };
	struct audit_proof_inclusion_reply out = { 0 };

	assert_int_equal(world_call(&world, audit_proof_inclusion, &ahead, &out), ST_SIZE_AHEAD);
	ahead.size = 700;
	ahead.log_id = 700;
	assert_int_equal(world_call(&world, audit_proof_inclusion, &ahead, &out), ST_SIZE_AHEAD);
}

/* [AUD-5] */
static void a_consistency_proof_verifies_between_any_two_sizes(void **state)
{
	char text[HASH_TEXT_SIZE];
	struct hash roots[6], proof[128];
	static const int64_t sizes[] = { 1, 200, 256, 456, 512, 900 };

	(void)state;
	for (size_t i = 0; i < 6; i++) {
		world_append(&world, (size_t)(sizes[i] - (i ? sizes[i - 1] : 0)), 5, NULL);
		assert_int_equal(hash_of_text(str_of(log_root(text)), &roots[i]), ST_OK);
	}
	for (size_t a = 0; a < 6; a++) {
		for (size_t b = a; b < 6; b++) {
			struct audit_proof_consistency_request in = { .first = sizes[a],
								      .second = sizes[b] };
			struct audit_proof_consistency_reply out = { 0 };

			assert_int_equal(world_call(&world, audit_proof_consistency, &in, &out),
					 ST_OK);
			for (size_t k = 0; k < out.hashes.count; k++)
				assert_int_equal(hash_of_text(out.hashes.items[k], &proof[k]),
						 ST_OK);
			assert_int_equal(merkle_verify_consistency(sizes[a], &roots[a], sizes[b],
								   &roots[b], proof,
								   out.hashes.count),
					 ST_OK);
		}
	}
	struct audit_proof_consistency_request bad = { .first = 0, .second = 5 };
	struct audit_proof_consistency_reply out = { 0 };

	assert_int_equal(world_call(&world, audit_proof_consistency, &bad, &out), ST_RANGE_EMPTY);
	bad = (struct audit_proof_consistency_request){ .first = 6, .second = 5 };
	assert_int_equal(world_call(&world, audit_proof_consistency, &bad, &out), ST_RANGE_EMPTY);
	bad = (struct audit_proof_consistency_request){ .first = 5, .second = 901 };
	assert_int_equal(world_call(&world, audit_proof_consistency, &bad, &out), ST_SIZE_AHEAD);
}

static void an_export_outside_the_log_is_refused(void **state)
{
	struct audit_export_begin_request begin = { 0 };
	struct audit_export_read_request read = { .first = 5, .end = 5 };
	struct audit_export_header header = { 0 };
	struct audit_export_read_reply reply = { 0 };

	(void)state;
	assert_int_equal(world_call(&world, audit_export_begin, &begin, &header), ST_NOT_FOUND);
	world_append(&world, 10, 5, NULL);
	assert_int_equal(world_tick(&world, audit_tick_checkpoint), ST_OK);
	begin = (struct audit_export_begin_request){ .has_end = true, .end = 11 };
	assert_int_equal(world_call(&world, audit_export_begin, &begin, &header), ST_SIZE_AHEAD);
	begin = (struct audit_export_begin_request){ .has_first = true, .first = 10 };
	assert_int_equal(world_call(&world, audit_export_begin, &begin, &header), ST_RANGE_EMPTY);
	begin = (struct audit_export_begin_request){ .has_size = true, .size = 9 };
	assert_int_equal(world_call(&world, audit_export_begin, &begin, &header), ST_NOT_FOUND);
	assert_int_equal(world_call(&world, audit_export_read, &read, &reply), ST_RANGE_EMPTY);
	read.end = 11;
	assert_int_equal(world_call(&world, audit_export_read, &read, &reply), ST_SIZE_AHEAD);
}

/* ---- witnesses ---- */

/* [AUD-5] */
static void a_known_witness_cosigns_a_checkpoint(void **state)
{
	struct audit_checkpoint_get_request latest = { 0 };
	struct audit_checkpoint checkpoint = { 0 };
	struct audit_witness_put_request put = { .name = STR("witness.example"),
						 .reason = STR("test") };
	struct audit_checkpoint_cosign_request cosign = { .size = 10 };
	struct audit_witness witness = { 0 };
	char key_text[PUBLIC_KEY_TEXT_SIZE];
	uint8_t seed[SEED_BYTES] = { 55 };
	struct signing_key secret;
	struct note_key key;
	struct note note;
	struct buf buf;

	(void)state;
	world_append(&world, 10, 5, NULL);
	assert_int_equal(world_tick(&world, audit_tick_checkpoint), ST_OK);
	assert_int_equal(world_call(&world, audit_checkpoint_get, &latest, &checkpoint), ST_OK);
	signing_key_of_seed(seed, &secret);
	assert_int_equal(
		note_key_make(STR("witness.example"), NOTE_COSIGNATURE, secret.public_key, &key),
		ST_OK);
	struct str message = arena_copy(&world.keep, checkpoint.note);
	assert_int_equal(note_parse(message, &note, &world.problem), ST_OK);
	buf_init(&buf, &world.keep, 512);
	assert_int_equal(note_sign(&buf, note.text, &key, &secret, 1772366400), ST_OK);
	cosign.signature = buf_str(&buf);
	cosign.signature.size--; /* its newline */

	assert_int_equal(world_call(&world, audit_checkpoint_cosign, &cosign, &checkpoint),
			 ST_KEY_UNKNOWN);
	base64_encode(secret.public_key, PUBLIC_KEY_BYTES, key_text);
	put.public_key = str_of(key_text);
	assert_int_equal(world_call(&world, audit_witness_put, &put, &witness), ST_OK);
	assert_int_equal(world.emitted, 1); /* it is evidence */
	assert_int_equal(world_call(&world, audit_checkpoint_cosign, &cosign, &checkpoint), ST_OK);
	assert_int_equal(checkpoint.witnesses.count, 1);
	assert_int_equal(note_parse(checkpoint.note, &note, &world.problem), ST_OK);
	assert_int_equal(note.count, 2);
	assert_int_equal(world_call(&world, audit_checkpoint_cosign, &cosign, &checkpoint), ST_OK);
	assert_int_equal(checkpoint.witnesses.count, 1); /* once */
	char *bytes = (char *)(uintptr_t)cosign.signature.data;
	bytes[cosign.signature.size - 10] = bytes[cosign.signature.size - 10] == 'A' ? 'B' : 'A';
	assert_int_equal(world_call(&world, audit_checkpoint_cosign, &cosign, &checkpoint),
			 ST_SIGNATURE_INVALID);
	cosign.signature = STR("not a line of a note");
	assert_int_equal(world_call(&world, audit_checkpoint_cosign, &cosign, &checkpoint),
			 ST_MESSAGE_INVALID);
	cosign.signature = STR("two\nlines");
	assert_int_equal(world_call(&world, audit_checkpoint_cosign, &cosign, &checkpoint),
			 ST_MESSAGE_INVALID);
	cosign.size = 11;
	cosign.signature = STR("x");
	assert_int_equal(world_call(&world, audit_checkpoint_cosign, &cosign, &checkpoint),
			 ST_NOT_FOUND);
}

static void a_witness_keeps_its_key_and_can_end(void **state)
{
	struct audit_witness_put_request put = { .name = STR("w"), .reason = STR("test") };
	struct audit_witness_list_reply list = { 0 };
	struct audit_witness_list_request none = { 0 };
	struct audit_witness witness = { 0 };
	char text[PUBLIC_KEY_TEXT_SIZE];
	struct signing_key key;

	(void)state;
	signing_key_generate(&key);
	base64_encode(key.public_key, PUBLIC_KEY_BYTES, text);
	put.public_key = str_of(text);
	assert_int_equal(world_call(&world, audit_witness_put, &put, &witness), ST_OK);
	put.has_ended = put.ended = true;
	assert_int_equal(world_call(&world, audit_witness_put, &put, &witness), ST_OK);
	assert_true(witness.has_ended_at_ms);
	assert_int_equal(world_call(&world, audit_witness_list, &none, &list), ST_OK);
	assert_int_equal(list.items.count, 1);
	assert_true(list.items.items[0].has_ended_at_ms);
	signing_key_generate(&key);
	base64_encode(key.public_key, PUBLIC_KEY_BYTES, text);
	assert_int_equal(world_call(&world, audit_witness_put, &put, &witness), ST_CONFLICT);
	put.public_key = STR("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
	assert_int_equal(world_call(&world, audit_witness_put, &put, &witness), ST_MESSAGE_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(evidence_becomes_a_log_that_verifies_from_outside, clean),
		cmocka_unit_test_setup(no_growth_makes_no_checkpoint, clean),
		cmocka_unit_test_setup(a_rolled_back_batch_leaves_no_trace, clean),
		cmocka_unit_test_setup(a_question_that_failed_breaks_no_chain, clean),
		cmocka_unit_test_setup(an_appender_that_was_away_goes_on_where_the_log_is, clean),
		cmocka_unit_test_setup(evidence_that_was_taken_is_not_taken_again, clean),
		cmocka_unit_test_setup(packed_evidence_becomes_a_record_each_in_order, clean),
		cmocka_unit_test_setup(evidence_that_can_never_be_stored_is_refused, clean),
		cmocka_unit_test_setup(no_role_changes_or_removes_what_was_logged, clean),
		cmocka_unit_test_setup(a_tampered_log_is_not_signed_and_is_found_out, clean),
		cmocka_unit_test_setup(a_record_is_found_by_place_and_by_evidence, clean),
		cmocka_unit_test_setup(an_inclusion_proof_verifies_for_every_record, clean),
		cmocka_unit_test_setup(a_consistency_proof_verifies_between_any_two_sizes, clean),
		cmocka_unit_test_setup(an_export_outside_the_log_is_refused, clean),
		cmocka_unit_test_setup(a_known_witness_cosigns_a_checkpoint, clean),
		cmocka_unit_test_setup(a_witness_keeps_its_key_and_can_end, clean),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
