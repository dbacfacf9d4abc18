/* append.c: the one way into the log. A batch of evidence of one source becomes records, leaves,
 * nodes, chain heads and, where a chain was sealed before, alarms; all in the transaction that
 * moves the inbox. Nothing else writes to the log. */
#include "clock.h"
#include "gen/registry.h"
#include "log.h"
#include "service.h"

/* ---- the cache ---- */

static enum st classes_load(struct audit_cache *cache, const struct svc_scope *scope)
{
	struct db_rows rows;

	TRY(db_query0(scope->tx, &audit_statements[AUDIT_RETENTION_ALL], scope->arena, &rows));
	if (rows.count == 0 || rows.count > AUDIT_CLASSES_MAX)
		return ST_LOG_DAMAGED;
	cache->class_count = rows.count;
	for (size_t i = 0; i < rows.count; i++) {
		struct audit_class *class = &cache->classes[i];

		*class = (struct audit_class){ .days = (int32_t)db_i64(&rows, i, 1), .month = -1 };
		if (!str_copy(db_text(&rows, i, 0), class->name, sizeof(class->name)))
			return ST_LOG_DAMAGED;
	}
	return ST_OK;
}

static enum st head_set(struct audit_head *head, struct str hash, int64_t position)
{
	if (hash.size != HASH_BYTES)
		return ST_LOG_DAMAGED;
	memcpy(head->hash.bytes, hash.data, HASH_BYTES);
	head->position = position;
	return ST_OK;
}

/* Heads of the records that no segment covers yet. */
static enum st tail_load(struct audit_service *audit, const struct svc_scope *scope,
			 int64_t indexed)
{
	struct db_rows rows;

	TRY(db_query(scope->tx, &audit_statements[AUDIT_TAIL_HEADS], scope->arena, &rows,
		     DB_I64(indexed)));
	for (size_t i = 0; i < rows.count; i++) {
		int64_t position = db_i64(&rows, i, 0);
		struct audit_head *head;
		struct hash hash;
		struct str agent;

		TRY(audit_packed_hash(audit, db_text(&rows, i, 1), position, &hash, &agent));
		head = audit_heads_of(&audit->cache.heads, agent);
		if (!head)
			return ST_UNAVAILABLE; /* passes when the indexer has caught up */
		head->hash = hash;
		head->position = position;
	}
	return ST_OK;
}

static enum st cache_make(struct audit_service *audit, const struct svc_scope *scope,
			  const struct db_rows *tree)
{
	struct audit_cache *cache = &audit->cache;
	int64_t indexed;

	cache->valid = false;
	random_bytes(cache->heads.key, sizeof(cache->heads.key));
	audit_heads_clear(&cache->heads);
	TRY(audit_frontier_unpack(db_i64(tree, 0, 0), db_text(tree, 0, 1), &cache->tree));
	TRY(audit_indexed_to(scope->tx, scope->arena, &indexed));
	if (cache->tree.size - indexed > (int64_t)AUDIT_SEGMENTS_BEHIND_MAX * AUDIT_SEGMENT)
		return ST_UNAVAILABLE;
	TRY(classes_load(cache, scope));
	TRY(tail_load(audit, scope, indexed));
	cache->settings_version = db_i64(tree, 0, 2);
	cache->valid = true;
	return ST_OK;
}

enum st audit_cache_load(struct audit_service *audit, const struct svc_scope *scope)
{
	struct audit_cache *cache = &audit->cache;
	uint8_t frontier[AUDIT_FRONTIER_BYTES_MAX];
	struct db_rows rows;
	struct str stored;
	size_t size;

	TRY(db_query0(scope->tx, &audit_statements[AUDIT_TREE_LOCK], scope->arena, &rows));
	if (rows.count != 1)
		return ST_LOG_DAMAGED;
	stored = db_text(&rows, 0, 1);
	size = audit_frontier_pack(&cache->tree, frontier);
	if (cache->valid && cache->tree.size == db_i64(&rows, 0, 0) && stored.size == size &&
	    memcmp(stored.data, frontier, size) == 0 &&
	    cache->settings_version == db_i64(&rows, 0, 2))
		return ST_OK;
	return cache_make(audit, scope, &rows);
}

/* ---- partitions ---- */

static enum st part_open(struct audit_class *class, int32_t month, const struct svc_scope *scope)
{
	struct db_rows rows;

	TRY(db_query(scope->tx, &audit_statements[AUDIT_PART_FIND], scope->arena, &rows,
		     DB_TEXT(str_of(class->name)), DB_I32(month)));
	if (rows.count == 0)
		TRY(db_query(scope->tx, &audit_statements[AUDIT_PART_CREATE], scope->arena, &rows,
			     DB_TEXT(str_of(class->name)), DB_I32(month),
			     DB_I64(audit_month_start_ms(month)),
			     DB_I64(audit_month_start_ms(month + 1)), DB_I32(class->days)));
	else if (db_bool(&rows, 0, 1))
		return ST_LOG_DAMAGED; /* the month is not over and its partition expired */
	class->part = (int32_t)db_i64(&rows, 0, 0);
	class->month = month;
	return ST_OK;
}

static enum st part_of(struct audit_cache *cache, struct str domain, int32_t month,
		       const struct svc_scope *scope, int32_t *ret)
{
	struct audit_class *class = &cache->classes[0];

	for (size_t i = 1; i < cache->class_count; i++)
		if (str_is(domain, cache->classes[i].name))
			class = &cache->classes[i];
	if (class->month != month)
		TRY(part_open(class, month, scope));
	*ret = class->part;
	return ST_OK;
}

/* ---- heads of a batch ---- */

static enum st heads_ask(struct audit_cache *cache, const struct svc_scope *scope,
			 const struct str *agents, size_t count)
{
	struct db_rows rows;

	if (count == 0)
		return ST_OK;
	TRY(db_query(scope->tx, &audit_statements[AUDIT_HEADS_LOAD], scope->arena, &rows,
		     DB_TEXTS(agents, count)));
	if (rows.count != count)
		return ST_LOG_DAMAGED;
	for (size_t i = 0; i < rows.count; i++) {
		struct audit_head *head = audit_heads_of(&cache->heads, db_text(&rows, i, 0));

		ASSERT(head != NULL);
		/* a head from the tail is newer than the table's, unless the newest one expired */
		if (!db_is_null(&rows, i, 1) && head->position < db_i64(&rows, i, 2))
			TRY(head_set(head, db_text(&rows, i, 1), db_i64(&rows, i, 2)));
		if (!db_is_null(&rows, i, 3))
			head->sealed_position = db_i64(&rows, i, 3);
		head->loaded = true;
	}
	return ST_OK;
}

static enum st entries_fill(struct audit_cache *cache, const struct svc_scope *scope,
			    const struct audit_item *items, size_t count,
			    struct audit_entry *entries)
{
	struct str *agents = ARENA_ARRAY(scope->arena, struct str, count);
	int32_t month = audit_month_of(scope->now_ms);
	size_t missing = 0;

	if (!agents)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < count; i++) {
		const struct common_evidence *evidence = items[i].evidence;
		struct audit_entry *entry = &entries[i];

		*entry = (struct audit_entry){ .evidence = evidence,
					       .source_sequence = items[i].source_sequence };
		TRY(part_of(cache, evidence->domain, month, scope, &entry->part));
		entry->head = audit_heads_of(&cache->heads, evidence->agent_id);
		if (!entry->head)
			return ST_UNAVAILABLE; /* begins again with the agents that are active */
		if (!entry->head->loaded) {
			entry->head->loaded = true;
			agents[missing++] = evidence->agent_id;
		}
	}
	return heads_ask(cache, scope, agents, missing);
}

/* ---- writing ---- */

static enum st record_write(struct db_copy *copy, const struct audit_entry *entry)
{
	return db_copy_row(
		copy, (const struct db_value[]){ DB_I32(entry->part), DB_I64(entry->position),
						 DB_I64(entry->evidence->timestamp_ms),
						 DB_I64(entry->evidence_key),
						 DB_I64S(entry->terms.items, entry->terms.count),
						 DB_BYTES(entry->packed) });
}

/* Records are made while the server stores those before them. */
static enum st records_append(const struct svc_scope *scope, struct merkle_tree *tree,
			      struct str source, struct audit_entry *entries, size_t count,
			      struct audit_node_run *nodes)
{
	struct db_copy *copy;
	enum st st = ST_OK, end;

	audit_nodes_clear(nodes);
	TRY(db_copy_begin(scope->tx, AUDIT_RECORD_COPY, AUDIT_RECORD_COLUMNS, &copy));
	for (size_t i = 0; i < count && st == ST_OK; i++) {
		st = audit_append(tree, source, &entries[i], scope->arena, nodes);
		if (st == ST_OK)
			st = record_write(copy, &entries[i]);
	}
	end = db_copy_end(copy, (int64_t)count); /* ends a copy that failed, too */
	return st != ST_OK ? st : end;
}

static enum st leaves_write(const struct svc_scope *scope, const struct audit_entry *entries,
			    size_t count)
{
	uint8_t *hashes = arena_alloc(scope->arena, count * HASH_BYTES);
	struct audit_part_run *runs = ARENA_ARRAY(scope->arena, struct audit_part_run, count);
	size_t run_count;

	if (!hashes || !runs)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < count; i++)
		memcpy(hashes + i * HASH_BYTES, entries[i].leaf.bytes, HASH_BYTES);
	run_count = audit_part_runs(entries, count, runs);
	return db_write(scope->tx, &audit_statements[AUDIT_LEAF_INSERT], 1, ST_LOG_DAMAGED,
			DB_I64(entries[0].position),
			DB_BYTES(((struct str){ (const char *)hashes, count * HASH_BYTES })),
			DB_I32S((const int32_t *)runs, 2 * run_count));
}

static enum st nodes_write(const struct svc_scope *scope, const struct audit_node_run *nodes)
{
	int32_t levels[AUDIT_TILE_LEVELS];
	int64_t firsts[AUDIT_TILE_LEVELS];
	struct str hashes[AUDIT_TILE_LEVELS];
	size_t count = 0;

	for (size_t i = 0; i < AUDIT_TILE_LEVELS; i++) {
		if (nodes[i].count == 0)
			continue;
		levels[count] = nodes[i].level;
		firsts[count] = nodes[i].first;
		hashes[count] = (struct str){ (const char *)nodes[i].hashes,
					      (size_t)nodes[i].count * HASH_BYTES };
		count++;
	}
	if (count == 0)
		return ST_OK;
	return db_write(scope->tx, &audit_statements[AUDIT_NODE_INSERT], (int64_t)count,
			ST_LOG_DAMAGED, DB_I32S(levels, count), DB_I64S(firsts, count),
			DB_BYTESS(hashes, count));
}

struct part_sums {
	int32_t parts[AUDIT_CLASSES_MAX];
	int64_t first[AUDIT_CLASSES_MAX], last[AUDIT_CLASSES_MAX], records[AUDIT_CLASSES_MAX];
	int64_t time_min_ms[AUDIT_CLASSES_MAX], time_max_ms[AUDIT_CLASSES_MAX];
	size_t count;
};

static void part_sum(struct part_sums *sums, const struct audit_entry *entry)
{
	int64_t time_ms = entry->evidence->timestamp_ms;
	size_t i = 0;

	while (i < sums->count && sums->parts[i] != entry->part)
		i++;
	if (i == sums->count) {
		ASSERT(i < AUDIT_CLASSES_MAX);
		sums->parts[i] = entry->part;
		sums->first[i] = entry->position;
		sums->time_min_ms[i] = sums->time_max_ms[i] = time_ms;
		sums->count++;
	}
	sums->last[i] = entry->position;
	sums->records[i]++;
	if (time_ms < sums->time_min_ms[i])
		sums->time_min_ms[i] = time_ms;
	if (time_ms > sums->time_max_ms[i])
		sums->time_max_ms[i] = time_ms;
}

static enum st parts_write(const struct svc_scope *scope, const struct audit_entry *entries,
			   size_t count)
{
	struct part_sums sums = { .count = 0 };

	for (size_t i = 0; i < count; i++)
		part_sum(&sums, &entries[i]);
	return db_write(scope->tx, &audit_statements[AUDIT_PART_GROW], (int64_t)sums.count,
			ST_LOG_DAMAGED, DB_I32S(sums.parts, sums.count),
			DB_I64S(sums.first, sums.count), DB_I64S(sums.last, sums.count),
			DB_I64S(sums.records, sums.count), DB_I64S(sums.time_min_ms, sums.count),
			DB_I64S(sums.time_max_ms, sums.count));
}

static enum st tree_write(const struct svc_scope *scope, const struct merkle_tree *tree,
			  int64_t old_size)
{
	uint8_t *frontier = arena_alloc(scope->arena, AUDIT_FRONTIER_BYTES_MAX);

	if (!frontier)
		return ST_TOO_LARGE;
	return db_write(scope->tx, &audit_statements[AUDIT_TREE_SET], 1, ST_CONFLICT,
			DB_I64(tree->size),
			DB_BYTES(((struct str){ (const char *)frontier,
						audit_frontier_pack(tree, frontier) })),
			DB_I64(old_size));
}

/* ---- seals ---- */

static enum st seal_took_effect(const struct svc_scope *scope, const struct audit_entry *entry)
{
	struct str agent_id = entry->evidence->agent_id;
	struct audit_chain chain = {
		.agent_id = agent_id,
		.head_hash = audit_hash_text(scope->arena, &entry->head->hash),
		.last_log_id = entry->position,
		.sealed = true,
		.has_sealed_log_id = true,
		.sealed_log_id = entry->position,
		.has_sealed_at_ms = true,
		.sealed_at_ms = scope->now_ms,
	};

	if (!chain.head_hash.data)
		return ST_TOO_LARGE;
	TRY(db_write(scope->tx, &audit_statements[AUDIT_SEAL_DONE], 1, ST_LOG_DAMAGED,
		     DB_TEXT(agent_id), DB_I64(entry->position), DB_I64(scope->now_ms)));
	return svc_emit_in(scope, &EVT_AUDIT_CHAIN_SEALED, &agent_id, &chain, 1);
}

static enum st seals_write(const struct svc_scope *scope, const struct audit_entry *entries,
			   size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct str agent_id = entries[i].evidence->agent_id;

		if (entries[i].seals)
			TRY(seal_took_effect(scope, &entries[i]));
		if (!entries[i].after_seal)
			continue;
		TRY(db_write(scope->tx, &audit_statements[AUDIT_SEAL_AFTER], 1, ST_LOG_DAMAGED,
			     DB_TEXT(agent_id)));
		TRY(audit_alarm_raise(scope, AUDIT_ALARM_KIND_RECORD_AFTER_SEAL, agent_id,
				      entries[i].position,
				      "evidence of an agent whose chain is sealed"));
	}
	return ST_OK;
}

/* ---- the handlers ---- */

static enum st batch_write(const struct svc_scope *scope, struct str source,
			   const struct audit_entry *entries, size_t count,
			   const struct audit_node_run *nodes, const struct merkle_tree *tree)
{
	const struct audit_entry *last = &entries[count - 1];

	TRY(leaves_write(scope, entries, count));
	TRY(nodes_write(scope, nodes));
	TRY(tree_write(scope, tree, entries[0].position));
	TRY(parts_write(scope, entries, count));
	TRY(db_write(scope->tx, &audit_statements[AUDIT_SOURCE_MOVE], 1, ST_EVIDENCE_OUT_OF_ORDER,
		     DB_TEXT(source), DB_I64(entries[0].source_sequence),
		     DB_I64(last->source_sequence), DB_I64(last->position),
		     DB_I64((int64_t)count)));
	TRY(seals_write(scope, entries, count));
	return db_check(scope->tx); /* what is wrong is seen here, not first at the commit */
}

static enum st batch_append(struct audit_service *audit, const struct svc_scope *scope,
			    struct str source, const struct audit_item *items, size_t count)
{
	struct audit_entry *entries = ARENA_ARRAY(scope->arena, struct audit_entry, count);
	struct audit_node_run nodes[AUDIT_TILE_LEVELS];
	struct audit_cache *cache = &audit->cache;

	if (!entries)
		return ST_TOO_LARGE;
	TRY(audit_cache_load(audit, scope));
	/* From here until it is all queued the cache is between two trees: heads are marked as
	 * loaded before the server says what they are, partitions as open before they are kept. */
	cache->valid = false;
	TRY(entries_fill(cache, scope, items, count, entries));
	TRY(records_append(scope, &cache->tree, source, entries, count, nodes));
	TRY(batch_write(scope, source, entries, count, nodes, &cache->tree));
	cache->valid = true;
	return ST_OK;
}

/* Only what can never be stored is set aside: a name that PostgreSQL has no text for. */
static enum st evidence_check(const struct audit_item *items, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		ASSERT(i == 0 || items[i].source_sequence >= items[i - 1].source_sequence);
		if (memchr(items[i].evidence->agent_id.data, '\0',
			   items[i].evidence->agent_id.size))
			return ST_MESSAGE_INVALID;
	}
	return ST_OK;
}

static enum st items_append(struct svc_event *first, const struct audit_item *items, size_t count)
{
	struct svc_scope scope = svc_scope_of_event(first);

	TRY(evidence_check(items, count));
	for (size_t n; count > 0; count -= n, items += n) {
		n = audit_items_cut(items, count);
		enum st st = batch_append(first->state, &scope, first->source, items, n);

		if (st == ST_OK)
			continue;
		if (st_info(st)->kind == ST_KIND_UNAVAILABLE)
			return st;
		/* Ours, or the log's: no reason to pass over evidence. The source waits until it is
		 * repaired; setting it aside would be a gap. */
		log_write(LOG_ERROR,
			  &(struct log_fields){ .category = "append", .status = st_info(st)->code },
			  "evidence of \"%.*s\" from sequence %lld waits: %s",
			  STR_ARG(first->source), (long long)items[0].source_sequence,
			  db_tx_error(scope.tx));
		return problem_set(&first->problem, ST_UNAVAILABLE, "", "%s: %s", st_info(st)->code,
				   db_tx_error(scope.tx));
	}
	return ST_OK;
}

enum st audit_on_evidence(struct svc_event *events, size_t count)
{
	struct audit_item *items = ARENA_ARRAY(events[0].arena, struct audit_item, count);

	if (!items)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < count; i++)
		items[i] = (struct audit_item){ events[i].data, events[i].sequence };
	return items_append(&events[0], items, count);
}

enum st audit_on_evidence_packed(struct svc_event *events, size_t count)
{
	struct audit_item *items;
	size_t total = 0, n = 0;

	for (size_t i = 0; i < count; i++)
		total += ((const struct common_evidence_pack *)events[i].data)->records.count;
	items = ARENA_ARRAY(events[0].arena, struct audit_item, total);
	if (!items)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < count; i++) {
		const struct common_evidence_pack *pack = events[i].data;
		for (size_t k = 0; k < pack->records.count; k++)
			items[n++] =
				(struct audit_item){ &pack->records.items[k], events[i].sequence };
	}
	return items_append(&events[0], items, n);
}

enum st audit_on_terminated(struct svc_event *event)
{
	const struct registry_agent_transition *in = event->data;
	const struct audit_service *audit = event->state;

	/* Evidence of the end itself is still on its way from other services. */
	return db_write(event->tx, &audit_statements[AUDIT_SEAL_ASK], DB_ANY_ROWS, ST_CONFLICT,
			DB_TEXT(in->agent_id), DB_I64(event->now_ms + audit->seal_grace_ms));
}
