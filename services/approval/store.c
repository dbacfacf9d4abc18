/* store.c: every statement of the approval service. */
#include "store.h"

#define REQUEST                                                                                    \
	"r.request_id, r.agent_number, r.tool, r.operation, r.resource, r.amount_micros, "         \
	"r.currency, r.parameters_hash, r.on_behalf_of, r.digest, r.reason, r.trigger, r.rules, "  \
	"r.confidence, r.summary, r.parameters, r.roles, r.people, r.needed, r.own_allowed, "      \
	"r.second_roles, r.second_people, r.escalate_ms, r.escalated_ms, r.owner, "                \
	"r.requested_by, r.asked_by, r.trace_id, r.created_ms, r.deadline_ms, r.validity_ms, "     \
	"r.state, r.approved_ms, r.valid_until_ms, r.ended_ms, r.ended_by, r.end_reason, "         \
	"(SELECT count(*) FROM verdict v WHERE v.request_id = r.request_id AND v.verdict = 1)"
#define REQUEST_TYPES "titntitttttnTfttnTnbnTiittttiiiniiitti"

#define PREAPPROVAL                                                                                \
	"preapproval_id, agent_number, unit, tool, operation, resource, amount_max_micros, "       \
	"amount_total_micros, currency, uses_max, valid_until_ms, reason, person_id, added_ms, "   \
	"uses, amount_used_micros, revoked_ms, revoked_by, revoke_reason"
#define PREAPPROVAL_TYPES "tittntiitiittiiiitt"

#define NOTICE "n.request_id, n.step, n.channel, n.tries"

const struct db_statement approval_statements[] = {
	[APR_ACT_FIND] = ACT_STATEMENT_FIND,
	[APR_ACT_INSERT] = ACT_STATEMENT_INSERT,
	[APR_AGENT_PUT] = { "apr_agent_put",
			    "INSERT INTO agent (number, name, owner, unit, role, tier, score, "
			    "state) "
			    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (number) DO "
			    "UPDATE "
			    "SET name = $2, owner = $3, unit = $4, role = $5, tier = $6, score = "
			    "$7, "
			    "state = $8",
			    "ittttnfn", "" },
	[APR_AGENT_STATE] = { "apr_agent_state", "UPDATE agent SET state = $2 WHERE number = $1",
			      "in", "" },
	[APR_AGENT_GET] = { "apr_agent_get",
			    "SELECT number, name, owner, unit, role, tier, score, state FROM agent "
			    "WHERE number = $1",
			    "i", "ittttnfn" },
	[APR_PERSON_PUT] = { "apr_person_put",
			     "INSERT INTO person (person_id, name, email, roles, removed_ms) "
			     "VALUES "
			     "($1, $2, $3, $4, $5) ON CONFLICT (person_id) DO UPDATE SET name = "
			     "$2, "
			     "email = $3, roles = $4, removed_ms = $5",
			     "tttni", "" },
	[APR_PERSON_GET] = { "apr_person_get",
			     "SELECT person_id, name, email, roles FROM person WHERE person_id = "
			     "$1 "
			     "AND removed_ms IS NULL",
			     "t", "tttn" },
	[APR_PERSON_ADDRESSES] = { "apr_person_addresses",
				   "SELECT email FROM person WHERE removed_ms IS NULL AND email IS "
				   "NOT "
				   "NULL AND roles & $1 <> 0 AND (cardinality($2::text[]) = 0 OR "
				   "person_id = ANY ($2)) ORDER BY person_id LIMIT $3",
				   "nTi", "t" },
	[APR_KEY_PUT] = { "apr_key_put",
			  "INSERT INTO person_key (key_id, person_id, public_key, valid_from_ms, "
			  "valid_until_ms) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (key_id) DO "
			  "UPDATE "
			  "SET valid_until_ms = $5",
			  "ttxii", "" },
	[APR_KEY_FIND] = { "apr_key_find",
			   "SELECT k.person_id, k.public_key, k.valid_from_ms, k.valid_until_ms, "
			   "p.roles FROM person_key k JOIN person p USING (person_id) WHERE "
			   "k.key_id = "
			   "$1 AND p.removed_ms IS NULL",
			   "t", "txiin" },
	[APR_AGENT_LOCK] = { "apr_agent_lock",
			     "SELECT number FROM agent WHERE number = $1 FOR NO KEY UPDATE", "i",
			     "i" },
	[APR_OPEN_COUNT] = { "apr_open_count",
			     "SELECT count(*) FROM request WHERE agent_number = $1 AND state <= 2",
			     "i", "i" },
	[APR_REQUEST_INSERT] = { "apr_request_insert",
				 "INSERT INTO request (request_id, agent_number, tool, operation, "
				 "resource, amount_micros, currency, parameters_hash, "
				 "on_behalf_of, "
				 "digest, reason, trigger, rules, confidence, summary, parameters, "
				 "roles, "
				 "people, needed, own_allowed, second_roles, second_people, "
				 "escalate_ms, "
				 "owner, requested_by, asked_by, trace_id, created_ms, "
				 "deadline_ms, "
				 "validity_ms, state, due_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, "
				 "$8, $9, "
				 "$10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, "
				 "$23, "
				 "$24, $25, $26, $27, $28, $29, $30, 1, $31)",
				 "titntitttttnTfttnTnbnTittttiiii", "" },
	[APR_REQUEST_GET] = { "apr_request_get",
			      "SELECT " REQUEST " FROM request r WHERE r.request_id = $1", "t",
			      REQUEST_TYPES },
	[APR_REQUEST_LOCK] = { "apr_request_lock",
			       "SELECT request_id FROM request WHERE request_id = $1 FOR NO KEY "
			       "UPDATE",
			       "t", "t" },
	[APR_REQUEST_UPDATE] = { "apr_request_update",
				 "UPDATE request SET state = $2, escalated_ms = $3, approved_ms = "
				 "$4, "
				 "valid_until_ms = $5, ended_ms = $6, ended_by = $7, end_reason = "
				 "$8, "
				 "due_ms = $9, parameters = CASE WHEN $6::bigint IS NULL THEN "
				 "parameters "
				 "END WHERE request_id = $1 AND state <= 2",
				 "tniiiitti", "" },
	/* $1 state, $2 agent or 0, $3 person or "", $4 their roles, $5 after, $6 limit, $7 now */
	[APR_REQUEST_LIST] = { "apr_request_list",
			       "SELECT " REQUEST
			       " FROM request r WHERE r.state = $1 AND r.request_id > "
			       "$5 AND ($2::bigint = 0 OR r.agent_number = $2) AND ($1 <> 1 OR "
			       "r.deadline_ms > $7) AND ($1 <> 2 OR r.valid_until_ms > $7) AND "
			       "($3::text "
			       "= '' OR (((r.roles & $4 <> 0 AND (cardinality(r.people) = 0 OR $3 "
			       "= ANY "
			       "(r.people))) OR (r.escalated_ms IS NOT NULL AND r.second_roles & "
			       "$4 <> 0 "
			       "AND (cardinality(r.second_people) = 0 OR $3 = ANY "
			       "(r.second_people)))) "
			       "AND NOT EXISTS (SELECT FROM verdict v WHERE v.request_id = "
			       "r.request_id "
			       "AND v.person_id = $3))) ORDER BY r.request_id LIMIT $6",
			       "nitntii", REQUEST_TYPES },
	[APR_REQUEST_DUE] = { "apr_request_due",
			      "SELECT " REQUEST
			      " FROM request r WHERE r.due_ms <= $1 ORDER BY r.due_ms "
			      "LIMIT $2 FOR UPDATE SKIP LOCKED",
			      "ii", REQUEST_TYPES },
	[APR_REQUEST_OPEN] = { "apr_request_open",
			       "SELECT " REQUEST
			       " FROM request r WHERE r.agent_number = $1 AND r.state "
			       "<= 2 ORDER BY r.request_id FOR UPDATE",
			       "i", REQUEST_TYPES },
	[APR_SIMILAR] = { "apr_similar",
			  "SELECT count(*) FILTER (WHERE state IN (2, 6, 7)), count(*) FILTER "
			  "(WHERE "
			  "state = 3), count(*) FILTER (WHERE state = 4) FROM (SELECT state FROM "
			  "request "
			  "WHERE agent_number = $1 AND tool = $2 AND operation = $3 AND request_id "
			  "<> $4 "
			  "ORDER BY created_ms DESC LIMIT 1000) s",
			  "itnt", "iii" },
	[APR_VERDICT_INSERT] = { "apr_verdict_insert",
				 "INSERT INTO verdict (request_id, person_id, verdict, comment, "
				 "roles, "
				 "escalated, key_id, payload, signature, given_ms) VALUES ($1, $2, "
				 "$3, $4, "
				 "$5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING",
				 "ttntnbtxxi", "" },
	[APR_VERDICT_LIST] = { "apr_verdict_list",
			       "SELECT person_id, verdict, comment, roles, escalated, key_id, "
			       "payload, "
			       "signature, given_ms FROM verdict WHERE request_id = $1 ORDER BY "
			       "given_ms, "
			       "person_id",
			       "t", "tntnbtxxi" },
	[APR_CONSUMPTION_INSERT] = { "apr_consumption_insert",
				     "INSERT INTO consumption (request_id, digest, caller, "
				     "used_for, "
				     "used_ms) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
				     "tttti", "" },
	[APR_PREAPPROVAL_INSERT] = { "apr_preapproval_insert",
				     "INSERT INTO preapproval (preapproval_id, agent_number, unit, "
				     "tool, "
				     "operation, resource, amount_max_micros, amount_total_micros, "
				     "currency, uses_max, valid_until_ms, reason, person_id, "
				     "key_id, "
				     "payload, signature, added_ms) VALUES ($1, $2, $3, $4, $5, "
				     "$6, $7, "
				     "$8, $9, $10, $11, $12, $13, $14, $15, $16, $17)",
				     "tittntiitiitttxxi", "" },
	[APR_PREAPPROVAL_GET] = { "apr_preapproval_get",
				  "SELECT " PREAPPROVAL
				  " FROM preapproval WHERE preapproval_id = $1",
				  "t", PREAPPROVAL_TYPES },
	[APR_PREAPPROVAL_LOCK] = { "apr_preapproval_lock",
				   "SELECT " PREAPPROVAL
				   " FROM preapproval WHERE preapproval_id = $1 "
				   "FOR UPDATE",
				   "t", PREAPPROVAL_TYPES },
	[APR_PREAPPROVAL_LIST] = { "apr_preapproval_list",
				   "SELECT " PREAPPROVAL
				   " FROM preapproval WHERE ($1::bigint = 0 OR "
				   "agent_number = $1) AND ($2 OR (revoked_ms IS NULL AND "
				   "valid_until_ms > "
				   "$5 AND uses < uses_max)) AND ($3::text = '' OR preapproval_id "
				   "< $3) "
				   "ORDER BY preapproval_id DESC LIMIT $4",
				   "ibtii", PREAPPROVAL_TYPES },
	[APR_PREAPPROVAL_REVOKE] = { "apr_preapproval_revoke",
				     "UPDATE preapproval SET revoked_ms = $2, revoked_by = $3, "
				     "revoke_reason = $4 WHERE preapproval_id = $1 AND revoked_ms "
				     "IS NULL",
				     "titt", "" },
	/* The use's row says that it is new; one that was set aside may come after later ones. */
	[APR_PREAPPROVAL_TAKE] = { "apr_preapproval_take",
				   "UPDATE preapproval SET uses = greatest(uses, $2::bigint), "
				   "amount_used_micros = amount_used_micros + $3 WHERE "
				   "preapproval_id = $1",
				   "tii", "" },
	[APR_USE_INSERT] = { "apr_use_insert",
			     "INSERT INTO preapproval_use (preapproval_id, use, agent_number, "
			     "digest, "
			     "amount_micros, caller, used_for, used_ms) VALUES ($1, $2, $3, $4, "
			     "$5, $6, "
			     "$7, $8)",
			     "tiititti", "" },
	[APR_NOTIFY_INSERT] = { "apr_notify_insert",
				"INSERT INTO notification (request_id, step, channel, state, "
				"due_ms) "
				"VALUES ($1, $2, $3, 1, $4) ON CONFLICT DO NOTHING",
				"tnni", "" },
	[APR_NOTIFY_MINE] = { "apr_notify_mine",
			      "SELECT " NOTICE
			      " FROM notification n WHERE n.state = 2 AND n.claim = $1",
			      "t", "tnnn" },
	[APR_NOTIFY_CLAIM] = { "apr_notify_claim",
			       "UPDATE notification n SET state = 2, tries = tries + 1, claim = "
			       "$1, "
			       "claimed_ms = $3 FROM (SELECT request_id, step, channel FROM "
			       "notification "
			       "WHERE state = 1 AND due_ms <= $3 ORDER BY due_ms LIMIT $2 FOR "
			       "UPDATE SKIP "
			       "LOCKED) d WHERE (n.request_id, n.step, n.channel) = (d.request_id, "
			       "d.step, "
			       "d.channel) RETURNING " NOTICE,
			       "tii", "tnnn" },
	[APR_NOTIFY_FINISH] = { "apr_notify_finish",
				"UPDATE notification SET state = $5::int, claim = NULL, due_ms = "
				"$6, ended_ms = "
				"CASE WHEN $5::int = 1 THEN NULL ELSE $7::bigint END, error = $8 "
				"WHERE request_id = $1 "
				"AND step = $2 AND channel = $3 AND claim = $4",
				"tnntniit", "" },
	[APR_NOTIFY_ORPHANS] = { "apr_notify_orphans",
				 "UPDATE notification SET state = CASE WHEN channel = 1 THEN 1 "
				 "ELSE 5 END, "
				 "claim = NULL, due_ms = $3::bigint, ended_ms = CASE WHEN channel "
				 "= 1 THEN NULL ELSE "
				 "$3::bigint END, error = 'the process that sent it ended' WHERE "
				 "state = 2 AND claim "
				 "<> $1 AND claimed_ms < $2",
				 "tii", "" },
	[APR_STATEMENT_COUNT] = { .name = NULL },
};
