/* index.c: when 8,192 positions are full, their posting lists and the chain heads they leave behind
 * are written. Not in the appender: this way a record costs it no index at all. A segment whose
 * records expired in part is made again from what is left. */
#include <stdlib.h>

#include "service.h"

#define BODIES_AT_ONCE 1024

enum st audit_indexed_to(struct db_tx *tx, struct arena *arena, int64_t *ret)
{
	struct db_rows rows;

	TRY(db_query0(tx, &audit_statements[AUDIT_INDEXED], arena, &rows));
	if (rows.count != 1)
		return ST_LOG_DAMAGED;
	*ret = db_i64(&rows, 0, 0) * AUDIT_SEGMENT;
	return ST_OK;
}

struct last { /* the last record of an agent in the segment */
	int64_t agent_term;
	int64_t position;
	int32_t part;
	int64_t count;
};

struct build {
	struct svc_tick_context *tick;
	int32_t segment;
	struct db_rows rows; /* position, part, time_ms, terms */
	int64_t time_min_ms, time_max_ms;
};

/* ---- postings ---- */

static size_t entries_fill(struct build *b, struct audit_index_entry *entries)
{
	int64_t base = (int64_t)b->segment * AUDIT_SEGMENT;
	size_t count = 0;

	for (size_t i = 0; i < b->rows.count; i++) {
		const struct db_value *terms = db_at(&b->rows, i, 3);
		int64_t time_ms = db_i64(&b->rows, i, 2);

		for (size_t k = 0; k < terms->count && k < AUDIT_TERMS_MAX; k++)
			entries[count++] = (struct audit_index_entry){
				.term = ((const int64_t *)terms->items)[k],
				.offset = (uint16_t)(db_i64(&b->rows, i, 0) - base),
			};
		if (i == 0 || time_ms < b->time_min_ms)
			b->time_min_ms = time_ms;
		if (i == 0 || time_ms > b->time_max_ms)
			b->time_max_ms = time_ms;
	}
	return count;
}

static enum st postings_write(struct build *b)
{
	struct arena *arena = b->tick->arena;
	struct audit_index_entry *entries =
		ARENA_ARRAY(arena, struct audit_index_entry, AUDIT_SEGMENT * AUDIT_TERMS_MAX);
	struct audit_posting posting;
	struct db_copy *copy;
	int64_t written = 0;
	size_t count;

	if (!entries)
		return ST_TOO_LARGE;
	count = entries_fill(b, entries);
	if (count == 0)
		return ST_OK;
	audit_index_sort(entries, count);
	TRY(db_copy_begin(b->tick->tx, AUDIT_POSTING_COPY, AUDIT_POSTING_COLUMNS, &copy));
	for (size_t at = 0; at < count;) {
		at = audit_index_next(entries, count, at, &posting);
		struct str bytes = { (const char *)posting.bytes, posting.size };

		if (db_copy_row(copy,
				(const struct db_value[]){ DB_I64(posting.term), DB_I32(b->segment),
							   DB_BYTES(bytes) }) != ST_OK)
			break;
		written++;
	}
	return db_copy_end(copy, written);
}

/* ---- chain heads ---- */

static int last_order(const void *a, const void *b)
{
	const struct last *x = a, *y = b;

	if (x->agent_term != y->agent_term)
		return x->agent_term < y->agent_term ? -1 : 1;
	return x->position < y->position ? -1 : x->position > y->position;
}

/* One a chain, with how many records of it there are. A chain is known by its agent's term, the
 * first one: two agents of one term would be mixed up, one chance in 2^64 for a pair. */
static size_t lasts_find(const struct build *b, struct last *lasts)
{
	size_t count = 0;

	for (size_t i = 0; i < b->rows.count; i++)
		lasts[i] = (struct last){
			.agent_term = ((const int64_t *)db_at(&b->rows, i, 3)->items)[0],
			.position = db_i64(&b->rows, i, 0),
			.part = (int32_t)db_i64(&b->rows, i, 1),
			.count = 1,
		};
	qsort(lasts, b->rows.count, sizeof(lasts[0]), last_order);
	for (size_t i = 0; i < b->rows.count; i++) {
		if (count > 0 && lasts[count - 1].agent_term == lasts[i].agent_term) {
			lasts[i].count += lasts[count - 1].count;
			count--;
		}
		lasts[count++] = lasts[i];
	}
	return count;
}

enum st audit_packed_hash(struct audit_service *audit, struct str packed, int64_t position,
			  struct hash *ret, struct str *ret_agent)
{
	struct common_evidence evidence;
	struct auditlog_place place;
	struct str text;

	if (audit->scratch.used_bytes_max == 0)
		arena_init(&audit->scratch, AUDIT_SCRATCH_BYTES_MAX);
	arena_reset(&audit->scratch);
	TRY(audit_unpack(packed, position, &audit->scratch, &evidence, &place));
	TRY(auditlog_record_text(&evidence, &place, &audit->scratch, &text));
	sha256_of(text.data, text.size, ret);
	*ret_agent = evidence.agent_id;
	return ST_OK;
}

struct fold {
	int32_t parts[BODIES_AT_ONCE];
	int64_t positions[BODIES_AT_ONCE], lengths[BODIES_AT_ONCE];
	struct str agents[BODIES_AT_ONCE], hashes[BODIES_AT_ONCE];
	struct hash hash[BODIES_AT_ONCE];
};

static int position_order(const void *a, const void *b)
{
	const struct last *x = a, *y = b;

	return x->position < y->position ? -1 : x->position > y->position;
}

/* Whose the last records are, and their hashes. */
static enum st fold_read(const struct build *b, const struct last *lasts, size_t count,
			 struct fold *fold)
{
	struct arena *arena = b->tick->arena;
	struct db_rows rows;

	for (size_t i = 0; i < count; i++) {
		fold->parts[i] = lasts[i].part;
		fold->positions[i] = lasts[i].position;
		fold->lengths[i] = lasts[i].count;
	}
	TRY(db_query(b->tick->tx, &audit_statements[AUDIT_INDEX_BODIES], arena, &rows,
		     DB_I32S(fold->parts, count), DB_I64S(fold->positions, count)));
	if (rows.count != count)
		return ST_LOG_DAMAGED;
	for (size_t i = 0; i < count; i++) {
		struct str agent;

		TRY(audit_packed_hash(b->tick->state, db_text(&rows, i, 1), db_i64(&rows, i, 0),
				      &fold->hash[i], &agent));
		fold->agents[i] = arena_copy(arena, agent);
		if (!fold->agents[i].data)
			return ST_TOO_LARGE;
		fold->hashes[i] = (struct str){ (const char *)fold->hash[i].bytes, HASH_BYTES };
	}
	return ST_OK;
}

static enum st lasts_fold(const struct build *b, const struct last *lasts, size_t count)
{
	struct fold *fold = ARENA_NEW(b->tick->arena, struct fold);

	if (!fold)
		return ST_TOO_LARGE;
	TRY(fold_read(b, lasts, count, fold));
	return db_write(b->tick->tx, &audit_statements[AUDIT_CHAIN_FOLD], (int64_t)count,
			ST_LOG_DAMAGED, DB_TEXTS(fold->agents, count),
			DB_BYTESS(fold->hashes, count), DB_I64S(fold->lengths, count),
			DB_I64S(fold->positions, count));
}

static enum st chains_write(const struct build *b)
{
	if (b->rows.count == 0)
		return ST_OK;

	struct last *lasts = ARENA_ARRAY(b->tick->arena, struct last, b->rows.count);
	size_t count;

	if (!lasts)
		return ST_TOO_LARGE;
	count = lasts_find(b, lasts);
	qsort(lasts, count, sizeof(lasts[0]), position_order);
	for (size_t i = 0; i < count; i += BODIES_AT_ONCE)
		TRY(lasts_fold(b, lasts + i,
			       count - i < BODIES_AT_ONCE ? count - i : BODIES_AT_ONCE));
	return ST_OK;
}

enum st audit_moved_of(struct svc_tick_context *tick, const struct db_rows *rows,
		       struct audit_moved *ret, size_t *ret_count)
{
	struct build b = { .tick = tick, .rows = *rows };
	struct last *lasts = ARENA_ARRAY(tick->arena, struct last, rows->count);
	struct fold *fold = ARENA_NEW(tick->arena, struct fold);
	size_t count;

	if (!lasts || !fold)
		return ST_TOO_LARGE;
	count = lasts_find(&b, lasts);
	qsort(lasts, count, sizeof(lasts[0]), position_order);
	for (size_t i = 0; i < count; i += BODIES_AT_ONCE) {
		size_t some = count - i < BODIES_AT_ONCE ? count - i : BODIES_AT_ONCE;

		TRY(fold_read(&b, lasts + i, some, fold));
		for (size_t k = 0; k < some; k++)
			ret[i + k] = (struct audit_moved){ fold->agents[k], fold->hash[k] };
	}
	*ret_count = count;
	return ST_OK;
}

enum st audit_chains_fold(struct svc_tick_context *tick, int32_t part, int64_t from)
{
	struct build b = { .tick = tick };

	TRY(db_query(tick->tx, &audit_statements[AUDIT_INDEX_PART], tick->arena, &b.rows,
		     DB_I32(part), DB_I64(from)));
	return chains_write(&b);
}

/* ---- the tick ---- */

static enum st segment_read(struct build *b)
{
	int64_t from = (int64_t)b->segment * AUDIT_SEGMENT;

	TRY(db_query(b->tick->tx, &audit_statements[AUDIT_INDEX_READ], b->tick->arena, &b->rows,
		     DB_I64(from), DB_I64(from + AUDIT_SEGMENT)));
	for (size_t i = 0; i < b->rows.count; i++)
		if (db_at(&b->rows, i, 3)->count == 0)
			return ST_LOG_DAMAGED;
	return ST_OK;
}

static enum st segment_index(struct svc_tick_context *tick, int32_t segment)
{
	struct build b = { .tick = tick, .segment = segment };

	TRY(segment_read(&b));
	TRY(postings_write(&b));
	TRY(chains_write(&b));
	return db_write(tick->tx, &audit_statements[AUDIT_SEGMENT_PUT], 1, ST_CONFLICT,
			DB_I32(segment), DB_I64(b.time_min_ms), DB_I64(b.time_max_ms));
}

static enum st segment_renew(struct svc_tick_context *tick, int32_t segment)
{
	struct build b = { .tick = tick, .segment = segment };

	TRY(segment_read(&b));
	TRY(db_write(tick->tx, &audit_statements[AUDIT_POSTING_CLEAR], DB_ANY_ROWS, ST_CONFLICT,
		     DB_I32(segment)));
	TRY(postings_write(&b));
	return db_write(tick->tx, &audit_statements[AUDIT_SEGMENT_FRESH], 1, ST_CONFLICT,
			DB_I32(segment), DB_I64(b.time_min_ms), DB_I64(b.time_max_ms));
}

enum st audit_tick_index(struct svc_tick_context *tick)
{
	struct db_rows rows;
	int64_t size, indexed;

	TRY(audit_indexed_to(tick->tx, tick->arena, &indexed));
	TRY(db_query0(tick->tx, &audit_statements[AUDIT_TREE_READ], tick->arena, &rows));
	if (rows.count != 1)
		return ST_LOG_DAMAGED;
	size = db_i64(&rows, 0, 0);
	if (indexed + AUDIT_SEGMENT <= size) {
		tick->again = indexed + 2 * AUDIT_SEGMENT <= size;
		return segment_index(tick, (int32_t)(indexed / AUDIT_SEGMENT));
	}
	TRY(db_query0(tick->tx, &audit_statements[AUDIT_SEGMENT_STALE_NEXT], tick->arena, &rows));
	if (rows.count == 0)
		return ST_OK;
	tick->again = true;
	return segment_renew(tick, (int32_t)db_i64(&rows, 0, 0));
}
