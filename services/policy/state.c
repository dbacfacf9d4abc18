/* state.c: what decisions need to know, in the memory of each process that decides: agents,
 * documents, keys and revocations of tokens. One small question at the beginning of a batch tells
 * whether anything changed; then what changed is read. So no decision is older than the transaction
 * it is made in. */
#include <stdio.h>
#include <stdlib.h>

#include "clock.h"
#include "id.h"
#include "log.h"
#include "service.h"

#define AGENT_ARENA_BYTES_MAX (1024 * 1024)
#define ZONE_FILE_BYTES_MAX (128 * 1024)
#define ZONE_ARENA_BYTES_MAX (8 * 1024 * 1024)
#define STATE_READS_MAX 8 /* of one batch, when much changes */
#define SCRATCH_BYTES_MAX (64 * 1024 * 1024)

static const struct db_statement *sql(enum policy_statement statement)
{
	return &policy_statements[statement];
}

/* -- time zones -- */

static bool zone_name_safe(struct str name)
{
	for (size_t i = 0; i < name.size; i++) {
		char c = name.data[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
		if (!letter && !(c >= '0' && c <= '9') && !strchr("_+-/", c))
			return false;
	}
	return name.size > 0 && name.size < 64 && name.data[0] != '/';
}

static const struct zone *zone_read(struct policy_service *policy, struct str name)
{
	static char bytes[ZONE_FILE_BYTES_MAX];
	char path[512];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%.*s", policy->zone_folder, STR_ARG(name));
	file = fopen(path, "re");
	if (!file)
		return NULL;
	size_t size = fread(bytes, 1, sizeof(bytes), file);
	fclose(file);
	if (zone_parse(&policy->zone_arena, name, (struct str){ bytes, size },
		       &policy->zones[policy->zone_count]) != ST_OK)
		return NULL;
	return policy->zones[policy->zone_count++];
}

static const struct zone *zone_find(void *context, struct str name)
{
	struct policy_service *policy = context;

	for (size_t i = 0; i < policy->zone_count; i++)
		if (str_equal(zone_name(policy->zones[i]), name))
			return policy->zones[i];
	if (!zone_name_safe(name) || policy->zone_count == ZONES_LOADED_MAX)
		return NULL;
	return zone_read(policy, name);
}

enum st zones_init(struct policy_service *policy)
{
	const struct zone *zone;

	arena_init(&policy->zone_arena, ZONE_ARENA_BYTES_MAX);
	arena_init(&policy->scratch, SCRATCH_BYTES_MAX);
	zone = zone_find(policy, str_of(policy->business_zone));
	if (!zone)
		return ST_CONFIG_INVALID;
	calendar_business_hours(zone, &policy->business_hours);
	policy->calendars[0] = &policy->business_hours;
	policy->names =
		(struct condition_names){ .calendars = policy->calendars, .calendar_count = 1 };
	policy->environment = (struct document_environment){
		.names = &policy->names,
		.zone_find = zone_find,
		.zone_context = policy,
	};
	return ST_OK;
}

enum st document_read(struct policy_service *policy, struct arena *arena, struct str text,
		      struct document **ret, struct problem *problem)
{
	return document_load(arena, text, &policy->environment, ret, problem);
}

/* -- documents -- */

static int compare_loaded(const void *a, const void *b)
{
	const struct loaded *x = *(struct loaded *const *)a, *y = *(struct loaded *const *)b;
	int order = (int)x->document->place - (int)y->document->place;

	if (order == 0)
		order = str_compare(x->document->node, y->document->node);
	if (order == 0)
		order = str_compare(x->document->id, y->document->id);
	return order ? order : (x->revision > y->revision) - (x->revision < y->revision);
}

static void loaded_free(struct loaded *loaded)
{
	arena_free(&loaded->arena);
	free(loaded);
}

static void document_drop(struct policy_service *policy, struct str id, int64_t revision)
{
	for (size_t i = 0; i < policy->document_count; i++) {
		struct loaded *l = policy->documents[i];
		if (!str_equal(l->document->id, id) || l->revision != revision)
			continue;
		loaded_free(l);
		policy->documents[i] = policy->documents[--policy->document_count];
		return;
	}
}

static enum st document_add(struct policy_service *policy, struct str id, int64_t revision,
			    enum document_state state, struct str text)
{
	struct problem problem = { 0 };
	struct loaded *loaded;

	if (policy->document_count == DOCUMENTS_MAX)
		return ST_TOO_LARGE;
	loaded = calloc(1, sizeof(*loaded));
	if (!loaded)
		return ST_NO_MEMORY;
	arena_init(&loaded->arena, DOCUMENT_ARENA_BYTES_MAX);
	loaded->revision = revision;
	loaded->state = state;
	enum st st = document_read(policy, &loaded->arena, text, &loaded->document, &problem);
	if (st != ST_OK) {
		/* It loaded when it was stored: the machine's time zones may have changed. */
		log_write(LOG_ERROR, &(struct log_fields){ .category = "policy" },
			  "document \"%.*s\" does not load any more: %s: %s", STR_ARG(id),
			  problem.pointer, problem.detail);
		loaded_free(loaded);
		return st;
	}
	loaded->document->id = arena_copy(&loaded->arena, id);
	policy->documents[policy->document_count++] = loaded;
	return ST_OK;
}

static enum st documents_refresh(const struct svc_scope *scope, struct policy_service *policy,
				 bool *ret_changed)
{
	struct db_rows rows;

	TRY(db_query(scope->tx, sql(POL_DOCUMENTS_SINCE), scope->arena, &rows,
		     DB_I64(policy->stamp)));
	*ret_changed = rows.count > 0;
	if (!*ret_changed)
		return ST_OK;
	enum st st = ST_OK;
	for (size_t i = 0; i < rows.count && st == ST_OK; i++) {
		struct str id = db_text(&rows, i, 0);
		int64_t revision = db_i64(&rows, i, 1);
		enum document_state state = (enum document_state)db_i64(&rows, i, 2);
		document_drop(policy, id, revision);
		if (state == DOCUMENT_ACTIVE || state == DOCUMENT_SIMULATE)
			st = document_add(policy, id, revision, state, db_text(&rows, i, 3));
	}
	qsort(policy->documents, policy->document_count, sizeof(*policy->documents),
	      compare_loaded);
	policy->any_simulated = false;
	for (size_t i = 0; i < policy->document_count; i++)
		policy->any_simulated |= policy->documents[i]->state == DOCUMENT_SIMULATE;
	return st;
}

/* The first document that is not before a place; those of the place follow. */
static size_t place_find(const struct policy_service *policy, enum place_kind place,
			 struct str node)
{
	size_t low = 0, high = policy->document_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct document *d = policy->documents[middle]->document;
		int order = (int)d->place - (int)place;
		if (order == 0)
			order = str_compare(d->node, node);
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct gathering {
	const struct policy_service *policy;
	const struct loaded *const *instead;
	size_t instead_count;
	bool simulated;
	struct chain *chain;
	uint8_t level;
	bool full;
};

static void chain_add(struct gathering *g, const struct document *document)
{
	if (g->chain->count == CHAIN_DOCUMENTS_MAX) {
		g->full = true;
		return;
	}
	g->chain->levels[g->chain->count] = g->level;
	g->chain->documents[g->chain->count++] = document;
}

static bool same_id(const struct document *a, const struct document *b)
{
	return str_equal(a->id, b->id);
}

/* Is another revision of it taken instead? */
static bool replaced(const struct gathering *g, const struct loaded *loaded)
{
	for (size_t i = 0; i < g->instead_count; i++)
		if (same_id(g->instead[i]->document, loaded->document))
			return true;
	if (!g->simulated || loaded->state == DOCUMENT_SIMULATE)
		return false;
	for (size_t i = 0; i < g->policy->document_count; i++)
		if (g->policy->documents[i]->state == DOCUMENT_SIMULATE &&
		    same_id(g->policy->documents[i]->document, loaded->document))
			return true;
	return false;
}

static void gather_place(struct gathering *g, enum place_kind place, struct str node)
{
	const struct policy_service *policy = g->policy;

	for (size_t i = place_find(policy, place, node); i < policy->document_count; i++) {
		const struct loaded *l = policy->documents[i];
		if (l->document->place != place || !str_equal(l->document->node, node))
			break;
		if ((l->state == DOCUMENT_ACTIVE || g->simulated) && !replaced(g, l))
			chain_add(g, l->document);
	}
	for (size_t i = 0; i < g->instead_count; i++) {
		const struct loaded *l = g->instead[i];
		if (l->state == DOCUMENT_ACTIVE && l->document->place == place &&
		    str_equal(l->document->node, node))
			chain_add(g, l->document);
	}
	g->level++;
}

static void gather_units(struct gathering *g, struct str unit)
{
	for (size_t i = 0; i <= unit.size && unit.size > 0; i++)
		if (i == unit.size || unit.data[i] == '.')
			gather_place(g, PLACE_UNIT, (struct str){ unit.data, i });
}

void chain_make(const struct policy_service *policy, const struct agent *agent,
		const struct loaded *const *instead, size_t instead_count, bool simulated,
		struct chain *ret)
{
	struct gathering g = { .policy = policy,
			       .instead = instead,
			       .instead_count = instead_count,
			       .simulated = simulated,
			       .chain = ret };

	ret->count = 0;
	gather_place(&g, PLACE_ROOT, STR(""));
	gather_units(&g, agent->unit);
	gather_place(&g, PLACE_AGENT, agent->id);
	if (!str_equal(agent->id, agent->name))
		gather_place(&g, PLACE_AGENT, agent->name);
	/* With a part of its documents it might be allowed too much; with none it is denied. */
	if (g.full)
		ret->count = 0;
}

size_t documents_above(const struct policy_service *policy, enum place_kind place, struct str node,
		       const struct document **ret, size_t max)
{
	struct chain chain = { 0 };
	struct agent somebody = { .id = STR(""), .name = STR("") };
	size_t count = 0;

	if (place == PLACE_ROOT)
		return 0;
	if (place == PLACE_UNIT) {
		somebody.unit = node;
	} else {
		for (size_t i = 0; i < policy->agent_count; i++)
			if (str_equal(policy->agents[i]->agent.id, node) ||
			    str_equal(policy->agents[i]->agent.name, node))
				somebody.unit = policy->agents[i]->agent.unit;
	}
	chain_make(policy, &somebody, NULL, 0, false, &chain);
	for (size_t i = 0; i < chain.count && count < max; i++)
		if (chain.documents[i]->place != place ||
		    !str_equal(chain.documents[i]->node, node))
			ret[count++] = chain.documents[i];
	return count;
}

/* -- agents -- */

static int compare_agents(const void *a, const void *b)
{
	const struct agent_slot *x = *(struct agent_slot *const *)a,
				*y = *(struct agent_slot *const *)b;

	return (x->agent.number > y->agent.number) - (x->agent.number < y->agent.number);
}

static struct agent_slot **agent_place(const struct policy_service *policy, size_t count,
				       int64_t number)
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (policy->agents[middle]->agent.number < number)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < count && policy->agents[low]->agent.number == number)
		return &policy->agents[low];
	return NULL;
}

const struct agent_slot *agent_find(const struct policy_service *policy, int64_t number)
{
	struct agent_slot **place = agent_place(policy, policy->agent_count, number);

	return place ? *place : NULL;
}

static struct str_list list_of(struct arena *arena, const struct db_value *value)
{
	struct str *items = ARENA_ARRAY(arena, struct str, value->count);

	for (size_t i = 0; items && i < value->count; i++)
		items[i] = arena_copy(arena, ((const struct str *)value->items)[i]);
	return (struct str_list){ items, items ? value->count : 0 };
}

static void agent_read(struct agent_slot *slot, const struct db_rows *rows, size_t i)
{
	struct arena *arena = &slot->arena;
	struct agent *agent = &slot->agent;
	char id[AGENT_ID_TEXT_SIZE];

	agent_id_format(db_i64(rows, i, 0), id);
	*agent = (struct agent){
		.number = db_i64(rows, i, 0),
		.id = arena_copy(arena, str_of(id)),
		.name = arena_copy(arena, db_text(rows, i, 1)),
		.role = arena_copy(arena, db_text(rows, i, 2)),
		.unit = arena_copy(arena, db_text(rows, i, 3)),
		.owner = arena_copy(arena, db_text(rows, i, 4)),
		.tier = (int)db_i64(rows, i, 5),
		.state = (enum agent_state)db_i64(rows, i, 6),
		.throttled = db_bool(rows, i, 7),
		.constitution_hash = arena_copy(arena, db_text(rows, i, 8)),
		.can_send_to = list_of(arena, db_at(rows, i, 9)),
		.never_sends = list_of(arena, db_at(rows, i, 10)),
		.spend_max = db_i64(rows, i, 11),
		.floor = db_i64(rows, i, 13),
		.score = db_i64(rows, i, 14),
		.since_ms = db_i64(rows, i, 15),
	};
	(void)!str_copy(db_text(rows, i, 12), agent->currency, sizeof(agent->currency));
}

static enum st agent_put(struct policy_service *policy, size_t sorted, const struct db_rows *rows,
			 size_t i)
{
	struct agent_slot **place = agent_place(policy, sorted, db_i64(rows, i, 0));
	struct agent_slot *slot = place ? *place : NULL;

	if (slot) {
		arena_reset(&slot->arena);
	} else {
		if (policy->agent_count == AGENTS_MAX)
			return ST_TOO_LARGE;
		slot = calloc(1, sizeof(*slot));
		if (!slot)
			return ST_NO_MEMORY;
		arena_init(&slot->arena, AGENT_ARENA_BYTES_MAX);
		policy->agents[policy->agent_count++] = slot;
	}
	agent_read(slot, rows, i);
	return slot->arena.failed ? ST_NO_MEMORY : ST_OK;
}

static void chains_make(struct policy_service *policy, struct agent_slot *slot)
{
	chain_make(policy, &slot->agent, NULL, 0, false, &slot->agent.chain);
	if (!policy->any_simulated) {
		free(slot->shadow);
		slot->shadow = NULL;
		return;
	}
	if (!slot->shadow)
		slot->shadow = calloc(1, sizeof(*slot->shadow));
	if (slot->shadow)
		chain_make(policy, &slot->agent, NULL, 0, true, slot->shadow);
}

static enum st agents_refresh(const struct svc_scope *scope, struct policy_service *policy,
			      bool documents_changed)
{
	size_t sorted = policy->agent_count;
	struct db_rows rows;

	TRY(db_query(scope->tx, sql(POL_AGENTS_SINCE), scope->arena, &rows, DB_I64(policy->stamp)));
	enum st st = ST_OK;
	for (size_t i = 0; i < rows.count && st == ST_OK; i++)
		st = agent_put(policy, sorted, &rows, i);
	if (policy->agent_count > sorted)
		qsort(policy->agents, policy->agent_count, sizeof(*policy->agents), compare_agents);
	if (st != ST_OK)
		return st;
	if (documents_changed) {
		for (size_t i = 0; i < policy->agent_count; i++)
			chains_make(policy, policy->agents[i]);
		return ST_OK;
	}
	for (size_t i = 0; i < rows.count; i++)
		chains_make(policy, *agent_place(policy, policy->agent_count, db_i64(&rows, i, 0)));
	return ST_OK;
}

/* -- tokens -- */

static enum st token_news_apply(struct policy_service *policy, int64_t kind, struct str data,
				struct arena *arena, int64_t now_ms)
{
	struct problem problem = { 0 };
	struct token_revocation revocation;
	struct token_key_changed changed;

	if (kind == 1) {
		TRY(proto_decode(&token_key_changed_type, data, PROTO_UNKNOWN_IGNORED, arena,
				 &changed, &problem));
		return token_verifier_key(policy->verifier, &changed.key);
	}
	TRY(proto_decode(&token_revocation_type, data, PROTO_UNKNOWN_IGNORED, arena, &revocation,
			 &problem));
	token_verifier_revoke(policy->verifier, &revocation, now_ms);
	return ST_OK;
}

static enum st tokens_refresh(const struct svc_scope *scope, struct policy_service *policy)
{
	struct db_rows rows;

	TRY(db_query(scope->tx, sql(POL_TOKENS_SINCE), scope->arena, &rows, DB_I64(policy->stamp)));
	for (size_t i = 0; i < rows.count; i++)
		TRY(token_news_apply(policy, db_i64(&rows, i, 0), db_text(&rows, i, 1),
				     scope->arena, scope->now_ms));
	return ST_OK;
}

static enum st state_read(const struct svc_scope *scope, struct policy_service *policy)
{
	bool documents_changed = false;

	enum st st = documents_refresh(scope, policy, &documents_changed);
	/* Chains point to documents: they are made anew even when one of those did not load. */
	enum st made = agents_refresh(scope, policy, documents_changed);
	TRY(st);
	TRY(made);
	return policy->verifier ? tokens_refresh(scope, policy) : ST_OK;
}

/* Reads until nothing changed while it was read, so that the version named is the one used. */
enum st state_refresh(const struct svc_scope *scope, struct policy_service *policy)
{
	struct db_rows rows;

	for (int i = 0; i < STATE_READS_MAX; i++) {
		TRY(db_query0(scope->tx, sql(POL_STATE), scope->arena, &rows));
		if (rows.count != 1)
			return ST_INTERNAL;
		policy->token_heard_ms = db_i64(&rows, 0, 4);
		if (policy->verifier && policy->token_heard_ms > 0)
			token_verifier_heard(policy->verifier, policy->token_heard_ms);
		int64_t stamp = db_i64(&rows, 0, 1);
		if (stamp == policy->stamp)
			return ST_OK;
		TRY(state_read(scope, policy));
		policy->version = db_i64(&rows, 0, 0);
		policy->phase = db_i64(&rows, 0, 3);
		(void)!str_copy(db_text(&rows, 0, 2), policy->constitution_hash,
				sizeof(policy->constitution_hash));
		policy->stamp = stamp;
	}
	return ST_SERIALIZATION;
}
