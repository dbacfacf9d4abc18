/* How long records are kept: retention, legal hold, expiry; and the seal that ends a chain. */
#include "gen/registry.h"
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

static int64_t sql(const char *text)
{
	return harness_sql_i64(world.harness, text);
}

static void domain_health(struct world *w, size_t index, struct common_evidence *evidence)
{
	(void)w;
	evidence->domain = index % 2 ? STR("health") : STR("finance");
}

static void domain_plain(struct world *w, size_t index, struct common_evidence *evidence)
{
	(void)w;
	(void)index;
	evidence->domain = STR("support");
}

static struct audit_retention retention_put(const char *domain, int64_t days)
{
	struct audit_retention_put_request in = { .domain = str_of(domain),
						  .days = days,
						  .reason = STR("test") };
	struct audit_retention out = { 0 };

	assert_int_equal(world_call(&world, audit_retention_put, &in, &out), ST_OK);
	return out;
}

static int64_t days_of(const char *class)
{
	char text[200];

	snprintf(
		text, sizeof(text),
		"SELECT max(days) FROM audit.record_part WHERE class = '%s' AND expired_ms IS NULL",
		class);
	return sql(text);
}

/* The month of the start, each class in a partition of its own. */
/* [AUD-8] */
static void each_class_of_records_has_a_partition_a_month(void **state)
{
	struct audit_partition_list_request in = { 0 };
	struct audit_partition_list_reply out = { 0 };

	(void)state;
	world_append(&world, 100, 5, domain_health);
	world_append(&world, 50, 5, domain_plain);
	assert_int_equal(sql("SELECT count(*) FROM audit.record_part"), 3);
	assert_int_equal(days_of("finance"), 2557);
	assert_int_equal(days_of("health"), 3653);
	assert_int_equal(days_of("default"), 731);
	world.now_ms += 31 * WORLD_DAY_MS;
	world_append(&world, 10, 5, domain_plain);
	assert_int_equal(sql("SELECT count(*) FROM audit.record_part"), 4);
	assert_int_equal(world_call(&world, audit_partition_list, &in, &out), ST_OK);
	assert_int_equal(out.items.count, 4);
	int64_t records = 0;
	for (size_t i = 0; i < out.items.count; i++)
		records += out.items.items[i].records;
	assert_int_equal(records, 160);
	in.domain = STR("health");
	assert_int_equal(world_call(&world, audit_partition_list, &in, &out), ST_OK);
	assert_int_equal(out.items.count, 1);
	assert_int_equal(out.items.items[0].expires_at_ms,
			 out.items.items[0].to_ms + 3653 * WORLD_DAY_MS);
}

/* [AUD-8] */
static void retention_of_records_that_exist_only_grows(void **state)
{
	(void)state;
	retention_put("finance", 3000);
	assert_int_equal(days_of("finance"), 3000);
	retention_put("finance", 100);
	assert_int_equal(days_of("finance"), 3000);
	/* records that come later have the new time, the next month's partition */
	world.now_ms += 31 * WORLD_DAY_MS;
	world_append(&world, 4, 5, domain_health);
	assert_int_equal(sql("SELECT days FROM audit.record_part WHERE class = 'finance' "
			     "ORDER BY month DESC LIMIT 1"),
			 100);
	retention_put("finance", 2557);
}

/* [AUD-8] "support" had no rule: its records are among the default ones */
static void a_domain_that_gets_a_rule_takes_its_records_along(void **state)
{
	(void)state;
	assert_int_equal(sql("SELECT count(*) FROM audit.record_part WHERE class = 'default' AND "
			     "days = 731"),
			 2);
	retention_put("nobody", 5000);
	assert_int_equal(days_of("default"), 731);
	retention_put("support", 900);
	assert_int_equal(sql("SELECT count(*) FROM audit.record_part WHERE class = 'default' AND "
			     "days = 900"),
			 2);
	world_append(&world, 4, 5, domain_plain);
	assert_int_equal(days_of("support"), 900);
}

static void a_change_of_retention_is_evidence(void **state)
{
	size_t taken;

	(void)state;
	retention_put("support", 901);
	assert_int_equal(world.emitted, 1);
	assert_true(str_is(world.last_type, "audit.evidence.recorded"));
	taken = world_follow_own(&world);
	assert_true(taken > 0);
	assert_int_equal(sql("SELECT count(*) FROM audit.record WHERE "
			     "position('retention.put'::bytea IN packed) > 0 AND "
			     "position('ada'::bytea IN packed) > 0"),
			 (int64_t)taken);
}

/* Limits [AUD-8] */
static void there_is_a_limit_of_rules(void **state)
{
	struct audit_retention_put_request in = { .days = 10, .reason = STR("test") };
	struct audit_retention out;
	struct audit_retention_list_reply list = { 0 };
	char name[32];
	int i = 0;

	(void)state;
	assert_int_equal(world_call(&world, audit_retention_list, NULL, &list), ST_OK);
	for (size_t n = list.items.count; n < AUDIT_CLASSES_MAX; n++) {
		snprintf(name, sizeof(name), "many%d", i++);
		retention_put(name, 10);
	}
	in.domain = STR("one.more");
	assert_int_equal(world_call(&world, audit_retention_put, &in, &out), ST_TOO_LARGE);
	retention_put("many0", 11); /* one that is there can still change */
	world_append(&world, 4, 5, domain_health);
}

/* ---- holds and expiry ---- */

static struct str hold_put(struct audit_hold_put_request in)
{
	struct audit_hold out = { 0 };

	in.reason = STR("case 7");
	assert_int_equal(world_call(&world, audit_hold_put, &in, &out), ST_OK);
	return arena_copy(&world.keep, out.hold_id);
}

static enum st hold_release(struct str hold_id)
{
	struct audit_hold_release_request in = { .hold_id = hold_id, .reason = STR("done") };
	struct audit_hold out = { 0 };

	return world_call(&world, audit_hold_release, &in, &out);
}

static int64_t expired_count(void)
{
	assert_int_equal(world_tick(&world, audit_tick_expiry), ST_OK);
	return sql("SELECT count(*) FROM audit.record_part WHERE expired_ms IS NOT NULL");
}

/* [AUD-8] a fresh installation: March, April, then the years go by */
static void what_is_over_expires_and_what_is_held_stays(void **state)
{
	struct world *w = &world;
	int64_t end;

	(void)state;
	world_stop(w);
	world_start(w);
	world_append(w, 200, 5, domain_plain);  /* 0..199, default, March */
	world_append(w, 100, 5, domain_health); /* 200..299, finance and health */
	w->now_ms += 31 * WORLD_DAY_MS;
	world_append(w, 100, 5, domain_plain); /* 300..399, default, April */
	assert_int_equal(world_tick(w, audit_tick_checkpoint), ST_OK);
	end = audit_expires_ms(audit_month_start_ms(audit_month_of(WORLD_START_MS) + 1), 731);
	w->now_ms = end - 1;
	assert_int_equal(expired_count(), 0);
	w->now_ms = end;
	/* holds that do not cover it, and each way to cover it */
	hold_put((struct audit_hold_put_request){ .domain = STR("finance") });
	hold_put((struct audit_hold_put_request){ .agent_id = STR("piopl_00099") });
	hold_put((struct audit_hold_put_request){ .has_to_ms = true, .to_ms = WORLD_START_MS });
	hold_put((struct audit_hold_put_request){ .has_from_ms = true,
						  .from_ms = WORLD_START_MS + 1 });
	struct audit_hold_put_request covers[] = {
		{ .domain = STR("support") },
		{ .agent_id = STR("piopl_00003") },
		{ .domain = STR("support"), .agent_id = STR("piopl_00003") },
		{ .has_from_ms = true,
		  .from_ms = WORLD_START_MS,
		  .has_to_ms = true,
		  .to_ms = WORLD_START_MS + 1 },
		{ .reason = STR("everything") },
	};
	for (size_t i = 0; i < sizeof(covers) / sizeof(covers[0]); i++) {
		struct str hold_id = hold_put(covers[i]);

		assert_int_equal(expired_count(), 0);
		assert_int_equal(hold_release(hold_id), ST_OK);
		assert_int_equal(hold_release(hold_id), ST_HOLD_RELEASED);
	}
	assert_int_equal(expired_count(), 1);
	assert_int_equal(sql("SELECT count(*) FROM audit.record"), 200);
	assert_int_equal(sql("SELECT records FROM audit.record_part WHERE expired_ms IS NOT NULL"),
			 200);
	assert_int_equal(hold_release(STR("hld_00000000-0000-7000-8000-000000000000")),
			 ST_NOT_FOUND);
}

static void keep_kind(void *context, const struct auditlog_finding *finding)
{
	*(struct auditlog_finding *)context = *finding;
}

/* [AUD-8] [AUD-6] the hashes stay: what remains is proved, what went is known as expired */
static void what_remains_after_expiry_is_still_proved(void **state)
{
	struct audit_record_get_request get = { .log_id = 50 };
	struct audit_record_reply record = { 0 };
	struct audit_proof_inclusion_request prove = { .log_id = 50 };
	struct audit_proof_inclusion_reply proof = { 0 };
	struct audit_export_begin_request begin = { 0 };
	struct audit_export_header header = { 0 };
	struct audit_export_read_request read = { .first = 0, .end = 400 };
	struct audit_export_read_reply reply = { 0 };
	struct auditlog_finding finding = { 0 };
	struct auditlog_summary summary;
	struct note_key key;
	struct str line;

	(void)state;
	assert_int_equal(world_call(&world, audit_record_get, &get, &record), ST_RECORD_EXPIRED);
	assert_int_equal(world_call(&world, audit_proof_inclusion, &prove, &proof), ST_OK);
	assert_int_equal(note_key_make(STR(SAMPLE_ORIGIN), NOTE_ED25519,
				       world.svc.signing_key.public_key, &key),
			 ST_OK);
	struct auditlog_verifier *v = auditlog_verifier_new(&key, 1, keep_kind, &finding);
	assert_int_equal(world_call(&world, audit_export_begin, &begin, &header), ST_OK);
	assert_int_equal(proto_encode(&audit_export_header_type, &header, &world.svc.arena, &line),
			 ST_OK);
	assert_int_equal(auditlog_verifier_line(v, line), ST_OK);
	assert_int_equal(world_call(&world, audit_export_read, &read, &reply), ST_OK);
	assert_int_equal(reply.next, 400);
	assert_int_equal(
		proto_encode(&audit_export_block_type, &reply.block, &world.svc.arena, &line),
		ST_OK);
	assert_int_equal(auditlog_verifier_line(v, line), ST_OK);
	for (size_t i = 0; i < reply.texts.count; i++)
		assert_int_equal(auditlog_verifier_line(v, reply.texts.items[i]), ST_OK);
	auditlog_verifier_end(v, &summary);
	auditlog_verifier_free(v);
	assert_true(summary.proved);
	assert_int_equal(summary.expired, 200);
	assert_int_equal(summary.records, 200);
}

/* [AUD-8] */
static void expiry_is_a_record(void **state)
{
	(void)state;
	assert_int_equal(sql("SELECT count(*) FROM audit.outbox WHERE convert_from(data, 'UTF8') "
			     "LIKE '%\"retention.expire\"%'"),
			 1);
	assert_true(world_follow_own(&world) > 0);
	assert_int_equal(sql("SELECT count(*) FROM audit.record WHERE "
			     "position('retention.expire'::bytea IN packed) > 0"),
			 1);
}

/* Agents whose newest record expired go on with its hash. */
/* [AUD-4] [AUD-8] */
static void a_chain_goes_on_over_what_expired(void **state)
{
	struct audit_chain_get_request get = { .agent_id = STR("piopl_00003") };
	struct audit_chain before = { 0 }, after = { 0 };
	char head[HASH_TEXT_SIZE];
	int64_t length;

	(void)state;
	assert_int_equal(world_call(&world, audit_chain_get, &get, &before), ST_OK);
	length = before.length;
	strcpy(head, before.head_hash.data);
	/* April and what is left of the others expire too, nothing of it was ever indexed */
	world.now_ms = audit_expires_ms(world.now_ms, 3700);
	for (const char *id = ""; id;) {
		struct audit_hold_list_request list = { .has_limit = true, .limit = 1 };
		struct audit_hold_list_reply holds = { 0 };

		assert_int_equal(world_call(&world, audit_hold_list, &list, &holds), ST_OK);
		if (holds.items.count == 0)
			break;
		id = arena_copy(&world.keep, holds.items.items[0].hold_id).data;
		assert_int_equal(hold_release(str_of(id)), ST_OK);
	}
	expired_count();
	assert_int_equal(sql("SELECT count(*) FROM audit.record WHERE "
			     "position('piopl_00003'::bytea IN packed) > 0"),
			 0);
	assert_int_equal(world_call(&world, audit_chain_get, &get, &after), ST_OK);
	assert_int_equal(after.length, length);
	assert_string_equal(after.head_hash.data, head);
	memset(&world_audit.cache, 0, sizeof(world_audit.cache));
	world_append(&world, 20, 5, domain_plain);
	char text[256];
	snprintf(text, sizeof(text),
		 "SELECT count(*) FROM audit.record WHERE position(decode('%s', 'hex') IN packed) "
		 "> 0",
		 head + strlen("sha256:"));
	assert_int_equal(sql(text), 1);
}

/* A segment of which a part expired is indexed anew: what is gone is not even in the index. */
static void the_index_forgets_what_expired(void **state)
{
	struct world *w = &world;

	(void)state;
	world_stop(w);
	world_start(w);
	for (int i = 0; i < 9; i++) {
		world_append(w, 500, 5, domain_plain);
		world_append(w, 500, 5, domain_health);
	}
	assert_int_equal(world_tick(w, audit_tick_index), ST_OK);
	assert_int_equal(sql("SELECT count(*) FROM audit.segment"), 1);
	char text[256];
	snprintf(text, sizeof(text), "SELECT count(*) FROM audit.posting WHERE term = %lld",
		 (long long)audit_term(AUDIT_DOMAIN, STR("support")));
	assert_int_equal(sql(text), 1);
	w->now_ms = audit_expires_ms(w->now_ms, 800);
	assert_int_equal(expired_count(), 1);
	assert_int_equal(world_tick(w, audit_tick_index), ST_OK);
	assert_int_equal(sql(text), 0);
	assert_int_equal(sql("SELECT count(*) FROM audit.segment WHERE stale"), 0);
	snprintf(text, sizeof(text), "SELECT count(*) FROM audit.posting WHERE term = %lld",
		 (long long)audit_term(AUDIT_DOMAIN, STR("health")));
	assert_int_equal(sql(text), 1);
}

static void the_service_cannot_expire_before_the_time(void **state)
{
	(void)state;
	assert_int_equal(sql("SET ROLE audit; SET search_path = audit; SELECT record_part_expire("
			     "(SELECT part FROM record_part WHERE class = 'health'), 0)::int; "),
			 0);
	harness_sql(world.harness, "RESET ROLE");
	harness_sql(world.harness, "RESET search_path");
}

/* The function looks for itself, whatever its caller thinks. */
static void what_is_held_does_not_expire_by_any_way(void **state)
{
	static const char expire[] = "SELECT audit.record_part_expire((SELECT part FROM "
				     "audit.record_part WHERE class = 'health'), "
				     "4000000000000000)::int";
	struct str hold_id;

	(void)state;
	hold_id = hold_put((struct audit_hold_put_request){ .domain = STR("health") });
	assert_int_equal(sql(expire), 0);
	assert_int_equal(hold_release(hold_id), ST_OK);
	assert_int_equal(sql(expire), 1);
	assert_int_equal(sql(expire), 0); /* once */
}

static void a_hold_that_ends_before_it_begins_is_refused(void **state)
{
	struct audit_hold_put_request in = {
		.has_from_ms = true, .from_ms = 5, .has_to_ms = true, .to_ms = 5, .reason = STR("x")
	};
	struct audit_hold out;

	(void)state;
	assert_int_equal(world_call(&world, audit_hold_put, &in, &out), ST_MESSAGE_INVALID);
}

/* ---- seals ---- */

static void terminate(const char *agent_id)
{
	struct registry_agent_transition data = { .agent_id = str_of(agent_id) };
	struct db_tx *tx = world_begin(&world);
	struct svc_event event = { .svc = &world.svc,
				   .state = &world_audit,
				   .arena = &world.svc.arena,
				   .tx = tx,
				   .data = &data,
				   .now_ms = world.now_ms };

	assert_int_equal(world_end(&world, tx, audit_on_terminated(&event)), ST_OK);
}

/* [AUD-11] */
static void a_terminated_agents_chain_is_sealed_after_a_grace(void **state)
{
	struct audit_chain_get_request get = { .agent_id = STR("piopl_00002") };
	struct audit_chain chain = { 0 };

	(void)state;
	world_audit.seal_grace_ms = 10000;
	terminate("piopl_00002");
	terminate("piopl_00002"); /* told twice */
	world.now_ms += 9999;
	assert_int_equal(world_tick(&world, audit_tick_seal), ST_OK);
	assert_int_equal(world.emitted, 0);
	world.now_ms += 1;
	world_append(&world, 20, 5, domain_plain); /* still in time */
	assert_int_equal(sql("SELECT count(*) FROM audit.alarm"), 0);
	assert_int_equal(world_tick(&world, audit_tick_seal), ST_OK);
	assert_int_equal(world.emitted, 1);
	assert_int_equal(world_tick(&world, audit_tick_seal), ST_OK);
	assert_int_equal(world.emitted, 0);
	assert_true(world_follow_own(&world) > 0);
	assert_true(str_is(world.last_type, "audit.chain.sealed"));
	assert_int_equal(world_call(&world, audit_chain_get, &get, &chain), ST_OK);
	assert_true(chain.sealed);
	assert_int_equal(chain.sealed_log_id, chain.last_log_id);
	assert_int_equal(chain.sealed_at_ms, world.now_ms);
	assert_int_equal(chain.records_after_seal, 0);
}

static void agent_two(struct world *w, size_t index, struct common_evidence *evidence)
{
	(void)w;
	(void)index;
	evidence->agent_id = STR("piopl_00002");
}

/* [AUD-11] stored all the same: evidence is never dropped */
static void evidence_after_the_seal_is_an_alarm(void **state)
{
	struct audit_alarm_list_request in = { .kind = AUDIT_ALARM_KIND_RECORD_AFTER_SEAL };
	struct audit_alarm_list_reply out = { 0 };
	struct audit_chain_get_request get = { .agent_id = STR("piopl_00002") };
	struct audit_chain chain = { 0 };
	int64_t size = sql("SELECT size FROM audit.tree");

	(void)state;
	world_append(&world, 1, 5, agent_two);
	assert_true(str_is(world.last_type, "audit.alarm.raised"));
	memset(&world_audit.cache, 0, sizeof(world_audit.cache)); /* a new process knows too */
	world_append(&world, 1, 5, agent_two);
	assert_int_equal(sql("SELECT size FROM audit.tree"), size + 2);
	assert_int_equal(world_call(&world, audit_alarm_list, &in, &out), ST_OK);
	assert_int_equal(out.items.count, 2);
	assert_true(str_is(out.items.items[0].subject, "piopl_00002"));
	assert_int_equal(out.items.items[0].log_id, size + 1);
	assert_int_equal(world_call(&world, audit_chain_get, &get, &chain), ST_OK);
	assert_int_equal(chain.records_after_seal, 2);
	in.has_before = true;
	in.before = 2;
	assert_int_equal(world_call(&world, audit_alarm_list, &in, &out), ST_OK);
	assert_int_equal(out.items.count, 1);
}

/* ---- sources ---- */

/* [AUD-10] */
static void a_source_that_stands_still_is_an_alarm_once(void **state)
{
	(void)state;
	harness_sql(world.harness,
		    "INSERT INTO audit.inbox (source, sequence, stopped_reason, head, "
		    "updated_ms) VALUES ('token', 41, 'its outbox does not verify', "
		    "50, 0), ('policy', 7, NULL, 7, 0)");
	for (int i = 0; i < 3; i++)
		assert_int_equal(world_tick(&world, audit_tick_sources), ST_OK);
	assert_int_equal(sql("SELECT count(*) FROM audit.alarm WHERE kind = 'source_stopped' AND "
			     "subject = 'token' AND log_id = 41"),
			 1);
	assert_int_equal(sql("SELECT count(*) FROM audit.alarm WHERE subject = 'policy'"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_class_of_records_has_a_partition_a_month),
		cmocka_unit_test(retention_of_records_that_exist_only_grows),
		cmocka_unit_test(a_domain_that_gets_a_rule_takes_its_records_along),
		cmocka_unit_test(a_change_of_retention_is_evidence),
		cmocka_unit_test(there_is_a_limit_of_rules),
		cmocka_unit_test(what_is_over_expires_and_what_is_held_stays),
		cmocka_unit_test(what_remains_after_expiry_is_still_proved),
		cmocka_unit_test(expiry_is_a_record),
		cmocka_unit_test(a_chain_goes_on_over_what_expired),
		cmocka_unit_test(the_index_forgets_what_expired),
		cmocka_unit_test(the_service_cannot_expire_before_the_time),
		cmocka_unit_test(what_is_held_does_not_expire_by_any_way),
		cmocka_unit_test(a_hold_that_ends_before_it_begins_is_refused),
		cmocka_unit_test(a_terminated_agents_chain_is_sealed_after_a_grace),
		cmocka_unit_test(evidence_after_the_seal_is_an_alarm),
		cmocka_unit_test(a_source_that_stands_still_is_an_alarm_once),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
