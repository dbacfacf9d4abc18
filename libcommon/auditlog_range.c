/* auditlog_range.c: which subtrees tie a range of the log to the root of the tree. */
#include "auditlog.h"

size_t auditlog_left(int64_t first, struct auditlog_subtree ret[AUDITLOG_LEFT_MAX])
{
	size_t count = 0;
	int64_t at = 0;

	ASSERT(first >= 0 && first <= MERKLE_SIZE_MAX);
	for (int level = MERKLE_PATH_MAX; level >= 0; level--) {
		if ((first >> level & 1) == 0)
			continue;
		ASSERT(count < AUDITLOG_LEFT_MAX);
		ret[count++] = (struct auditlog_subtree){ .level = level, .index = at >> level };
		at += (int64_t)1 << level;
	}
	ASSERT(at == first);
	return count;
}

/* The largest complete subtree that begins at `at` and ends by `size`. */
static int subtree_level(int64_t at, int64_t size)
{
	int level = 0;

	while (level < MERKLE_PATH_MAX && (at >> level & 1) == 0 &&
	       ((int64_t)2 << level) <= size - at)
		level++;
	return level;
}

size_t auditlog_right(int64_t end, int64_t size, struct auditlog_subtree ret[AUDITLOG_RIGHT_MAX])
{
	size_t count = 0;

	ASSERT(end >= 0 && end <= size && size <= MERKLE_SIZE_MAX);
	for (int64_t at = end; at < size;) {
		int level = subtree_level(at, size);

		ASSERT(count < AUDITLOG_RIGHT_MAX);
		ret[count++] = (struct auditlog_subtree){ .level = level, .index = at >> level };
		at += (int64_t)1 << level;
	}
	return count;
}

enum st auditlog_tree_begin(int64_t first, const struct hash *left, size_t count,
			    struct merkle_tree *ret)
{
	struct auditlog_subtree places[AUDITLOG_LEFT_MAX];

	if (first < 0 || first > MERKLE_SIZE_MAX || auditlog_left(first, places) != count)
		return ST_PROOF_INVALID;
	*ret = (struct merkle_tree){ .size = first };
	for (size_t i = 0; i < count; i++)
		ret->frontier[places[i].level] = left[i];
	return ST_OK;
}

static void tree_add(struct merkle_tree *tree, int level, const struct hash *root)
{
	struct hash hash = *root;
	int at = level;

	ASSERT((tree->size & (((int64_t)1 << level) - 1)) == 0);
	for (; (tree->size >> at & 1) != 0; at++)
		merkle_node(&tree->frontier[at], &hash, &hash);
	tree->frontier[at] = hash;
	tree->size += (int64_t)1 << level;
}

enum st auditlog_tree_end(struct merkle_tree *tree, int64_t size, const struct hash *right,
			  size_t count)
{
	struct auditlog_subtree places[AUDITLOG_RIGHT_MAX];

	if (tree->size > size || size > MERKLE_SIZE_MAX ||
	    auditlog_right(tree->size, size, places) != count)
		return ST_PROOF_INVALID;
	for (size_t i = 0; i < count; i++)
		tree_add(tree, places[i].level, &right[i]);
	ASSERT(tree->size == size);
	return ST_OK;
}
