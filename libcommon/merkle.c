/* RFC 6962 trees. Proofs are made by one walk from the root down, over anything that can tell the
 * root of a range of leaves: leaves in memory, or tiles. */
#include "merkle.h"

#include <assert.h>
#include <stdio.h>

#define TILE_LEVELS 8 /* 8 of height 8 reach past level 62 */

static_assert(MERKLE_SIZE_MAX == (int64_t)1 << MERKLE_PATH_MAX, "a path has a hash a level");

void merkle_leaf(const void *data, size_t size, struct hash *ret)
{
	struct sha256 state;

	sha256_init(&state);
	sha256_add(&state, &(uint8_t){ 0x00 }, 1);
	sha256_add(&state, data, size);
	sha256_final(&state, ret);
}

void merkle_node(const struct hash *left, const struct hash *right, struct hash *ret)
{
	uint8_t bytes[1 + 2 * HASH_BYTES];

	bytes[0] = 0x01;
	memcpy(bytes + 1, left->bytes, HASH_BYTES);
	memcpy(bytes + 1 + HASH_BYTES, right->bytes, HASH_BYTES);
	sha256_of(bytes, sizeof(bytes), ret);
}

void merkle_root_empty(struct hash *ret)
{
	sha256_of(NULL, 0, ret);
}

/* Growing trees */

enum st merkle_append(struct merkle_tree *tree, const struct hash *leaf,
		      merkle_completed *completed, void *context)
{
	struct hash hash = *leaf;
	int level = 0;

	if (tree->size >= MERKLE_SIZE_MAX)
		return ST_TOO_LARGE;
	if (completed)
		completed(context, 0, tree->size, &hash);
	for (; (tree->size >> level & 1) != 0; level++) {
		merkle_node(&tree->frontier[level], &hash, &hash);
		if (completed)
			completed(context, level + 1, tree->size >> (level + 1), &hash);
	}
	tree->frontier[level] = hash;
	tree->size++;
	return ST_OK;
}

void merkle_tree_root(const struct merkle_tree *tree, struct hash *ret)
{
	bool first = true;

	ASSERT(tree->size >= 0 && tree->size <= MERKLE_SIZE_MAX);
	if (tree->size == 0)
		merkle_root_empty(ret);
	for (int level = 0; level <= MERKLE_PATH_MAX; level++) {
		if ((tree->size >> level & 1) == 0)
			continue;
		if (first)
			*ret = tree->frontier[level];
		else
			merkle_node(&tree->frontier[level], ret, ret);
		first = false;
	}
}

void merkle_root(const struct hash *leaves, size_t count, struct hash *ret)
{
	struct merkle_tree tree;

	tree.size = 0; /* a frontier's entry is written before it is read */
	for (size_t i = 0; i < count; i++) {
		enum st st = merkle_append(&tree, &leaves[i], NULL, NULL);

		ASSERT(st == ST_OK);
	}
	merkle_tree_root(&tree, ret);
}

/* Proofs */

/* Where a walk asks for the root of leaves [from, to). */
struct ranges {
	enum st (*root)(void *context, int64_t from, int64_t to, struct hash *ret);
	void *context;
};

/* The largest power of two below `size`, where RFC 6962 splits; size > 1. */
static int64_t split_of(int64_t size)
{
	return (int64_t)1 << (63 - __builtin_clzll((unsigned long long)size - 1));
}

static void path_reverse(struct merkle_path *path)
{
	for (int i = 0, j = path->count - 1; i < j; i++, j--) {
		struct hash hash = path->hashes[i];

		path->hashes[i] = path->hashes[j];
		path->hashes[j] = hash;
	}
}

static enum st path_add(struct merkle_path *path, const struct ranges *ranges, int64_t from,
			int64_t to)
{
	ASSERT(path->count < MERKLE_CONSISTENCY_MAX);
	TRY(ranges->root(ranges->context, from, to, &path->hashes[path->count]));
	path->count++;
	return ST_OK;
}

static enum st inclusion_walk(const struct ranges *ranges, int64_t size, int64_t index,
			      struct merkle_path *ret)
{
	int64_t from = 0, to = size;
	struct merkle_path path;

	path.count = 0;
	if (size < 1 || size > MERKLE_SIZE_MAX || index < 0 || index >= size)
		return ST_USAGE;
	while (to - from > 1) {
		int64_t middle = from + split_of(to - from);

		if (index < middle) {
			TRY(path_add(&path, ranges, middle, to));
			to = middle;
		} else {
			TRY(path_add(&path, ranges, from, middle));
			from = middle;
		}
	}
	path_reverse(&path);
	*ret = path;
	return ST_OK;
}

/* RFC 6962 2.1.2: down to the subtree that ends where the old tree ended. When that is the whole
 * old tree, the verifier knows its root already. */
static enum st consistency_walk(const struct ranges *ranges, int64_t size, int64_t old_size,
				struct merkle_path *ret)
{
	int64_t from = 0, to = size;
	struct merkle_path path;

	path.count = 0;
	if (size < 0 || size > MERKLE_SIZE_MAX || old_size < 0 || old_size > size)
		return ST_USAGE;
	if (old_size == 0) {
		ret->count = 0;
		return ST_OK;
	}
	while (to != old_size) {
		int64_t middle = from + split_of(to - from);

		if (old_size <= middle) {
			TRY(path_add(&path, ranges, middle, to));
			to = middle;
		} else {
			TRY(path_add(&path, ranges, from, middle));
			from = middle;
		}
	}
	if (from != 0)
		TRY(path_add(&path, ranges, from, to));
	path_reverse(&path);
	*ret = path;
	return ST_OK;
}

static enum st memory_root(void *context, int64_t from, int64_t to, struct hash *ret)
{
	const struct hash *leaves = *(const struct hash **)context;

	merkle_root(leaves + from, (size_t)(to - from), ret);
	return ST_OK;
}

enum st merkle_path_of(const struct hash *leaves, int64_t count, int64_t index,
		       struct merkle_path *ret)
{
	return inclusion_walk(&(struct ranges){ memory_root, &leaves }, count, index, ret);
}

enum st merkle_consistency_of(const struct hash *leaves, int64_t count, int64_t old_count,
			      struct merkle_path *ret)
{
	return consistency_walk(&(struct ranges){ memory_root, &leaves }, count, old_count, ret);
}

/* All levels of a small tree. A last node without a sibling is carried up as it is: that gives the
 * same tree as RFC 6962's split at a power of two. */

size_t merkle_levels_fill(struct hash *nodes, size_t count)
{
	size_t total = count;

	ASSERT(count > 0);
	for (size_t width = count; width > 1; width = (width + 1) / 2) {
		const struct hash *level = nodes + total - width;

		for (size_t i = 0; i + 1 < width; i += 2)
			merkle_node(&level[i], &level[i + 1], &nodes[total + i / 2]);
		if (width % 2 != 0)
			nodes[total + width / 2] = level[width - 1];
		total += (width + 1) / 2;
	}
	ASSERT(total <= MERKLE_NODES_MAX(count));
	return total;
}

void merkle_levels_path(const struct hash *nodes, size_t count, size_t index,
			struct merkle_path *ret)
{
	const struct hash *level = nodes;

	ASSERT(index < count);
	ret->count = 0;
	for (size_t width = count; width > 1; width = (width + 1) / 2) {
		if ((index ^ 1) < width)
			ret->hashes[ret->count++] = level[index ^ 1];
		level += width;
		index /= 2;
	}
}

/* Verification */

/* RFC 9162: leaves the subtree a node closes on the right, up to where it is a right child. */
static void climb(int64_t *node, int64_t *last)
{
	while ((*node & 1) == 0 && *node != 0) {
		*node >>= 1;
		*last >>= 1;
	}
}

enum st merkle_path_root(const struct hash *leaf, int64_t index, int64_t size,
			 const struct hash *path, size_t count, struct hash *ret)
{
	struct hash hash = *leaf;
	int64_t node, last;

	if (size < 1 || size > MERKLE_SIZE_MAX || index < 0 || index >= size)
		return ST_PROOF_INVALID;
	node = index;
	last = size - 1;
	for (size_t i = 0; i < count; i++) {
		if (last == 0)
			return ST_PROOF_INVALID;
		if ((node & 1) != 0 || node == last) {
			merkle_node(&path[i], &hash, &hash);
			climb(&node, &last);
		} else {
			merkle_node(&hash, &path[i], &hash);
		}
		node >>= 1;
		last >>= 1;
	}
	if (last != 0)
		return ST_PROOF_INVALID;
	*ret = hash;
	return ST_OK;
}

enum st merkle_verify_path(const struct hash *leaf, int64_t index, int64_t size,
			   const struct hash *path, size_t count, const struct hash *root)
{
	struct hash hash;

	TRY(merkle_path_root(leaf, index, size, path, count, &hash));
	return hash_equal(&hash, root) ? ST_OK : ST_PROOF_INVALID;
}

/* The proof proper: `proof` starts with the subtree both trees share. */
static enum st consistency_check(int64_t old_size, const struct hash *old_root, int64_t size,
				 const struct hash *root, const struct hash *start,
				 const struct hash *proof, size_t count)
{
	int64_t node = old_size - 1, last = size - 1;
	struct hash old_hash = *start, hash = *start;

	while ((node & 1) != 0) {
		node >>= 1;
		last >>= 1;
	}
	for (size_t i = 0; i < count; i++) {
		if (last == 0)
			return ST_PROOF_INVALID;
		if ((node & 1) != 0 || node == last) {
			merkle_node(&proof[i], &old_hash, &old_hash);
			merkle_node(&proof[i], &hash, &hash);
			climb(&node, &last);
		} else {
			merkle_node(&hash, &proof[i], &hash);
		}
		node >>= 1;
		last >>= 1;
	}
	return last == 0 && hash_equal(&old_hash, old_root) && hash_equal(&hash, root)
		       ? ST_OK
		       : ST_PROOF_INVALID;
}

enum st merkle_verify_consistency(int64_t old_size, const struct hash *old_root, int64_t size,
				  const struct hash *root, const struct hash *proof, size_t count)
{
	struct hash empty;

	if (old_size < 0 || size > MERKLE_SIZE_MAX || old_size > size)
		return ST_PROOF_INVALID;
	if (old_size == size)
		return count == 0 && hash_equal(old_root, root) ? ST_OK : ST_PROOF_INVALID;
	if (old_size == 0) {
		merkle_root_empty(&empty);
		return count == 0 && hash_equal(old_root, &empty) ? ST_OK : ST_PROOF_INVALID;
	}
	if (count == 0)
		return ST_PROOF_INVALID;
	/* a power of two is itself a subtree of the new tree, so its root is not repeated */
	if ((old_size & (old_size - 1)) == 0)
		return consistency_check(old_size, old_root, size, root, old_root, proof, count);
	return consistency_check(old_size, old_root, size, root, &proof[0], proof + 1, count - 1);
}

/* Tiles */

enum st tile_of_node(int level, int64_t index, int64_t size, struct tile *ret, int *ret_first,
		     int *ret_count)
{
	int within = level % TILE_HEIGHT;

	if (level < 0 || level > MERKLE_PATH_MAX || size < 0 || size > MERKLE_SIZE_MAX ||
	    index < 0 || index >= size >> level)
		return ST_USAGE;
	int64_t entry = index << within;
	int64_t entries = size >> (level - within);
	int64_t left = entries - entry / TILE_WIDTH * TILE_WIDTH;
	*ret = (struct tile){
		.level = level / TILE_HEIGHT,
		.index = entry / TILE_WIDTH,
		.width = left < TILE_WIDTH ? (int)left : TILE_WIDTH,
	};
	*ret_first = (int)(entry % TILE_WIDTH);
	*ret_count = 1 << within;
	ASSERT(*ret_first + *ret_count <= ret->width);
	return ST_OK;
}

void tile_path(const struct tile *tile, char ret[TILE_PATH_SIZE])
{
	char groups[32] = "";
	int64_t rest = tile->index;
	int size;

	ASSERT(tile->level >= 0 && tile->level < TILE_LEVELS && tile->index >= 0);
	ASSERT(tile->index <= MERKLE_SIZE_MAX / TILE_WIDTH);
	ASSERT(tile->width >= 1 && tile->width <= TILE_WIDTH);
	snprintf(groups, sizeof(groups), "%03d", (int)(rest % 1000));
	for (rest /= 1000; rest > 0; rest /= 1000) {
		char tail[sizeof(groups)];

		memcpy(tail, groups, sizeof(tail));
		size = snprintf(groups, sizeof(groups), "x%03d/%.26s", (int)(rest % 1000), tail);
		ASSERT(size < (int)sizeof(groups));
	}
	size = snprintf(ret, TILE_PATH_SIZE, "tile/%d/%s", tile->level, groups);
	if (tile->width < TILE_WIDTH)
		snprintf(ret + size, TILE_PATH_SIZE - (size_t)size, ".p/%d", tile->width);
}

/* A proof asks for up to eight nodes of one tile, so the last of each level is kept. */
struct tiles {
	tile_read *read;
	void *context;
	int64_t size;
	struct tile have[TILE_LEVELS]; /* width 0: none */
	struct hash entries[TILE_LEVELS][TILE_WIDTH];
};

static void tiles_init(struct tiles *tiles, tile_read *read, void *context, int64_t size)
{
	tiles->read = read;
	tiles->context = context;
	tiles->size = size;
	memset(tiles->have, 0, sizeof(tiles->have));
}

static enum st tiles_node(struct tiles *tiles, int level, int64_t index, struct hash *ret)
{
	struct tile tile;
	int first, count;

	TRY(tile_of_node(level, index, tiles->size, &tile, &first, &count));
	struct tile *have = &tiles->have[tile.level];
	struct hash *entries = tiles->entries[tile.level];
	if (have->width != tile.width || have->index != tile.index) {
		have->width = 0;
		TRY(tiles->read(tiles->context, tile.level, tile.index, tile.width, entries));
		*have = tile;
	}
	merkle_root(entries + first, (size_t)count, ret);
	return ST_OK;
}

/* The frontier of leaves [from, to): `from` is a multiple of every subtree in it, because RFC 6962
 * splits only there. */
static enum st tiles_frontier(struct tiles *tiles, int64_t from, int64_t to,
			      struct merkle_tree *ret)
{
	ret->size = to - from;
	for (int level = MERKLE_PATH_MAX; level >= 0; level--) {
		if ((ret->size >> level & 1) == 0)
			continue;
		ASSERT((from & (((int64_t)1 << level) - 1)) == 0);
		TRY(tiles_node(tiles, level, from >> level, &ret->frontier[level]));
		from += (int64_t)1 << level;
	}
	return ST_OK;
}

static enum st tiles_root(void *context, int64_t from, int64_t to, struct hash *ret)
{
	struct merkle_tree tree;

	TRY(tiles_frontier(context, from, to, &tree));
	merkle_tree_root(&tree, ret);
	return ST_OK;
}

enum st tiles_path_of(tile_read *read, void *context, int64_t size, int64_t index,
		      struct merkle_path *ret)
{
	struct tiles tiles;

	tiles_init(&tiles, read, context, size);
	return inclusion_walk(&(struct ranges){ tiles_root, &tiles }, size, index, ret);
}

enum st tiles_consistency_of(tile_read *read, void *context, int64_t size, int64_t old_size,
			     struct merkle_path *ret)
{
	struct tiles tiles;

	tiles_init(&tiles, read, context, size);
	return consistency_walk(&(struct ranges){ tiles_root, &tiles }, size, old_size, ret);
}

enum st tiles_tree(tile_read *read, void *context, int64_t size, struct merkle_tree *ret)
{
	struct merkle_tree tree = { 0 };
	struct tiles tiles;

	if (size < 0 || size > MERKLE_SIZE_MAX)
		return ST_USAGE;
	tiles_init(&tiles, read, context, size);
	TRY(tiles_frontier(&tiles, 0, size, &tree));
	*ret = tree;
	return ST_OK;
}
