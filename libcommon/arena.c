/* Memory of one message. Blocks double in size up to the cap, so their number is the logarithm of
 * the cap, and the last one alone can hold everything: a warm arena finds room without malloc. */
#include "arena.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "st.h"

#define BLOCK_BYTES_MIN ((size_t)8 * 1024)

struct arena_block {
	struct arena_block *next;
	size_t size_bytes;
	size_t used_bytes;
	size_t padding;
	char data[];
};

static_assert(sizeof(struct arena_block) % ARENA_ALIGNMENT == 0, "blocks keep the alignment");
static_assert(_Alignof(max_align_t) <= ARENA_ALIGNMENT, "pieces are aligned for any type");

void arena_init(struct arena *arena, size_t bytes_max)
{
	ASSERT(bytes_max > 0);
	*arena = (struct arena){ .used_bytes_max = bytes_max };
}

void arena_reset(struct arena *arena)
{
	for (struct arena_block *block = arena->blocks; block; block = block->next)
		block->used_bytes = 0;
	arena->current = arena->blocks;
	arena->used_bytes = 0;
	arena->failed = false;
}

void arena_free(struct arena *arena)
{
	struct arena_block *block;

	if (!arena)
		return;
	block = arena->blocks;
	while (block) {
		struct arena_block *next = block->next;

		free(block);
		block = next;
	}
	*arena = (struct arena){ .used_bytes_max = arena->used_bytes_max };
}

static size_t round_up(size_t size)
{
	return (size + ARENA_ALIGNMENT - 1) & ~(size_t)(ARENA_ALIGNMENT - 1);
}

/* A block after the last one, at least twice its size and never more than the cap needs. */
static struct arena_block *block_append(struct arena *arena, size_t size)
{
	struct arena_block *last = arena->current;
	size_t cap = round_up(arena->used_bytes_max);
	size_t size_bytes = BLOCK_BYTES_MIN;
	struct arena_block *block;

	while (last && last->next)
		last = last->next;
	if (last)
		size_bytes = last->size_bytes * 2;
	if (size_bytes > cap)
		size_bytes = cap;
	if (size_bytes < size)
		size_bytes = size;
	block = malloc(sizeof(*block) + size_bytes);
	if (!block)
		return NULL;
	*block = (struct arena_block){ .size_bytes = size_bytes };
	if (last)
		last->next = block;
	else
		arena->blocks = block;
	return block;
}

static struct arena_block *block_with_room(struct arena *arena, size_t size)
{
	struct arena_block *block = arena->current;

	while (block && block->size_bytes - block->used_bytes < size)
		block = block->next;
	return block ? block : block_append(arena, size);
}

/* Not zeroed. */
static void *take(struct arena *arena, size_t size_asked)
{
	size_t room = arena->used_bytes_max - arena->used_bytes;
	size_t size = round_up(size_asked ? size_asked : 1);
	struct arena_block *block;
	void *piece;

	if (size_asked > room || size > round_up(room)) {
		arena->failed = true;
		return NULL;
	}
	block = block_with_room(arena, size);
	if (!block) {
		arena->failed = true;
		return NULL;
	}
	piece = block->data + block->used_bytes;
	block->used_bytes += size;
	arena->current = block;
	arena->used_bytes += size < room ? size : room;
	ASSERT(arena->used_bytes <= arena->used_bytes_max);
	return piece;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	void *piece = take(arena, size);

	if (piece)
		memset(piece, 0, size);
	return piece;
}

void *arena_array(struct arena *arena, size_t count, size_t size)
{
	size_t total;

	if (__builtin_mul_overflow(count, size, &total)) {
		arena->failed = true;
		return NULL;
	}
	return arena_alloc(arena, total);
}

struct str arena_copy(struct arena *arena, struct str s)
{
	char *copy = s.size < SIZE_MAX ? take(arena, s.size + 1) : NULL;

	if (!copy)
		return (struct str){ 0 };
	if (s.size)
		memcpy(copy, s.data, s.size);
	copy[s.size] = '\0';
	return (struct str){ .data = copy, .size = s.size };
}

struct str arena_vprintf(struct arena *arena, const char *format, va_list args)
{
	va_list again;
	char *text;
	int size;

	va_copy(again, args);
	size = vsnprintf(NULL, 0, format, args);
	ASSERT(size >= 0);
	text = take(arena, (size_t)size + 1);
	if (text)
		vsnprintf(text, (size_t)size + 1, format, again);
	va_end(again);
	return (struct str){ .data = text, .size = text ? (size_t)size : 0 };
}

struct str arena_printf(struct arena *arena, const char *format, ...)
{
	struct str s;
	va_list args;

	va_start(args, format);
	s = arena_vprintf(arena, format, args);
	va_end(args);
	return s;
}

void buf_init(struct buf *buf, struct arena *arena, size_t capacity)
{
	size_t size = round_up(capacity ? capacity : 1);

	*buf = (struct buf){ .arena = arena, .data = take(arena, size) };
	buf->capacity = buf->data ? size : 0;
	buf->failed = !buf->data;
}

/* The last piece of a block grows where it is: most buffers never move. */
static bool buf_extend(struct buf *buf, size_t capacity)
{
	struct arena *arena = buf->arena;
	struct arena_block *block = arena->current;
	size_t more = capacity - buf->capacity;

	if (!block || block->data + block->used_bytes != buf->data + buf->capacity)
		return false;
	if (more > block->size_bytes - block->used_bytes ||
	    more > arena->used_bytes_max - arena->used_bytes)
		return false;
	block->used_bytes += more;
	arena->used_bytes += more;
	buf->capacity = capacity;
	return true;
}

static bool buf_move(struct buf *buf, size_t capacity)
{
	char *data = take(buf->arena, capacity);

	if (!data)
		return false;
	memcpy(data, buf->data, buf->size);
	buf->data = data;
	buf->capacity = capacity;
	return true;
}

/* Room for `size` more bytes and the NUL. Near the cap doubling may be refused where the exact
 * size is not. */
static bool buf_reserve(struct buf *buf, size_t size)
{
	size_t needed, doubled;
	bool failed_before = buf->arena->failed;

	if (buf->failed)
		return false;
	if (size < buf->capacity - buf->size)
		return true;
	if (size > SIZE_MAX / 4) {
		buf->failed = true;
		return false;
	}
	needed = round_up(buf->size + size + 1);
	doubled = needed > buf->capacity * 2 ? needed : buf->capacity * 2;
	if (buf_extend(buf, doubled) || buf_extend(buf, needed) || buf_move(buf, doubled))
		return true;
	if (buf_move(buf, needed)) {
		buf->arena->failed = failed_before;
		return true;
	}
	buf->failed = true;
	return false;
}

void buf_add(struct buf *buf, const void *data, size_t size)
{
	if (size == 0 || !buf_reserve(buf, size))
		return;
	memcpy(buf->data + buf->size, data, size);
	buf->size += size;
}

void buf_add_str(struct buf *buf, struct str s)
{
	buf_add(buf, s.data, s.size);
}

void buf_add_char(struct buf *buf, char c)
{
	buf_add(buf, &c, 1);
}

void buf_add_c(struct buf *buf, const char *c_string)
{
	buf_add(buf, c_string, strlen(c_string));
}

void buf_add_i64(struct buf *buf, int64_t value)
{
	uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
	char digits[24];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + rest % 10);
		rest /= 10;
	} while (rest);
	if (value < 0)
		digits[--at] = '-';
	buf_add(buf, digits + at, sizeof(digits) - at);
}

void buf_printf(struct buf *buf, const char *format, ...)
{
	va_list args;
	int size;

	va_start(args, format);
	size = vsnprintf(NULL, 0, format, args);
	va_end(args);
	ASSERT(size >= 0);
	if (!buf_reserve(buf, (size_t)size))
		return;
	va_start(args, format);
	vsnprintf(buf->data + buf->size, buf->capacity - buf->size, format, args);
	va_end(args);
	buf->size += (size_t)size;
}

struct str buf_str(struct buf *buf)
{
	if (!buf_reserve(buf, 0))
		return (struct str){ 0 };
	buf->data[buf->size] = '\0';
	return (struct str){ .data = buf->data, .size = buf->size };
}
