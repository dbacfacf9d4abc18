/* core_append.c: a batch of evidence becomes records: positions, chains, leaves, tree. */
#include <sodium/crypto_shorthash.h>

#include "audit.h"

/* ---- chain heads ---- */

void audit_heads_clear(struct audit_heads *heads)
{
	heads->count = 0;
	for (size_t i = 0; i < AUDIT_HEAD_SLOTS; i++)
		heads->slots[i].name[0] = 0;
}

_Static_assert(crypto_shorthash_siphashx24_BYTES == 16, "128 bits name an agent");

struct audit_head *audit_heads_of(struct audit_heads *heads, struct str agent_id)
{
	uint64_t name[2];
	struct audit_head *head;
	size_t at;

	crypto_shorthash_siphashx24((unsigned char *)name, (const unsigned char *)agent_id.data,
				    agent_id.size, heads->key);
	name[0] |= 1; /* 0 is free */
	for (at = name[1] % AUDIT_HEAD_SLOTS; heads->slots[at].name[0] != 0;
	     at = (at + 1) % AUDIT_HEAD_SLOTS) {
		head = &heads->slots[at];
		if (head->name[0] == name[0] && head->name[1] == name[1])
			return head;
	}
	if (heads->count == AUDIT_HEADS_MAX)
		return NULL;
	heads->count++;
	head = &heads->slots[at];
	*head = (struct audit_head){ .name = { name[0], name[1] },
				     .position = -1,
				     .sealed_position = -1 };
	return head;
}

/* ---- the tree's stored form ---- */

size_t audit_frontier_pack(const struct merkle_tree *tree, uint8_t ret[AUDIT_FRONTIER_BYTES_MAX])
{
	size_t size = 0;

	for (int level = MERKLE_PATH_MAX; level >= 0; level--) {
		if ((tree->size >> level & 1) == 0)
			continue;
		memcpy(ret + size, tree->frontier[level].bytes, HASH_BYTES);
		size += HASH_BYTES;
	}
	return size;
}

enum st audit_frontier_unpack(int64_t size, struct str bytes, struct merkle_tree *ret)
{
	struct merkle_tree tree = { .size = size };
	size_t at = 0;

	if (size < 0 || size > MERKLE_SIZE_MAX ||
	    bytes.size != (size_t)__builtin_popcountll((uint64_t)size) * HASH_BYTES)
		return ST_LOG_DAMAGED;
	for (int level = MERKLE_PATH_MAX; level >= 0; level--) {
		if ((size >> level & 1) == 0)
			continue;
		memcpy(tree.frontier[level].bytes, bytes.data + at, HASH_BYTES);
		at += HASH_BYTES;
	}
	*ret = tree;
	return ST_OK;
}

/* ---- appending ---- */

static void node_take(void *context, int level, int64_t index, const struct hash *hash)
{
	struct audit_node_run *runs = context, *run;

	if (level == 0 || level % TILE_HEIGHT != 0 || level / TILE_HEIGHT > AUDIT_TILE_LEVELS)
		return;
	run = &runs[level / TILE_HEIGHT - 1];
	if (run->count == 0)
		run->first = index;
	ASSERT(run->first + run->count == index);
	ASSERT((size_t)run->count < sizeof(run->hashes) / sizeof(run->hashes[0]));
	run->hashes[run->count++] = *hash;
}

size_t audit_items_cut(const struct audit_item *items, size_t count)
{
	size_t n = AUDIT_BATCH_MAX;

	_Static_assert(AUDIT_BATCH_MAX >= AUDIT_PACK_MAX, "an event fits into an append");
	if (count <= AUDIT_BATCH_MAX)
		return count;
	while (n > 0 && items[n - 1].source_sequence == items[n].source_sequence)
		n--;
	ASSERT(n > 0);
	return n;
}

static enum st entry_link(struct audit_entry *entry, struct str source, int64_t position,
			  struct arena *arena)
{
	struct audit_head *head = entry->head;
	struct auditlog_place place = { .log_id = position,
					.source = source,
					.source_sequence = entry->source_sequence,
					.previous = head->hash };

	entry->position = position;
	TRY(auditlog_record_text(entry->evidence, &place, arena, &entry->text));
	TRY(audit_pack(entry->evidence, &place, arena, &entry->packed));
	merkle_leaf(entry->text.data, entry->text.size, &entry->leaf);
	entry->evidence_key = audit_evidence_key(entry->evidence->evidence_id);
	audit_terms_of_evidence(entry->evidence, &entry->terms);
	entry->after_seal = head->sealed_position >= 0;
	entry->seals = !entry->after_seal && str_is(source, "audit") &&
		       str_is(entry->evidence->operation.type, AUDITLOG_SEAL_TYPE);
	sha256_of(entry->text.data, entry->text.size, &head->hash);
	head->position = position;
	if (entry->seals)
		head->sealed_position = position;
	return ST_OK;
}

void audit_nodes_clear(struct audit_node_run nodes[AUDIT_TILE_LEVELS])
{
	for (int i = 0; i < AUDIT_TILE_LEVELS; i++)
		nodes[i] = (struct audit_node_run){ .level = i + 1 };
}

enum st audit_append(struct merkle_tree *tree, struct str source, struct audit_entry *entry,
		     struct arena *arena, struct audit_node_run nodes[AUDIT_TILE_LEVELS])
{
	TRY(entry_link(entry, source, tree->size, arena));
	return merkle_append(tree, &entry->leaf, node_take, nodes);
}

size_t audit_part_runs(const struct audit_entry *entries, size_t count, struct audit_part_run *ret)
{
	size_t runs = 0;

	for (size_t i = 0; i < count; i++) {
		if (runs == 0 || ret[runs - 1].part != entries[i].part)
			ret[runs++] = (struct audit_part_run){ .part = entries[i].part };
		ret[runs - 1].count++;
	}
	return runs;
}

/* ---- retention ---- */

#define MONTHS_PER_YEAR 12

int64_t audit_month_start_ms(int32_t month)
{
	/* days from 1 January 1970 to the first of the month, by the civil calendar */
	int64_t year = 1970 + month / MONTHS_PER_YEAR;
	int64_t m = month % MONTHS_PER_YEAR + 1;
	int64_t y = m <= 2 ? year - 1 : year;
	int64_t era_year = y % 400;
	int64_t day_of_year = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5;
	int64_t day = y / 400 * 146097 + era_year * 365 + era_year / 4 - era_year / 100 +
		      day_of_year - 719468;

	ASSERT(month >= 0);
	return day * AUDIT_DAY_MS;
}

int32_t audit_month_of(int64_t ms)
{
	/* a month is never longer than 31 days, so this is at most a few too early */
	int32_t month = (int32_t)(ms / (31 * AUDIT_DAY_MS));

	ASSERT(ms >= 0 && ms <= TIME_MS_MAX);
	while (audit_month_start_ms(month + 1) <= ms)
		month++;
	return month;
}

int64_t audit_expires_ms(int64_t to_ms, int64_t days)
{
	return to_ms + days * AUDIT_DAY_MS;
}
