/* store.c: every statement of the token service. */
#include "store.h"

/* Does a kill order that came after what we last heard of agent `a` cover it? */
#define KILLED                                                                                     \
	"EXISTS (SELECT FROM kill_order k WHERE k.sequence > a.sequence AND (k.kind = 5 OR "       \
	"(k.kind = 1 AND k.number = a.number) OR (k.kind = 2 AND k.text = a.role) OR (k.kind = 3 " \
	"AND k.number = a.tier) OR (k.kind = 4 AND (a.unit = k.text OR (a.unit > k.text || '.' "   \
	"AND a.unit < k.text || '/')))))"

/* Why token `t` of agent `a` is dead; numbers are enum token_death. */
#define DEATH                                                                                      \
	"CASE WHEN t.revoked_ms IS NOT NULL THEN 1 "                                               \
	"WHEN EXISTS (SELECT FROM signing_key s WHERE s.key_id = t.key_id AND s.state = 4) THEN "  \
	"2 "                                                                                       \
	"WHEN t.issued_ms <= (SELECT until_ms FROM revoked_all) THEN 3 "                           \
	"WHEN t.issued_ms <= a.revoked_until_ms OR " KILLED " THEN 4 "                             \
	"WHEN EXISTS (SELECT FROM revoked_scope r WHERE r.scope = ANY (t.scopes) "                 \
	"AND r.until_ms >= t.issued_ms) THEN 5 ELSE 0 END"

/* Tokens of agent `a` that have not ended by themselves. Whether a rule ended them costs more to
 * ask, so it is asked only when these are as many as the agent may hold. */
#define HELD(now)                                                                                  \
	"t.agent_number = a.number AND t.expires_ms > " now " AND t.renewed_by IS NULL AND "       \
	"t.revoked_ms IS NULL"

#define TOKEN                                                                                      \
	"t.token_id, t.agent_number, t.scopes, t.risk, t.issued_ms, t.expires_ms, t.key_id, "      \
	"t.digest, t.holder_key, t.endpoints, t.amount_micros, t.currency, t.auto_renew, "         \
	"t.renewed_from, t.renewed_by, t.issued_by, t.revoked_ms, t.phase, a.state, " KILLED       \
	", " DEATH
#define TOKEN_OUT "tiTniitxxTitbtttinnbn"
#define TOKEN_FROM " FROM token t JOIN agent a ON a.number = t.agent_number "

/* $1: now, $2: scope, $3: state, $4: after, $5: limit */
#define LISTED                                                                                     \
	"($2::text = '' OR $2 = ANY (t.scopes)) AND ($3::int = 0 OR $3 = CASE WHEN " DEATH         \
	" <> 0 THEN 2 WHEN $1::bigint >= t.expires_ms THEN 3 ELSE 1 END) AND t.token_id > $4 "     \
	"ORDER BY t.token_id LIMIT $5"

#define KEY "key_id, public_key, sealed, state, created_ms, active_ms, retired_ms, revoked_ms"
#define KEY_OUT "txxniiii"
#define KEY_LOCK_NUMBER "8390322045806927105"

#define REVOCATION                                                                                 \
	"number, revocation_id, kind, token_ids, agent_numbers, scope, key_id, before_ms, "        \
	"until_ms, reason, revoked_by, revoked_ms"

const struct db_statement token_statements[] = {
	[TOK_ISSUE_AGENTS] = { "token_issue_agents",
			       "SELECT a.number, a.state, " KILLED ", a.tier, a.scopes, o.scopes, "
			       "(SELECT count(*) FROM token t WHERE " HELD(
				       "$2") "), "
					     "a.revoked_until_ms FROM agent a LEFT JOIN role o ON "
					     "o.name = "
					     "a.role WHERE a.number = ANY ($1) ORDER BY a.number",
			       "Ii", "inbnTTii" },
	[TOK_ISSUE_RULES] = { "token_issue_rules",
			      "SELECT (SELECT key_id FROM signing_key WHERE state = 2), (SELECT "
			      "until_ms FROM revoked_all), ARRAY (SELECT scope FROM revoked_scope "
			      "WHERE scope = ANY ($1) ORDER BY scope), ARRAY (SELECT until_ms FROM "
			      "revoked_scope WHERE scope = ANY ($1) ORDER BY scope)",
			      "T", "tiTI" },
	[TOK_LIVE_COUNT] = { "token_live_count",
			     "SELECT count(*) FROM token t JOIN agent a ON a.number = "
			     "t.agent_number WHERE a.number = $1 AND " HELD("$2") " AND " DEATH
										  " = 0",
			     "ii", "i" },
	/* Labels have no blanks: a list of them is one text. */
	[TOK_INSERT] = { "token_insert",
			 "INSERT INTO token (token_id, agent_number, scopes, risk, issued_ms, "
			 "expires_ms, key_id, digest, holder_key, endpoints, amount_micros, "
			 "currency, auto_renew, renewed_from, issued_by, due_ms) SELECT token, "
			 "agent, string_to_array(scopes, ' '), risk, issued, expires, key, digest, "
			 "nullif(holder, ''), CASE WHEN confined THEN string_to_array(endpoints, ' "
			 "') "
			 "END, nullif(micros, -1), nullif(currency, ''), renews, nullif(origin, "
			 "''), "
			 "by, due FROM unnest($1::text[], $2::bigint[], $3::text[], $4::int[], "
			 "$5::bigint[], $6::bigint[], $7::text[], $8::bytea[], $9::bytea[], "
			 "$10::boolean[], $11::text[], $12::bigint[], $13::text[], "
			 "$14::boolean[], $15::text[], $16::text[], $17::bigint[]) AS t (token, "
			 "agent, scopes, risk, issued, expires, key, digest, holder, confined, "
			 "endpoints, micros, currency, renews, origin, by, due)",
			 "TITNIITXXBTITBTTI", "" },
	[TOK_GET] = { "token_get", "SELECT " TOKEN TOKEN_FROM "WHERE t.token_id = $1", "t",
		      TOKEN_OUT },
	[TOK_LOCK] = { "token_lock",
		       "SELECT " TOKEN TOKEN_FROM "WHERE t.token_id = $1 FOR NO KEY UPDATE OF t",
		       "t", TOKEN_OUT },
	[TOK_LIST] = { "token_list", "SELECT " TOKEN TOKEN_FROM "WHERE " LISTED, "itnti",
		       TOKEN_OUT },
	[TOK_LIST_AGENT] = { "token_list_agent",
			     "SELECT " TOKEN TOKEN_FROM "WHERE t.agent_number = $6 AND " LISTED,
			     "itntii", TOKEN_OUT },
	[TOK_DUE] = { "token_due",
		      "SELECT " TOKEN TOKEN_FROM "WHERE t.due_ms <= $1 ORDER BY t.due_ms LIMIT $2 "
		      "FOR NO KEY UPDATE OF t SKIP LOCKED",
		      "ii", TOKEN_OUT },
	[TOK_PHASE] = { "token_phase",
			"UPDATE token SET phase = $2, due_ms = $3 WHERE token_id = $1", "tni", "" },
	[TOK_FORGET] = { "token_forget", "DELETE FROM token WHERE token_id = $1", "t", "" },
	[TOK_RENEWED] = { "token_renewed",
			  "UPDATE token SET renewed_by = $2 WHERE token_id = $1 AND renewed_by IS "
			  "NULL",
			  "tt", "" },
	[TOK_RESIGNED] = { "token_resigned",
			   "UPDATE token SET key_id = $2, digest = $3 WHERE token_id = $1", "ttx",
			   "" },
	[TOK_REVOKE] = { "token_revoke",
			 "UPDATE token SET revoked_ms = $2 WHERE token_id = ANY ($1) AND "
			 "revoked_ms IS NULL",
			 "Ti", "" },
	[TOK_SHRINK_AGENT] = { "token_shrink_agent",
			       "SELECT t.token_id, t.expires_ms" TOKEN_FROM
			       "WHERE t.agent_number = $1 AND NOT (t.scopes <@ $2 AND t.risk <= "
			       "$3) AND t.expires_ms > $4 AND " DEATH " = 0 ORDER BY t.token_id",
			       "iTni", "ti" },
	[TOK_SHRINK_ROLE] = { "token_shrink_role",
			      "SELECT t.token_id, t.expires_ms" TOKEN_FROM
			      "WHERE a.role = $1 AND NOT t.scopes <@ $2 AND t.expires_ms > $3 "
			      "AND " DEATH " = 0 ORDER BY t.token_id",
			      "tTi", "ti" },
	[TOK_NEWEST] = { "token_newest", "SELECT max(token_id) FROM token", "", "t" },
	[TOK_AGENT_PUT] = { "agent_put",
			    "INSERT INTO agent (number, role, tier, unit, state, scopes, sequence) "
			    "VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (number) DO UPDATE "
			    "SET role = $2, tier = $3, unit = $4, state = $5, scopes = $6, "
			    "sequence = $7",
			    "itntnTi", "" },
	[TOK_AGENT_STATE] = { "agent_state",
			      "UPDATE agent SET state = $2, revoked_until_ms = CASE WHEN $2 = 4 "
			      "THEN "
			      "$3 ELSE revoked_until_ms END WHERE number = $1",
			      "ini", "" },
	[TOK_AGENTS_REVOKE] = { "agents_revoke",
				"UPDATE agent SET revoked_until_ms = greatest(revoked_until_ms, "
				"$2) WHERE number = ANY ($1)",
				"Ii", "" },
	[TOK_ROLE_PUT] = { "role_put",
			   "INSERT INTO role (name, scopes) VALUES ($1, $2) ON CONFLICT (name) DO "
			   "UPDATE SET scopes = $2",
			   "tT", "" },
	[TOK_KILL_INSERT] = { "kill_insert",
			      "INSERT INTO kill_order (kill_id, kind, number, text, sequence) "
			      "VALUES ($1, $2, $3, $4, $5)",
			      "tniti", "" },
	[TOK_KILL_AGENTS] = { "kill_agents",
			      "SELECT a.number FROM agent a WHERE a.state <> 4 AND a.sequence < $4 "
			      "AND (($1::int = 5) OR ($1 = 1 AND a.number = $2) OR ($1 = 2 AND "
			      "a.role = $3) OR ($1 = 3 AND a.tier = $2) OR ($1 = 4 AND (a.unit = "
			      "$3 OR (a.unit > $3 || '.' AND a.unit < $3 || '/')))) ORDER BY 1",
			      "niti", "i" },
	[TOK_KEY_LIST] = { "key_list",
			   "SELECT " KEY " FROM signing_key WHERE state <> 3 OR retired_ms > $1 "
			   "ORDER BY created_ms DESC, key_id LIMIT 64",
			   "i", KEY_OUT },
	[TOK_KEY_GET] = { "key_get", "SELECT " KEY " FROM signing_key WHERE key_id = $1", "t",
			  KEY_OUT },
	[TOK_KEY_LOCK] = { "key_lock",
			   "SELECT true FROM pg_advisory_xact_lock(" KEY_LOCK_NUMBER ")", "", "b" },
	[TOK_KEY_INSERT] = { "key_insert",
			     "INSERT INTO signing_key (key_id, public_key, sealed, state, "
			     "created_ms, active_ms) VALUES ($1, $2, $3, $4, $5, $6)",
			     "txxnii", "" },
	[TOK_KEY_MOVE] = { "key_move",
			   "UPDATE signing_key SET state = $3, "
			   "sealed = CASE WHEN $3 <= 2 THEN sealed END, "
			   "active_ms = CASE WHEN $3 = 2 THEN $4 ELSE active_ms END, "
			   "retired_ms = CASE WHEN $3 = 3 THEN $4 ELSE retired_ms END, "
			   "revoked_ms = CASE WHEN $3 = 4 THEN $4 ELSE revoked_ms END "
			   "WHERE key_id = $1 AND state = $2",
			   "tnni", "" },
	[TOK_REVOCATION_INSERT] = { "revocation_insert",
				    "INSERT INTO revocation (revocation_id, kind, token_ids, "
				    "agent_numbers, scope, key_id, before_ms, until_ms, reason, "
				    "revoked_by, revoked_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, "
				    "$8, $9, $10, $11) RETURNING number",
				    "tnTIttiitti", "i" },
	[TOK_REVOCATION_LIST] = { "revocation_list",
				  "SELECT " REVOCATION " FROM revocation WHERE number > $1 AND "
				  "until_ms >= $2 ORDER BY number LIMIT $3",
				  "iii", "itnTIttiitti" },
	[TOK_REVOCATION_FORGET] = { "revocation_forget",
				    "DELETE FROM revocation WHERE until_ms < $1", "i", "" },
	[TOK_SCOPE_REVOKE] = { "scope_revoke",
			       "INSERT INTO revoked_scope (scope, until_ms) VALUES ($1, $2) ON "
			       "CONFLICT (scope) DO UPDATE SET until_ms = "
			       "greatest(revoked_scope.until_ms, $2)",
			       "ti", "" },
	[TOK_ALL_REVOKE] = { "all_revoke",
			     "UPDATE revoked_all SET until_ms = greatest(until_ms, $1)", "i", "" },
	[TOK_PROOF_TAKE] = { "proof_take",
			     "INSERT INTO used_proof (nonce, until_ms) VALUES ($1, $2) ON CONFLICT "
			     "(nonce) DO NOTHING RETURNING true",
			     "xi", "b" },
	[TOK_PROOF_FORGET] = { "proof_forget", "DELETE FROM used_proof WHERE until_ms < $1", "i",
			       "" },
	[TOK_STATEMENT_COUNT] = { .name = NULL },
};
