/* store.c: every statement of the service. */
#include "service.h"

#define AGENT                                                                                      \
	"number, name, role, unit, owner, tier, state, throttled, constitution_hash, "             \
	"can_send_to, never_sends, spend_max, currency, floor, score, since_ms"
#define DOCUMENT                                                                                   \
	"document_id, revision, type, node, state, title, hash, created_ms, created_by, note"
#define DOCUMENT_OUT "tintnttitt"
/* Stamps in the order of commits: the row is locked until the transaction ends. */
#define STAMP "WITH s AS (UPDATE policy_state SET stamp = stamp + 1 RETURNING stamp) "
/* A unit and everything below. */
#define UNDER(column, value)                                                                       \
	"(" column " = " value " OR (" column " > " value " || '.' AND " column " < " value        \
	" || '/'))"

const struct db_statement policy_statements[POL_STATEMENT_COUNT + 1] = {
	[POL_STATE] = { "state",
			"SELECT version, stamp, constitution_hash, phase, token_heard_ms "
			"FROM policy_state",
			"", "iitii" },
	[POL_AGENTS_SINCE] = { "agents_since", "SELECT " AGENT " FROM agent WHERE stamp > $1", "i",
			       "itttt"
			       "nnbt"
			       "TTitiii" },
	[POL_DOCUMENTS_SINCE] = { "documents_since",
				  "SELECT document_id, revision, state, body FROM document "
				  "WHERE stamp > $1 ORDER BY state DESC",
				  "i", "tinx" },
	[POL_TOKENS_SINCE] = { "tokens_since",
			       "SELECT kind, data FROM token_news WHERE stamp > $1 "
			       "ORDER BY ordinal",
			       "i", "nx" },
	[POL_METER_LOCK] = { "meter_lock",
			     "UPDATE meter_clock SET stamp = stamp + 1 RETURNING stamp", "", "i" },
	[POL_METERS_SINCE] = { "meters_since",
			       "SELECT number, kind, window_ms, used FROM meter WHERE stamp > $1",
			       "i", "itii" },
	[POL_METERS_PUT] = { "meters_put",
			     "INSERT INTO meter (number, kind, window_ms, used, stamp) "
			     "SELECT n, k, w, u, $5 FROM unnest($1::bigint[], $2::text[], "
			     "$3::bigint[], $4::bigint[]) AS x (n, k, w, u) "
			     "ON CONFLICT (number, kind) DO UPDATE SET window_ms = "
			     "excluded.window_ms, used = excluded.used, stamp = excluded.stamp",
			     "ITIIi", "" },
	[POL_DECISIONS_INSERT] = { "decisions_insert",
				   "INSERT INTO decision (evidence_id, number, at_ms, tool, "
				   "verdict, shadow, version, request, reasons, reserved, outcome, "
				   "due_ms) SELECT e::uuid, n, $1, t, v, s, $2, r, w, m, o, d "
				   "FROM unnest($3::text[], $4::bigint[], $5::text[], $6::int[], "
				   "$7::int[], $8::bytea[], $9::text[], $10::bigint[], "
				   "$11::int[], $12::bigint[]) AS x (e, n, t, v, s, r, w, m, o, d)",
				   "iiTITNNXTINI", "" },
	[POL_DECISION_GET] = { "decision_get",
			       "SELECT number, at_ms, tool, verdict, shadow, version, reasons, "
			       "outcome, overdue, result_hash FROM decision "
			       "WHERE evidence_id = $1::uuid",
			       "g", "iitnnitnbt" },
	[POL_DECISION_LOCK] = { "decision_lock",
				"SELECT number, at_ms, verdict, reserved, outcome, captured, "
				"result_hash FROM decision WHERE evidence_id = $1::uuid FOR UPDATE",
				"g", "iininit" },
	[POL_DECISION_OUTCOME] = { "decision_outcome",
				   "UPDATE decision SET outcome = $2, result_hash = $3, "
				   "captured = $4 WHERE evidence_id = $1::uuid",
				   "gnti", "" },
	[POL_DECISIONS_RECENT] = { "decisions_recent",
				   "SELECT evidence_id, number, tool, verdict, request "
				   "FROM decision ORDER BY evidence_id DESC LIMIT $1",
				   "i", "gitnx" },
	[POL_DECISIONS_DUE] = { "decisions_due",
				"SELECT evidence_id, number, at_ms, reserved FROM decision "
				"WHERE outcome = 0 AND NOT overdue AND due_ms <= $1 "
				"ORDER BY due_ms LIMIT $2",
				"ii", "giii" },
	[POL_DECISIONS_OVERDUE] = { "decisions_overdue",
				    "UPDATE decision SET overdue = true, reserved = 0 "
				    "WHERE evidence_id = ANY ($1::text[]::uuid[])",
				    "T", "" },
	[POL_DECISIONS_EXPIRE] = { "decisions_expire",
				   "DELETE FROM decision WHERE evidence_id IN (SELECT evidence_id "
				   "FROM decision WHERE evidence_id < $1::uuid "
				   "ORDER BY evidence_id LIMIT 5000)",
				   "g", "" },
	[POL_METER_RELEASE] = { "meter_release",
				"UPDATE meter SET used = greatest(used - $4, 0), stamp = $5 "
				"WHERE number = $1 AND kind = $2 AND window_ms = $3",
				"itiii", "" },
	[POL_PERSON_ROLES] = { "person_roles",
			       "SELECT roles FROM person WHERE person_id = $1 AND NOT removed", "t",
			       "N" },

	[POL_DOCUMENT_INSERT] = { "document_insert",
				  STAMP "INSERT INTO document (" DOCUMENT ", body, stamp) SELECT "
					"$1, COALESCE(max(d.revision), 0) + 1, $2, $3, 1, $4, $5, "
					"$6, $7, $8, $9, max(s.stamp) FROM s LEFT JOIN document d "
					"ON d.document_id = $1 RETURNING revision",
				  "tnttt"
				  "ittx",
				  "i" },
	[POL_DOCUMENT_GET] = { "document_get",
			       "SELECT " DOCUMENT ", body FROM document WHERE document_id = $1 "
			       "AND ($2::bigint = 0 OR revision = $2) "
			       "ORDER BY revision DESC LIMIT 1",
			       "ti", DOCUMENT_OUT "x" },
	[POL_DOCUMENT_LIST] = { "document_list",
				"SELECT " DOCUMENT " FROM document WHERE document_id > $1 AND "
				"($2::int = 0 OR state = $2) AND ($3::text = '' OR node = $3) "
				"AND (state = 3 OR revision = (SELECT max(revision) FROM document "
				"d WHERE d.document_id = document.document_id)) "
				"ORDER BY document_id, revision LIMIT $4",
				"tnti", DOCUMENT_OUT },
	[POL_DOCUMENT_STATE] = { "document_state",
				 STAMP "UPDATE document SET state = $3, stamp = s.stamp FROM s "
				       "WHERE document_id = $1 AND revision = $2",
				 "tin", "" },
	[POL_DOCUMENT_RETIRE_OTHERS] = { "document_retire_others",
					 STAMP "UPDATE document SET state = 4, stamp = s.stamp "
					       "FROM s WHERE document_id = $1 AND revision <> $2 "
					       "AND state IN (2, 3)",
					 "ti", "" },
	[POL_VERSION_NEXT] = { "version_next",
			       "UPDATE policy_state SET version = version + 1, stamp = stamp + 1 "
			       "WHERE $1::bigint < 0 OR version = $1 RETURNING version",
			       "i", "i" },
	[POL_VERSION_INSERT] = { "version_insert",
				 "INSERT INTO version (version, at_ms, by_person, reason, "
				 "document_ids, revisions, rolled_back_to) SELECT $1, $2, $3, $4, "
				 "COALESCE(array_agg(document_id ORDER BY document_id), '{}'), "
				 "COALESCE(array_agg(revision ORDER BY document_id), '{}'), $5 "
				 "FROM document WHERE state = 3 "
				 "RETURNING COALESCE(cardinality(document_ids), 0)::bigint",
				 "iitti", "i" },
	[POL_VERSION_GET] = { "version_get",
			      "SELECT document_ids, revisions FROM version WHERE version = $1", "i",
			      "TI" },
	[POL_VERSION_LIST] = { "version_list",
			       "SELECT version, at_ms, by_person, reason, "
			       "cardinality(document_ids)::bigint, rolled_back_to FROM version "
			       "ORDER BY version DESC LIMIT $1",
			       "i", "iittii" },

	[POL_AGENT_PUT] = { "agent_put",
			    STAMP "INSERT INTO agent (" AGENT ", stamp) SELECT $1, $2, $3, $4, $5, "
				  "$6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, s.stamp "
				  "FROM s ON CONFLICT (number) DO UPDATE SET name = excluded.name, "
				  "role = excluded.role, unit = excluded.unit, owner = "
				  "excluded.owner, tier = excluded.tier, state = CASE WHEN "
				  "agent.state = 4 THEN 4 ELSE excluded.state END, throttled = "
				  "excluded.throttled, constitution_hash = "
				  "excluded.constitution_hash, can_send_to = excluded.can_send_to, "
				  "never_sends = excluded.never_sends, spend_max = "
				  "excluded.spend_max, currency = excluded.currency, floor = "
				  "excluded.floor, score = excluded.score, stamp = excluded.stamp",
			    "itttt"
			    "nnbt"
			    "TTitiii",
			    "" },
	[POL_AGENT_STATE] = { "agent_state",
			      STAMP "UPDATE agent SET state = CASE WHEN state = 4 THEN 4 ELSE $2 "
				    "END, throttled = $3, stamp = s.stamp FROM s WHERE number = $1",
			      "inb", "" },
	[POL_AGENTS_KILL] = { "agents_kill",
			      STAMP "UPDATE agent SET state = 4, stamp = s.stamp FROM s WHERE "
				    "state <> 4 AND (($1::int = 1 AND number = $2) OR "
				    "($1 = 2 AND role = $3) OR ($1 = 3 AND tier = $2) OR "
				    "($1 = 4 AND " UNDER("unit", "$3") ") OR $1 = 5)",
			      "nit", "" },
	[POL_CONSTITUTION] = { "constitution",
			       "UPDATE policy_state SET constitution_hash = $1, stamp = stamp + 1",
			       "t", "" },
	[POL_PERSON_PUT] = { "person_put",
			     "INSERT INTO person (person_id, roles, removed) VALUES ($1, $2, $3) "
			     "ON CONFLICT (person_id) DO UPDATE SET roles = excluded.roles, "
			     "removed = excluded.removed",
			     "tNb", "" },
	[POL_TOKEN_NEWS] = { "token_news",
			     STAMP "INSERT INTO token_news (stamp, kind, data, until_ms) "
				   "SELECT s.stamp, $1, $2, $3 FROM s",
			     "nxi", "" },
	[POL_TOKEN_HEARD] = { "token_heard",
			      "UPDATE policy_state SET token_heard_ms = greatest(token_heard_ms, "
			      "$1)",
			      "i", "" },
	[POL_TOKEN_FORGET] = { "token_forget", "DELETE FROM token_news WHERE until_ms < $1", "i",
			       "" },
	[POL_APPROVAL_PUT] = { "approval_put",
			       "INSERT INTO approval (request_id, number, digest, approver, "
			       "approved_ms, valid_until_ms) VALUES ($1, $2, $3, $4, $5, $6) "
			       "ON CONFLICT (request_id) DO NOTHING",
			       "tittii", "" },
	[POL_APPROVAL_WITHDRAW] = { "approval_withdraw",
				    "UPDATE approval SET withdrawn = true WHERE request_id = $1",
				    "t", "" },
	[POL_APPROVAL_GET] = { "approval_get",
			       "SELECT digest, approver, valid_until_ms, withdrawn, used_by, "
			       "approved_ms FROM approval WHERE request_id = $1",
			       "t", "ttibgi" },
	[POL_APPROVAL_USE] = { "approval_use",
			       "UPDATE approval SET used_by = $2::uuid WHERE request_id = $1 AND "
			       "used_by IS NULL",
			       "tg", "" },
	[POL_APPROVALS_FORGET] = { "approvals_forget",
				   "DELETE FROM approval WHERE valid_until_ms < $1", "i", "" },
	[POL_STATEMENT_COUNT] = { .name = NULL },
};
