/* clock.h: the only source of time. Times are milliseconds since 1970, UTC.
 *
 * In development the wall clock can be moved forward for the whole stack: a file that every process
 * maps holds the offset, so an advance is seen everywhere at the next reading. Without clock_open
 * the clock is the machine's. */
#ifndef PIOPL_CLOCK_H
#define PIOPL_CLOCK_H

#include "st.h"

#define TIME_TEXT_SIZE 25                    /* "2026-01-02T03:04:05.678Z" and a NUL */
#define TIME_MS_MAX INT64_C(253402300799999) /* the end of the year 9999 */
#define CLOCK_OFFSET_MS_MAX (INT64_C(100) * 366 * 86400000) /* a hundred years */
#define DURATION_MS_MAX (INT64_C(36500) * 86400000)

int64_t clock_now_ms(void);
/* Never set, never moved by clock_advance: for measuring and for deadlines inside a process. */
uint64_t clock_mono_ns(void);

/* Maps the offset file, making it if it is not there; processes forked later share it. Does nothing
 * unless `development`: then clock_advance is refused and the offset is 0. ST_CONFIG_INVALID when
 * the file cannot be opened or is not an offset file. Opening again closes the former. */
MUST_CHECK enum st clock_open(const char *path, bool development);
void clock_close(void);
bool clock_is_development(void);
/* Forward only. ST_DEVELOPMENT_ONLY unless opened for development; ST_CONFIG_INVALID when `ms` is
 * negative or the offset would pass CLOCK_OFFSET_MS_MAX. */
MUST_CHECK enum st clock_advance(int64_t ms);
int64_t clock_offset_ms(void);

/* `ms` is from 0 to TIME_MS_MAX. */
void time_format(int64_t ms, char ret[TIME_TEXT_SIZE]);
/* RFC 3339, UTC, years 1970 to 9999: "2026-01-02T03:04:05Z" with a fraction of one to three digits
 * or none. Refused (false): other offsets, lower case, more digits, leap seconds, days that the
 * month does not have. */
bool time_parse(struct str s, int64_t *ret);

/* A whole number and its unit: "250ms", "90s", "15m", "1h", "30d". At most DURATION_MS_MAX. */
bool duration_parse(struct str s, int64_t *ret_ms);
/* The largest unit that divides it: 90000 is "90s". `ms` is not negative. */
#define DURATION_TEXT_SIZE 24
void duration_format(int64_t ms, char ret[DURATION_TEXT_SIZE]);

#endif
