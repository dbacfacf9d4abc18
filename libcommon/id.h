/* id.h: identifiers. UUIDv7 (RFC 9562) after a type prefix, "sbx_018f...", except agents, which
 * have a number. Ids made in one process grow, also within a millisecond and when the clock is set
 * back. Randomness is the kernel's. */
#ifndef PIOPL_ID_H
#define PIOPL_ID_H

#include "st.h"

#define UUID_TEXT_SIZE 37 /* with the NUL */
#define ID_PREFIX_SIZE_MAX 16
#define ID_TEXT_SIZE 64
#define AGENT_ID_TEXT_SIZE 25
#define AGENT_NUMBER_MAX INT64_C(999999999999999999)

/* `now_ms` is from 0 to 2^48 - 1. */
void uuid_make(int64_t now_ms, char ret[UUID_TEXT_SIZE]);
/* `prefix` is one to ID_PREFIX_SIZE_MAX letters a-z; "_" is put after it. */
void id_make(const char *prefix, int64_t now_ms, char ret[ID_TEXT_SIZE]);
/* Any UUID of RFC 9562's variant, in lower case. */
bool uuid_valid(struct str s);
/* `prefix`, "_" and a UUIDv7. */
bool id_valid(struct str id, const char *prefix);
/* When a UUIDv7 was made, as it says itself. False for other texts. */
bool uuid_time_ms(struct str uuid, int64_t *ret);

/* "piopl_00042": at least five digits. `number` is from 0 to AGENT_NUMBER_MAX. */
void agent_id_format(int64_t number, char ret[AGENT_ID_TEXT_SIZE]);
bool agent_id_parse(struct str id, int64_t *ret);

/* From the kernel; ends the program when there is none. After fork both sides draw their own. */
void random_bytes(void *ret, size_t size);
/* 32 lower-case hex digits, not all zero: a W3C trace id. */
#define TRACE_ID_TEXT_SIZE 33
void trace_id_make(char ret[TRACE_ID_TEXT_SIZE]);

#endif
