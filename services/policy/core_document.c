/* core_document.c: a document from its text: the head, the type, the index of tools. */
#include <stdlib.h>

#include "core_document.h"
#include "money.h"

static const char *const type_names[] = { "tool-access", "data-access", "temporal-and-thresholds",
					  "identity",    "validation",  NULL };

const char *policy_type_name(enum policy_type type)
{
	ASSERT(type < POLICY_TYPE_COUNT);
	return type == POLICY_CRUDLEX ? "crudlex" : type_names[type];
}

static const char *const verdict_names[] = {
	[VERDICT_SILENT] = "silent", [VERDICT_ALLOW] = "allow",
	[VERDICT_MODIFY] = "modify", [VERDICT_REQUIRE_APPROVAL] = "require_approval",
	[VERDICT_DEFER] = "defer",   [VERDICT_DENY] = "deny",
};

const char *verdict_name(enum verdict verdict)
{
	ASSERT(verdict <= VERDICT_DENY);
	return verdict_names[verdict];
}

bool verdict_find(struct str name, enum verdict *ret)
{
	for (unsigned i = VERDICT_ALLOW; i <= VERDICT_DENY; i++) {
		if (!str_is(name, verdict_names[i]))
			continue;
		*ret = (enum verdict)i;
		return true;
	}
	return false;
}

/* -- the index of tools -- */

uint64_t tool_hash(struct str tool)
{
	uint64_t hash = UINT64_C(14695981039346656037);

	for (size_t i = 0; i < tool.size; i++)
		hash = (hash ^ (unsigned char)tool.data[i]) * UINT64_C(1099511628211);
	return hash | 1;
}

static int compare_names(const void *a, const void *b)
{
	const struct rule *x = a, *y = b;
	int order = str_compare(x->name, y->name);

	return order ? order : (x->number > y->number) - (x->number < y->number);
}

static enum st groups_make(struct reader *r)
{
	struct document *d = r->document;

	qsort(d->rules, d->rule_count, sizeof(*d->rules), compare_names);
	d->groups = ARENA_ARRAY(r->arena, struct rule_group, d->rule_count);
	if (!d->groups)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < d->rule_count; i++) {
		if (i == 0 || !str_equal(d->rules[i].name, d->rules[i - 1].name))
			d->groups[d->group_count++] = (struct rule_group){ .name = d->rules[i].name,
									   .first = (uint32_t)i };
		d->groups[d->group_count - 1].count++;
		d->rules[i].group = (uint32_t)(d->group_count - 1);
	}
	return ST_OK;
}

static void entry_add(struct document *d, const struct rule_group *group, uint32_t *used)
{
	uint64_t hash = tool_hash(group->name);
	uint32_t at = (uint32_t)hash & d->tool_mask;
	uint32_t first = *used;

	while (d->tool_entries[at].hash != 0)
		at = (at + 1) & d->tool_mask;
	for (uint32_t g = 0; g < d->group_count; g++)
		if (pattern_matches(d->groups[g].name, group->name))
			d->tool_groups[(*used)++] = g;
	d->tool_entries[at] = (struct tool_entry){ hash, group->name, first, *used - first };
}

/* Each tool that is named in full knows all groups that speak of it, patterns too. */
static enum st tools_index(struct reader *r)
{
	struct document *d = r->document;
	size_t literals = 0, links = 0;
	uint32_t used = 0;

	for (size_t g = 0; g < d->group_count; g++)
		literals += pattern_is_literal(d->groups[g].name);
	for (d->tool_mask = 1; d->tool_mask < literals * 2; d->tool_mask *= 2)
		;
	links = literals * (1 + d->group_count - literals);
	d->tool_entries = ARENA_ARRAY(r->arena, struct tool_entry, d->tool_mask);
	d->tool_groups = ARENA_ARRAY(r->arena, uint32_t, links);
	d->pattern_groups = ARENA_ARRAY(r->arena, uint32_t, d->group_count);
	if (!d->tool_entries || !d->tool_groups || !d->pattern_groups)
		return ST_TOO_LARGE;
	d->tool_mask--;
	for (uint32_t g = 0; g < d->group_count; g++) {
		if (pattern_is_literal(d->groups[g].name))
			entry_add(d, &d->groups[g], &used);
		else
			d->pattern_groups[d->pattern_group_count++] = g;
	}
	ASSERT(used <= links);
	d->tool_link_count = used;
	return ST_OK;
}

enum st document_index(struct reader *r)
{
	enum policy_type type = r->document->type;

	if (type == POLICY_TOOL_ACCESS || type == POLICY_DATA_ACCESS)
		TRY(groups_make(r));
	return type == POLICY_TOOL_ACCESS ? tools_index(r) : ST_OK;
}

/* -- the head -- */

#define HEAD                                                                                       \
	"id", "title", "description", "type", "root", "unit", "agent", "calendars", "sets",        \
		"context", "activation"

static const char *const tool_members[] = { HEAD, "tools", "others", NULL };
static const char *const data_members[] = { HEAD, "data_classes", "others", NULL };
static const char *const rules_members[] = { HEAD, "rules", NULL };
static const char *const identity_members[] = { HEAD, "authentication", "delegation", NULL };
static const char *const crudlex_members[] = { HEAD, "tools", "users", "agents", "contexts", NULL };

static const struct {
	const char *what;
	const char *const *members;
	enum st (*read)(struct reader *r, const struct json *body);
} types[POLICY_TYPE_COUNT] = {
	[POLICY_TOOL_ACCESS] = { "a tool-access policy", tool_members, read_tools },
	[POLICY_DATA_ACCESS] = { "a data-access policy", data_members, read_data },
	[POLICY_TEMPORAL] = { "a temporal-and-thresholds policy", rules_members, read_temporal },
	[POLICY_IDENTITY] = { "an identity policy", identity_members, read_identity },
	[POLICY_VALIDATION] = { "a validation policy", rules_members, read_validation },
	[POLICY_CRUDLEX] = { "a crudlex document", crudlex_members, read_crudlex },
};

static enum st read_place(struct reader *r, const struct json *body)
{
	const struct json *root = json_member(body, "root"), *unit = json_member(body, "unit");
	const struct json *agent = json_member(body, "agent");
	struct document *d = r->document;
	bool is_root = false;

	if (!!root + !!unit + !!agent != 1)
		return read_refuse(
			r, body,
			"a document says where it applies, once: root: true, unit or agent");
	if (unit) {
		d->place = PLACE_UNIT;
		return read_text(r, unit, "unit", 256, &d->node);
	}
	if (agent) {
		d->place = PLACE_AGENT;
		return read_text(r, agent, "agent", 128, &d->node);
	}
	TRY(read_bool(r, root, "root", &is_root));
	if (!is_root)
		return read_refuse(r, root, "\"root\" is true, or left out");
	d->place = PLACE_ROOT;
	return ST_OK;
}

static enum st read_head(struct reader *r, const struct json *body)
{
	const struct json *member = json_member(body, "id");
	struct document *d = r->document;
	struct str ignored;

	if (member) {
		TRY(read_pattern(r, member, "id", &d->id));
		if (!pattern_is_literal(d->id) || d->id.size > 128)
			return read_refuse(r, member, "\"id\" is a name of at most 128 bytes");
	}
	member = json_member(body, "title");
	if (member)
		TRY(read_text(r, member, "title", 256, &d->title));
	member = json_member(body, "description");
	if (member)
		TRY(read_text(r, member, "description", 4096, &ignored));
	return read_place(r, body);
}

static enum st read_type(struct reader *r, const struct json *root, const struct json **ret_body)
{
	const struct json *policy = json_member(root, "policy");
	const struct json *crudlex = json_member(root, "crudlex");
	const struct json *member;
	size_t type;

	if (root->kind != JSON_OBJECT || root->count != 1 || (!policy && !crudlex))
		return read_refuse(
			r, root,
			"a document begins with \"policy:\" or \"crudlex:\" and has nothing "
			"else beside it");
	*ret_body = policy ? policy : crudlex;
	if ((*ret_body)->kind != JSON_OBJECT)
		return read_refuse(r, *ret_body, "what is under \"%s:\" is indented below it",
				   policy ? "policy" : "crudlex");
	r->document->type = POLICY_CRUDLEX;
	if (crudlex)
		return ST_OK;
	TRY(need(r, policy, "type", &member));
	TRY(read_word(r, member, "type", type_names, &type));
	r->document->type = (enum policy_type)type;
	return ST_OK;
}

enum st document_load(struct arena *arena, struct str text,
		      const struct document_environment *environment, struct document **ret,
		      struct problem *problem)
{
	struct reader r = {
		.arena = arena,
		.environment = environment,
		.document = ARENA_NEW(arena, struct document),
		.problem = problem,
	};
	const struct json *body = NULL;

	if (!r.document)
		return ST_TOO_LARGE;
	TRY(yaml_parse(arena, text, &r.yaml, problem));
	r.document->text = r.yaml.text;
	TRY(read_type(&r, r.yaml.root, &body));
	TRY(read_members(&r, body, types[r.document->type].what, types[r.document->type].members));
	TRY(read_head(&r, body));
	TRY(read_activation(&r, body));
	TRY(read_names(&r, body));
	TRY(types[r.document->type].read(&r, body));
	TRY(document_index(&r));
	r.document = document_pack(arena, r.document);
	if (arena->failed)
		return ST_TOO_LARGE;
	*ret = r.document;
	return ST_OK;
}

/* -- words -- */

static void list_words(struct buf *buf, const char *before, const struct str_list *list)
{
	for (size_t i = 0; i < list->count && i < 8; i++)
		buf_printf(buf, "%s%.*s", i == 0 ? before : ", ", STR_ARG(list->items[i]));
	if (list->count > 8)
		buf_printf(buf, " and %zu more", list->count - 8);
}

static void approval_words(struct buf *buf, const struct rule *rule, const char *words)
{
	buf_add_c(buf, words);
	if (rule->approvers.count == 0)
		return;
	buf_add_c(buf, ", ");
	approvers_words(buf, &rule->approvers);
}

static void tool_words(struct buf *buf, const struct rule *rule)
{
	buf_printf(buf, "tool %.*s", STR_ARG(rule->name));
	list_words(buf, " over ", &rule->scope);
	if (rule->has_condition)
		buf_printf(buf, " when %.*s", STR_ARG(rule->condition.text));
	buf_add_c(buf, rule->allow == CHOICE_NO ? " is not allowed" : " is allowed");
	if (rule->require_approval == CHOICE_YES)
		approval_words(buf, rule, " with a human's approval");
}

static void data_words(struct buf *buf, const struct rule *rule)
{
	buf_printf(buf, "data %.*s may ", STR_ARG(rule->name));
	if (rule->allow == CHOICE_NO)
		buf_add_c(buf, "not be touched");
	else if (rule->read && rule->write)
		buf_add_c(buf, "be read and written");
	else
		buf_add_c(buf, rule->read ? "be read, not written" : "be written, not read");
	if (rule->tokenize == CHOICE_YES)
		buf_add_c(buf, ", tokenized");
}

static void temporal_words(struct buf *buf, const struct rule *rule)
{
	buf_printf(buf, "when %.*s", STR_ARG(rule->condition.text));
	list_words(buf, " for ", &rule->tools);
	if (rule->allow == CHOICE_NO)
		buf_add_c(buf, ": not allowed");
	else if (rule->defer)
		buf_add_c(buf, ": later");
	else if (rule->require_approval == CHOICE_YES)
		approval_words(buf, rule, ": a human's approval");
	else
		buf_add_c(buf, ": allowed");
}

static void validation_words(struct buf *buf, const struct rule *rule)
{
	char number[MONEY_TEXT_SIZE];

	buf_printf(buf, "validation %.*s", STR_ARG(rule->name));
	if (rule->threshold >= 0) {
		micros_print(rule->threshold, number);
		buf_printf(buf, " needs %s", number);
	}
	list_words(buf, " over ", &rule->classes);
	if (rule->action != DETECTION_NONE)
		buf_printf(buf, ", then %s", detection_action_name(rule->action));
}

struct str rule_words(const struct document *document, const struct rule *rule, struct arena *arena)
{
	char number[MONEY_TEXT_SIZE];
	struct buf buf;

	buf_init(&buf, arena, 128);
	buf_printf(&buf, "line %u: ", rule->line);
	if (document->type == POLICY_TOOL_ACCESS)
		tool_words(&buf, rule);
	else if (document->type == POLICY_DATA_ACCESS)
		data_words(&buf, rule);
	else if (document->type == POLICY_TEMPORAL)
		temporal_words(&buf, rule);
	else if (document->type == POLICY_VALIDATION)
		validation_words(&buf, rule);
	else
		list_words(&buf, "on behalf of ", &document->users);
	if (rule->has_amount_max) {
		micros_print(rule->amount_max, number);
		buf_printf(&buf, ", up to %s", number);
	}
	if (rule->rate.count > 0)
		buf_printf(&buf, ", %lld per %lld s", (long long)rule->rate.count,
			   (long long)rule->rate.per_ms / 1000);
	return buf_str(&buf);
}
