/* store.c: every statement of the audit service. */
#include "service.h"

/* Partitions in which positions from $1 on, or up to $2, can be. */
#define PARTS_FROM(low) "record_part p WHERE p.expired_ms IS NULL AND p.last_position >= " low

#define CHECKPOINT_COLUMNS                                                                         \
	"c.size, c.root, c.signed_ms, c.note, ARRAY(SELECT s.line FROM cosignature s WHERE "       \
	"s.size = c.size ORDER BY s.added_ms, s.witness), ARRAY(SELECT s.witness FROM cosignature" \
	" s WHERE s.size = c.size ORDER BY s.added_ms, s.witness)"
#define CHECKPOINT_OUT "ixitTT"
#define HOLD_COLUMNS                                                                               \
	"hold_id, domain, agent_id, from_ms, to_ms, reason, placed_ms, placed_by, released_ms, "   \
	"release_reason"
#define HOLD_OUT "tttiititit"

const struct db_statement audit_statements[AUDIT_STATEMENT_COUNT + 1] = {
	[AUDIT_TREE_LOCK] = { "audit_tree_lock",
			      "SELECT size, frontier, (SELECT version FROM settings) FROM tree FOR "
			      "UPDATE",
			      "", "ixi" },
	[AUDIT_TREE_READ] = { "audit_tree_read", "SELECT size, frontier FROM tree", "", "ix" },
	[AUDIT_TREE_SET] = { "audit_tree_set",
			     "UPDATE tree SET size = $1, frontier = $2 WHERE size = $3", "ixi",
			     "" },
	[AUDIT_RETENTION_ALL] = { "audit_retention_all",
				  "SELECT class, days, changed_ms, reason FROM retention "
				  "ORDER BY class <> 'default', class",
				  "", "tnit" },
	[AUDIT_RETENTION_SET] = { "audit_retention_set",
				  "INSERT INTO retention (class, days, changed_ms, reason) VALUES "
				  "($1, $2, $3, $4) "
				  "ON CONFLICT (class) DO UPDATE SET days = $2, changed_ms = $3, "
				  "reason = $4",
				  "tnit", "" },
	[AUDIT_SETTINGS_BUMP] = { "audit_settings_bump",
				  "UPDATE settings SET version = version + 1", "", "" },
	[AUDIT_PART_FIND] = { "audit_part_find",
			      "SELECT part, expired_ms IS NOT NULL FROM record_part WHERE class = "
			      "$1 AND month = $2",
			      "tn", "nb" },
	[AUDIT_PART_CREATE] = { "audit_part_create",
				"SELECT record_part_create($1, $2, $3, $4, $5)", "tniin", "n" },
	[AUDIT_PART_GROW] = { "audit_part_grow",
			      "UPDATE record_part p SET first_position = "
			      "coalesce(p.first_position, u.f), "
			      "last_position = u.l, records = p.records + u.c, "
			      "time_min_ms = least(p.time_min_ms, u.a), time_max_ms = "
			      "greatest(p.time_max_ms, u.z) "
			      "FROM unnest($1::int[], $2::bigint[], $3::bigint[], $4::bigint[], "
			      "$5::bigint[], "
			      "$6::bigint[]) AS u (part, f, l, c, a, z) "
			      "WHERE p.part = u.part AND p.expired_ms IS NULL",
			      "NIIIII", "" },
	[AUDIT_PART_LENGTHEN] = { "audit_part_lengthen",
				  "UPDATE record_part SET days = $2 WHERE class = $1 AND days < $2 "
				  "AND expired_ms IS NULL",
				  "tn", "" },
	/* A class that is new: its records so far are among the default ones. */
	[AUDIT_PART_LENGTHEN_HOLDING] = { "audit_part_lengthen_holding",
					  "UPDATE record_part p SET days = $2 WHERE p.class = "
					  "'default' AND p.days < $2 "
					  "AND p.expired_ms IS NULL AND (EXISTS (SELECT FROM "
					  "posting t WHERE t.term = $1 AND "
					  "t.segment BETWEEN p.first_position / 8192 AND "
					  "p.last_position / 8192) OR EXISTS "
					  "(SELECT FROM record r WHERE r.part = p.part AND "
					  "r.position >= $3 AND "
					  "r.terms @> ARRAY[$1]))",
					  "ini", "" },
	[AUDIT_PART_LIST] = { "audit_part_list",
			      "SELECT part, class, from_ms, to_ms, coalesce(first_position, 0), "
			      "coalesce(last_position, 0), records, days, expired_ms FROM "
			      "record_part "
			      "WHERE part > $1 AND ($2::text IS NULL OR class = $2) ORDER BY part "
			      "LIMIT $3",
			      "nti", "ntiiiiini" },
	[AUDIT_PART_DUE] = { "audit_part_due",
			     "SELECT part, class, from_ms, coalesce(first_position, 0), "
			     "coalesce(last_position, -1), "
			     "records FROM record_part WHERE expired_ms IS NULL AND part > $2 "
			     "AND to_ms + days * bigint '86400000' <= $1 ORDER BY part LIMIT 1",
			     "in", "ntiiii" },
	[AUDIT_PART_HELD] = { "audit_part_held", "SELECT record_part_held($1)", "n", "b" },
	[AUDIT_PART_EXPIRE] = { "audit_part_expire", "SELECT record_part_expire($1, $2)", "ni",
				"b" },
	[AUDIT_PART_STATE] = { "audit_part_state",
			       "SELECT part FROM record_part WHERE part = ANY($1) AND expired_ms "
			       "IS NOT NULL",
			       "N", "n" },
	[AUDIT_HEADS_LOAD] = { "audit_heads_load",
			       "SELECT a.agent, c.head_hash, c.last_position, s.log_id FROM "
			       "unnest($1::text[]) "
			       "AS a (agent) LEFT JOIN chain c ON c.agent_id = a.agent LEFT JOIN "
			       "seal s "
			       "ON s.agent_id = a.agent",
			       "T", "txii" },
	/* The last record of each agent from position $1 on. */
	[AUDIT_TAIL_HEADS] = { "audit_tail_heads",
			       "SELECT h.at[1], r.packed FROM (SELECT max(ARRAY[t.position, "
			       "p.part]) AS at "
			       "FROM (SELECT p.part FROM " PARTS_FROM(
				       "$1") ") AS p CROSS JOIN LATERAL "
					     "(SELECT r.position, r.terms[1] AS agent FROM record "
					     "r WHERE r.part = p.part AND "
					     "r.position >= $1) AS t GROUP BY t.agent) AS h CROSS "
					     "JOIN LATERAL (SELECT r.packed "
					     "FROM record r WHERE r.part = h.at[2]::int AND "
					     "r.position = h.at[1]) AS r",
			       "i", "ix" },
	[AUDIT_LEAF_INSERT] = { "audit_leaf_insert",
				"INSERT INTO leaf_run (first, hashes, parts) VALUES ($1, $2, $3)",
				"ixN", "" },
	[AUDIT_NODE_INSERT] = { "audit_node_insert",
				"INSERT INTO node_run (level, first, hashes) SELECT * FROM "
				"unnest($1::int[], "
				"$2::bigint[], $3::bytea[])",
				"NIX", "" },
	[AUDIT_LEAF_READ] = { "audit_leaf_read",
			      "SELECT first, hashes, parts FROM leaf_run WHERE first > $1::bigint "
			      "- 512 AND first < $2 "
			      "ORDER BY first",
			      "ii", "ixN" },
	[AUDIT_NODE_READ] = { "audit_node_read",
			      "SELECT first, hashes FROM node_run WHERE level = $1 AND first > "
			      "$2::bigint - 3 AND "
			      "first < $3 ORDER BY first",
			      "nii", "ix" },
	[AUDIT_SOURCE_MOVE] = { "audit_source_move",
				"INSERT INTO evidence_source AS s (source, last_sequence, "
				"last_position, records) "
				"VALUES ($1, $3, $4, $5) ON CONFLICT (source) DO UPDATE SET "
				"last_sequence = $3, "
				"last_position = $4, records = s.records + $5 WHERE "
				"s.last_sequence < $2",
				"tiiii", "" },
	[AUDIT_INDEXED] = { "audit_indexed",
			    "SELECT coalesce(max(segment) + 1, 0)::bigint FROM segment", "", "i" },
	[AUDIT_INDEX_READ] = { "audit_index_read",
			       "SELECT r.position, r.part, r.time_ms, r.terms FROM (SELECT p.part "
			       "FROM " PARTS_FROM(
				       "$1") " AND p.first_position < $2) AS p CROSS JOIN LATERAL "
					     "(SELECT * FROM record r WHERE r.part = p.part AND "
					     "r.position >= $1 AND "
					     "r.position < $2) AS r ORDER BY r.position",
			       "ii", "iniI" },
	[AUDIT_INDEX_PART] = { "audit_index_part",
			       "SELECT position, part, time_ms, terms FROM record WHERE part = $1 "
			       "AND position >= $2 "
			       "ORDER BY position",
			       "ni", "iniI" },
	[AUDIT_INDEX_BODIES] = { "audit_index_bodies",
				 "SELECT w.position, r.packed FROM unnest($1::int[], $2::bigint[]) "
				 "AS w (part, "
				 "position) CROSS JOIN LATERAL (SELECT r.packed FROM record r "
				 "WHERE r.part = w.part AND "
				 "r.position = w.position) AS r ORDER BY w.position",
				 "NI", "ix" },
	[AUDIT_POSTING_CLEAR] = { "audit_posting_clear", "DELETE FROM posting WHERE segment = $1",
				  "n", "" },
	[AUDIT_SEGMENT_PUT] = { "audit_segment_put",
				"INSERT INTO segment (segment, time_min_ms, time_max_ms) VALUES "
				"($1, $2, $3)",
				"nii", "" },
	[AUDIT_SEGMENT_STALE] = { "audit_segment_stale",
				  "UPDATE segment SET stale = true WHERE segment BETWEEN $1 AND $2",
				  "nn", "" },
	[AUDIT_SEGMENT_STALE_NEXT] = { "audit_segment_stale_next",
				       "SELECT segment FROM segment WHERE stale ORDER BY segment "
				       "LIMIT 1",
				       "", "n" },
	[AUDIT_SEGMENT_FRESH] = { "audit_segment_fresh",
				  "UPDATE segment SET stale = false, time_min_ms = $2, time_max_ms "
				  "= $3 "
				  "WHERE segment = $1",
				  "nii", "" },
	[AUDIT_CHAIN_FOLD] = { "audit_chain_fold",
			       "INSERT INTO chain AS c (agent_id, head_hash, length, "
			       "last_position) SELECT * FROM "
			       "unnest($1::text[], $2::bytea[], $3::bigint[], $4::bigint[]) ON "
			       "CONFLICT (agent_id) "
			       "DO UPDATE SET head_hash = CASE WHEN excluded.last_position > "
			       "c.last_position THEN "
			       "excluded.head_hash ELSE c.head_hash END, length = c.length + "
			       "excluded.length, "
			       "last_position = greatest(c.last_position, excluded.last_position)",
			       "TXII", "" },
	[AUDIT_CHAIN_MOVED] = { "audit_chain_moved",
				"SELECT agent_id, head_hash FROM chain WHERE last_position >= $1 "
				"AND "
				"agent_id > $2 ORDER BY agent_id LIMIT $3",
				"iti", "tx" },
	[AUDIT_HEADS_TOLD] = { "audit_heads_told",
			       "SELECT h.position, coalesce(h.pass_to, 0), h.pass_after, t.size "
			       "FROM "
			       "heads_told h, tree t FOR UPDATE OF h",
			       "", "iiti" },
	[AUDIT_HEADS_TELL] = { "audit_heads_tell",
			       "UPDATE heads_told SET position = $1, pass_to = nullif($2::bigint, "
			       "0), "
			       "pass_after = $3",
			       "iit", "" },
	[AUDIT_CHAIN_GET] = { "audit_chain_get",
			      "SELECT head_hash, length, last_position FROM chain WHERE agent_id = "
			      "$1",
			      "t", "xii" },
	/* How many records from $1 on have the term $2, and the last one of them. */
	[AUDIT_CHAIN_TAIL] = { "audit_chain_tail",
			       "SELECT count(*) OVER (), r.position, r.packed FROM (SELECT p.part "
			       "FROM " PARTS_FROM("$1") ") AS p CROSS JOIN LATERAL (SELECT "
							"r.position, r.packed FROM record r "
							"WHERE r.part = p.part AND r.position >= "
							"$1 AND r.terms[1] = $2) AS r "
							"ORDER BY r.position DESC LIMIT 1",
			       "ii", "iix" },
	[AUDIT_SEAL_ASK] = { "audit_seal_ask",
			     "INSERT INTO seal (agent_id, due_ms) VALUES ($1, $2) ON CONFLICT "
			     "(agent_id) "
			     "DO NOTHING",
			     "ti", "" },
	[AUDIT_SEAL_DUE] = { "audit_seal_due",
			     "SELECT agent_id FROM seal WHERE emitted_ms IS NULL AND due_ms <= $1 "
			     "ORDER BY due_ms LIMIT $2 FOR UPDATE",
			     "ii", "t" },
	[AUDIT_SEAL_EMITTED] = { "audit_seal_emitted",
				 "UPDATE seal SET emitted_ms = $2 WHERE agent_id = ANY($1) AND "
				 "emitted_ms IS NULL",
				 "Ti", "" },
	[AUDIT_SEAL_DONE] = { "audit_seal_done",
			      "INSERT INTO seal AS s (agent_id, due_ms, emitted_ms, log_id, "
			      "sealed_ms) "
			      "VALUES ($1, $3, $3, $2, $3) ON CONFLICT (agent_id) DO UPDATE SET "
			      "log_id = $2, "
			      "sealed_ms = $3, emitted_ms = coalesce(s.emitted_ms, $3) WHERE "
			      "s.log_id IS NULL",
			      "tii", "" },
	[AUDIT_SEAL_AFTER] = { "audit_seal_after",
			       "UPDATE seal SET records_after = records_after + 1 WHERE agent_id = "
			       "$1 AND log_id "
			       "IS NOT NULL",
			       "t", "" },
	[AUDIT_SEAL_GET] = { "audit_seal_get",
			     "SELECT log_id, sealed_ms, records_after FROM seal WHERE agent_id = "
			     "$1 AND log_id "
			     "IS NOT NULL",
			     "t", "iii" },
	[AUDIT_ALARM_INSERT] = { "audit_alarm_insert",
				 "INSERT INTO alarm (kind, raised_ms, subject, log_id, detail) "
				 "VALUES ($1, $2, $3, $4, "
				 "$5) RETURNING alarm_id",
				 "titit", "i" },
	[AUDIT_ALARM_LIST] = { "audit_alarm_list",
			       "SELECT alarm_id, kind, raised_ms, subject, log_id, detail FROM "
			       "alarm WHERE "
			       "alarm_id < $1 AND ($2::text IS NULL OR kind = $2) ORDER BY "
			       "alarm_id DESC LIMIT $3",
			       "iti", "ititit" },
	/* Sources that stand still and were not told of at this place yet. */
	[AUDIT_ALARM_STOPPED] = { "audit_alarm_stopped",
				  "SELECT i.source, i.sequence, i.stopped_reason FROM inbox i "
				  "WHERE i.stopped_reason IS "
				  "NOT NULL AND NOT EXISTS (SELECT FROM alarm a WHERE a.kind = "
				  "'source_stopped' AND "
				  "a.subject = i.source AND a.log_id = i.sequence) ORDER BY "
				  "i.source LIMIT 32",
				  "", "tit" },
	[AUDIT_RECORD_AT] = { "audit_record_at",
			      "SELECT r.packed FROM (SELECT p.part FROM " PARTS_FROM(
				      "$1") " AND p.first_position <= $1) "
					    "AS p CROSS JOIN LATERAL (SELECT r.packed FROM record "
					    "r WHERE r.part = p.part AND "
					    "r.position = $1) AS r",
			      "i", "x" },
	[AUDIT_RECORD_BY_EVIDENCE] = { "audit_record_by_evidence",
				       "SELECT position, packed FROM record WHERE evidence_key = "
				       "$1 LIMIT 1000",
				       "i", "ix" },
	[AUDIT_RECORDS_AT] = { "audit_records_at",
			       "SELECT w.position, r.packed FROM unnest($1::bigint[]) WITH "
			       "ORDINALITY AS w (position, n) "
			       "CROSS JOIN (SELECT p.part FROM " PARTS_FROM(
				       "$2") " AND p.first_position <= $3) AS p "
					     "CROSS JOIN LATERAL (SELECT r.packed FROM record r "
					     "WHERE r.part = p.part AND "
					     "r.position = w.position AND r.time_ms >= $4 AND "
					     "r.time_ms < $5) AS r "
					     "ORDER BY w.n LIMIT $6",
			       "Iiiiii", "ix" },
	[AUDIT_RECORDS_IN] = { "audit_records_in",
			       "SELECT r.position, r.packed FROM (SELECT p.part FROM " PARTS_FROM(
				       "$1") " AND p.first_position < $2) AS p CROSS JOIN LATERAL "
					     "(SELECT r.position, r.packed FROM "
					     "record r WHERE r.part = p.part AND r.position >= $1 "
					     "AND r.position < $2) AS r "
					     "ORDER BY r.position",
			       "ii", "ix" },
	/* Positions [$1, $2) read one by one: what is not indexed yet, and questions without terms.
	 */
	[AUDIT_SCAN_NEWEST] = { "audit_scan_newest",
				"SELECT r.position, r.packed FROM (SELECT p.part FROM " PARTS_FROM(
					"$1") " AND p.first_position < $2) AS p CROSS JOIN LATERAL "
					      "(SELECT r.position, r.packed FROM "
					      "record r WHERE r.part = p.part AND r.position >= $1 "
					      "AND r.position < $2 AND "
					      "r.terms @> $3 AND r.time_ms >= $4 AND r.time_ms < "
					      "$5 ORDER BY r.position DESC "
					      "LIMIT $6) AS r ORDER BY r.position DESC LIMIT $6",
				"iiIiii", "ix" },
	[AUDIT_SCAN_OLDEST] = { "audit_scan_oldest",
				"SELECT r.position, r.packed FROM (SELECT p.part FROM " PARTS_FROM(
					"$1") " AND p.first_position < $2) AS p CROSS JOIN LATERAL "
					      "(SELECT r.position, r.packed FROM "
					      "record r WHERE r.part = p.part AND r.position >= $1 "
					      "AND r.position < $2 AND "
					      "r.terms @> $3 AND r.time_ms >= $4 AND r.time_ms < "
					      "$5 ORDER BY r.position "
					      "LIMIT $6) AS r ORDER BY r.position LIMIT $6",
				"iiIiii", "ix" },
	/* Segments from $2 to $3 in which every one of the terms $1 occurs. */
	[AUDIT_SEGMENTS_NEWEST] = { "audit_segments_newest",
				    "SELECT p.segment FROM posting p JOIN segment s ON s.segment = "
				    "p.segment WHERE "
				    "p.term = ANY($1) AND p.segment BETWEEN $2 AND $3 AND "
				    "s.time_max_ms >= $4 AND "
				    "s.time_min_ms < $5 GROUP BY p.segment HAVING count(*) = $6 "
				    "ORDER BY p.segment DESC "
				    "LIMIT $7",
				    "Inniiii", "n" },
	[AUDIT_SEGMENTS_OLDEST] = { "audit_segments_oldest",
				    "SELECT p.segment FROM posting p JOIN segment s ON s.segment = "
				    "p.segment WHERE "
				    "p.term = ANY($1) AND p.segment BETWEEN $2 AND $3 AND "
				    "s.time_max_ms >= $4 AND "
				    "s.time_min_ms < $5 GROUP BY p.segment HAVING count(*) = $6 "
				    "ORDER BY p.segment "
				    "LIMIT $7",
				    "Inniiii", "n" },
	[AUDIT_SEGMENTS_ALL_NEWEST] = { "audit_segments_all_newest",
					"SELECT s.segment FROM segment s WHERE s.segment BETWEEN "
					"$1 AND $2 AND "
					"s.time_max_ms >= $3 AND s.time_min_ms < $4 ORDER BY "
					"s.segment DESC LIMIT $5",
					"nniii", "n" },
	[AUDIT_SEGMENTS_ALL_OLDEST] = { "audit_segments_all_oldest",
					"SELECT s.segment FROM segment s WHERE s.segment BETWEEN "
					"$1 AND $2 AND "
					"s.time_max_ms >= $3 AND s.time_min_ms < $4 ORDER BY "
					"s.segment LIMIT $5",
					"nniii", "n" },
	[AUDIT_POSTINGS] = { "audit_postings",
			     "SELECT p.segment, p.positions FROM unnest($1::bigint[]) AS t (term) "
			     "CROSS JOIN "
			     "unnest($2::int[]) AS s (segment) JOIN posting p ON p.term = t.term "
			     "AND "
			     "p.segment = s.segment",
			     "IN", "nx" },
	[AUDIT_CHECKPOINT_LAST] = { "audit_checkpoint_last",
				    "SELECT " CHECKPOINT_COLUMNS
				    " FROM checkpoint c ORDER BY c.size DESC LIMIT 1",
				    "", CHECKPOINT_OUT },
	[AUDIT_CHECKPOINT_AT] = { "audit_checkpoint_at",
				  "SELECT " CHECKPOINT_COLUMNS
				  " FROM checkpoint c WHERE c.size = $1",
				  "i", CHECKPOINT_OUT },
	[AUDIT_CHECKPOINT_LIST] = { "audit_checkpoint_list",
				    "SELECT " CHECKPOINT_COLUMNS
				    " FROM checkpoint c WHERE c.size > $1 ORDER BY c.size "
				    "LIMIT $2",
				    "ii", CHECKPOINT_OUT },
	/* The first one in ($1, $2]. */
	[AUDIT_CHECKPOINT_BETWEEN] = { "audit_checkpoint_between",
				       "SELECT " CHECKPOINT_COLUMNS
				       " FROM checkpoint c WHERE c.size > $1 AND c.size <= $2 "
				       "ORDER BY c.size LIMIT 1",
				       "ii", CHECKPOINT_OUT },
	[AUDIT_CHECKPOINT_INSERT] = { "audit_checkpoint_insert",
				      "INSERT INTO checkpoint (size, root, signed_ms, note) VALUES "
				      "($1, $2, $3, $4)",
				      "ixit", "" },
	[AUDIT_COSIGNATURE_INSERT] = { "audit_cosignature_insert",
				       "INSERT INTO cosignature (size, witness, line, added_ms) "
				       "VALUES ($1, $2, $3, $4) "
				       "ON CONFLICT (size, witness) DO NOTHING",
				       "itti", "" },
	[AUDIT_WITNESS_PUT] = { "audit_witness_put",
				"INSERT INTO witness AS w (name, public_key, since_ms, ended_ms) "
				"VALUES ($1, $2, $3, "
				"$4) ON CONFLICT (name) DO UPDATE SET ended_ms = "
				"coalesce(w.ended_ms, $4) WHERE "
				"w.public_key = $2 RETURNING since_ms, ended_ms",
				"txii", "ii" },
	[AUDIT_WITNESS_LIST] = { "audit_witness_list",
				 "SELECT name, public_key, since_ms, ended_ms FROM witness ORDER "
				 "BY name LIMIT 1000",
				 "", "txii" },
	[AUDIT_WITNESS_GET] = { "audit_witness_get",
				"SELECT public_key FROM witness WHERE name = $1 AND ended_ms IS "
				"NULL",
				"t", "x" },
	[AUDIT_HOLD_INSERT] = { "audit_hold_insert",
				"INSERT INTO legal_hold (hold_id, domain, domain_term, agent_id, "
				"agent_term, from_ms, "
				"to_ms, reason, placed_ms, placed_by) VALUES ($1, $2, $3, $4, $5, "
				"$6, $7, $8, $9, $10)",
				"ttitiiitit", "" },
	[AUDIT_HOLD_RELEASE] = { "audit_hold_release",
				 "UPDATE legal_hold SET released_ms = $2, release_reason = $3 "
				 "WHERE hold_id = $1 AND "
				 "released_ms IS NULL",
				 "tit", "" },
	[AUDIT_HOLD_GET] = { "audit_hold_get",
			     "SELECT " HOLD_COLUMNS " FROM legal_hold WHERE hold_id = $1", "t",
			     HOLD_OUT },
	[AUDIT_HOLD_LIST] = { "audit_hold_list",
			      "SELECT " HOLD_COLUMNS " FROM legal_hold WHERE hold_id < $1 AND "
			      "($2::boolean OR released_ms IS "
			      "NULL) ORDER BY hold_id DESC LIMIT $3",
			      "tbi", HOLD_OUT },
};
