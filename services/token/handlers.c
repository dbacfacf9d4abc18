/* handlers.c: the token service's calls, events and ticks, its configuration, and what each of its
 * processes reads at its start. */
#include "handlers.h"
#include "clock.h"
#include "log.h"

#define KEYS_PERIOD_MS 250
#define DUE_PERIOD_MS 1000
#define HEART_PERIOD_MS 1000
#define FORGET_PERIOD_MS 60000
#define MINUTE_MS INT64_C(60000)
#define DAY_MS INT64_C(86400000)

const struct config_field token_config[] = {
	{ .name = "sealing_key_file",
	  .type = CONFIG_SECRET_FILE,
	  CONFIG_MEMBER(struct token_service, sealing_key_text),
	  .default_value = NULL,
	  .min = 44,
	  .max = 44,
	  .doc = "file with the key that seals the signing keys: one line, base64 of 32 random "
		 "bytes" },
	{ .name = "life_default",
	  .type = CONFIG_DURATION_MS,
	  CONFIG_MEMBER(struct token_service, issue.life_default_ms),
	  .default_value = "30d",
	  .min = MINUTE_MS,
	  .max = TOKEN_LIFE_MS_MAX,
	  .doc = "how long a token lives when the request does not say" },
	{ .name = "life_max",
	  .type = CONFIG_DURATION_MS,
	  CONFIG_MEMBER(struct token_service, issue.life_max_ms),
	  .default_value = "90d",
	  .min = MINUTE_MS,
	  .max = TOKEN_LIFE_MS_MAX,
	  .doc = "how long a token can live" },
	{ .name = "live_max",
	  .type = CONFIG_I64,
	  CONFIG_MEMBER(struct token_service, issue.live_max),
	  .default_value = "64",
	  .min = 1,
	  .max = TOKEN_LIVE_MAX,
	  .doc = "how many live tokens one agent can hold" },
	{ .name = "notice",
	  .type = CONFIG_DURATION_MS,
	  CONFIG_MEMBER(struct token_service, notice_ms),
	  .default_value = "3d",
	  .min = 1000,
	  .max = TOKEN_LIFE_MS_MAX,
	  .doc = "how long before its end a token is announced and renewed; at most a third of its "
		 "life" },
	{ .name = "key_rotation",
	  .type = CONFIG_DURATION_MS,
	  CONFIG_MEMBER(struct token_service, rotation_ms),
	  .default_value = "30d",
	  .min = MINUTE_MS,
	  .max = 3650 * DAY_MS,
	  .doc = "how long a signing key is the active one" },
	{ .name = "keep",
	  .type = CONFIG_DURATION_MS,
	  CONFIG_MEMBER(struct token_service, keep_ms),
	  .default_value = "90d",
	  .min = MINUTE_MS,
	  .max = 3650 * DAY_MS,
	  .doc = "how long tokens that ended are kept for listing" },
	{ .name = NULL },
};

const struct svc_call token_calls[] = {
	{ &CALL_TOKEN_TOKEN_ISSUE, on_issue },
	{ &CALL_TOKEN_TOKEN_RENEW, on_renew },
	{ &CALL_TOKEN_TOKEN_REVOKE, on_revoke },
	{ &CALL_TOKEN_TOKEN_LIST, on_list },
	{ &CALL_TOKEN_TOKEN_SHOW, on_show },
	{ &CALL_TOKEN_TOKEN_CHECK, on_check },
	{ &CALL_TOKEN_TOKEN_KEYS, on_keys },
	{ &CALL_TOKEN_TOKEN_KEY_ROTATE, on_key_rotate },
	{ &CALL_TOKEN_REVOCATION_LIST, on_revocation_list },
	{ .call = NULL },
};

const struct svc_group token_groups[] = {
	{ &CALL_TOKEN_TOKEN_ISSUE, on_issues },
	{ .call = NULL },
};

const struct svc_follow token_follows[] = {
	{ .source = "registry", .event = &EVT_REGISTRY_AGENT_CREATED, .handle = on_agent_created },
	{ .source = "registry", .event = &EVT_REGISTRY_AGENT_UPDATED, .handle = on_agent_updated },
	{ .source = "registry",
	  .event = &EVT_REGISTRY_AGENT_ACTIVATED,
	  .handle = on_agent_transition },
	{ .source = "registry",
	  .event = &EVT_REGISTRY_AGENT_PAUSED,
	  .handle = on_agent_transition },
	{ .source = "registry",
	  .event = &EVT_REGISTRY_AGENT_RESUMED,
	  .handle = on_agent_transition },
	{ .source = "registry",
	  .event = &EVT_REGISTRY_AGENT_TERMINATED,
	  .handle = on_agent_terminated },
	{ .source = "registry", .event = &EVT_REGISTRY_KILL_ORDERED, .handle = on_kill_ordered },
	{ .source = "registry", .event = &EVT_REGISTRY_ROLE_CHANGED, .handle = on_role_changed },
	{ .source = NULL },
};

const struct svc_tick token_ticks[] = {
	{ "keys", KEYS_PERIOD_MS, tick_keys },
	{ "heart", HEART_PERIOD_MS, tick_heart },
	{ "due", DUE_PERIOD_MS, tick_due },
	{ "forget", FORGET_PERIOD_MS, tick_forget },
	{ .name = NULL },
};

enum st token_start(struct svc *svc, void *state)
{
	struct token_service *token = state;

	(void)svc;
	crypto_init();
	if (token->issue.life_default_ms > token->issue.life_max_ms) {
		log_write(LOG_ERROR, &(struct log_fields){ .category = "config" },
			  "PIOPL_TOKEN_LIFE_DEFAULT is longer than PIOPL_TOKEN_LIFE_MAX");
		return ST_CONFIG_INVALID;
	}
	enum st st = base64_decode_exact(str_of(token->sealing_key_text), token->sealing_key,
					 SEALING_KEY_BYTES);
	bytes_wipe(token->sealing_key_text, sizeof(token->sealing_key_text));
	if (st == ST_OK)
		return ST_OK;
	log_write(LOG_ERROR, &(struct log_fields){ .category = "config" },
		  "the file PIOPL_TOKEN_SEALING_KEY_FILE names must hold base64 of 32 bytes");
	return ST_CONFIG_INVALID;
}
