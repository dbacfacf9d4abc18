/* handlers.c: the registry's calls and ticks, its configuration, and what each of its processes
 * reads at its start. */
#include <stdio.h>

#include "handlers.h"

const struct config_field registry_config[] = {
	{ .name = "root_public_key_file",
	  .type = CONFIG_PATH,
	  CONFIG_MEMBER(struct registry_service, root_public_key_file),
	  .default_value = NULL,
	  .doc = "the installation's root public key, base64; it signs the founding act" },
	{ .name = NULL },
};

const struct svc_call registry_calls[] = {
	{ &CALL_REGISTRY_AGENT_CREATE, on_agent_create },
	{ &CALL_REGISTRY_AGENT_GET, on_agent_get },
	{ &CALL_REGISTRY_AGENT_UPDATE, on_agent_update },
	{ &CALL_REGISTRY_AGENT_LIST, on_agent_list },
	{ &CALL_REGISTRY_AGENT_COUNT, on_agent_count },
	{ &CALL_REGISTRY_AGENT_EXPORT, on_agent_export },
	{ &CALL_REGISTRY_AGENT_VERSIONS, on_agent_versions },
	{ &CALL_REGISTRY_AGENT_ACTIVATE, on_agent_activate },
	{ &CALL_REGISTRY_AGENT_PAUSE, on_agent_pause },
	{ &CALL_REGISTRY_AGENT_RESUME, on_agent_resume },
	{ &CALL_REGISTRY_AGENT_THROTTLE, on_agent_throttle },
	{ &CALL_REGISTRY_AGENT_CHECK_IN, on_agent_check_in },
	{ &CALL_REGISTRY_AGENTS_CREATE, on_agents_create },
	{ &CALL_REGISTRY_OPERATION_GET, on_operation_get },
	{ &CALL_REGISTRY_ROLE_PUT, on_role_put },
	{ &CALL_REGISTRY_ROLE_GET, on_role_get },
	{ &CALL_REGISTRY_ROLE_LIST, on_role_list },
	{ &CALL_REGISTRY_CONSTITUTION_ADD, on_constitution_add },
	{ &CALL_REGISTRY_CONSTITUTION_ACTIVATE, on_constitution_activate },
	{ &CALL_REGISTRY_CONSTITUTION_GET, on_constitution_get },
	{ &CALL_REGISTRY_CONSTITUTION_LIST, on_constitution_list },
	{ &CALL_REGISTRY_UNIT_CREATE, on_unit_create },
	{ &CALL_REGISTRY_UNIT_LIST, on_unit_list },
	{ &CALL_REGISTRY_PERSON_ADD, on_person_add },
	{ &CALL_REGISTRY_PERSON_REMOVE, on_person_remove },
	{ &CALL_REGISTRY_PERSON_GET, on_person_get },
	{ &CALL_REGISTRY_PERSON_LIST, on_person_list },
	{ &CALL_REGISTRY_KEY_ADD, on_key_add },
	{ &CALL_REGISTRY_KEY_REMOVE, on_key_remove },
	{ &CALL_REGISTRY_KEY_LIST, on_key_list },
	{ &CALL_REGISTRY_KILL, on_kill },
	{ &CALL_REGISTRY_FOUND, on_found },
	{ .call = NULL },
};

const struct svc_tick registry_ticks[] = {
	{ "batch", BATCH_PERIOD_MS, tick_batch },
	{ .name = NULL },
};

enum st registry_start(struct svc *svc, void *state)
{
	struct registry_service *registry = state;
	char line[PUBLIC_KEY_TEXT_SIZE + 2] = { 0 };
	FILE *file = fopen(registry->root_public_key_file, "re");

	(void)svc;
	if (!file)
		return ST_CONFIG_INVALID;
	struct str text = { line, fread(line, 1, sizeof(line) - 1, file) };
	fclose(file);
	while (text.size > 0 && (line[text.size - 1] == '\n' || line[text.size - 1] == '\r'))
		text.size--;
	if (base64_decode_exact(text, registry->root_public_key, PUBLIC_KEY_BYTES) != ST_OK)
		return ST_CONFIG_INVALID;
	key_id_of(registry->root_public_key, registry->root_key_id);
	arena_init(&registry->kill_arena, KILL_ARENA_BYTES_MAX);
	return ST_OK;
}
