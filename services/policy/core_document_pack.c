/* core_document_pack.c: what deciding reads, copied side by side. While a document is read its
 * parts lie between the nodes of its text; with tens of thousands of documents each jump would be a
 * miss of the caches, of the page tables' too. */
#include "core_document.h"

#define PACKED_BYTES_MAX 4096 /* that are worth fetching ahead */

static void *copy(struct arena *arena, const void *data, size_t size)
{
	void *block = arena_alloc(arena, size);

	if (block && size > 0)
		memcpy(block, data, size);
	return block;
}

static void pack_list(struct arena *arena, struct str_list *list)
{
	struct str *items = copy(arena, list->items, list->count * sizeof(struct str));

	for (size_t i = 0; items && i < list->count; i++)
		items[i] = arena_copy(arena, items[i]);
	list->items = items;
}

static void pack_condition(struct arena *arena, struct condition *condition)
{
	struct value *constants =
		copy(arena, condition->constants, condition->constant_count * sizeof(struct value));

	condition->instructions = copy(arena, condition->instructions,
				       condition->instruction_count * sizeof(struct instruction));
	for (size_t i = 0; constants && i < condition->constant_count; i++) {
		struct str_list list = { constants[i].items, constants[i].count };
		if (constants[i].type == VALUE_STRING)
			constants[i].text = arena_copy(arena, constants[i].text);
		if (constants[i].type == VALUE_LIST)
			pack_list(arena, &list);
		constants[i].items = list.items;
	}
	condition->constants = constants;
}

static void pack_rules(struct arena *arena, struct document *d)
{
	d->rules = copy(arena, d->rules, d->rule_count * sizeof(struct rule));
	for (size_t i = 0; d->rules && i < d->rule_count; i++) {
		struct rule *rule = &d->rules[i];
		rule->name = arena_copy(arena, rule->name);
		pack_list(arena, &rule->scope);
		pack_list(arena, &rule->tools);
		if (rule->has_condition)
			pack_condition(arena, &rule->condition);
	}
}

static void pack_index(struct arena *arena, struct document *d)
{
	if (d->type != POLICY_TOOL_ACCESS)
		return;
	d->tool_entries =
		copy(arena, d->tool_entries, (d->tool_mask + 1) * sizeof(struct tool_entry));
	for (size_t i = 0; d->tool_entries && i <= d->tool_mask; i++)
		if (d->tool_entries[i].hash != 0)
			d->tool_entries[i].tool = arena_copy(arena, d->tool_entries[i].tool);
	d->tool_groups = copy(arena, d->tool_groups, d->tool_link_count * sizeof(uint32_t));
	d->groups = copy(arena, d->groups, d->group_count * sizeof(struct rule_group));
}

/* A failed allocation is told by the arena. */
struct document *document_pack(struct arena *arena, const struct document *document)
{
	struct document *d = copy(arena, document, sizeof(*document));

	if (!d)
		return NULL;
	pack_index(arena, d);
	pack_rules(arena, d);
	/* An arena that had to begin another block has them elsewhere: then nothing is fetched
	 * ahead. */
	const char *end = arena_alloc(arena, 1);
	if (end > (const char *)d->rules && end - (const char *)d->rules <= PACKED_BYTES_MAX)
		d->packed_end = end;
	return d;
}
