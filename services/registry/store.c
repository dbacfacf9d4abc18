/* store.c: every statement of the registry. */
#include "store.h"

/* A profile as it is kept, in agent and in agent_version alike. */
#define PROFILE                                                                                    \
	"name, role, tier, version, created_ms, owner, unit, capabilities, capability_scopes, "    \
	"can_send_to, never_sends, max_spend_micros, currency, output_confidence_floor, "          \
	"constitution_hash, invariants_enforced, audit_chain, behaviour_score, earning_model, "    \
	"revenue_share_pct, settlement_account, lifetime_revenue_micros, cost_to_date_micros"
#define PROFILE_OUT "ttntittTTTTitftTtfnitii"
#define CONDITION "state, throttled, paused_automatically, changed_ms, reason, approved_by"
#define CONDITION_OUT "nbbitt"

#define VERSION_COLUMNS "number, valid_from_ms, changed_by, " PROFILE

/* A unit and everything below: "a" is before "a.", and "/" is what follows "." in bytes. */
#define UNDER(column, value)                                                                       \
	"(" column " = " value " OR (" column " > " value " || '.' AND " column " < " value        \
	" || '/'))"

/* $1 to $9, see agent_filter. Planned anew for its values each time (REG_CUSTOM_PLANS), so that
 * what is not asked for costs nothing. Another hash is less or greater, which an index can find. */
#define FILTER                                                                                     \
	"($1::text = '' OR role = $1) AND ($2::int < 0 OR tier = $2) AND ($3::text = '' "          \
	"OR " UNDER(                                                                               \
		"unit",                                                                            \
		"$3") ") AND ($4::int = 0 OR state = $4) AND ($5::text = '' OR owner = $5) AND "   \
		      "behaviour_score >= $6 AND behaviour_score <= $7 AND ($8::text = '' OR "     \
		      "capability_scopes @> ARRAY[$8] OR capabilities @> ARRAY[$8]) AND "          \
		      "($9::text = '' OR "                                                         \
		      "(state <> 4 AND (constitution_hash < $9 OR constitution_hash > $9)))"
#define FILTER_IN "tntntfftt"

#define SUMMARY                                                                                    \
	"number, name, role, tier, unit, owner, state, throttled, version, behaviour_score, "      \
	"created_ms, capabilities, capability_scopes, can_send_to, constitution_hash, approved_by"
#define SUMMARY_OUT "ittnttnbtfiTTTtt"

/* $10: first page; $11: number behind which the page begins; $12: limit; $13: its sort key. */
#define LIST_BY(column, than, direction)                                                           \
	"SELECT " SUMMARY " FROM agent WHERE " FILTER " AND ($10::boolean OR (" column             \
	", number) " than " ($13, $11::bigint)) ORDER BY " column " " direction                    \
	", number " direction " LIMIT $12"
#define LIST_BY_ID(than, direction)                                                                \
	"SELECT " SUMMARY " FROM agent WHERE " FILTER " AND ($10::boolean OR number " than         \
	" $11) ORDER BY number " direction " LIMIT $12"

/* $1: kind, $2: number, $3: role or unit, $4: tier */
#define IN_SCOPE(number)                                                                           \
	"(($1::int = 1 AND " number " = $2) OR ($1 = 2 AND role = $3) OR ($1 = 3 AND tier = $4) "  \
	"OR ($1 = 4 AND " UNDER("unit", "$3") ") OR $1 = 5)"

#define ROLE                                                                                       \
	"name, title, tier, capability_scopes, can_send_to, output_confidence_floor, "             \
	"earning_model, revenue_share_pct, sandbox_image, sandbox_cpu_millis, "                    \
	"sandbox_memory_mib, sandbox_disk_mib, revision, updated_ms"
#define ROLE_TYPES "ttnTTfnitiiiii"
#define PERSON "person_id, name, email, roles, added_ms, removed_ms"
#define KEY "key_id, person_id, public_key, valid_from_ms, valid_until_ms"
#define OPERATION                                                                                  \
	"operation_id, kind, state, total, done, started_ms, updated_ms, finished_ms, "            \
	"error_code, error_detail, first_number, last_number"
#define OPERATION_OUT "ttniiiiittii"

const struct db_statement registry_statements[] = {
	[REG_ACT_FIND] = ACT_STATEMENT_FIND,
	[REG_ACT_INSERT] = ACT_STATEMENT_INSERT,
	[REG_CUSTOM_PLANS] = { "custom_plans",
			       "SELECT set_config('plan_cache_mode', 'force_custom_plan', true)",
			       "", "t" },
	[REG_LOCK] = { "lock", "SELECT 1::bigint FROM pg_advisory_xact_lock($1)", "i", "i" },

	[REG_AGENT_NUMBERS] = { "agent_numbers",
				"SELECT nextval('agent_number') "
				"FROM pg_advisory_xact_lock_shared($2), "
				"generate_series(1::bigint, $1)",
				"ii", "i" },
	[REG_AGENT_INSERT_MANY] = { "agent_insert_many",
				    "WITH made AS (INSERT INTO agent (number, name, role, tier, "
				    "version, created_ms, "
				    "state, owner, unit, capability_scopes, can_send_to, "
				    "never_sends, "
				    "max_spend_micros, currency, output_confidence_floor, "
				    "constitution_hash, "
				    "invariants_enforced, earning_model, revenue_share_pct, "
				    "settlement_account, "
				    "changed_ms) "
				    "SELECT n.number, n.name, $3, $4::int, '1.0.0', $5, 1, $6, $7, "
				    "$8::text[], "
				    "$9::text[], $10::text[], $11::bigint, $12, $13::double "
				    "precision, $14, "
				    "$15::text[], $16::int, $17::bigint, $18, $5 "
				    "FROM unnest($1::bigint[], $2::text[]) AS n (number, name) "
				    "RETURNING *) "
				    "INSERT INTO agent_version (" VERSION_COLUMNS ") "
				    "SELECT number, created_ms, $19, " PROFILE " FROM made",
				    "ITtnittTTTitftTnitt", "" },
	[REG_AGENT_GET] = { "agent_get",
			    "SELECT number, " PROFILE ", " CONDITION
			    " FROM agent WHERE number = $1",
			    "i", "i" PROFILE_OUT CONDITION_OUT },
	[REG_AGENT_LOCK] = { "agent_lock",
			     "SELECT number, " PROFILE ", " CONDITION
			     " FROM agent WHERE number = $1 FOR UPDATE",
			     "i", "i" PROFILE_OUT CONDITION_OUT },
	[REG_AGENT_AS_OF] = { "agent_as_of",
			      "SELECT number, " PROFILE ", COALESCE(t.to_state, 1), "
			      "COALESCE(t.throttled, false), COALESCE(t.paused_automatically, "
			      "false), "
			      "COALESCE(t.at_ms, created_ms), t.reason, a.approved_by "
			      "FROM agent_version "
			      "LEFT JOIN LATERAL (SELECT to_state, throttled, "
			      "paused_automatically, at_ms, reason "
			      "FROM agent_transition WHERE number = $1 AND at_ms <= $2 "
			      "ORDER BY at_ms DESC, ordinal DESC LIMIT 1) t ON true "
			      "LEFT JOIN LATERAL (SELECT approved_by FROM agent_transition "
			      "WHERE number = $1 AND at_ms <= $2 AND approved_by IS NOT NULL "
			      "ORDER BY at_ms DESC, ordinal DESC LIMIT 1) a ON true "
			      "WHERE number = $1 AND valid_from_ms <= $2 "
			      "ORDER BY valid_from_ms DESC, ordinal DESC LIMIT 1",
			      "ii", "i" PROFILE_OUT CONDITION_OUT },
	[REG_AGENT_UPDATE] = { "agent_update",
			       "UPDATE agent SET name = $2, role = $3, tier = $4, version = $5, "
			       "owner = $6, "
			       "unit = $7, capability_scopes = $8, can_send_to = $9, never_sends = "
			       "$10, "
			       "max_spend_micros = $11, currency = $12, output_confidence_floor = "
			       "$13, "
			       "constitution_hash = $14, invariants_enforced = $15, earning_model "
			       "= $16, "
			       "revenue_share_pct = $17, settlement_account = $18 WHERE number = "
			       "$1",
			       "ittntttTTTitftTnit", "" },
	/* Behind the version before it whatever the clock says: workers that wait for each other
	 * and replicas do not agree to the millisecond, and readers as of a time rely on the order.
	 */
	[REG_AGENT_VERSION_ADD] = { "agent_version_add",
				    "INSERT INTO agent_version (" VERSION_COLUMNS ") "
				    "SELECT number, greatest($2, (SELECT max(valid_from_ms) + 1 "
				    "FROM agent_version WHERE number = $1)), $3, " PROFILE
				    " FROM agent WHERE number = $1",
				    "iit", "" },
	[REG_AGENT_VERSIONS] = { "agent_versions",
				 "SELECT version, valid_from_ms, changed_by FROM agent_version "
				 "WHERE number = $1 AND valid_from_ms < $2 "
				 "ORDER BY valid_from_ms DESC, ordinal DESC LIMIT $3",
				 "iii", "tit" },
	[REG_AGENT_HEADS] = { "agent_heads",
			      "WITH moved AS MATERIALIZED (SELECT a.number, h.head FROM agent a "
			      "JOIN "
			      "unnest($1::bigint[], $2::text[]) AS h (number, head) USING (number) "
			      "WHERE a.audit_chain <> h.head FOR NO KEY UPDATE OF a NOWAIT) UPDATE "
			      "agent a SET audit_chain = m.head FROM moved m WHERE a.number = "
			      "m.number",
			      "IT", "" },
	[REG_AGENT_SET_CONDITION] = { "agent_set_condition",
				      "UPDATE agent SET state = $3, throttled = $4, "
				      "paused_automatically = $5, "
				      "changed_ms = $6, reason = $7, approved_by = COALESCE($8, "
				      "approved_by) "
				      "WHERE number = $1 AND state = $2",
				      "innbbitt", "" },
	[REG_AGENT_TRANSITION_ADD] = { "agent_transition_add",
				       "INSERT INTO agent_transition (number, from_state, "
				       "to_state, throttled, "
				       "paused_automatically, at_ms, reason, approved_by, "
				       "changed_by) "
				       "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
				       "innbbittt", "" },

	[REG_LIST_ID_ASC] = { "list_id_asc", LIST_BY_ID(">", "ASC"), FILTER_IN "bii", SUMMARY_OUT },
	[REG_LIST_ID_DESC] = { "list_id_desc", LIST_BY_ID("<", "DESC"), FILTER_IN "bii",
			       SUMMARY_OUT },
	[REG_LIST_NAME_ASC] = { "list_name_asc", LIST_BY("name", ">", "ASC"), FILTER_IN "biit",
				SUMMARY_OUT },
	[REG_LIST_NAME_DESC] = { "list_name_desc", LIST_BY("name", "<", "DESC"), FILTER_IN "biit",
				 SUMMARY_OUT },
	[REG_LIST_SCORE_ASC] = { "list_score_asc", LIST_BY("behaviour_score", ">", "ASC"),
				 FILTER_IN "biif", SUMMARY_OUT },
	[REG_LIST_SCORE_DESC] = { "list_score_desc", LIST_BY("behaviour_score", "<", "DESC"),
				  FILTER_IN "biif", SUMMARY_OUT },
	[REG_LIST_CREATED_ASC] = { "list_created_asc", LIST_BY("created_ms", ">", "ASC"),
				   FILTER_IN "biii", SUMMARY_OUT },
	[REG_LIST_CREATED_DESC] = { "list_created_desc", LIST_BY("created_ms", "<", "DESC"),
				    FILTER_IN "biii", SUMMARY_OUT },
	[REG_AGENT_COUNT] = { "agent_count", "SELECT count(*) FROM agent WHERE " FILTER, FILTER_IN,
			      "i" },
	[REG_MUST_RESTART] = { "must_restart",
			       "SELECT number FROM agent WHERE state <> 4 AND "
			       "constitution_hash <> $1 ORDER BY number LIMIT $2",
			       "ti", "i" },

	[REG_KILL_AGENTS] = { "kill_agents",
			      "WITH hit AS (SELECT number, state FROM agent WHERE state <> 4 "
			      "AND " IN_SCOPE(
				      "number") " ORDER BY number FOR UPDATE), "
						"ended AS (UPDATE agent SET state = 4, "
						"throttled = false, "
						"paused_automatically = false, changed_ms "
						"= greatest($5, changed_ms), reason = $6 "
						"FROM hit WHERE agent.number = hit.number "
						"RETURNING agent.number, agent.changed_ms, "
						"hit.state AS from_state, agent.role, "
						"agent.tier, agent.unit), "
						"kept AS (INSERT INTO agent_transition "
						"(number, at_ms, from_state, to_state, "
						"throttled, paused_automatically, reason, "
						"changed_by, kill_id) "
						"SELECT number, changed_ms, from_state, 4, false, "
						"false, $6, $7, $8 FROM ended) "
						"SELECT number, from_state, role, tier, "
						"unit FROM ended ORDER BY number",
			      "nitnittt", "intnt" },
	[REG_KILL_CANCEL] = { "kill_cancel",
			      "UPDATE operation SET state = 4, updated_ms = $5, finished_ms = $5, "
			      "error_detail = $6 WHERE state = 1 AND " IN_SCOPE(
				      "(-1)::bigint") " RETURNING " OPERATION,
			      "nitnit", OPERATION_OUT },
	[REG_KILL_INSERT] = { "kill_insert",
			      "INSERT INTO kill_order (kill_id, scope_kind, scope_value, reason, "
			      "ordered_by, ordered_ms, terminated, cancelled) "
			      "VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
			      "tntttiii", "" },

	[REG_ROLE_GET] = { "role_get", "SELECT " ROLE " FROM role WHERE name = $1", "t",
			   ROLE_TYPES },
	[REG_ROLE_LIST] = { "role_list",
			    "SELECT " ROLE " FROM role WHERE name > $1 ORDER BY name LIMIT $2",
			    "ti", ROLE_TYPES },
	[REG_ROLE_INSERT] = { "role_insert",
			      "INSERT INTO role (" ROLE ") VALUES ($1, $2, $3, $4, $5, $6, $7, "
			      "$8, $9, $10, $11, $12, $13, $14) ON CONFLICT (name) DO NOTHING",
			      ROLE_TYPES, "" },
	[REG_ROLE_UPDATE] = { "role_update",
			      "UPDATE role SET title = $2, tier = $3, capability_scopes = $4, "
			      "can_send_to = $5, "
			      "output_confidence_floor = $6, earning_model = $7, revenue_share_pct "
			      "= $8, "
			      "sandbox_image = $9, sandbox_cpu_millis = $10, sandbox_memory_mib = "
			      "$11, "
			      "sandbox_disk_mib = $12, revision = $13::bigint, updated_ms = $14 "
			      "WHERE name = $1 AND revision = $13::bigint - 1",
			      ROLE_TYPES, "" },

	[REG_CONSTITUTION_INSERT] = { "constitution_insert",
				      "INSERT INTO constitution (hash, title, body, invariant_ids, "
				      "invariant_texts, "
				      "added_ms) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT "
				      "(hash) DO NOTHING",
				      "ttxTTi", "" },
	[REG_CONSTITUTION_GET] = { "constitution_get",
				   "SELECT hash, title, length(body)::bigint, in_force, added_ms, "
				   "activated_ms, activated_by, invariant_ids, invariant_texts, "
				   "body FROM constitution WHERE hash = $1",
				   "t", "ttibiitTTx" },
	[REG_CONSTITUTION_IN_FORCE] = { "constitution_in_force",
					"SELECT hash, invariant_ids FROM constitution "
					"WHERE in_force",
					"", "tT" },
	[REG_CONSTITUTION_LIST] = { "constitution_list",
				    "SELECT hash, title, length(body)::bigint, in_force, "
				    "added_ms, activated_ms, activated_by FROM constitution "
				    "ORDER BY added_ms DESC, hash LIMIT $1",
				    "i", "ttibiit" },
	[REG_CONSTITUTION_LEAVE] = { "constitution_leave",
				     "UPDATE constitution SET in_force = false WHERE hash = $1 "
				     "AND in_force",
				     "t", "" },
	[REG_CONSTITUTION_ENTER] = { "constitution_enter",
				     "UPDATE constitution SET in_force = true, activated_ms = $2, "
				     "activated_by = $3 WHERE hash = $1",
				     "tit", "" },
	[REG_CONSTITUTION_ACTIVATION_ADD] = { "constitution_activation_add",
					      "INSERT INTO constitution_activation (hash, "
					      "previous_hash, activated_by, "
					      "activated_ms, reason) VALUES ($1, $2, $3, $4, $5)",
					      "tttit", "" },

	[REG_UNIT_INSERT] = { "unit_insert",
			      "INSERT INTO unit (path, title, created_ms) VALUES ($1, $2, $3) "
			      "ON CONFLICT (path) DO NOTHING",
			      "tti", "" },
	[REG_UNIT_GET] = { "unit_get", "SELECT path FROM unit WHERE path = $1", "t", "t" },
	[REG_UNIT_LIST] = { "unit_list",
			    "SELECT path, title, created_ms FROM unit WHERE path > $2 AND "
			    "($1::text = '' OR " UNDER("path", "$1") ") ORDER BY path LIMIT $3",
			    "tti", "tti" },

	[REG_PERSON_ANY] = { "person_any", "SELECT person_id FROM person LIMIT 1", "", "t" },
	[REG_PERSON_INSERT] = { "person_insert",
				"INSERT INTO person (" PERSON ") VALUES ($1, $2, $3, $4, $5, $6)",
				"tttTii", "" },
	[REG_PERSON_GET] = { "person_get", "SELECT " PERSON " FROM person WHERE person_id = $1",
			     "t", "tttTii" },
	[REG_PERSON_LIST] = { "person_list",
			      "SELECT " PERSON " FROM person WHERE person_id > $3 AND "
			      "($1::text = '' OR $1 = ANY (roles)) AND "
			      "($2::boolean OR removed_ms IS NULL) "
			      "ORDER BY person_id LIMIT $4",
			      "tbti", "tttTii" },
	[REG_PERSON_REMOVE] = { "person_remove",
				"UPDATE person SET removed_ms = $2 "
				"WHERE person_id = $1 AND removed_ms IS NULL",
				"ti", "" },
	[REG_KEY_INSERT] = { "key_insert",
			     "INSERT INTO person_key (" KEY ") VALUES ($1, $2, $3, $4, $5) "
			     "ON CONFLICT DO NOTHING",
			     "ttxii", "" },
	[REG_KEY_FIND] = { "key_find",
			   "SELECT k.person_id, k.public_key, k.valid_from_ms, k.valid_until_ms, "
			   "p.roles FROM person_key k JOIN person p USING (person_id) "
			   "WHERE k.key_id = $1 AND p.removed_ms IS NULL",
			   "t", "txiiT" },
	[REG_KEY_GET] = { "key_get", "SELECT " KEY " FROM person_key WHERE key_id = $1", "t",
			  "ttxii" },
	[REG_KEY_LIST] = { "key_list",
			   "SELECT " KEY " FROM person_key WHERE key_id > $2 AND "
			   "($1::text = '' OR person_id = $1) ORDER BY key_id LIMIT $3",
			   "tti", "ttxii" },
	[REG_KEY_END] = { "key_end",
			  "UPDATE person_key SET valid_until_ms = $2 WHERE key_id = $1 AND "
			  "(valid_until_ms IS NULL OR valid_until_ms > $2)",
			  "ti", "" },
	[REG_STEWARD_KEYS] = { "steward_keys",
			       "SELECT k.person_id, k.key_id, k.valid_until_ms IS NOT NULL "
			       "FROM person_key k JOIN person p USING (person_id) "
			       "WHERE p.removed_ms IS NULL AND 'steward' = ANY (p.roles) AND "
			       "k.valid_from_ms <= $1 AND (k.valid_until_ms IS NULL OR "
			       "k.valid_until_ms > $1)",
			       "i", "ttb" },

	[REG_OPERATION_INSERT] = { "operation_insert",
				   "INSERT INTO operation (operation_id, kind, state, total, plan, "
				   "role, tier, unit, "
				   "principal, trace_id, parameters_hash, started_ms, updated_ms) "
				   "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, "
				   "$12)",
				   "ttnittntttti", "" },
	[REG_OPERATION_GET] = { "operation_get",
				"SELECT " OPERATION " FROM operation WHERE operation_id = $1", "t",
				OPERATION_OUT },
	[REG_OPERATION_NEXT] = { "operation_next",
				 "SELECT " OPERATION ", plan, role, tier, unit, principal, "
				 "trace_id, parameters_hash FROM operation WHERE state = 1 "
				 "ORDER BY operation_id LIMIT 1 FOR UPDATE SKIP LOCKED",
				 "", OPERATION_OUT "ttntttt" },
	[REG_OPERATION_PROGRESS] = { "operation_progress",
				     "UPDATE operation SET state = $2, done = $3, "
				     "updated_ms = $4, finished_ms = $5, error_code = $6, "
				     "error_detail = $7, first_number = $8, last_number = $9 "
				     "WHERE operation_id = $1 AND state = 1",
				     "tniiittii", "" },
	[REG_STATEMENT_COUNT] = { .name = NULL },
};
