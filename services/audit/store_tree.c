/* store_tree.c: the tree as it lies in leaf_run and node_run, in pieces of the size they came in.
 */
#include "service.h"

/* Copies what a stored run [first, first + n) has of [from, to). Returns how many. */
static int64_t run_copy(int64_t first, struct str hashes, int64_t from, int64_t to,
			struct hash *ret)
{
	int64_t n = (int64_t)(hashes.size / HASH_BYTES);
	int64_t low = first > from ? first : from;
	int64_t high = first + n < to ? first + n : to;

	if (low >= high)
		return 0;
	memcpy(ret + (low - from), hashes.data + (low - first) * HASH_BYTES,
	       (size_t)(high - low) * HASH_BYTES);
	return high - low;
}

/* Runs do not overlap, so as many as were asked for are all of them. */
static enum st runs_copy(const struct db_rows *rows, int64_t from, int64_t to, struct hash *ret)
{
	int64_t count = 0;

	for (size_t i = 0; i < rows->count; i++)
		count += run_copy(db_i64(rows, i, 0), db_text(rows, i, 1), from, to, ret);
	return count == to - from ? ST_OK : ST_LOG_DAMAGED;
}

enum st audit_leaves_read(struct db_tx *tx, struct arena *arena, int64_t first, int64_t count,
			  struct hash *ret)
{
	struct db_rows rows;

	TRY(db_query(tx, &audit_statements[AUDIT_LEAF_READ], arena, &rows, DB_I64(first),
		     DB_I64(first + count)));
	return runs_copy(&rows, first, first + count, ret);
}

enum st audit_tile_read(void *context, int level, int64_t index, int width, struct hash *ret)
{
	struct audit_tiles *tiles = context;
	int64_t from = index * TILE_WIDTH, to = from + width;
	struct db_rows rows;

	ASSERT(width >= 1 && width <= TILE_WIDTH);
	if (level == 0)
		return audit_leaves_read(tiles->tx, tiles->arena, from, width, ret);
	TRY(db_query(tiles->tx, &audit_statements[AUDIT_NODE_READ], tiles->arena, &rows,
		     DB_I32(level), DB_I64(from), DB_I64(to)));
	return runs_copy(&rows, from, to, ret);
}

enum st audit_subtree_root(struct audit_tiles *tiles, int level, int64_t index, int64_t size,
			   struct hash *ret)
{
	struct hash hashes[TILE_WIDTH];
	struct tile tile;
	int first, count;

	TRY(tile_of_node(level, index, size, &tile, &first, &count));
	TRY(audit_tile_read(tiles, tile.level, tile.index, tile.width, hashes));
	merkle_root(hashes + first, (size_t)count, ret);
	return ST_OK;
}

/* ---- which positions expired ---- */

struct expired {
	const struct db_rows *parts;
	int64_t from, to;
	int64_t *runs;
	size_t count;
};

static bool part_expired(const struct db_rows *parts, int32_t part)
{
	for (size_t i = 0; i < parts->count; i++)
		if (db_i64(parts, i, 0) == part)
			return true;
	return false;
}

static void expired_add(struct expired *e, int64_t from, int64_t to)
{
	if (from < e->from)
		from = e->from;
	if (to > e->to)
		to = e->to;
	if (from >= to)
		return;
	if (e->count > 0 && e->runs[e->count - 2] + e->runs[e->count - 1] == from - e->from) {
		e->runs[e->count - 1] += to - from;
		return;
	}
	e->runs[e->count] = from - e->from;
	e->runs[e->count + 1] = to - from;
	e->count += 2;
}

static void expired_of_run(struct expired *e, int64_t first, const struct db_value *parts)
{
	const int32_t *runs = parts->items;

	for (size_t i = 0; i + 1 < parts->count; i += 2) {
		if (part_expired(e->parts, runs[i]))
			expired_add(e, first, first + runs[i + 1]);
		first += runs[i + 1];
	}
}

/* The distinct partitions of the rows' runs. */
static size_t parts_of(const struct db_rows *rows, int32_t *ret, size_t max)
{
	size_t count = 0;

	for (size_t i = 0; i < rows->count; i++) {
		const struct db_value *value = db_at(rows, i, 2);
		const int32_t *runs = value->items;

		for (size_t k = 0; k + 1 < value->count; k += 2) {
			size_t at = 0;

			while (at < count && ret[at] != runs[k])
				at++;
			if (at == count && count < max)
				ret[count++] = runs[k];
		}
	}
	return count;
}

enum st audit_expired_read(struct db_tx *tx, struct arena *arena, int64_t first, int64_t count,
			   int64_t *ret_expired, size_t *ret_count)
{
	int32_t parts[AUDIT_PARTS_MAX];
	struct db_rows rows, gone;
	struct expired expired = {
		.parts = &gone, .from = first, .to = first + count, .runs = ret_expired
	};

	TRY(db_query(tx, &audit_statements[AUDIT_LEAF_READ], arena, &rows, DB_I64(first),
		     DB_I64(first + count)));
	TRY(db_query(tx, &audit_statements[AUDIT_PART_STATE], arena, &gone,
		     DB_I32S(parts, parts_of(&rows, parts, AUDIT_PARTS_MAX))));
	for (size_t i = 0; i < rows.count && gone.count > 0; i++)
		expired_of_run(&expired, db_i64(&rows, i, 0), db_at(&rows, i, 2));
	*ret_count = expired.count;
	return ST_OK;
}
