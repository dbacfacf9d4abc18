/* arena.h: memory of one message. Everything allocated lives until arena_reset or arena_free;
 * nothing is freed alone. The cap is hard: past it arena_alloc returns NULL, which callers turn
 * into ST_TOO_LARGE (the caller's fault) or ST_NO_MEMORY. Blocks are kept over a reset, so a warm
 * arena does not call malloc; together they stay under three times the cap. */
#ifndef PIOPL_ARENA_H
#define PIOPL_ARENA_H

#include <stdarg.h>

#include "str.h"

struct arena_block;

struct arena {
	struct arena_block *blocks; /* oldest first */
	struct arena_block *current;
	size_t used_bytes;
	size_t used_bytes_max;
	bool failed; /* an allocation was refused since the last reset */
};

/* `bytes_max` counts what is asked for, each piece rounded up to ARENA_ALIGNMENT. Nothing is
 * allocated before the first use. */
#define ARENA_ALIGNMENT 16
void arena_init(struct arena *arena, size_t bytes_max);
void arena_reset(struct arena *arena);
void arena_free(struct arena *arena);

/* Zeroed, aligned for any type; NULL past the cap. A size of 0 gives a pointer, not NULL. */
void *arena_alloc(struct arena *arena, size_t size);
void *arena_array(struct arena *arena, size_t count, size_t size);
#define ARENA_NEW(arena, type) ((type *)arena_alloc((arena), sizeof(type)))
#define ARENA_ARRAY(arena, type, count) ((type *)arena_array((arena), (count), sizeof(type)))

/* Copies with a NUL; `.data` is NULL at the cap. */
struct str arena_copy(struct arena *arena, struct str s);
struct str arena_printf(struct arena *arena, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
struct str arena_vprintf(struct arena *arena, const char *format, va_list args);

/* A buffer that grows inside an arena. `failed` is sticky: write freely, check once at the end. */
struct buf {
	struct arena *arena;
	char *data;
	size_t size;
	size_t capacity;
	bool failed;
};

void buf_init(struct buf *buf, struct arena *arena, size_t capacity);
void buf_add(struct buf *buf, const void *data, size_t size);
void buf_add_str(struct buf *buf, struct str s);
void buf_add_char(struct buf *buf, char c);
void buf_add_c(struct buf *buf, const char *c_string);
void buf_add_i64(struct buf *buf, int64_t value);
void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The text so far, with a NUL after it; valid until the next write. `.data` NULL when failed. */
struct str buf_str(struct buf *buf);

#endif
