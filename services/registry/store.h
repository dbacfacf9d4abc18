/* store.h: what the registry keeps. Every statement is in store.c's table; the functions, one for
 * a statement or a few that belong together, are in store_*.c. Strings that come back live in the
 * arena given. "Not there" is an answer (`ret_found`), not a failure. */
#ifndef PIOPL_REGISTRY_STORE_H
#define PIOPL_REGISTRY_STORE_H

#include "act.h"
#include "db.h"
#include "registry.h"

enum registry_statement {
	REG_ACT_FIND, /* these two stand together, see act.h */
	REG_ACT_INSERT,
	REG_CUSTOM_PLANS,
	REG_LOCK,
	REG_AGENT_NUMBERS,
	REG_AGENT_INSERT_MANY,
	REG_AGENT_GET,
	REG_AGENT_LOCK,
	REG_AGENT_AS_OF,
	REG_AGENT_UPDATE,
	REG_AGENT_VERSION_ADD,
	REG_AGENT_VERSIONS,
	REG_AGENT_SET_CONDITION,
	REG_AGENT_HEADS,
	REG_AGENT_TRANSITION_ADD,
	REG_LIST_ID_ASC,
	REG_LIST_ID_DESC,
	REG_LIST_NAME_ASC,
	REG_LIST_NAME_DESC,
	REG_LIST_SCORE_ASC,
	REG_LIST_SCORE_DESC,
	REG_LIST_CREATED_ASC,
	REG_LIST_CREATED_DESC,
	REG_AGENT_COUNT,
	REG_MUST_RESTART,
	REG_KILL_AGENTS,
	REG_KILL_CANCEL,
	REG_KILL_INSERT,
	REG_ROLE_GET,
	REG_ROLE_LIST,
	REG_ROLE_INSERT,
	REG_ROLE_UPDATE,
	REG_CONSTITUTION_INSERT,
	REG_CONSTITUTION_GET,
	REG_CONSTITUTION_IN_FORCE,
	REG_CONSTITUTION_LIST,
	REG_CONSTITUTION_LEAVE,
	REG_CONSTITUTION_ENTER,
	REG_CONSTITUTION_ACTIVATION_ADD,
	REG_UNIT_INSERT,
	REG_UNIT_GET,
	REG_UNIT_LIST,
	REG_PERSON_ANY,
	REG_PERSON_INSERT,
	REG_PERSON_GET,
	REG_PERSON_LIST,
	REG_PERSON_REMOVE,
	REG_KEY_INSERT,
	REG_KEY_FIND,
	REG_KEY_GET,
	REG_KEY_LIST,
	REG_KEY_END,
	REG_STEWARD_KEYS,
	REG_OPERATION_INSERT,
	REG_OPERATION_GET,
	REG_OPERATION_NEXT,
	REG_OPERATION_PROGRESS,
	REG_STATEMENT_COUNT,
};
extern const struct db_statement registry_statements[];

/* Locks of a transaction; creating agents shares what killing takes alone, so that a kill order
 * sees every agent that is being made. */
#define REGISTRY_LOCK_AGENTS INT64_C(0x7265676973747201)
#define REGISTRY_LOCK_PEOPLE INT64_C(0x7265676973747202)
MUST_CHECK enum st store_lock(struct db_tx *tx, struct arena *arena, int64_t lock);
/* What the evidence log says is the head of each one's chain; unknown numbers are passed over.
 * ST_SERIALIZATION: somebody is at one of them; nothing is written, and it comes again. */
MUST_CHECK enum st store_agents_heads(struct db_tx *tx, const int64_t *numbers,
				      const struct str *heads, size_t count);

/* -- agents (store_agent.c) -- */

/* `count` new numbers in `ret`, growing, never given before. */
MUST_CHECK enum st store_agent_numbers(struct db_tx *tx, struct arena *arena, int64_t *ret,
				       size_t count);
/* Agents that differ in number and name only, and their first versions. */
MUST_CHECK enum st store_agents_insert(struct db_tx *tx, const struct registry_agent *agent,
				       const int64_t *numbers, const struct str *names,
				       size_t count, struct str changed_by);
MUST_CHECK enum st store_agent_get(struct db_tx *tx, struct arena *arena, int64_t number,
				   struct registry_agent *ret, bool *ret_found);
/* The same, and nobody else changes it until the transaction ends. */
MUST_CHECK enum st store_agent_lock(struct db_tx *tx, struct arena *arena, int64_t number,
				    struct registry_agent *ret, bool *ret_found);
/* As it stood then: profile, state and all; what other services keep count of as it stood when
 * that version was made. */
MUST_CHECK enum st store_agent_as_of(struct db_tx *tx, struct arena *arena, int64_t number,
				     int64_t as_of_ms, struct registry_agent *ret, bool *ret_found);
/* Writes the profile and keeps it as a version. */
MUST_CHECK enum st store_agent_update(struct db_tx *tx, int64_t number,
				      const struct registry_agent *agent, int64_t now_ms,
				      struct str changed_by);
MUST_CHECK enum st store_agent_versions(struct db_tx *tx, struct arena *arena, int64_t number,
					int64_t before_ms, int64_t limit,
					struct registry_agent_versions_reply *ret);

struct transition {
	int64_t number;
	enum registry_agent_state from;
	struct agent_condition to;
	int64_t at_ms;
	struct str reason;
	struct str by;
	struct str approved_by; /* .data NULL: as it was */
};
MUST_CHECK enum st store_transition(struct db_tx *tx, const struct transition *transition);

/* -- inventory (store_inventory.c) -- */

struct agent_page {
	struct registry_agent_summary *items;
	int64_t *numbers;
	size_t count;
};
/* `in_force` is the hash that filter->must_restart compares with. */
MUST_CHECK enum st store_agent_list(struct db_tx *tx, struct arena *arena,
				    const struct agent_filter *filter, struct str in_force,
				    const struct cursor *cursor, int64_t limit,
				    struct agent_page *ret);
MUST_CHECK enum st store_agent_count(struct db_tx *tx, struct arena *arena,
				     const struct agent_filter *filter, struct str in_force,
				     int64_t *ret);
MUST_CHECK enum st store_must_restart(struct db_tx *tx, struct arena *arena, struct str in_force,
				      int64_t limit, struct str **ret_ids, size_t *ret_count);

/* -- kill (store_operation.c) -- */

struct kill {
	struct str kill_id;
	struct kill_scope scope;
	struct str scope_value; /* as it was ordered; .data NULL: none */
	struct str reason;
	struct str ordered_by;
	int64_t ordered_ms;
};
struct killed {
	int64_t number;
	enum registry_agent_state from;
	struct str role, unit;
	int64_t tier;
};
/* Terminates what lives in the scope; the agents come back by number. */
MUST_CHECK enum st store_kill(struct db_tx *tx, struct arena *arena, const struct kill *kill,
			      struct killed **ret, size_t *ret_count);
/* Ends batch creations in the scope. */
MUST_CHECK enum st store_kill_operations(struct db_tx *tx, struct arena *arena,
					 const struct kill *kill, struct registry_operation **ret,
					 size_t *ret_count);
MUST_CHECK enum st store_kill_keep(struct db_tx *tx, const struct kill *kill, int64_t terminated,
				   int64_t cancelled);

/* -- roles, constitutions, units (store_rules.c) -- */

MUST_CHECK enum st store_role_get(struct db_tx *tx, struct arena *arena, struct str name,
				  struct registry_role *ret, bool *ret_found);
MUST_CHECK enum st store_role_list(struct db_tx *tx, struct arena *arena, struct str after,
				   int64_t limit, struct registry_role_list_reply *ret);
MUST_CHECK enum st store_role_insert(struct db_tx *tx, const struct registry_role *role);
/* ST_VERSION_CONFLICT when it is not at role->revision - 1. */
MUST_CHECK enum st store_role_update(struct db_tx *tx, const struct registry_role *role);

MUST_CHECK enum st store_constitution_insert(struct db_tx *tx,
					     const struct registry_constitution *constitution);
MUST_CHECK enum st store_constitution_get(struct db_tx *tx, struct arena *arena, struct str hash,
					  struct registry_constitution *ret, bool *ret_found);
struct in_force {
	struct str hash; /* .data NULL: none */
	struct str_list invariant_ids;
};
MUST_CHECK enum st store_constitution_in_force(struct db_tx *tx, struct arena *arena,
					       struct in_force *ret);
MUST_CHECK enum st store_constitution_list(struct db_tx *tx, struct arena *arena, int64_t limit,
					   struct registry_constitution_list_reply *ret);
/* `previous` .data NULL: none was in force. */
MUST_CHECK enum st store_constitution_activate(struct db_tx *tx, struct str hash,
					       struct str previous, struct str by, int64_t now_ms,
					       struct str reason);

MUST_CHECK enum st store_unit_insert(struct db_tx *tx, const struct registry_unit *unit);
MUST_CHECK enum st store_unit_exists(struct db_tx *tx, struct arena *arena, struct str path,
				     bool *ret);
MUST_CHECK enum st store_unit_list(struct db_tx *tx, struct arena *arena, struct str under,
				   struct str after, int64_t limit,
				   struct registry_unit_list_reply *ret);

/* -- people (store_people.c) -- */

MUST_CHECK enum st store_person_any(struct db_tx *tx, struct arena *arena, bool *ret);
MUST_CHECK enum st store_person_insert(struct db_tx *tx, const struct registry_person *person);
MUST_CHECK enum st store_person_get(struct db_tx *tx, struct arena *arena, struct str person_id,
				    struct registry_person *ret, bool *ret_found);
MUST_CHECK enum st store_person_list(struct db_tx *tx, struct arena *arena, struct str role,
				     bool removed, struct str after, int64_t limit,
				     struct registry_person_list_reply *ret);
MUST_CHECK enum st store_person_remove(struct db_tx *tx, struct str person_id, int64_t now_ms);
MUST_CHECK enum st store_key_insert(struct db_tx *tx, const struct registry_key *key);
MUST_CHECK enum st store_key_get(struct db_tx *tx, struct arena *arena, struct str key_id,
				 struct registry_key *ret, bool *ret_found);
/* Of one person, or of all when `person_id` is "". */
MUST_CHECK enum st store_key_list(struct db_tx *tx, struct arena *arena, struct str person_id,
				  struct str after, int64_t limit,
				  struct registry_key_list_reply *ret);
MUST_CHECK enum st store_key_end(struct db_tx *tx, struct str key_id, int64_t now_ms);
/* Keys of stewards that are valid now. */
MUST_CHECK enum st store_steward_keys(struct db_tx *tx, struct arena *arena, int64_t now_ms,
				      struct steward_key **ret, size_t *ret_count);

/* An act_key_find over person_key; the context is this. Removed people's keys are not found. */
struct key_source {
	struct db_tx *tx;
	struct arena *arena;
};
MUST_CHECK enum st store_key_find(void *context, struct str key_id, struct act_key *ret,
				  bool *ret_found);

/* -- operations (store_operation.c) -- */

struct operation_row {
	struct registry_operation operation;
	struct str plan; /* JSON of registry_batch_plan */
	struct str role, unit;
	int64_t tier;
	struct str principal, trace_id, parameters_hash;
	int64_t first_number, last_number; /* 0: none yet */
};
MUST_CHECK enum st store_operation_insert(struct db_tx *tx, const struct operation_row *row);
MUST_CHECK enum st store_operation_get(struct db_tx *tx, struct arena *arena,
				       struct str operation_id, struct registry_operation *ret,
				       bool *ret_found);
/* The oldest running one that nobody works on, locked. */
MUST_CHECK enum st store_operation_next(struct db_tx *tx, struct arena *arena,
					struct operation_row *ret, bool *ret_found);
/* Keeps state, done, times, numbers and error. */
MUST_CHECK enum st store_operation_progress(struct db_tx *tx, const struct operation_row *row);

/* Agents' ids from and to numbers. NULL data: no memory. */
struct str agent_id_of(int64_t number, struct arena *arena);

#endif
