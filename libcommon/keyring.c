/* The copy of the key list a process works with: loading, reloading, looking up. Its text is
 * key_list.c. */
#include "keyring.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define PARSE_BYTES_MAX (16 * 1024 * 1024) /* file, payload and the nodes of both */

/* Which file it was. A list is replaced by rename, so at least the inode or a time differs. */
struct file_mark {
	dev_t device;
	ino_t inode;
	off_t size_bytes;
	struct timespec modified, changed;
};

struct keyring_state {
	char *path;
	uint8_t root_public_key[PUBLIC_KEY_BYTES];
	struct key_list list; /* keys by malloc */
	struct hash content;
	struct file_mark mark; /* of the last file read, good or bad */
	enum st mark_st;       /* what reading it gave */
};

struct keyring {
	struct keyring_state *state;
};

static struct file_mark mark_of(const struct stat *info)
{
	return (struct file_mark){
		.device = info->st_dev,
		.inode = info->st_ino,
		.size_bytes = info->st_size,
		.modified = info->st_mtim,
		.changed = info->st_ctim,
	};
}

static bool mark_equal(const struct file_mark *a, const struct file_mark *b)
{
	return a->device == b->device && a->inode == b->inode && a->size_bytes == b->size_bytes &&
	       a->modified.tv_sec == b->modified.tv_sec &&
	       a->modified.tv_nsec == b->modified.tv_nsec &&
	       a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec;
}

static enum st read_fault(const char *path, const char *why, struct problem *problem)
{
	return problem_set(problem, ST_CONFIG_INVALID, "", "cannot read key list \"%s\": %s", path,
			   why);
}

/* The whole file into the arena, one byte past the limit at most. */
static enum st file_read(const char *path, struct arena *arena, struct str *ret,
			 struct file_mark *ret_mark, struct problem *problem)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char *data = arena_alloc(arena, KEYRING_FILE_BYTES_MAX + 1);
	size_t size = 0;
	ssize_t got = 1;
	struct stat info;

	if (fd < 0)
		return read_fault(path, strerror(errno), problem);
	if (!data || fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
		close(fd);
		return data ? read_fault(path, "not a regular file", problem) : ST_NO_MEMORY;
	}
	while (got > 0 && size <= KEYRING_FILE_BYTES_MAX) {
		got = read(fd, data + size, KEYRING_FILE_BYTES_MAX + 1 - size);
		if (got < 0 && errno == EINTR)
			got = 1;
		else if (got > 0)
			size += (size_t)got;
	}
	int error = errno;
	close(fd);
	if (got < 0)
		return read_fault(path, strerror(error), problem);
	*ret = (struct str){ data, size };
	*ret_mark = mark_of(&info);
	return ST_OK;
}

/* Takes a list that verified, unless it is older than the one at hand. */
static enum st list_take(struct keyring_state *state, const struct key_list *list,
			 const struct hash *content, struct problem *problem)
{
	struct keyring_key *keys;

	if (list->version < state->list.version)
		return problem_set(problem, ST_VERSION_CONFLICT, "/version",
				   "the key list went back from version %lld to %lld",
				   (long long)state->list.version, (long long)list->version);
	if (list->version == state->list.version) {
		if (!hash_equal(content, &state->content))
			return problem_set(problem, ST_VERSION_CONFLICT, "/version",
					   "the key list changed and is still version %lld",
					   (long long)list->version);
		return ST_OK;
	}
	keys = calloc(list->count + 1, sizeof(*keys));
	if (!keys)
		return ST_NO_MEMORY;
	if (list->count)
		memcpy(keys, list->keys, list->count * sizeof(*keys));
	free(state->list.keys);
	state->content = *content;
	state->list = *list;
	state->list.keys = keys;
	return ST_OK;
}

static enum st state_read(struct keyring_state *state, struct problem *problem)
{
	struct file_mark mark = { 0 };
	struct str text = { 0 };
	struct key_list list;
	struct hash content;
	struct arena arena;

	arena_init(&arena, PARSE_BYTES_MAX);
	enum st st = file_read(state->path, &arena, &text, &mark, problem);
	if (st == ST_OK) {
		sha256_of(text.data, text.size, &content);
		st = key_list_parse(text, state->root_public_key, &arena, &list, problem);
	}
	if (st == ST_OK)
		st = list_take(state, &list, &content, problem);
	arena_free(&arena);
	state->mark = mark;
	state->mark_st = st;
	return st;
}

static void state_free(struct keyring_state *state)
{
	free(state->list.keys);
	free(state->path);
	free(state);
}

enum st keyring_load(const char *path, const uint8_t root_public_key[PUBLIC_KEY_BYTES],
		     struct keyring **ret, struct problem *problem)
{
	struct keyring_state *state = calloc(1, sizeof(*state));
	struct keyring *keyring = calloc(1, sizeof(*keyring));
	enum st st = ST_NO_MEMORY;

	if (state)
		state->path = strdup(path);
	if (keyring && state && state->path) {
		memcpy(state->root_public_key, root_public_key, PUBLIC_KEY_BYTES);
		st = state_read(state, problem);
	}
	if (st == ST_OK) {
		keyring->state = state;
		*ret = keyring;
		return ST_OK;
	}
	if (state)
		state_free(state);
	free(keyring);
	return st;
}

void keyring_free(struct keyring *keyring)
{
	if (!keyring)
		return;
	state_free(keyring->state);
	free(keyring);
}

int64_t keyring_version(const struct keyring *keyring)
{
	return keyring->state->list.version;
}

size_t keyring_count(const struct keyring *keyring)
{
	return keyring->state->list.count;
}

const struct keyring_key *keyring_at(const struct keyring *keyring, size_t index)
{
	ASSERT(index < keyring->state->list.count);
	return &keyring->state->list.keys[index];
}

enum st keyring_refresh(const struct keyring *keyring, struct problem *problem)
{
	struct keyring_state *state = keyring->state;
	struct file_mark mark;
	struct stat info;

	if (stat(state->path, &info) != 0)
		return read_fault(state->path, strerror(errno), problem);
	mark = mark_of(&info);
	if (!mark_equal(&mark, &state->mark))
		return state_read(state, problem);
	if (state->mark_st != ST_OK)
		return problem_set(problem, state->mark_st, "",
				   "key list \"%s\" was refused and has not changed since",
				   state->path);
	return ST_OK;
}

static const struct keyring_key *list_find(const struct key_list *list, struct str key_id)
{
	size_t from = 0, to = list->count;

	while (from < to) {
		size_t middle = from + (to - from) / 2;
		int order = str_compare(str_of(list->keys[middle].key_id), key_id);

		if (order == 0)
			return &list->keys[middle];
		if (order < 0)
			from = middle + 1;
		else
			to = middle;
	}
	return NULL;
}

enum st keyring_find(const struct keyring *keyring, struct str key_id, struct str owner,
		     struct keyring_key *ret, struct problem *problem)
{
	struct keyring_state *state = keyring->state;
	const struct keyring_key *key = list_find(&state->list, key_id);

	/* A worse file changes nothing, and the key stays unknown. */
	if (!key && keyring_refresh(keyring, NULL) == ST_OK)
		key = list_find(&state->list, key_id);
	if (!key)
		return problem_set(problem, ST_KEY_UNKNOWN, "",
				   "key \"%.*s\" is not in version %lld of the key list",
				   STR_ARG(key_id), (long long)state->list.version);
	if (!str_is(owner, key->owner))
		return problem_set(problem, ST_KEY_UNKNOWN, "",
				   "key \"%s\" belongs to \"%s\", not to \"%.*s\"", key->key_id,
				   key->owner, STR_ARG(owner));
	if (key->state == KEY_REVOKED)
		return problem_set(problem, ST_KEY_UNKNOWN, "", "key \"%s\" of \"%s\" is revoked",
				   key->key_id, key->owner);
	*ret = *key;
	return ST_OK;
}

enum st keyring_key_counts(const struct keyring_key *key, int64_t made_at_ms, int64_t now_ms,
			   struct problem *problem)
{
	if (key->state == KEY_REVOKED)
		return problem_set(problem, ST_KEY_UNKNOWN, "", "key \"%s\" of \"%s\" is revoked",
				   key->key_id, key->owner);
	if (key->from_ms > now_ms && key->from_ms - now_ms > KEYRING_CLOCK_SLACK_MS)
		return problem_set(problem, ST_KEY_UNKNOWN, "",
				   "key \"%s\" of \"%s\" is not valid yet", key->key_id,
				   key->owner);
	if (made_at_ms >= key->until_ms)
		return problem_set(problem, ST_KEY_UNKNOWN, "",
				   "key \"%s\" of \"%s\" had ended when this was made", key->key_id,
				   key->owner);
	return ST_OK;
}
