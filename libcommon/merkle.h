/* merkle.h: RFC 6962 Merkle trees (leaf SHA-256(0x00 || data), node SHA-256(0x01 || left ||
 * right)): event batches and the audit log. Pure: a tree too big for memory is reached through a
 * function that reads C2SP tiles. Failures: ST_PROOF_INVALID (a proof or its numbers are wrong),
 * ST_USAGE (asked for what the tree does not have), or what the tile reader said. */
#ifndef PIOPL_MERKLE_H
#define PIOPL_MERKLE_H

#include "crypto.h"

#define MERKLE_SIZE_MAX ((int64_t)1 << 62)
#define MERKLE_PATH_MAX 62        /* hashes in an inclusion proof */
#define MERKLE_CONSISTENCY_MAX 63 /* hashes in a consistency proof */
#define MERKLE_NODES_MAX(leaves) (2 * (leaves) + 64)
#define TILE_HEIGHT 8
#define TILE_WIDTH 256
#define TILE_PATH_SIZE 64

struct merkle_path {
	struct hash hashes[MERKLE_CONSISTENCY_MAX];
	int count;
};

void merkle_leaf(const void *data, size_t size, struct hash *ret);
void merkle_node(const struct hash *left, const struct hash *right, struct hash *ret);
void merkle_root_empty(struct hash *ret); /* SHA-256 of nothing */

/* Of `count` leaf hashes; 0 gives the empty root. */
void merkle_root(const struct hash *leaves, size_t count, struct hash *ret);
/* O(count) hashing; for all the paths of one tree use merkle_levels. */
MUST_CHECK enum st merkle_path_of(const struct hash *leaves, int64_t count, int64_t index,
				  struct merkle_path *ret);
MUST_CHECK enum st merkle_consistency_of(const struct hash *leaves, int64_t count,
					 int64_t old_count, struct merkle_path *ret);

/* All nodes of a small tree, level by level from the leaves, then paths by look-up. `nodes` has
 * room for MERKLE_NODES_MAX(count) and starts with the leaves; count > 0. The root is the last
 * node; returns how many nodes there are. */
size_t merkle_levels_fill(struct hash *nodes, size_t count);
void merkle_levels_path(const struct hash *nodes, size_t count, size_t index,
			struct merkle_path *ret); /* index < count, asserted */

/* A growing tree that keeps only its frontier: the roots of its complete subtrees, one for each bit
 * of `size`, at that bit's position. Zeroed is empty. */
struct merkle_tree {
	int64_t size;
	struct hash frontier[63];
};

/* Called for each node that became complete, leaf first: it covers leaves
 * [index << level, (index + 1) << level) and never changes again. */
typedef void merkle_completed(void *context, int level, int64_t index, const struct hash *hash);

/* ST_TOO_LARGE at MERKLE_SIZE_MAX. `completed` may be NULL. */
MUST_CHECK enum st merkle_append(struct merkle_tree *tree, const struct hash *leaf,
				 merkle_completed *completed, void *context);
void merkle_tree_root(const struct merkle_tree *tree, struct hash *ret);

/* The root that a leaf and its path give; ST_PROOF_INVALID unless index, size and count fit. */
MUST_CHECK enum st merkle_path_root(const struct hash *leaf, int64_t index, int64_t size,
				    const struct hash *path, size_t count, struct hash *ret);
/* RFC 9162 2.1.3.2 and 2.1.4.2. Nothing is consistent with an empty tree but by an empty proof. */
MUST_CHECK enum st merkle_verify_path(const struct hash *leaf, int64_t index, int64_t size,
				      const struct hash *path, size_t count,
				      const struct hash *root);
MUST_CHECK enum st merkle_verify_consistency(int64_t old_size, const struct hash *old_root,
					     int64_t size, const struct hash *root,
					     const struct hash *proof, size_t count);

/* C2SP tlog-tiles. The tile at (level, index) holds the nodes of tree level 8 * level from
 * index * 256 on, all 256 of them or, at the right edge, `width` fewer. */
struct tile {
	int level;
	int64_t index;
	int width; /* 1..256 */
};

/* Fills ret[0..width). */
typedef enum st tile_read(void *context, int level, int64_t index, int width, struct hash *ret);

/* The tile in which the node (level, index) of a tree of `size` leaves lies, whole or as the root
 * of a run of entries: `ret_first` and `ret_count` (a power of two). The node is complete: (index +
 * 1) << level <= size, else ST_USAGE. */
MUST_CHECK enum st tile_of_node(int level, int64_t index, int64_t size, struct tile *ret,
				int *ret_first, int *ret_count);
/* "tile/0/x001/067" or "tile/1/000.p/5" */
void tile_path(const struct tile *tile, char ret[TILE_PATH_SIZE]);

MUST_CHECK enum st tiles_path_of(tile_read *read, void *context, int64_t size, int64_t index,
				 struct merkle_path *ret);
MUST_CHECK enum st tiles_consistency_of(tile_read *read, void *context, int64_t size,
					int64_t old_size, struct merkle_path *ret);
/* The frontier of the first `size` leaves, to go on appending or to have its root. */
MUST_CHECK enum st tiles_tree(tile_read *read, void *context, int64_t size,
			      struct merkle_tree *ret);

#endif
