/* follow.c: what the evidence log tells of agents' chains. */
#include "gen/audit.h"
#include "handlers.h"
#include "id.h"

/* Chains that are no agent's (services have their own) are passed over. */
static enum st on_heads_moved(struct svc_event *event)
{
	const struct audit_heads_moved *data = event->data;
	int64_t *numbers = ARENA_ARRAY(event->arena, int64_t, data->heads.count);
	struct str *heads = ARENA_ARRAY(event->arena, struct str, data->heads.count);
	size_t count = 0;

	if (!numbers || !heads)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < data->heads.count; i++) {
		if (!agent_id_parse(data->heads.items[i].agent_id, &numbers[count]))
			continue;
		heads[count++] = data->heads.items[i].head_hash;
	}
	return count == 0 ? ST_OK : store_agents_heads(event->tx, numbers, heads, count);
}

const struct svc_follow registry_follows[] = {
	{ .source = "audit", .event = &EVT_AUDIT_HEADS_MOVED, .handle = on_heads_moved },
	{ .source = NULL },
};
