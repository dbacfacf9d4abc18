/* handlers.h: what the handlers share: the service's state, evidence, and acts of people. */
#ifndef PIOPL_REGISTRY_HANDLERS_H
#define PIOPL_REGISTRY_HANDLERS_H

#include "store.h"
#include "svc.h"

struct registry_service {
	char root_public_key_file[256];
	uint8_t root_public_key[PUBLIC_KEY_BYTES];
	char root_key_id[KEY_ID_SIZE];
	/* Events of a kill order, more than a message's arena holds. They are needed until the
	 * commit, so it is reset when a later batch begins (its time is another). */
	struct arena kill_arena;
	int64_t kill_now_ms;
};

extern const struct config_field registry_config[];
extern const struct svc_call registry_calls[];
extern const struct svc_follow registry_follows[];
extern const struct svc_tick registry_ticks[];
MUST_CHECK enum st registry_start(struct svc *svc, void *state);

/* -- evidence (evidence.c) -- */

/* What one act leaves behind. */
struct note {
	const char *operation; /* "agent.create" */
	struct str agent_id;   /* the agent, or "registry" for an act about none */
	struct str user_id;    /* who asked; the signer of an act */
	struct str parameters_hash;
	const struct act *act; /* the signed act that allowed it; NULL: none */
	bool refused;
};

/* Runs the part of a handler that acts and records that it did. A refusal is recorded too, and
 * commits its record: everything is judged before anything is written, so a refused act has
 * written nothing else. */
MUST_CHECK enum st recorded(struct svc_request *req, const char *operation, struct str agent_id,
			    enum st (*act)(struct svc_request *req, struct note *note));
/* One record for each agent; `note->agent_id` is not read. */
MUST_CHECK enum st evidence_emit_agents(const struct svc_scope *scope, const struct note *note,
					const struct str *agent_ids, size_t count);
/* On whose behalf: the principal, or the caller itself. */
struct str asker_of(const struct svc_request *req);
/* "sha256:..." of the bytes received. NULL data: no memory. */
struct str parameters_hash_of(const struct svc_request *req);

/* -- acts (acts.c) -- */

/* The act of a person who holds one of the rule's roles; not yet spent. Also puts it into the
 * note. `ret` has to live as long as the note. */
MUST_CHECK enum st person_act(struct svc_request *req, const struct common_signed_act *in,
			      const struct act_rule *rule, struct note *note, struct act *ret,
			      void *ret_payload);
/* The same, signed with the installation's root key. */
MUST_CHECK enum st root_act(struct svc_request *req, const struct common_signed_act *in,
			    const struct act_rule *rule, struct note *note, struct act *ret,
			    void *ret_payload);
MUST_CHECK enum st act_spent(struct svc_request *req, const struct act *act);

/* -- agents (handlers_agent.c) -- */

/* Everything a profile of this role in this unit is judged against. */
struct rules_loaded {
	struct profile_rules rules;
	struct registry_role role;
};
/* `ret` points into itself: do not copy it. */
MUST_CHECK enum st rules_load(struct db_tx *tx, struct arena *arena, struct str role,
			      struct str unit, struct rules_loaded *ret);
/* ST_NOT_FOUND with the place. The agent is locked until the transaction ends. */
MUST_CHECK enum st agent_load(struct svc_request *req, struct str agent_id, int64_t *ret_number,
			      struct registry_agent *ret);

enum st on_agent_create(struct svc_request *req);
enum st on_agent_get(struct svc_request *req);
enum st on_agent_update(struct svc_request *req);
enum st on_agent_versions(struct svc_request *req);
enum st on_agent_check_in(struct svc_request *req);

/* -- inventory (handlers_inventory.c) -- */
enum st on_agent_list(struct svc_request *req);
enum st on_agent_count(struct svc_request *req);
enum st on_agent_export(struct svc_request *req);

/* -- lifecycle (handlers_lifecycle.c), kill (handlers_kill.c) -- */
enum st on_agent_activate(struct svc_request *req);
enum st on_agent_pause(struct svc_request *req);
enum st on_agent_resume(struct svc_request *req);
enum st on_agent_throttle(struct svc_request *req);
enum st on_kill(struct svc_request *req);

/* -- batches (handlers_batch.c) -- */
enum st on_agents_create(struct svc_request *req);
enum st on_operation_get(struct svc_request *req);
enum st tick_batch(struct svc_tick_context *tick);

/* -- roles, constitutions, units (handlers_rules.c) -- */
enum st on_role_put(struct svc_request *req);
enum st on_role_get(struct svc_request *req);
enum st on_role_list(struct svc_request *req);
enum st on_constitution_add(struct svc_request *req);
enum st on_constitution_activate(struct svc_request *req);
enum st on_constitution_get(struct svc_request *req);
enum st on_constitution_list(struct svc_request *req);
enum st on_unit_create(struct svc_request *req);
enum st on_unit_list(struct svc_request *req);

/* -- people (handlers_people.c) -- */
enum st on_found(struct svc_request *req);
enum st on_person_add(struct svc_request *req);
enum st on_person_remove(struct svc_request *req);
enum st on_person_get(struct svc_request *req);
enum st on_person_list(struct svc_request *req);
enum st on_key_add(struct svc_request *req);
enum st on_key_remove(struct svc_request *req);
enum st on_key_list(struct svc_request *req);

#endif
