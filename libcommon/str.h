/* str.h: bounded strings. A `struct str` is a view: it owns nothing and lives as long as what it
 * points into (an arena, a message, a literal). Data made by this library carries a NUL after its
 * last byte, views cut out of a message do not: never hand `.data` to a C string function unless
 * the contract of the function that gave it says it is terminated. */
#ifndef PIOPL_STR_H
#define PIOPL_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct str {
	const char *data;
	size_t size;
};

#define STR(literal) ((struct str){ .data = (literal), .size = sizeof(literal) - 1 })
/* for printf: "%.*s", STR_ARG(s) */
#define STR_ARG(s) ((int)(s).size), ((s).data ? (s).data : "")

struct str str_of(const char *c_string);
/* A text that is not there (.data NULL) is the empty one. */
struct str str_or_empty(struct str s);
bool str_equal(struct str a, struct str b);
bool str_is(struct str a, const char *c_string);
int str_compare(struct str a, struct str b);
bool str_starts(struct str s, const char *prefix);
bool str_ends(struct str s, const char *suffix);
/* Cuts at the first `separator`: `ret_head` before it, `ret_tail` after it. False when absent. */
bool str_cut(struct str s, char separator, struct str *ret_head, struct str *ret_tail);
/* Copies into a fixed buffer with a NUL. False (buffer untouched) when it does not fit. */
bool str_copy(struct str s, char *buffer, size_t buffer_size);
/* Strict decimal, whole string, in range; no plus sign, no leading zero, no "-0". False leaves
 * `ret` untouched. */
bool str_to_i64(struct str s, int64_t *ret);
bool str_is_utf8(struct str s);
/* Bytes of the UTF-8 sequence that `s` starts with; 0 when it starts with none. */
size_t utf8_size(struct str s);
/* How many bytes of `s` to keep so that at most `bytes_max` remain and no character is split. */
size_t utf8_cut(struct str s, size_t bytes_max);

#endif
