/* token_check.c: a verifier. What it remembers of a token is one entry of fixed size: times,
 * numbers and labels by their place in a table. An index of slots by digest finds it. Revocations
 * are kept apart and asked at each check, so that nothing in the memory has to be found and dropped
 * when one arrives. */
#include <assert.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "token_check.h"

#include "id.h"

#define ID_BYTES 16
#define LABELS_MAX 4096
#define LABEL_SLOTS (LABELS_MAX * 2)
#define LABEL_BYTES_MAX 128
#define NONE UINT32_MAX
#define OPEN_ARENA_BYTES_MAX (256 * 1024)

const struct token_verifier_limits token_verifier_defaults = {
	.tokens_max = 1000000,
	.revocations_max = 500000,
	.agents_max = 200000,
	.skew_ms = TOKEN_SKEW_MS,
	.silence_ms_max = TOKEN_SILENCE_MS,
	.proof_window_ms = TOKEN_PROOF_WINDOW_MS,
};

struct entry {
	uint8_t digest[HASH_BYTES];
	uint8_t token_id[ID_BYTES];
	uint8_t holder_key[PUBLIC_KEY_BYTES];
	int64_t agent_number;
	int64_t issued_at_ms;
	int64_t latest_ms;
	int64_t expires_at_ms;
	int64_t amount_micros;
	uint16_t scopes[TOKEN_SCOPES_MAX];
	uint16_t endpoints[TOKEN_ENDPOINTS_MAX];
	char currency[4];
	uint8_t scope_count, endpoint_count, key, risk, depth;
	bool bound, endpoints_limited, amount_limited;
};
static_assert(sizeof(struct entry) <= 200, "a million entries fit in 200 MB");

/* A set of 16-byte ids with a value each; a value of 0 is a free slot. */
struct id_map {
	struct id_slot {
		uint8_t id[ID_BYTES];
		int64_t value;
	} * slots;
	size_t slot_count; /* a power of two, at least twice count_max */
	size_t count, count_max;
};

struct label {
	char text[LABEL_BYTES_MAX];
	uint32_t size;
	int64_t revoked_until_ms; /* as a scope: issued until then; -1: not at all */
};

struct token_verifier {
	struct token_verifier_limits limits;
	struct token_key_set keys;
	struct entry *entries;
	size_t entry_count; /* used from the first on; then the hand goes round */
	size_t hand;
	uint32_t *index; /* place of an entry and 1; 0 is free */
	size_t index_count;
	struct id_map tokens; /* revoked ones; value: forgotten after */
	struct id_map agents; /* value: issued until */
	struct label *labels;
	size_t label_count;
	uint16_t *label_index; /* place and 1 */
	int64_t all_until_ms;
	int64_t heard_ms;
	bool full;
	uint64_t opened;
	struct arena arena;
};

/* -- memory -- */

static size_t power_of_two(size_t least)
{
	size_t size = 1;

	while (size < least)
		size *= 2;
	return size;
}

/* Zeroed address space; pages come when they are written. */
static void *space_new(size_t size)
{
	void *space = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return space == MAP_FAILED ? NULL : space;
}

static void space_free(void *space, size_t size)
{
	if (space)
		munmap(space, size);
}

static uint64_t u64_of(const uint8_t *bytes)
{
	uint64_t value;

	memcpy(&value, bytes, sizeof(value));
	return value;
}

/* Ids are not secret and may be chosen: mixed, so that chosen ones do not meet in one slot run. */
static uint64_t mix(uint64_t x)
{
	x ^= x >> 33;
	x *= UINT64_C(0xff51afd7ed558ccd);
	x ^= x >> 33;
	x *= UINT64_C(0xc4ceb9fe1a85ec53);
	return x ^ (x >> 33);
}

static size_t id_place(const struct id_map *map, const uint8_t id[ID_BYTES])
{
	return (size_t)mix(u64_of(id) ^ mix(u64_of(id + 8))) & (map->slot_count - 1);
}

static bool id_map_new(struct id_map *map, size_t count_max)
{
	*map = (struct id_map){ .slot_count = power_of_two(count_max * 2), .count_max = count_max };
	map->slots = space_new(map->slot_count * sizeof(*map->slots));
	return map->slots != NULL;
}

/* The slot of the id, or the free one where it belongs. */
static struct id_slot *id_slot_of(const struct id_map *map, const uint8_t id[ID_BYTES])
{
	size_t i = id_place(map, id);

	while (map->slots[i].value != 0 && memcmp(map->slots[i].id, id, ID_BYTES) != 0)
		i = (i + 1) & (map->slot_count - 1);
	return &map->slots[i];
}

static int64_t id_map_get(const struct id_map *map, const uint8_t id[ID_BYTES])
{
	return map->count > 0 ? id_slot_of(map, id)->value : 0;
}

/* Drops what does not matter after `now_ms`, in place: each run is put in again. */
static void id_map_purge(struct id_map *map, int64_t now_ms)
{
	struct id_map fresh;

	if (!id_map_new(&fresh, map->count_max))
		return;
	for (size_t i = 0; i < map->slot_count; i++) {
		const struct id_slot *slot = &map->slots[i];
		if (slot->value == 0 || slot->value < now_ms)
			continue;
		*id_slot_of(&fresh, slot->id) = *slot;
		fresh.count++;
	}
	space_free(map->slots, map->slot_count * sizeof(*map->slots));
	*map = fresh;
}

/* The larger of two values stays. False: no room. */
static bool id_map_put(struct id_map *map, const uint8_t id[ID_BYTES], int64_t value,
		       int64_t forget_ms)
{
	struct id_slot *slot = id_slot_of(map, id);

	ASSERT(value > 0);
	if (slot->value == 0 && map->count == map->count_max) {
		id_map_purge(map, forget_ms);
		slot = id_slot_of(map, id);
	}
	if (slot->value == 0 && map->count == map->count_max)
		return false;
	if (slot->value == 0) {
		memcpy(slot->id, id, ID_BYTES);
		map->count++;
	}
	if (value > slot->value)
		slot->value = value;
	return true;
}

static void agent_key(int64_t number, uint8_t ret[ID_BYTES])
{
	memset(ret, 0, ID_BYTES);
	memcpy(ret, &number, sizeof(number));
}

/* "tok_" and a UUID, which token_open has checked; else false. */
static bool token_key_bytes(struct str token_id, uint8_t ret[ID_BYTES])
{
	char digits[ID_BYTES * 2];
	size_t n = 0;

	if (!id_valid(token_id, "tok"))
		return false;
	for (size_t i = sizeof("tok_") - 1; i < token_id.size; i++)
		if (token_id.data[i] != '-')
			digits[n++] = token_id.data[i];
	return hex_decode((struct str){ digits, n }, ret, ID_BYTES) == ST_OK;
}

static void token_key_text(const uint8_t id[ID_BYTES], char ret[TOKEN_ID_SIZE])
{
	static const uint8_t dashes[] = { 4, 6, 8, 10 };
	char *at = ret + sizeof("tok_") - 1;
	size_t dash = 0;

	memcpy(ret, "tok_", sizeof("tok_") - 1);
	for (size_t i = 0; i < ID_BYTES; i++) {
		if (dash < sizeof(dashes) && i == dashes[dash]) {
			*at++ = '-';
			dash++;
		}
		*at++ = "0123456789abcdef"[id[i] >> 4];
		*at++ = "0123456789abcdef"[id[i] & 15];
	}
	*at = 0;
}

/* -- labels -- */

static size_t label_place(struct str text)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < text.size; i++)
		hash = (hash ^ (uint8_t)text.data[i]) * UINT64_C(0x100000001b3);
	return (size_t)mix(hash) & (LABEL_SLOTS - 1);
}

static uint32_t label_find(const struct token_verifier *v, struct str text, size_t *ret_slot)
{
	size_t i = label_place(text);

	for (; v->label_index[i] != 0; i = (i + 1) & (LABEL_SLOTS - 1)) {
		const struct label *label = &v->labels[v->label_index[i] - 1];
		if (label->size == text.size && memcmp(label->text, text.data, text.size) == 0)
			return (uint32_t)v->label_index[i] - 1;
	}
	*ret_slot = i;
	return NONE;
}

/* NONE when the table is full. */
static uint32_t label_put(struct token_verifier *v, struct str text)
{
	size_t slot;
	uint32_t place = label_find(v, text, &slot);

	if (place != NONE)
		return place;
	if (v->label_count == LABELS_MAX || text.size > LABEL_BYTES_MAX)
		return NONE;
	struct label *label = &v->labels[v->label_count];
	memcpy(label->text, text.data, text.size);
	label->size = (uint32_t)text.size;
	label->revoked_until_ms = -1;
	v->label_index[slot] = (uint16_t)++v->label_count;
	return (uint32_t)v->label_count - 1;
}

static struct str label_text(const struct token_verifier *v, uint16_t place)
{
	return (struct str){ v->labels[place].text, v->labels[place].size };
}

/* Forgets every token, and every label but those of revoked scopes. */
static void memory_reset(struct token_verifier *v)
{
	size_t count = v->label_count;

	memset(v->index, 0, v->index_count * sizeof(*v->index));
	memset(v->label_index, 0, LABEL_SLOTS * sizeof(*v->label_index));
	v->entry_count = v->hand = v->label_count = 0;
	for (size_t i = 0; i < count; i++) {
		struct label label = v->labels[i];
		if (label.revoked_until_ms < 0)
			continue;
		uint32_t place = label_put(v, (struct str){ label.text, label.size });
		v->labels[place].revoked_until_ms = label.revoked_until_ms;
	}
}

/* -- remembered tokens -- */

static size_t index_place(const struct token_verifier *v, const uint8_t digest[HASH_BYTES])
{
	return (size_t)u64_of(digest) & (v->index_count - 1);
}

static struct entry *entry_find(const struct token_verifier *v, const struct hash *digest)
{
	for (size_t i = index_place(v, digest->bytes); v->index[i] != 0;
	     i = (i + 1) & (v->index_count - 1)) {
		struct entry *entry = &v->entries[v->index[i] - 1];
		if (memcmp(entry->digest, digest->bytes, HASH_BYTES) == 0)
			return entry;
	}
	return NULL;
}

/* Takes an entry out of the index; those of its run that stood behind it move up. */
static void index_remove(struct token_verifier *v, uint32_t place)
{
	size_t mask = v->index_count - 1;
	size_t hole = index_place(v, v->entries[place].digest);

	while (v->index[hole] != place + 1)
		hole = (hole + 1) & mask;
	for (size_t i = (hole + 1) & mask; v->index[i] != 0; i = (i + 1) & mask) {
		size_t home = index_place(v, v->entries[v->index[i] - 1].digest);
		if (((i - home) & mask) < ((i - hole) & mask))
			continue;
		v->index[hole] = v->index[i];
		hole = i;
	}
	v->index[hole] = 0;
}

static void index_add(struct token_verifier *v, uint32_t place)
{
	size_t i = index_place(v, v->entries[place].digest);

	while (v->index[i] != 0)
		i = (i + 1) & (v->index_count - 1);
	v->index[i] = place + 1;
}

/* A place for one more; the oldest remembered one goes when all are taken. */
static uint32_t entry_place(struct token_verifier *v)
{
	if (v->entry_count < v->limits.tokens_max)
		return (uint32_t)v->entry_count++;
	uint32_t place = (uint32_t)v->hand;
	v->hand = (v->hand + 1) % v->limits.tokens_max;
	index_remove(v, place);
	return place;
}

/* False: a label does not fit. */
static bool labels_put(struct token_verifier *v, const struct str *texts, size_t count,
		       uint16_t *ret)
{
	for (size_t i = 0; i < count; i++) {
		uint32_t place = label_put(v, texts[i]);
		if (place == NONE)
			return false;
		ret[i] = (uint16_t)place;
	}
	return true;
}

static bool entry_fill(struct token_verifier *v, const struct token_view *view, struct entry *ret)
{
	const struct token_public_key *key = token_key_set_find(&v->keys, str_of(view->key_id));

	*ret = (struct entry){
		.agent_number = view->agent_number,
		.issued_at_ms = view->issued_at_ms,
		.latest_ms = view->latest_ms,
		.expires_at_ms = view->expires_at_ms,
		.amount_micros = view->amount_per_day.micros,
		.scope_count = (uint8_t)view->scope_count,
		.endpoint_count = (uint8_t)view->endpoint_count,
		.key = (uint8_t)(key - v->keys.items),
		.risk = (uint8_t)view->risk,
		.depth = (uint8_t)view->depth,
		.bound = view->bound,
		.endpoints_limited = view->endpoints_limited,
		.amount_limited = view->amount_limited,
	};
	memcpy(ret->digest, view->digest.bytes, HASH_BYTES);
	memcpy(ret->holder_key, view->holder_key, PUBLIC_KEY_BYTES);
	memcpy(ret->currency, view->amount_per_day.currency, sizeof(ret->currency));
	bool identified = token_key_bytes(str_of(view->token_id), ret->token_id);
	ASSERT(identified);
	return labels_put(v, view->scopes, view->scope_count, ret->scopes) &&
	       labels_put(v, view->endpoints, view->endpoint_count, ret->endpoints);
}

static enum st remember(struct token_verifier *v, const struct token_view *view, struct entry **ret)
{
	struct entry entry;

	if (!entry_fill(v, view, &entry)) {
		memory_reset(v);
		/* Nothing but revoked scopes is left: if it does not fit now, it never will. */
		if (!entry_fill(v, view, &entry))
			return ST_TOKEN_VERIFIER_FULL;
	}
	uint32_t place = entry_place(v);
	v->entries[place] = entry;
	index_add(v, place);
	*ret = &v->entries[place];
	return ST_OK;
}

/* -- news -- */

static bool new_parts(struct token_verifier *v)
{
	size_t tokens = v->limits.tokens_max;

	v->index_count = power_of_two(tokens * 2);
	v->entries = space_new(tokens * sizeof(*v->entries));
	v->index = space_new(v->index_count * sizeof(*v->index));
	v->labels = space_new(LABELS_MAX * sizeof(*v->labels));
	v->label_index = space_new(LABEL_SLOTS * sizeof(*v->label_index));
	return v->entries && v->index && v->labels && v->label_index &&
	       id_map_new(&v->tokens, v->limits.revocations_max) &&
	       id_map_new(&v->agents, v->limits.agents_max);
}

struct token_verifier *token_verifier_new(const struct token_verifier_limits *limits)
{
	ASSERT(limits->tokens_max > 0 && limits->tokens_max < UINT32_MAX / 2);
	ASSERT(limits->revocations_max > 0 && limits->agents_max > 0);
	ASSERT(limits->skew_ms >= 0 && limits->silence_ms_max > 0 && limits->proof_window_ms > 0);
	struct token_verifier *v = calloc(1, sizeof(*v));

	if (!v)
		return NULL;
	v->limits = *limits;
	v->all_until_ms = -1;
	arena_init(&v->arena, OPEN_ARENA_BYTES_MAX);
	if (new_parts(v))
		return v;
	token_verifier_free(v);
	return NULL;
}

void token_verifier_free(struct token_verifier *v)
{
	if (!v)
		return;
	space_free(v->entries, v->limits.tokens_max * sizeof(*v->entries));
	space_free(v->index, v->index_count * sizeof(*v->index));
	space_free(v->labels, LABELS_MAX * sizeof(*v->labels));
	space_free(v->label_index, LABEL_SLOTS * sizeof(*v->label_index));
	space_free(v->tokens.slots, v->tokens.slot_count * sizeof(*v->tokens.slots));
	space_free(v->agents.slots, v->agents.slot_count * sizeof(*v->agents.slots));
	arena_free(&v->arena);
	free(v);
}

enum st token_verifier_key(struct token_verifier *v, const struct token_key *key)
{
	return token_key_set_put(&v->keys, key);
}

enum st token_verifier_foreign_key(struct token_verifier *v, struct str key_id)
{
	return token_key_set_put_foreign(&v->keys, key_id);
}

static bool revoke_tokens(struct token_verifier *v, const struct token_revocation *r,
			  int64_t now_ms)
{
	uint8_t id[ID_BYTES];

	for (size_t i = 0; i < r->token_ids.count; i++)
		if (!token_key_bytes(r->token_ids.items[i], id) ||
		    !id_map_put(&v->tokens, id, r->until_ms + 1, now_ms))
			return false;
	return true;
}

/* What was issued until `before` is gone a longest life later. */
static bool revoke_agents(struct token_verifier *v, const struct token_revocation *r,
			  int64_t now_ms)
{
	uint8_t id[ID_BYTES];
	int64_t number;

	for (size_t i = 0; i < r->agent_ids.count; i++) {
		if (!agent_id_parse(r->agent_ids.items[i], &number))
			return false;
		agent_key(number, id);
		if (!id_map_put(&v->agents, id, r->before_ms + 1, now_ms - TOKEN_LIFE_MS_MAX))
			return false;
	}
	return true;
}

static bool revoke_scope(struct token_verifier *v, const struct token_revocation *r)
{
	uint32_t place = label_put(v, r->scope);

	if (place == NONE) {
		memory_reset(v);
		place = label_put(v, r->scope);
	}
	if (place == NONE)
		return false;
	if (r->before_ms > v->labels[place].revoked_until_ms)
		v->labels[place].revoked_until_ms = r->before_ms;
	return true;
}

static bool revoke_key(struct token_verifier *v, const struct token_revocation *r)
{
	const struct token_public_key *key = token_key_set_find(&v->keys, r->key_id);

	if (key)
		v->keys.items[key - v->keys.items].state = TOKEN_KEY_STATE_REVOKED;
	else if (v->keys.count < TOKEN_KEYS_MAX) {
		/* News of it may come later and must not bring it to life. */
		struct token_public_key unknown = { .state = TOKEN_KEY_STATE_REVOKED };
		if (!str_copy(r->key_id, unknown.key_id, sizeof(unknown.key_id)))
			return false;
		v->keys.items[v->keys.count++] = unknown;
	} else
		return false;
	return true;
}

void token_verifier_revoke(struct token_verifier *v, const struct token_revocation *r,
			   int64_t now_ms)
{
	bool kept = false;

	switch (r->kind) {
	case TOKEN_REVOCATION_KIND_TOKENS:
		kept = revoke_tokens(v, r, now_ms);
		break;
	case TOKEN_REVOCATION_KIND_AGENTS:
		kept = revoke_agents(v, r, now_ms);
		break;
	case TOKEN_REVOCATION_KIND_SCOPE:
		kept = r->scope.data && revoke_scope(v, r);
		break;
	case TOKEN_REVOCATION_KIND_KEY:
		kept = r->key_id.data && revoke_key(v, r);
		break;
	case TOKEN_REVOCATION_KIND_ALL:
		if (r->before_ms > v->all_until_ms)
			v->all_until_ms = r->before_ms;
		kept = true;
		break;
	case TOKEN_REVOCATION_KIND_NONE:
		break;
	}
	if (!kept)
		v->full = true;
}

void token_verifier_heard(struct token_verifier *v, int64_t time_ms)
{
	if (time_ms > v->heard_ms)
		v->heard_ms = time_ms;
}

/* -- checking -- */

static enum st check_time(const struct token_verifier *v, const struct entry *entry, int64_t now_ms,
			  struct problem *problem)
{
	if (entry->latest_ms > now_ms + v->limits.skew_ms)
		return problem_set(problem, ST_TOKEN_FROM_FUTURE, "", "it is dated %lld ms ahead",
				   (long long)(entry->latest_ms - now_ms));
	if (now_ms >= entry->expires_at_ms)
		return problem_set(problem, ST_TOKEN_EXPIRED, "", "it ended %lld ms ago",
				   (long long)(now_ms - entry->expires_at_ms));
	return ST_OK;
}

static enum st check_revoked(const struct token_verifier *v, const struct entry *entry,
			     struct problem *problem)
{
	const struct token_public_key *key = &v->keys.items[entry->key];
	uint8_t agent[ID_BYTES];

	if (v->full)
		return problem_set(problem, ST_TOKEN_VERIFIER_FULL, "", "%s", "");
	if (key->state == TOKEN_KEY_STATE_REVOKED)
		return problem_set(problem, ST_TOKEN_KEY_REVOKED, "", "key \"%s\"", key->key_id);
	if (entry->issued_at_ms <= v->all_until_ms)
		return problem_set(problem, ST_TOKEN_ALL_REVOKED, "", "%s", "");
	agent_key(entry->agent_number, agent);
	if (entry->issued_at_ms < id_map_get(&v->agents, agent))
		return problem_set(problem, ST_TOKEN_AGENT_REVOKED, "", "agent %lld",
				   (long long)entry->agent_number);
	if (id_map_get(&v->tokens, entry->token_id) != 0)
		return problem_set(problem, ST_TOKEN_REVOKED, "", "%s", "");
	for (size_t i = 0; i < entry->scope_count; i++)
		if (entry->issued_at_ms <= v->labels[entry->scopes[i]].revoked_until_ms)
			return problem_set(problem, ST_TOKEN_SCOPE_REVOKED, "", "scope \"%.*s\"",
					   STR_ARG(label_text(v, entry->scopes[i])));
	return ST_OK;
}

static bool labels_have(const struct token_verifier *v, const uint16_t *places, size_t count,
			struct str text)
{
	for (size_t i = 0; i < count; i++)
		if (str_equal(label_text(v, places[i]), text))
			return true;
	return false;
}

static enum st check_use(const struct token_verifier *v, const struct entry *entry,
			 const struct token_use *use, struct problem *problem)
{
	if (use->agent_number != 0 && use->agent_number != entry->agent_number)
		return problem_set(problem, ST_TOKEN_AGENT_WRONG, "", "it is of agent %lld",
				   (long long)entry->agent_number);
	if (use->scope.size > 0 && !labels_have(v, entry->scopes, entry->scope_count, use->scope))
		return problem_set(problem, ST_TOKEN_SCOPE_MISSING, "", "scope \"%.*s\"",
				   STR_ARG(use->scope));
	if (use->endpoint.size > 0 && entry->endpoints_limited &&
	    !labels_have(v, entry->endpoints, entry->endpoint_count, use->endpoint))
		return problem_set(problem, ST_TOKEN_ENDPOINT_DENIED, "", "endpoint \"%.*s\"",
				   STR_ARG(use->endpoint));
	return ST_OK;
}

static enum st check_risk(const struct token_verifier *v, const struct entry *entry, int64_t now_ms,
			  struct problem *problem)
{
	if (entry->risk < TOKEN_RISK_HIGH)
		return ST_OK;
	if (!entry->bound)
		return problem_set(problem, ST_TOKEN_UNBOUND, "", "%s", "");
	if (now_ms - v->heard_ms > v->limits.silence_ms_max)
		return problem_set(problem, ST_TOKEN_VERIFIER_STALE, "",
				   "the newest news is %lld ms old",
				   (long long)(now_ms - v->heard_ms));
	return ST_OK;
}

static void view_of(const struct token_verifier *v, const struct entry *entry,
		    struct token_view *ret)
{
	token_key_text(entry->token_id, ret->token_id);
	memcpy(ret->key_id, v->keys.items[entry->key].key_id, KEY_ID_SIZE);
	ret->agent_number = entry->agent_number;
	ret->risk = (enum token_risk)entry->risk;
	ret->issued_at_ms = entry->issued_at_ms;
	ret->latest_ms = entry->latest_ms;
	ret->expires_at_ms = entry->expires_at_ms;
	ret->scope_count = entry->scope_count;
	for (size_t i = 0; i < entry->scope_count; i++)
		ret->scopes[i] = label_text(v, entry->scopes[i]);
	ret->endpoints_limited = entry->endpoints_limited;
	ret->endpoint_count = entry->endpoint_count;
	for (size_t i = 0; i < entry->endpoint_count; i++)
		ret->endpoints[i] = label_text(v, entry->endpoints[i]);
	ret->amount_limited = entry->amount_limited;
	ret->amount_per_day.micros = entry->amount_micros;
	memcpy(ret->amount_per_day.currency, entry->currency, sizeof(entry->currency));
	ret->bound = entry->bound;
	memcpy(ret->holder_key, entry->holder_key, PUBLIC_KEY_BYTES);
	memcpy(ret->digest.bytes, entry->digest, HASH_BYTES);
	ret->depth = entry->depth;
}

static enum st check_proof(struct token_verifier *v, const struct entry *entry,
			   const struct token_use *use, int64_t now_ms, struct problem *problem)
{
	struct token_view view = { .bound = true };
	struct hash nonce;
	int64_t made_at_ms;

	if (!entry->bound)
		return ST_OK;
	if (!use->proof || !v->limits.nonces.slots)
		return problem_set(problem, ST_PROOF_REQUIRED, "", "%s", "");
	memcpy(view.holder_key, entry->holder_key, PUBLIC_KEY_BYTES);
	memcpy(view.digest.bytes, entry->digest, HASH_BYTES);
	TRY(token_proof_verify(&view, use->proof, now_ms, v->limits.proof_window_ms, &nonce,
			       &made_at_ms, problem));
	enum st st = token_nonce_take(&v->limits.nonces, &nonce, made_at_ms, now_ms,
				      v->limits.proof_window_ms);
	return st == ST_OK ? ST_OK : problem_set(problem, st, "/proof/text", "%s", "");
}

static enum st entry_get(struct token_verifier *v, struct str text, struct entry **ret,
			 struct problem *problem)
{
	struct token_view view;
	struct hash digest;

	if (text.size > TOKEN_BYTES_MAX)
		return problem_set(problem, ST_TOKEN_TOO_LONG, "", "it has %zu bytes", text.size);
	sha256_of(text.data, text.size, &digest);
	*ret = entry_find(v, &digest);
	if (*ret)
		return ST_OK;
	arena_reset(&v->arena);
	v->opened++;
	TRY(token_open(&v->keys, text, &v->arena, &view, problem));
	return remember(v, &view, ret);
}

enum st token_check(struct token_verifier *v, const struct token_use *use, int64_t now_ms,
		    struct token_view *ret, struct problem *problem)
{
	struct entry *entry;

	TRY(entry_get(v, use->token, &entry, problem));
	TRY(check_time(v, entry, now_ms, problem));
	TRY(check_revoked(v, entry, problem));
	TRY(check_risk(v, entry, now_ms, problem));
	TRY(check_use(v, entry, use, problem));
	TRY(check_proof(v, entry, use, now_ms, problem));
	if (ret)
		view_of(v, entry, ret);
	return ST_OK;
}

size_t token_verifier_count(const struct token_verifier *v)
{
	return v->entry_count;
}

uint64_t token_verifier_opened(const struct token_verifier *v)
{
	return v->opened;
}
