/* search.c: finding records. Indexed segments are answered from posting lists, the newest records,
 * which no segment covers yet, by reading them. What is found is held against the question again:
 * a term is only a hash. */
#include "service.h"

#define SEGMENTS_MAX 4096    /* looked at in one call */
#define SEGMENTS_AT_ONCE 128 /* whose postings are read together */
#define SEGMENTS_FIRST 1     /* listed first: a page is often full before the list of all is made */
#define SEGMENTS_GROWTH 4    /* so much wider is each further look */
#define CANDIDATES_MAX 16384 /* records read in one call */
#define CANDIDATES_AT_ONCE 1024

struct search {
	struct db_tx *tx;
	struct arena *arena;
	const struct audit_record_query_request *query;
	struct audit_terms terms;
	bool newest;
	int64_t from_ms, to_ms;
	struct audit_record *records;
	struct str *texts;
	size_t limit, count;
	size_t bytes, candidates, segments;
	int64_t edge; /* newest: everything from it on was looked at; oldest: everything before it
		       */
	bool full;
};

enum st audit_record_at(struct db_tx *tx, struct arena *arena, int64_t position,
			struct str *ret_packed)
{
	struct db_rows rows;
	int64_t expired[2], size;
	size_t expired_count = 0;

	TRY(db_query(tx, &audit_statements[AUDIT_RECORD_AT], arena, &rows, DB_I64(position)));
	if (rows.count > 0) {
		*ret_packed = db_text(&rows, 0, 0);
		return ST_OK;
	}
	TRY(db_query0(tx, &audit_statements[AUDIT_TREE_READ], arena, &rows));
	size = rows.count == 1 ? db_i64(&rows, 0, 0) : 0;
	if (position >= size)
		return ST_NOT_FOUND;
	TRY(audit_expired_read(tx, arena, position, 1, expired, &expired_count));
	return expired_count > 0 ? ST_RECORD_EXPIRED : ST_LOG_DAMAGED;
}

size_t audit_text_cost(struct str text)
{
	size_t cost = text.size + 8;

	for (size_t i = 0; i < text.size; i++)
		cost += text.data[i] == '"' || text.data[i] == '\\';
	return cost;
}

static int64_t edge_after(const struct search *s, int64_t position)
{
	return s->newest ? position : position + 1;
}

/* Rows (position, packed) in the search's order. */
static enum st rows_take(struct search *s, const struct db_rows *rows)
{
	for (size_t i = 0; i < rows->count && !s->full; i++) {
		struct str packed = db_text(rows, i, 1), text;
		struct audit_record *record = &s->records[s->count];
		int64_t position = db_i64(rows, i, 0);
		size_t cost;

		TRY(audit_unpack_record(packed, position, s->arena, record));
		if (!audit_query_matches(s->query, record))
			continue;
		TRY(audit_unpack_text(packed, position, s->arena, &text));
		cost = audit_text_cost(text);
		if (s->count > 0 && s->bytes + cost > AUDIT_PAGE_BYTES_MAX) {
			s->full = true; /* the edge stays behind the record before */
			return ST_OK;
		}
		s->texts[s->count++] = text;
		s->bytes += cost;
		s->edge = edge_after(s, position);
		s->full = s->count == s->limit;
	}
	return ST_OK;
}

/* Reads positions [from, to) one by one. */
static enum st scan(struct search *s, int64_t from, int64_t to)
{
	enum audit_statement which = s->newest ? AUDIT_SCAN_NEWEST : AUDIT_SCAN_OLDEST;
	size_t wanted = s->limit - s->count;
	struct db_rows rows;

	if (from >= to)
		return ST_OK;
	TRY(db_query(s->tx, &audit_statements[which], s->arena, &rows, DB_I64(from), DB_I64(to),
		     DB_I64S(s->terms.items, s->terms.count), DB_I64(s->from_ms), DB_I64(s->to_ms),
		     DB_I64((int64_t)wanted)));
	s->candidates += rows.count;
	TRY(rows_take(s, &rows));
	if (s->full)
		return ST_OK;
	/* a full page from which hashes that only looked alike were dropped is not the end */
	if (rows.count == wanted && rows.count > 0) {
		s->edge = edge_after(s, db_i64(&rows, rows.count - 1, 0));
		return s->newest ? scan(s, from, s->edge) : scan(s, s->edge, to);
	}
	s->edge = s->newest ? from : to;
	return ST_OK;
}

static enum st positions_take(struct search *s, const int64_t *positions, size_t count)
{
	int64_t a = positions[0], z = positions[count - 1];
	struct db_rows rows;

	s->candidates += count;
	TRY(db_query(s->tx, &audit_statements[AUDIT_RECORDS_AT], s->arena, &rows,
		     DB_I64S(positions, count), DB_I64(a < z ? a : z), DB_I64(a < z ? z : a),
		     DB_I64(s->from_ms), DB_I64(s->to_ms), DB_I64((int64_t)count)));
	TRY(rows_take(s, &rows));
	if (!s->full)
		s->edge = edge_after(s, z);
	return ST_OK;
}

struct chunk {
	int32_t segments[SEGMENTS_AT_ONCE];
	struct audit_bitmap *bitmaps;
	size_t count;
};

static enum st chunk_load(struct search *s, struct chunk *chunk)
{
	struct db_rows rows;

	TRY(db_query(s->tx, &audit_statements[AUDIT_POSTINGS], s->arena, &rows,
		     DB_I64S(s->terms.items, s->terms.count),
		     DB_I32S(chunk->segments, chunk->count)));
	for (size_t i = 0; i < chunk->count; i++)
		audit_bitmap_fill(&chunk->bitmaps[i]);
	for (size_t i = 0; i < rows.count; i++) {
		size_t at = 0;

		while (chunk->segments[at] != db_i64(&rows, i, 0))
			at++;
		TRY(audit_bitmap_and(&chunk->bitmaps[at], db_text(&rows, i, 1)));
	}
	return ST_OK;
}

/* Candidate positions of the chunk in order, taken in groups as large as the page still is. */
static enum st chunk_take(struct search *s, const struct chunk *chunk, int64_t from, int64_t to)
{
	int64_t *positions = ARENA_ARRAY(s->arena, int64_t, CANDIDATES_AT_ONCE);
	uint16_t *offsets = ARENA_ARRAY(s->arena, uint16_t, AUDIT_SEGMENT);
	size_t count = 0;

	if (!positions || !offsets)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < chunk->count && !s->full; i++) {
		int64_t base = (int64_t)chunk->segments[i] * AUDIT_SEGMENT;
		struct audit_bitmap bitmap = chunk->bitmaps[i];
		size_t n;

		audit_bitmap_clip(&bitmap, from - base, to - base);
		n = s->newest ? audit_bitmap_last(&bitmap, AUDIT_SEGMENT, offsets)
			      : audit_bitmap_first(&bitmap, AUDIT_SEGMENT, offsets);
		for (size_t k = 0; k < n && !s->full; k++) {
			positions[count++] = base + offsets[k];
			if (count < CANDIDATES_AT_ONCE && count < s->limit - s->count)
				continue;
			TRY(positions_take(s, positions, count));
			count = 0;
			if (s->candidates >= CANDIDATES_MAX)
				s->full = true;
		}
	}
	return count > 0 && !s->full ? positions_take(s, positions, count) : ST_OK;
}

static enum st segments_list(struct search *s, int64_t from, int64_t to, struct db_rows *ret)
{
	struct db_value low = DB_I32((int32_t)(from / AUDIT_SEGMENT));
	struct db_value high = DB_I32((int32_t)((to - 1) / AUDIT_SEGMENT));
	struct db_value most = DB_I64((int64_t)(SEGMENTS_MAX - s->segments));

	if (s->terms.count == 0)
		return db_query(s->tx,
				&audit_statements[s->newest ? AUDIT_SEGMENTS_ALL_NEWEST
							    : AUDIT_SEGMENTS_ALL_OLDEST],
				s->arena, ret, low, high, DB_I64(s->from_ms), DB_I64(s->to_ms),
				most);
	return db_query(
		s->tx, &audit_statements[s->newest ? AUDIT_SEGMENTS_NEWEST : AUDIT_SEGMENTS_OLDEST],
		s->arena, ret, DB_I64S(s->terms.items, s->terms.count), low, high,
		DB_I64(s->from_ms), DB_I64(s->to_ms), DB_I64((int64_t)s->terms.count), most);
}

static enum st segment_scan(struct search *s, int32_t segment, int64_t from, int64_t to)
{
	int64_t low = (int64_t)segment * AUDIT_SEGMENT, high = low + AUDIT_SEGMENT;

	return scan(s, low > from ? low : from, high < to ? high : to);
}

/* Indexed positions [from, to), the segments of which are listed together. */
static enum st window_take(struct search *s, struct chunk *chunk, int64_t from, int64_t to)
{
	struct db_rows rows;

	TRY(segments_list(s, from, to, &rows));
	s->segments += rows.count;
	for (size_t i = 0; i < rows.count && !s->full;) {
		if (s->terms.count == 0) {
			TRY(segment_scan(s, (int32_t)db_i64(&rows, i++, 0), from, to));
			continue;
		}
		for (chunk->count = 0; i < rows.count && chunk->count < SEGMENTS_AT_ONCE; i++)
			chunk->segments[chunk->count++] = (int32_t)db_i64(&rows, i, 0);
		TRY(chunk_load(s, chunk));
		TRY(chunk_take(s, chunk, from, to));
	}
	if (s->full)
		return ST_OK;
	if (s->segments == SEGMENTS_MAX) {
		int64_t last = db_i64(&rows, rows.count - 1, 0);

		s->edge = (s->newest ? last : last + 1) * AUDIT_SEGMENT;
		s->full = true;
		return ST_OK;
	}
	s->edge = s->newest ? from : to;
	return ST_OK;
}

/* Indexed positions [from, to), in windows that grow. */
static enum st segments_take(struct search *s, int64_t from, int64_t to)
{
	struct chunk *chunk = ARENA_NEW(s->arena, struct chunk);
	int64_t width = SEGMENTS_FIRST;

	if (!chunk)
		return ST_TOO_LARGE;
	chunk->bitmaps = ARENA_ARRAY(s->arena, struct audit_bitmap, SEGMENTS_AT_ONCE);
	if (!chunk->bitmaps)
		return ST_TOO_LARGE;
	for (; from < to && !s->full; width *= SEGMENTS_GROWTH) {
		int64_t edge = s->newest ? ((to - 1) / AUDIT_SEGMENT + 1 - width) * AUDIT_SEGMENT
					 : (from / AUDIT_SEGMENT + width) * AUDIT_SEGMENT;

		if (s->newest) {
			edge = edge > from ? edge : from;
			TRY(window_take(s, chunk, edge, to));
			to = edge;
		} else {
			edge = edge < to ? edge : to;
			TRY(window_take(s, chunk, from, edge));
			from = edge;
		}
	}
	return ST_OK;
}

static enum st search_run(struct search *s, int64_t size, int64_t indexed)
{
	int64_t cursor = s->query->has_cursor ? s->query->cursor : s->newest ? size : 0;
	int64_t middle;

	if (s->newest) {
		int64_t to = cursor < size ? cursor : size;

		middle = indexed < to ? indexed : to;
		s->edge = to;
		TRY(scan(s, middle, to));
		return s->full ? ST_OK : segments_take(s, 0, middle);
	}
	middle = indexed > cursor ? indexed : cursor;
	s->edge = cursor;
	TRY(segments_take(s, cursor, indexed));
	return s->full ? ST_OK : scan(s, middle, size);
}

enum st audit_search(struct db_tx *tx, struct arena *arena,
		     const struct audit_record_query_request *query, struct audit_record *ret,
		     struct str *ret_texts, size_t limit, size_t *ret_count, int64_t *ret_next)
{
	struct search s = { .tx = tx,
			    .arena = arena,
			    .query = query,
			    .newest = query->order != AUDIT_ORDER_OLDEST,
			    .from_ms = query->has_from_ms ? query->from_ms : INT64_MIN,
			    .to_ms = query->has_to_ms ? query->to_ms : INT64_MAX,
			    .records = ret,
			    .texts = ret_texts,
			    .limit = limit };
	struct db_rows rows;
	int64_t size, indexed;

	ASSERT(limit > 0);
	audit_terms_of_query(query, &s.terms);
	/* the boundary first: what becomes indexed afterwards is then read twice, not missed */
	TRY(audit_indexed_to(tx, arena, &indexed));
	TRY(db_query0(tx, &audit_statements[AUDIT_TREE_READ], arena, &rows));
	if (rows.count != 1)
		return ST_LOG_DAMAGED;
	size = db_i64(&rows, 0, 0);
	TRY(search_run(&s, size, indexed));
	*ret_count = s.count;
	*ret_next = s.full && s.edge > 0 && s.edge < (s.newest ? INT64_MAX : size) ? s.edge : -1;
	return ST_OK;
}
