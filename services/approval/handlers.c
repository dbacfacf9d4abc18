/* handlers.c: the approval service's calls, events it follows and ticks, its configuration. */
#include "handlers.h"
#include "gen/policy.h"
#include "log.h"

#define MINUTE_MS (60 * 1000LL)
#define DAY_MS (24 * 60 * MINUTE_MS)
#define DUE_PERIOD_MS 250
#define NOTIFY_PERIOD_MS 200

static const char *const mail_tls_names[] = { "none", "if-offered", "required", NULL };

#define DURATION(name_, member, default_, min_, max_, doc_)                                        \
	{                                                                                          \
		.name = (name_), .type = CONFIG_DURATION_MS,                                       \
		CONFIG_MEMBER(struct approval_service, member), .default_value = (default_),       \
		.min = (min_), .max = (max_), .doc = (doc_)                                        \
	}
#define TEXT(name_, type_, member, doc_)                                                           \
	{                                                                                          \
		.name = (name_), .type = (type_), CONFIG_MEMBER(struct approval_service, member),  \
		.default_value = "", .doc = (doc_)                                                 \
	}

const struct config_field approval_config[] = {
	DURATION("deadline_default", limits.deadline_default_ms, "15m", 1000, 7 * DAY_MS,
		 "how long a request waits when it does not say"),
	DURATION("deadline_max", limits.deadline_max_ms, "7d", 1000, 7 * DAY_MS,
		 "how long a request may wait"),
	DURATION("validity_default", limits.validity_default_ms, "5m", 1000, DAY_MS,
		 "how long an approval is good for when its request does not say"),
	DURATION("validity_max", limits.validity_max_ms, "1d", 1000, DAY_MS,
		 "how long an approval may be good for"),
	DURATION("preapproval_life_max", limits.preapproval_life_max_ms, "30d", MINUTE_MS,
		 366 * DAY_MS, "how long a pre-approval may last"),
	{ .name = "preapproval_uses_max",
	  .type = CONFIG_I64,
	  CONFIG_MEMBER(struct approval_service, limits.preapproval_uses_max),
	  .default_value = "1000",
	  .min = 1,
	  .max = 1000000,
	  .doc = "how many uses a pre-approval may have" },
	{ .name = "preapproval_amount_max",
	  .type = CONFIG_I64,
	  CONFIG_MEMBER(struct approval_service, limits.preapproval_amount_max),
	  .default_value = "10000",
	  .min = 0,
	  .max = INT64_C(1000000000),
	  .doc = "what all uses of a pre-approval may take together, whole units of its currency" },
	TEXT("webhook_url", CONFIG_TEXT, webhook_url, "where requests are told; empty: nowhere"),
	TEXT("webhook_secret_file", CONFIG_SECRET_FILE, webhook_secret,
	     "what webhooks are signed with, at least 16 bytes"),
	TEXT("smtp_url", CONFIG_TEXT, smtp_url, "smtp://host:port or smtps://; empty: no mail"),
	TEXT("smtp_from", CONFIG_TEXT, smtp_from, "the sender's address"),
	TEXT("smtp_user", CONFIG_TEXT, smtp_user, "account at the mail server; empty: none"),
	TEXT("smtp_password_file", CONFIG_SECRET_FILE, smtp_password, "its password"),
	{ .name = "smtp_tls",
	  .type = CONFIG_ENUM,
	  CONFIG_MEMBER(struct approval_service, smtp_tls),
	  .default_value = "required",
	  .choices = mail_tls_names,
	  .doc = "encryption towards the mail server" },
	{ .name = NULL },
};

const struct metric_definition approval_metrics[] = {
	{ "piopl_approval_notifications_total", METRIC_COUNTER, "Tries to tell people, by result",
	  "result=\"sent\"" },
	{ "piopl_approval_notifications_total", METRIC_COUNTER, "Tries to tell people, by result",
	  "result=\"again\"" },
	{ "piopl_approval_notifications_total", METRIC_COUNTER, "Tries to tell people, by result",
	  "result=\"failed\"" },
	{ "piopl_approval_notifications_total", METRIC_COUNTER, "Tries to tell people, by result",
	  "result=\"unknown\"" },
	{ .name = NULL },
};

const struct svc_call approval_calls[] = {
	{ &CALL_APPROVAL_APPROVAL_REQUEST, on_approval_request },
	{ &CALL_APPROVAL_APPROVAL_GET, on_approval_get },
	{ &CALL_APPROVAL_APPROVAL_LIST, on_approval_list },
	{ &CALL_APPROVAL_APPROVAL_VERDICT, on_approval_verdict },
	{ &CALL_APPROVAL_APPROVAL_WITHDRAW, on_approval_withdraw },
	{ &CALL_APPROVAL_APPROVAL_CONSUME, on_approval_consume },
	{ &CALL_APPROVAL_PREAPPROVAL_ADD, on_preapproval_add },
	{ &CALL_APPROVAL_PREAPPROVAL_REVOKE, on_preapproval_revoke },
	{ &CALL_APPROVAL_PREAPPROVAL_LIST, on_preapproval_list },
	{ .call = NULL },
};

const struct svc_follow approval_follows[] = {
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
	{ .source = "registry",
	  .event = &EVT_REGISTRY_PERSON_CHANGED,
	  .handle = on_person_changed },
	{ .source = "registry", .event = &EVT_REGISTRY_KEY_CHANGED, .handle = on_key_changed },
	{ .source = "policy", .event = &EVT_POLICY_APPROVAL_USED, .handle = on_approval_used },
	{ .source = "policy",
	  .event = &EVT_POLICY_PREAPPROVAL_USED,
	  .handle = on_preapproval_used },
	{ .source = NULL },
};

const struct svc_tick approval_ticks[] = {
	{ "due", DUE_PERIOD_MS, tick_due },
	{ "notify", NOTIFY_PERIOD_MS, tick_notify },
	{ .name = NULL },
};

static enum st start_refuse(const char *why)
{
	log_write(LOG_ERROR, &(struct log_fields){ .category = "config" }, "%s", why);
	return ST_CONFIG_INVALID;
}

enum st approval_start(struct svc *svc, void *state)
{
	const struct approval_service *approval = state;

	(void)svc;
	if (approval->webhook_url[0] && strlen(approval->webhook_secret) < NOTIFY_SECRET_BYTES_MIN)
		return start_refuse(
			"PIOPL_APPROVAL_WEBHOOK_URL needs a secret of at least 16 bytes in "
			"the file PIOPL_APPROVAL_WEBHOOK_SECRET_FILE names");
	if (approval->smtp_url[0] && !strchr(approval->smtp_from, '@'))
		return start_refuse("PIOPL_APPROVAL_SMTP_URL needs the sender's address in "
				    "PIOPL_APPROVAL_SMTP_FROM");
	return ST_OK;
}
