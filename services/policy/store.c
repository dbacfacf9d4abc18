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
/* One decision `d` at place `d.i` of its run, and its outcome `o`. Ids grow within a run, and few
 * runs are made within a millisecond. */
#define RUNS_NEAR "256"
#define DECISION_AT(id)                                                                            \
	"FROM (SELECT c.*, (position(uuid_send(" id ") IN c.ids) + 15) / 16 AS i FROM (SELECT * "  \
	"FROM decision_run WHERE first_id <= " id " ORDER BY first_id DESC LIMIT " RUNS_NEAR       \
	") c "                                                                                     \
	"WHERE c.last_id >= " id ") d LEFT JOIN outcome o ON o.evidence_id = " id                  \
	" WHERE d.i > 0 "                                                                          \
	"AND substring(d.ids FROM d.i * 16 - 15 FOR 16) = uuid_send(" id ")"
#define OUTCOME "COALESCE(o.outcome, d.outcomes[d.i])"
#define OVERDUE "COALESCE(o.overdue, d.swept AND d.outcomes[d.i] = 0)"

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
	[POL_RUN_INSERT] = { "run_insert",
			     "INSERT INTO decision_run (first_id, last_id, at_ms, due_ms, version, "
			     "swept, ids, numbers, tools, verdicts, shadows, requests, reasons, "
			     "reserved, outcomes) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, "
			     "$10, $11, $12, $13, $14, $15)",
			     "ggiiibxITNNXTIN", "" },
	[POL_DECISION_GET] = { "decision_get",
			       "SELECT d.numbers[d.i], d.at_ms, d.tools[d.i], d.verdicts[d.i], "
			       "d.shadows[d.i], d.version, d.reasons[d.i], " OUTCOME ", " OVERDUE
			       ", o.result_hash " DECISION_AT("$1"),
			       "g", "iitnnitnbt" },
	[POL_DECISION_STATE] = { "decision_state",
				 "SELECT d.numbers[d.i], d.at_ms, d.verdicts[d.i], CASE WHEN "
				 "d.swept AND d.outcomes[d.i] = 0 THEN 0 ELSE d.reserved[d.i] "
				 "END, " OUTCOME
				 ", COALESCE(o.captured, 0), o.result_hash, " OVERDUE
				 " " DECISION_AT("$1"),
				 "g", "iininitb" },
	[POL_OUTCOME_INSERT] = { "outcome_insert",
				 "INSERT INTO outcome (evidence_id, outcome, result_hash, "
				 "captured, overdue, at_ms) VALUES ($1, $2, $3, $4, $5, $6)",
				 "gntibi", "" },
	[POL_DECISIONS_RECENT] = { "decisions_recent",
				   "SELECT encode(substring(r.ids FROM (u.place * 16 - 15)::int "
				   "FOR 16), 'hex')::uuid, u.number, u.tool, u.verdict, u.request "
				   "FROM (SELECT * FROM decision_run ORDER BY first_id DESC LIMIT "
				   "$1) r CROSS JOIN LATERAL unnest(r.numbers, r.tools, "
				   "r.verdicts, r.requests) WITH ORDINALITY AS u (number, tool, "
				   "verdict, request, place) ORDER BY r.first_id DESC, u.place "
				   "DESC LIMIT $1",
				   "i", "gitnx" },
	[POL_RUNS_DUE] = { "runs_due",
			   "SELECT run FROM decision_run WHERE NOT swept AND due_ms <= $1 "
			   "ORDER BY due_ms LIMIT $2",
			   "ii", "i" },
	[POL_DECISIONS_DUE] = { "decisions_due",
				"SELECT evidence_id, number, at_ms, reserved FROM decision "
				"WHERE run = ANY ($1) AND outcome = 0",
				"I", "giii" },
	[POL_RUNS_SWEPT] = { "runs_swept",
			     "UPDATE decision_run SET swept = true WHERE run = ANY ($1)", "I", "" },
	[POL_RUNS_EXPIRE] = { "runs_expire",
			      "DELETE FROM decision_run WHERE run IN (SELECT run FROM decision_run "
			      "WHERE first_id < $1 AND last_id < $1 ORDER BY first_id LIMIT 500)",
			      "g", "" },
	[POL_OUTCOMES_EXPIRE] = { "outcomes_expire",
				  "DELETE FROM outcome WHERE evidence_id IN (SELECT evidence_id "
				  "FROM outcome WHERE evidence_id < $1 ORDER BY evidence_id "
				  "LIMIT 20000)",
				  "g", "" },
	[POL_METER_RELEASE] = { "meter_release",
				"UPDATE meter SET used = greatest(used - $4, 0), stamp = $5 "
				"WHERE number = $1 AND kind = $2 AND window_ms = $3",
				"itiii", "" },
	[POL_PERSON_ROLES] = { "person_roles",
			       "SELECT roles FROM person WHERE person_id = $1 AND NOT removed", "t",
			       "N" },
	[POL_PEOPLE_OF_ROLES] = { "people_of_roles",
				  "SELECT coalesce(max((SELECT count(*) FROM person p WHERE NOT "
				  "p.removed AND p.roles && $1 AND p.person_id <> a.person_id)), "
				  "0) "
				  "FROM person a WHERE NOT a.removed AND $2 = ANY (a.roles)",
				  "Nn", "i" },

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
	[POL_DOCUMENT_IN_FORCE] = { "document_in_force",
				    "SELECT " DOCUMENT
				    ", body FROM document WHERE document_id = $1 "
				    "ORDER BY state = 3 DESC, state = 2 DESC, revision DESC LIMIT "
				    "1",
				    "t", DOCUMENT_OUT "x" },
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
			     "INSERT INTO person (person_id, roles, removed, name, email) VALUES "
			     "($1, $2, $3, $4, $5) ON CONFLICT (person_id) DO UPDATE SET roles = "
			     "excluded.roles, removed = excluded.removed, name = excluded.name, "
			     "email = excluded.email",
			     "tNbtt", "" },
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
			       "approved_ms, valid_until_ms, approvers, approver_roles) VALUES "
			       "($1, $2, "
			       "$3, $4, $5, $6, $7, $8) ON CONFLICT (request_id) DO NOTHING",
			       "tittiiTN", "" },
	[POL_APPROVAL_WITHDRAW] = { "approval_withdraw",
				    "UPDATE approval SET withdrawn = true WHERE request_id = $1",
				    "t", "" },
	[POL_APPROVAL_GET] = { "approval_get",
			       "SELECT digest, approver, valid_until_ms, withdrawn, used_by, "
			       "approved_ms, approvers, approver_roles FROM approval WHERE "
			       "request_id = $1",
			       "t", "ttibgiTN" },
	[POL_APPROVAL_USE] = { "approval_use",
			       "UPDATE approval SET used_by = $2::uuid WHERE request_id = $1 AND "
			       "used_by IS NULL",
			       "tg", "" },
	[POL_APPROVALS_FORGET] = { "approvals_forget",
				   "DELETE FROM approval WHERE valid_until_ms < $1", "i", "" },
	[POL_PREAPPROVAL_PUT] = { "preapproval_put",
				  "INSERT INTO preapproval (preapproval_id, number, unit, tool, "
				  "operation, resource, currency, amount_max, amount_total, "
				  "uses_max, valid_until_ms, approver, approved_ms) VALUES ($1, "
				  "$2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) ON "
				  "CONFLICT (preapproval_id) DO NOTHING",
				  "tittnttiiiiti", "" },
	[POL_PREAPPROVAL_REVOKE] = { "preapproval_revoke",
				     "UPDATE preapproval SET revoked = true WHERE "
				     "preapproval_id = $1",
				     "t", "" },
	/* Signed by somebody who is still there. */
	[POL_PREAPPROVALS_FIND] = { "preapprovals_find",
				    "SELECT p.preapproval_id, p.number, p.unit, p.operation, "
				    "p.resource, p.currency, p.amount_max, p.amount_total - "
				    "p.amount_used, p.uses, p.approver, p.approved_ms, s.roles, "
				    "s.name, s.email FROM preapproval p JOIN person s ON "
				    "s.person_id = p.approver WHERE NOT s.removed AND s.name IS "
				    "NOT NULL AND p.tool = $1 AND p.valid_until_ms > $2 AND NOT "
				    "p.revoked AND p.uses < p.uses_max AND (p.number = $3 OR "
				    "p.number IS NULL) ORDER BY p.valid_until_ms, "
				    "p.preapproval_id LIMIT $4",
				    "tiii", "titnttiiitiNtt" },
	[POL_PREAPPROVAL_USE] = { "preapproval_use",
				  "UPDATE preapproval SET uses = $2::bigint, amount_used = "
				  "amount_used + $3::bigint WHERE preapproval_id = $1 AND uses = "
				  "$2::bigint - 1 AND uses < uses_max AND amount_used + "
				  "$3::bigint <= amount_total AND NOT revoked",
				  "tii", "" },
	[POL_PREAPPROVALS_FORGET] = { "preapprovals_forget",
				      "DELETE FROM preapproval WHERE valid_until_ms < $1", "i",
				      "" },
	[POL_STATEMENT_COUNT] = { .name = NULL },
};
