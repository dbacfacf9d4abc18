/* core_limit.c: token buckets in a table of fixed size. A name has a set of LIMIT_WAYS places; when
 * all are taken, the bucket used longest ago is forgotten, which gives its owner a full one: a
 * table with room for the principals of an hour loses nothing. */
#include <math.h>
#include <stdlib.h>

#include "gateway.h"

bool limit_init(struct limit *limit, size_t sets, double rate, double burst)
{
	ASSERT(sets > 0 && (sets & (sets - 1)) == 0);
	ASSERT(rate > 0 && burst >= 1);
	*limit = (struct limit){ .sets = sets, .rate = rate, .burst = burst };
	limit->entries = calloc(sets * LIMIT_WAYS, sizeof(struct limit_entry));
	return limit->entries != NULL;
}

void limit_free(struct limit *limit)
{
	free(limit->entries);
	limit->entries = NULL;
}

/* FNV-1a, and a mix, as its low bits choose the set. */
static uint64_t name_of(struct str s)
{
	uint64_t h = UINT64_C(14695981039346656037);

	for (size_t i = 0; i < s.size; i++)
		h = (h ^ (uint8_t)s.data[i]) * UINT64_C(1099511628211);
	h ^= h >> 32;
	return h ? h : 1;
}

static struct limit_entry *entry_of(struct limit *limit, uint64_t name)
{
	struct limit_entry *set = &limit->entries[(name & (limit->sets - 1)) * LIMIT_WAYS];
	struct limit_entry *oldest = &set[0];

	for (size_t i = 0; i < LIMIT_WAYS; i++) {
		if (set[i].name == name)
			return &set[i];
		if (set[i].name == 0 || (oldest->name != 0 && set[i].at_ns < oldest->at_ns))
			oldest = &set[i];
	}
	*oldest = (struct limit_entry){ .tokens = limit->burst };
	return oldest;
}

static void state_fill(const struct limit *limit, double tokens, bool allowed,
		       struct limit_state *ret)
{
	*ret = (struct limit_state){
		.allowed = allowed,
		.remaining = (uint32_t)(tokens > 0 ? tokens : 0),
		.reset_s = (uint32_t)ceil((limit->burst - tokens) / limit->rate),
	};
	if (!allowed)
		ret->retry_after_s = (uint32_t)fmax(1, ceil((1 - tokens) / limit->rate));
}

static struct limit_entry *entry_now(struct limit *limit, struct str name, uint64_t now_ns)
{
	uint64_t key = name_of(name);
	struct limit_entry *entry = entry_of(limit, key);

	if (entry->name == key && now_ns > entry->at_ns) {
		entry->tokens += (double)(now_ns - entry->at_ns) / 1e9 * limit->rate;
		if (entry->tokens > limit->burst)
			entry->tokens = limit->burst;
	}
	entry->name = key;
	entry->at_ns = now_ns;
	return entry;
}

void limit_take(struct limit *limit, struct str name, uint64_t now_ns, struct limit_state *ret)
{
	struct limit_entry *entry = entry_now(limit, name, now_ns);
	bool allowed = entry->tokens >= 1;

	if (allowed)
		entry->tokens -= 1;
	state_fill(limit, entry->tokens, allowed, ret);
}

void limit_look(struct limit *limit, struct str name, uint64_t now_ns, struct limit_state *ret)
{
	const struct limit_entry *entry = entry_now(limit, name, now_ns);

	state_fill(limit, entry->tokens, entry->tokens >= 1, ret);
}
