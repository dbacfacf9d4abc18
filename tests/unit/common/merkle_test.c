#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "merkle.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define SMALL 130
#define BIG 70001 /* three levels of tiles */

static struct hash leaves[BIG];

static struct hash hash_hex(const char *hex)
{
	struct hash hash;

	assert_int_equal(hex_decode(str_of(hex), hash.bytes, HASH_BYTES), ST_OK);
	return hash;
}

/* RFC 6962 2.1 word for word, as the slow truth. */
static struct hash slow_root(const struct hash *from, size_t count)
{
	uint8_t bytes[1 + 2 * HASH_BYTES] = { 0x01 };
	struct hash left, right, root;
	size_t split = 1;

	if (count == 0) {
		sha256_of("", 0, &root);
		return root;
	}
	if (count == 1)
		return from[0];
	while (split * 2 < count)
		split *= 2;
	left = slow_root(from, split);
	right = slow_root(from + split, count - split);
	memcpy(bytes + 1, left.bytes, HASH_BYTES);
	memcpy(bytes + 1 + HASH_BYTES, right.bytes, HASH_BYTES);
	sha256_of(bytes, sizeof(bytes), &root);
	return root;
}

/* 2.1.1 */
static void slow_path(const struct hash *from, size_t count, size_t index, struct merkle_path *ret)
{
	size_t split = 1;

	if (count == 1)
		return;
	while (split * 2 < count)
		split *= 2;
	if (index < split) {
		slow_path(from, split, index, ret);
		ret->hashes[ret->count++] = slow_root(from + split, count - split);
	} else {
		slow_path(from + split, count - split, index - split, ret);
		ret->hashes[ret->count++] = slow_root(from, split);
	}
}

/* 2.1.2 */
static void slow_subproof(const struct hash *from, size_t count, size_t old, bool whole,
			  struct merkle_path *ret)
{
	size_t split = 1;

	if (old == count) {
		if (!whole)
			ret->hashes[ret->count++] = slow_root(from, count);
		return;
	}
	while (split * 2 < count)
		split *= 2;
	if (old <= split) {
		slow_subproof(from, split, old, whole, ret);
		ret->hashes[ret->count++] = slow_root(from + split, count - split);
	} else {
		slow_subproof(from + split, count - split, old - split, false, ret);
		ret->hashes[ret->count++] = slow_root(from, split);
	}
}

static void assert_path_equal(const struct merkle_path *a, const struct merkle_path *b)
{
	assert_int_equal(a->count, b->count);
	assert_memory_equal(a->hashes, b->hashes, (size_t)a->count * HASH_BYTES);
}

/* The vectors of the Certificate Transparency reference implementation. */
static const char *const ct_leaves[] = {
	"",
	"00",
	"10",
	"2021",
	"3031",
	"40414243",
	"5051525354555657",
	"606162636465666768696a6b6c6d6e6f",
};

static const char *const ct_roots[] = {
	"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
	"fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
	"aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
	"d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
	"4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
	"76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
	"ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
	"5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
};

static const struct {
	int64_t index, size; /* old size in place of the index for consistency */
	const char *hashes[4];
} ct_paths[] = {
	{ 0, 1, { NULL } },
	{ 0, 8,
	  { "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
	    "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
	    "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4" } },
	{ 5, 8,
	  { "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
	    "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
	    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7" } },
	{ 2, 3, { "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125" } },
	{ 1, 5,
	  { "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
	    "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
	    "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b" } },
}, ct_consistency[] = {
	{ 1, 1, { NULL } },
	{ 1, 8,
	  { "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
	    "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
	    "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4" } },
	{ 6, 8,
	  { "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
	    "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
	    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7" } },
	{ 2, 5,
	  { "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
	    "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b" } },
};

static void ct_fill(struct hash ret[8])
{
	uint8_t bytes[16];

	for (size_t i = 0; i < 8; i++) {
		size_t size = strlen(ct_leaves[i]) / 2;

		assert_int_equal(hex_decode(str_of(ct_leaves[i]), bytes, size), ST_OK);
		merkle_leaf(bytes, size, &ret[i]);
	}
}

static void path_of_hex(const char *const hashes[4], struct merkle_path *ret)
{
	ret->count = 0;
	while (ret->count < 4 && hashes[ret->count]) {
		ret->hashes[ret->count] = hash_hex(hashes[ret->count]);
		ret->count++;
	}
}

/* [AUD-4] [PLT-6] */
static void roots_are_those_of_the_reference_implementation(void **state)
{
	struct hash ct[8], root, expected;

	(void)state;
	ct_fill(ct);
	merkle_root(ct, 0, &root);
	expected = hash_hex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	assert_true(hash_equal(&root, &expected));
	for (size_t size = 1; size <= 8; size++) {
		merkle_root(ct, size, &root);
		expected = hash_hex(ct_roots[size - 1]);
		assert_true(hash_equal(&root, &expected));
	}
}

/* [AUD-5] */
static void proofs_are_those_of_the_reference_implementation(void **state)
{
	struct merkle_path path, expected;
	struct hash ct[8], root, old_root;

	(void)state;
	ct_fill(ct);
	for (size_t i = 0; i < COUNT(ct_paths); i++) {
		path_of_hex(ct_paths[i].hashes, &expected);
		assert_int_equal(merkle_path_of(ct, ct_paths[i].size, ct_paths[i].index, &path),
				 ST_OK);
		assert_path_equal(&path, &expected);
		root = hash_hex(ct_roots[ct_paths[i].size - 1]);
		assert_int_equal(merkle_verify_path(&ct[ct_paths[i].index], ct_paths[i].index,
						    ct_paths[i].size, path.hashes,
						    (size_t)path.count, &root),
				 ST_OK);
	}
	for (size_t i = 0; i < COUNT(ct_consistency); i++) {
		int64_t old = ct_consistency[i].index, size = ct_consistency[i].size;

		path_of_hex(ct_consistency[i].hashes, &expected);
		assert_int_equal(merkle_consistency_of(ct, size, old, &path), ST_OK);
		assert_path_equal(&path, &expected);
		root = hash_hex(ct_roots[size - 1]);
		old_root = hash_hex(ct_roots[old - 1]);
		assert_int_equal(merkle_verify_consistency(old, &old_root, size, &root, path.hashes,
							   (size_t)path.count),
				 ST_OK);
	}
}

static void every_small_tree_is_as_defined(void **state)
{
	struct hash nodes[MERKLE_NODES_MAX(SMALL)], root, expected;
	struct merkle_path path, slow;
	struct merkle_tree tree = { 0 };

	(void)state;
	for (size_t size = 1; size <= SMALL; size++) {
		expected = slow_root(leaves, size);
		assert_int_equal(merkle_append(&tree, &leaves[size - 1], NULL, NULL), ST_OK);
		merkle_tree_root(&tree, &root);
		assert_true(hash_equal(&root, &expected));
		merkle_root(leaves, size, &root);
		assert_true(hash_equal(&root, &expected));
		memcpy(nodes, leaves, size * HASH_BYTES);
		assert_true(hash_equal(&nodes[merkle_levels_fill(nodes, size) - 1], &expected));
		for (size_t index = 0; index < size; index++) {
			slow.count = 0;
			slow_path(leaves, size, index, &slow);
			merkle_levels_path(nodes, size, index, &path);
			assert_path_equal(&path, &slow);
			assert_int_equal(
				merkle_path_of(leaves, (int64_t)size, (int64_t)index, &path),
				ST_OK);
			assert_path_equal(&path, &slow);
			assert_int_equal(merkle_verify_path(&leaves[index], (int64_t)index,
							    (int64_t)size, path.hashes,
							    (size_t)path.count, &root),
					 ST_OK);
		}
	}
}

static void every_small_tree_is_consistent_with_its_beginnings(void **state)
{
	struct merkle_path path, slow;
	struct hash root, old_root;

	(void)state;
	for (size_t size = 1; size <= SMALL; size++) {
		root = slow_root(leaves, size);
		for (size_t old = 0; old <= size; old++) {
			old_root = slow_root(leaves, old);
			slow.count = 0;
			if (old > 0)
				slow_subproof(leaves, size, old, true, &slow);
			assert_int_equal(
				merkle_consistency_of(leaves, (int64_t)size, (int64_t)old, &path),
				ST_OK);
			assert_path_equal(&path, &slow);
			assert_int_equal(merkle_verify_consistency((int64_t)old, &old_root,
								   (int64_t)size, &root,
								   path.hashes, (size_t)path.count),
					 ST_OK);
		}
	}
}

/* Any other leaf, index, size, hash, length or root. */
static void a_wrong_inclusion_proof_is_refused(void **state)
{
	struct merkle_path path;
	struct hash root;

	(void)state;
	for (int64_t size = 1; size <= 40; size++) {
		root = slow_root(leaves, (size_t)size);
		for (int64_t index = 0; index < size; index++) {
			assert_int_equal(merkle_path_of(leaves, size, index, &path), ST_OK);
			size_t count = (size_t)path.count;
			for (int64_t other = -1; other <= size; other++) {
				if (other != index)
					assert_int_equal(merkle_verify_path(&leaves[index], other,
									    size, path.hashes,
									    count, &root),
							 ST_PROOF_INVALID);
			}
			assert_int_equal(merkle_verify_path(&leaves[index + 1], index, size,
							    path.hashes, count, &root),
					 ST_PROOF_INVALID);
			assert_int_equal(merkle_verify_path(&leaves[index], index, size,
							    path.hashes, count, &leaves[index + 1]),
					 ST_PROOF_INVALID);
			path.hashes[count] = leaves[0];
			assert_int_equal(merkle_verify_path(&leaves[index], index, size,
							    path.hashes, count + 1, &root),
					 ST_PROOF_INVALID);
			if (count > 0)
				assert_int_equal(merkle_verify_path(&leaves[index], index, size,
								    path.hashes, count - 1, &root),
						 ST_PROOF_INVALID);
			for (size_t i = 0; i < count; i++) {
				path.hashes[i].bytes[i % HASH_BYTES] ^= 1;
				assert_int_equal(merkle_verify_path(&leaves[index], index, size,
								    path.hashes, count, &root),
						 ST_PROOF_INVALID);
				path.hashes[i].bytes[i % HASH_BYTES] ^= 1;
			}
		}
	}
}

static void a_wrong_consistency_proof_is_refused(void **state)
{
	struct merkle_path path;
	struct hash root, old_root;

	(void)state;
	for (int64_t size = 2; size <= 40; size++) {
		root = slow_root(leaves, (size_t)size);
		for (int64_t old = 1; old < size; old++) {
			old_root = slow_root(leaves, (size_t)old);
			assert_int_equal(merkle_consistency_of(leaves, size, old, &path), ST_OK);
			size_t count = (size_t)path.count;
			assert_int_equal(merkle_verify_consistency(old, &leaves[size], size, &root,
								   path.hashes, count),
					 ST_PROOF_INVALID);
			assert_int_equal(merkle_verify_consistency(old, &old_root, size,
								   &leaves[size], path.hashes,
								   count),
					 ST_PROOF_INVALID);
			assert_int_equal(merkle_verify_consistency(old, &old_root, size, &root,
								   path.hashes, count - 1),
					 ST_PROOF_INVALID);
			path.hashes[count] = leaves[0];
			assert_int_equal(merkle_verify_consistency(old, &old_root, size, &root,
								   path.hashes, count + 1),
					 ST_PROOF_INVALID);
			for (size_t i = 0; i < count; i++) {
				path.hashes[i].bytes[0] ^= 0x80;
				assert_int_equal(merkle_verify_consistency(old, &old_root, size,
									   &root, path.hashes,
									   count),
						 ST_PROOF_INVALID);
				path.hashes[i].bytes[0] ^= 0x80;
			}
			/* the other way round, and a root that changed without growth */
			assert_int_equal(merkle_verify_consistency(size, &root, old, &old_root,
								   path.hashes, count),
					 ST_PROOF_INVALID);
			assert_int_equal(
				merkle_verify_consistency(size, &old_root, size, &root, NULL, 0),
				ST_PROOF_INVALID);
		}
		merkle_root_empty(&old_root);
		assert_int_equal(merkle_verify_consistency(0, &old_root, size, &root, NULL, 0),
				 ST_OK);
		assert_int_equal(merkle_verify_consistency(0, &root, size, &root, NULL, 0),
				 ST_PROOF_INVALID);
		assert_int_equal(merkle_verify_consistency(0, &old_root, size, &root, leaves, 1),
				 ST_PROOF_INVALID);
	}
}

static void a_leaf_cannot_stand_for_a_node(void **state)
{
	struct hash leaf, node;

	(void)state;
	merkle_node(&leaves[0], &leaves[1], &node);
	merkle_leaf(leaves, 2 * HASH_BYTES, &leaf);
	assert_false(hash_equal(&leaf, &node));
}

static void sizes_end_at_the_limit(void **state)
{
	struct hash path[MERKLE_PATH_MAX + 1], root;
	struct merkle_tree tree = { .size = MERKLE_SIZE_MAX - 1 };
	struct merkle_path unused;

	(void)state;
	memset(path, 1, sizeof(path));
	memset(tree.frontier, 1, sizeof(tree.frontier));
	/* the last leaf of the largest tree: 62 hashes, no more */
	assert_int_equal(merkle_path_root(&leaves[0], MERKLE_SIZE_MAX - 1, MERKLE_SIZE_MAX, path,
					  MERKLE_PATH_MAX, &root),
			 ST_OK);
	assert_int_equal(
		merkle_path_root(&leaves[0], 0, MERKLE_SIZE_MAX, path, MERKLE_PATH_MAX, &root),
		ST_OK);
	assert_int_equal(
		merkle_path_root(&leaves[0], 0, MERKLE_SIZE_MAX, path, MERKLE_PATH_MAX + 1, &root),
		ST_PROOF_INVALID);
	assert_int_equal(merkle_path_root(&leaves[0], 0, MERKLE_SIZE_MAX + 1, path,
					  MERKLE_PATH_MAX + 1, &root),
			 ST_PROOF_INVALID);
	assert_int_equal(merkle_path_root(&leaves[0], 0, INT64_MIN, path, 0, &root),
			 ST_PROOF_INVALID);
	assert_int_equal(merkle_path_root(&leaves[0], INT64_MIN, INT64_MAX, path, 0, &root),
			 ST_PROOF_INVALID);
	assert_int_equal(merkle_verify_consistency(1, &root, MERKLE_SIZE_MAX + 1, &root, path, 62),
			 ST_PROOF_INVALID);
	assert_int_equal(merkle_verify_consistency(-1, &root, 5, &root, path, 2), ST_PROOF_INVALID);
	assert_int_equal(merkle_append(&tree, &leaves[0], NULL, NULL), ST_OK);
	assert_int_equal(tree.size, MERKLE_SIZE_MAX);
	merkle_tree_root(&tree, &root);
	assert_true(hash_equal(&root, &tree.frontier[MERKLE_PATH_MAX]));
	assert_int_equal(merkle_append(&tree, &leaves[0], NULL, NULL), ST_TOO_LARGE);
	/* what a tree does not have */
	assert_int_equal(merkle_path_of(leaves, 8, 8, &unused), ST_USAGE);
	assert_int_equal(merkle_path_of(leaves, 8, -1, &unused), ST_USAGE);
	assert_int_equal(merkle_path_of(leaves, 0, 0, &unused), ST_USAGE);
	assert_int_equal(merkle_consistency_of(leaves, 8, 9, &unused), ST_USAGE);
	assert_int_equal(merkle_consistency_of(leaves, 8, -1, &unused), ST_USAGE);
}

/* Tiles as a log keeps them: every eighth level of complete nodes. */
struct store {
	struct hash *levels[3];
	int64_t counts[3];
	int64_t size; /* widths are checked against it */
	int reads;
	bool broken;
};

static void store_put(void *context, int level, int64_t index, const struct hash *hash)
{
	struct store *store = context;

	if (level % TILE_HEIGHT != 0)
		return;
	assert_int_equal(index, store->counts[level / TILE_HEIGHT]);
	store->levels[level / TILE_HEIGHT][index] = *hash;
	store->counts[level / TILE_HEIGHT]++;
}

static enum st store_read(void *context, int level, int64_t index, int width, struct hash *ret)
{
	struct store *store = context;
	int64_t entries = store->size >> (TILE_HEIGHT * level);
	int64_t left = entries - index * TILE_WIDTH;

	store->reads++;
	if (store->broken)
		return ST_UNAVAILABLE;
	assert_in_range(level, 0, 2);
	assert_int_equal(width, left < TILE_WIDTH ? left : TILE_WIDTH);
	memcpy(ret, store->levels[level] + index * TILE_WIDTH, (size_t)width * HASH_BYTES);
	return ST_OK;
}

static void store_fill(struct store *store, struct merkle_tree *tree)
{
	for (int i = 0; i < 3; i++)
		store->levels[i] = calloc(BIG >> (TILE_HEIGHT * i) | 1, HASH_BYTES);
	for (size_t i = 0; i < BIG; i++)
		assert_int_equal(merkle_append(tree, &leaves[i], store_put, store), ST_OK);
	store->size = BIG;
}

static void store_free(struct store *store)
{
	for (int i = 0; i < 3; i++)
		free(store->levels[i]);
}

/* [AUD-5] */
static void proofs_out_of_tiles_are_those_out_of_memory(void **state)
{
	static const int64_t sizes[] = { 1,   2,    255,   256,   257,   511,   512, 513,
					 999, 4095, 65535, 65536, 65537, 65793, BIG };
	struct merkle_path tiles, memory;
	struct merkle_tree tree = { 0 };
	struct store store = { 0 };

	(void)state;
	store_fill(&store, &tree);
	for (size_t i = 0; i < COUNT(sizes) + 40; i++) {
		int64_t size = i < COUNT(sizes) ? sizes[i] : 1 + rand() % BIG;
		int64_t indexes[] = { 0, size - 1, size / 2, rand() % size };

		store.size = size;
		for (size_t j = 0; j < COUNT(indexes); j++) {
			store.reads = 0;
			assert_int_equal(
				tiles_path_of(store_read, &store, size, indexes[j], &tiles), ST_OK);
			assert_in_range(store.reads, 0, 5); /* two a level at most */
			assert_int_equal(merkle_path_of(leaves, size, indexes[j], &memory), ST_OK);
			assert_path_equal(&tiles, &memory);
			assert_int_equal(tiles_consistency_of(store_read, &store, size,
							      indexes[j] + 1, &tiles),
					 ST_OK);
			assert_int_equal(
				merkle_consistency_of(leaves, size, indexes[j] + 1, &memory),
				ST_OK);
			assert_path_equal(&tiles, &memory);
		}
	}
	store_free(&store);
}

static void a_tree_goes_on_from_its_tiles(void **state)
{
	struct merkle_tree tree = { 0 }, again;
	struct store store = { 0 };
	struct hash root, expected;

	(void)state;
	store_fill(&store, &tree);
	assert_int_equal(tiles_tree(store_read, &store, BIG, &again), ST_OK);
	merkle_tree_root(&again, &root);
	merkle_tree_root(&tree, &expected);
	assert_true(hash_equal(&root, &expected));
	expected = slow_root(leaves, BIG);
	assert_true(hash_equal(&root, &expected));
	/* from an earlier size, with what came after it appended */
	store.size = BIG - 777;
	assert_int_equal(tiles_tree(store_read, &store, store.size, &again), ST_OK);
	for (int64_t i = store.size; i < BIG; i++)
		assert_int_equal(merkle_append(&again, &leaves[i], NULL, NULL), ST_OK);
	merkle_tree_root(&again, &root);
	assert_true(hash_equal(&root, &expected));
	assert_int_equal(tiles_tree(store_read, &store, 0, &again), ST_OK);
	assert_int_equal(again.size, 0);
	store_free(&store);
}

static void a_tile_that_cannot_be_read_fails_the_proof(void **state)
{
	struct store store = { .size = 1000, .broken = true };
	struct merkle_path path = { .count = 77 };
	struct merkle_tree tree = { .size = 77 };

	(void)state;
	assert_int_equal(tiles_path_of(store_read, &store, 1000, 3, &path), ST_UNAVAILABLE);
	assert_int_equal(tiles_consistency_of(store_read, &store, 1000, 3, &path), ST_UNAVAILABLE);
	assert_int_equal(tiles_tree(store_read, &store, 1000, &tree), ST_UNAVAILABLE);
	assert_int_equal(path.count, 77);
	assert_int_equal(tree.size, 77);
	assert_int_equal(tiles_path_of(store_read, &store, 1000, 1000, &path), ST_USAGE);
	assert_int_equal(tiles_path_of(store_read, &store, MERKLE_SIZE_MAX + 1, 0, &path),
			 ST_USAGE);
	assert_int_equal(tiles_consistency_of(store_read, &store, 1000, 1001, &path), ST_USAGE);
	assert_int_equal(tiles_tree(store_read, &store, MERKLE_SIZE_MAX + 1, &tree), ST_USAGE);
	assert_int_equal(tiles_tree(store_read, &store, -1, &tree), ST_USAGE);
}

/* Leaves at the limit are never stored here; only the arithmetic is looked at. */
static enum st any_tile(void *context, int level, int64_t index, int width, struct hash *ret)
{
	int *reads = context;

	(*reads)++;
	assert_in_range(level, 0, 7);
	assert_true(index >= 0 && index <= (MERKLE_SIZE_MAX >> (8 * level)) / TILE_WIDTH);
	assert_in_range(width, 1, TILE_WIDTH);
	memset(ret, 0, (size_t)width * HASH_BYTES);
	return ST_OK;
}

static void proofs_of_the_largest_tree_have_their_full_length(void **state)
{
	struct merkle_path path;
	int reads = 0;

	(void)state;
	assert_int_equal(tiles_path_of(any_tile, &reads, MERKLE_SIZE_MAX, 12345, &path), ST_OK);
	assert_int_equal(path.count, MERKLE_PATH_MAX);
	assert_in_range(reads, 8, 8);
	assert_int_equal(tiles_consistency_of(any_tile, &reads, MERKLE_SIZE_MAX, 12345, &path),
			 ST_OK);
	assert_int_equal(path.count, MERKLE_CONSISTENCY_MAX);
	assert_int_equal(
		tiles_path_of(any_tile, &reads, MERKLE_SIZE_MAX - 1, MERKLE_SIZE_MAX - 2, &path),
		ST_OK);
	assert_int_equal(path.count, 61);
}

static void a_node_lies_in_one_tile(void **state)
{
	struct tile tile;
	int first, count;

	(void)state;
	assert_int_equal(tile_of_node(3, 40, 1000, &tile, &first, &count), ST_OK);
	assert_int_equal(tile.level, 0);
	assert_int_equal(tile.index, 1);
	assert_int_equal(tile.width, 256);
	assert_int_equal(first, 64);
	assert_int_equal(count, 8);
	assert_int_equal(tile_of_node(8, 2, 1000, &tile, &first, &count), ST_OK);
	assert_int_equal(tile.level, 1);
	assert_int_equal(tile.index, 0);
	assert_int_equal(tile.width, 3);
	assert_int_equal(first, 2);
	assert_int_equal(count, 1);
	/* not complete, or nowhere */
	assert_int_equal(tile_of_node(8, 3, 1000, &tile, &first, &count), ST_USAGE);
	assert_int_equal(tile_of_node(0, 1000, 1000, &tile, &first, &count), ST_USAGE);
	assert_int_equal(tile_of_node(0, 999, 1000, &tile, &first, &count), ST_OK);
	assert_int_equal(tile_of_node(-1, 0, 1000, &tile, &first, &count), ST_USAGE);
	assert_int_equal(tile_of_node(63, 0, MERKLE_SIZE_MAX, &tile, &first, &count), ST_USAGE);
	assert_int_equal(tile_of_node(62, 0, MERKLE_SIZE_MAX, &tile, &first, &count), ST_OK);
	assert_int_equal(tile_of_node(62, 0, MERKLE_SIZE_MAX - 1, &tile, &first, &count), ST_USAGE);
	assert_int_equal(tile_of_node(0, -1, 1000, &tile, &first, &count), ST_USAGE);
}

static void tiles_have_the_paths_of_the_format(void **state)
{
	static const struct {
		struct tile tile;
		const char *path;
	} cases[] = {
		{ { 0, 0, 256 }, "tile/0/000" },
		{ { 1, 0, 5 }, "tile/1/000.p/5" },
		{ { 0, 999, 256 }, "tile/0/999" },
		{ { 0, 1000, 255 }, "tile/0/x001/000.p/255" },
		{ { 2, 1234067, 256 }, "tile/2/x001/x234/067" },
		{ { 0, MERKLE_SIZE_MAX / TILE_WIDTH, 1 },
		  "tile/0/x018/x014/x398/x509/x481/984.p/1" },
	};
	char path[TILE_PATH_SIZE];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		tile_path(&cases[i].tile, path);
		assert_string_equal(path, cases[i].path);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(roots_are_those_of_the_reference_implementation),
		cmocka_unit_test(proofs_are_those_of_the_reference_implementation),
		cmocka_unit_test(every_small_tree_is_as_defined),
		cmocka_unit_test(every_small_tree_is_consistent_with_its_beginnings),
		cmocka_unit_test(a_wrong_inclusion_proof_is_refused),
		cmocka_unit_test(a_wrong_consistency_proof_is_refused),
		cmocka_unit_test(a_leaf_cannot_stand_for_a_node),
		cmocka_unit_test(sizes_end_at_the_limit),
		cmocka_unit_test(proofs_out_of_tiles_are_those_out_of_memory),
		cmocka_unit_test(a_tree_goes_on_from_its_tiles),
		cmocka_unit_test(a_tile_that_cannot_be_read_fails_the_proof),
		cmocka_unit_test(proofs_of_the_largest_tree_have_their_full_length),
		cmocka_unit_test(a_node_lies_in_one_tile),
		cmocka_unit_test(tiles_have_the_paths_of_the_format),
	};

	crypto_init();
	for (size_t i = 0; i < BIG; i++)
		merkle_leaf(&i, sizeof(i), &leaves[i]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
