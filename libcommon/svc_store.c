/* svc_store.c: every statement of the library's own tables (migrations/library). xid8 travels as
 * text: PostgreSQL has no binary form for it that a client should depend on. */
#include "svc_internal.h"

#define XID(n) "($" #n "::text)::xid8"

const struct db_statement svc_statements[SVC_STATEMENT_COUNT + 1] = {
	[SVC_OUTBOX_INSERT] = { "svc_outbox_insert",
				"INSERT INTO outbox (event_id, type, subject, trace_id, time_ms, "
				"data) "
				"SELECT e::uuid, t, s, r, m, d FROM unnest($1::text[], $2::text[], "
				"$3::text[], "
				"$4::text[], $5::bigint[], $6::bytea[]) AS u (e, t, s, r, m, d)",
				"TTTTIX", "" },
	[SVC_OUTBOX_INSERT_ONE] = { "svc_outbox_insert_one",
				    "INSERT INTO outbox (event_id, type, subject, trace_id, "
				    "time_ms, data) "
				    "VALUES ($1::text::uuid, $2, $3, $4, $5, $6)",
				    "ttttix", "" },
	[SVC_RELAY_LOAD] = { "svc_relay_load",
			     "SELECT next, xid_low::text, xid_high::text, id_last, published FROM "
			     "relay",
			     "", "ittii" },
	[SVC_RELAY_HORIZON] = { "svc_relay_horizon",
				"SELECT pg_snapshot_xmin(pg_current_snapshot())::text", "", "t" },
	/* OFFSET 0 keeps the planner from walking the whole primary key to find the smallest. */
	[SVC_RELAY_ROUND_START] = { "svc_relay_round_start",
				    "SELECT coalesce(min(id), 0), coalesce(max(id), 0) FROM "
				    "(SELECT id FROM outbox "
				    "WHERE xid >= " XID(1) " AND xid < " XID(2) " OFFSET 0) AS r",
				    "tt", "ii" },
	/* IS TRUE keeps the planner on the primary key: by xid it would sort the round each time.
	 */
	[SVC_RELAY_READ] = { "svc_relay_read",
			     "SELECT id, event_id, type, subject, trace_id, time_ms, data FROM "
			     "outbox "
			     "WHERE id > $1 AND id <= $2 AND (xid >= " XID(3) " AND xid < " XID(
				     4) ") IS TRUE "
					"ORDER BY id LIMIT $5",
			     "iitti", "igtttix" },
	[SVC_RELAY_BATCHES_INSERT] = { "svc_relay_batches_insert",
				       "INSERT INTO outbox_batch (first, count, xid_low, xid_high, "
				       "id_first, id_last, "
				       "key_id, signature, time_ms) SELECT f, c, " XID(5) ", " XID(
					       6) ", a, z, $7, s, $9 "
						  "FROM unnest($1::bigint[], $2::int[], "
						  "$3::bigint[], $4::bigint[], $8::bytea[]) "
						  "AS u (f, c, a, z, s)",
				       "INIItttXi", "" },
	[SVC_RELAY_ADVANCE] = { "svc_relay_advance",
				"UPDATE relay SET next = $1, xid_low = " XID(2) ", xid_high = " XID(
					3) ", "
					   "id_last = $4, published = $5 WHERE next = $6",
				"ittiii", "" },
	[SVC_RELAY_PUBLISHED] = { "svc_relay_published",
				  "UPDATE relay SET published = $1 WHERE published <= $1", "i",
				  "" },
	[SVC_BATCH_ROWS] = { "svc_batch_rows",
			     "SELECT id, event_id, type, subject, trace_id, time_ms, data FROM "
			     "outbox "
			     "WHERE id >= $1 AND id <= $2 AND (xid >= " XID(3) " AND xid < " XID(
				     4) ") IS TRUE "
					"ORDER BY id",
			     "iitt", "igtttix" },
	[SVC_BATCHES_AFTER] = { "svc_batches_after",
				"SELECT first, count, xid_low::text, xid_high::text, id_first, "
				"id_last, key_id, "
				"signature FROM outbox_batch WHERE first > $1::bigint - $3::bigint "
				"AND "
				"first + count > $1::bigint + 1 "
				"ORDER BY first LIMIT $2",
				"iii", "inttiitx" },
	[SVC_INBOX_LOCK] = { "svc_inbox_lock",
			     "SELECT sequence FROM inbox WHERE source = $1 FOR UPDATE", "t", "i" },
	[SVC_INBOX_ADD] = { "svc_inbox_add",
			    "INSERT INTO inbox (source, sequence, updated_ms) VALUES ($1, 0, $2) "
			    "ON CONFLICT (source) DO NOTHING",
			    "ti", "" },
	[SVC_INBOX_ADVANCE] = { "svc_inbox_advance",
				"UPDATE inbox SET sequence = $2, head = greatest(head, $3), "
				"updated_ms = $4, "
				"stopped_reason = NULL WHERE source = $1 AND sequence = $5",
				"tiiii", "" },
	[SVC_INBOX_STOP] = { "svc_inbox_stop",
			     "UPDATE inbox SET stopped_reason = $2, updated_ms = $3 WHERE source = "
			     "$1",
			     "tti", "" },
	[SVC_INBOX_RESUME] = { "svc_inbox_resume",
			       "UPDATE inbox SET stopped_reason = NULL, updated_ms = $2 WHERE "
			       "source = $1",
			       "ti", "" },
	[SVC_INBOX_LIST] = { "svc_inbox_list",
			     "SELECT source, sequence, head, stopped_reason FROM inbox ORDER BY "
			     "source",
			     "", "tiit" },
	[SVC_IDEMPOTENCY_FIND] = { "svc_idempotency_find",
				   "SELECT pg_try_advisory_xact_lock(hashtextextended($1 || chr(1) "
				   "|| $2 || chr(1) || "
				   "$3, 0)), i.digest, i.answer FROM (SELECT 1) AS one LEFT JOIN "
				   "idempotency i "
				   "ON i.principal = $1 AND i.call = $2 AND i.key = $3 AND "
				   "i.expires_ms > $4",
				   "ttti", "bxx" },
	[SVC_IDEMPOTENCY_INSERT] = { "svc_idempotency_insert",
				     "INSERT INTO idempotency (principal, call, key, digest, "
				     "answer, expires_ms) "
				     "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (principal, "
				     "call, key) DO UPDATE "
				     "SET digest = $4, answer = $5, expires_ms = $6 WHERE "
				     "idempotency.expires_ms <= $7",
				     "tttxxii", "" },
	[SVC_IDEMPOTENCY_EXPIRE] = { "svc_idempotency_expire",
				     "DELETE FROM idempotency WHERE (principal, call, key) IN "
				     "(SELECT principal, call, "
				     "key FROM idempotency WHERE expires_ms <= $1 LIMIT $2)",
				     "ii", "" },
	[SVC_PARKED_INSERT] = { "svc_parked_insert",
				"INSERT INTO parked (source, sequence, event_id, type, subject, "
				"trace_id, time_ms, "
				"data, tries, error, parked_ms) VALUES ($1, $2, $3::text::uuid, "
				"$4, $5, $6, $7, $8, "
				"$9, $10, $11)",
				"titttt"
				"ixnti",
				"" },
	[SVC_PARKED_LIST] = { "svc_parked_list",
			      "SELECT id, source, sequence, type, subject, tries, error, "
			      "parked_ms, replayed_ms "
			      "FROM parked WHERE id > $1 AND replayed_ms IS NULL ORDER BY id LIMIT "
			      "$2",
			      "ii", "itittntii" },
	[SVC_PARKED_GET] = { "svc_parked_get",
			     "SELECT source, sequence, event_id, type, subject, trace_id, time_ms, "
			     "data FROM "
			     "parked WHERE id = $1 AND replayed_ms IS NULL FOR UPDATE",
			     "i", "tigtttix" },
	[SVC_PARKED_DONE] = { "svc_parked_done",
			      "UPDATE parked SET replayed_ms = $2 WHERE id = $1 AND replayed_ms IS "
			      "NULL",
			      "ii", "" },
	[SVC_STATUS] = { "svc_status",
			 "SELECT r.next - 1, (SELECT count(*) FROM (SELECT 1 FROM outbox WHERE id "
			 "> "
			 "coalesce((SELECT id_last FROM outbox_batch ORDER BY first DESC LIMIT 1), "
			 "0) "
			 "LIMIT 100000) AS w), (SELECT count(*) FROM parked WHERE replayed_ms IS "
			 "NULL) "
			 "FROM relay r",
			 "", "iii" },
	[SVC_OUTBOX_EXPIRE] = { "svc_outbox_expire",
				"DELETE FROM outbox o USING (SELECT id_first, id_last, xid_low, "
				"xid_high FROM "
				"outbox_batch WHERE time_ms < $1 ORDER BY first LIMIT $2) AS b "
				"WHERE o.id >= "
				"b.id_first AND o.id <= b.id_last AND o.xid >= b.xid_low AND o.xid "
				"< b.xid_high",
				"ii", "" },
	[SVC_BATCH_EXPIRE] = { "svc_batch_expire",
			       "DELETE FROM outbox_batch WHERE first IN (SELECT first FROM "
			       "outbox_batch WHERE "
			       "time_ms < $1 ORDER BY first LIMIT $2)",
			       "ii", "" },
	[SVC_OLDEST_BATCH] = { "svc_oldest_batch",
			       "SELECT first FROM outbox_batch ORDER BY first LIMIT 1", "", "i" },
	[SVC_SIGNED_ACT_INSERT] = { "svc_signed_act_insert",
				    "INSERT INTO signed_act (digest, purpose, key_id, payload, "
				    "signature, used_ms) "
				    "VALUES ($1, $2, $3, $4, $5, $6)",
				    "xttxxi", "" },
};
