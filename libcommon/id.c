#include "id.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/random.h>

/* One system call gives randomness for this many bytes; kept small so that little lies about. */
#define POOL_BYTES 512
#define UUID_MS_MAX ((INT64_C(1) << 48) - 1)
/* The 12 bits after the version count within a millisecond. They start low enough to have room. */
#define COUNTER_START_MASK 0x7ff
#define COUNTER_MAX 0xfff

/* Each thread has its own, so none waits; `generation` tells a child that the pool is its parent's.
 */
static _Thread_local struct {
	unsigned char bytes[POOL_BYTES];
	size_t left;
	unsigned int generation;
} pool;

static _Atomic unsigned int fork_generation = 1;

static void on_fork(void)
{
	atomic_fetch_add(&fork_generation, 1);
}

__attribute__((constructor)) static void watch_forks(void)
{
	pthread_atfork(NULL, NULL, on_fork);
}

static void kernel_random(unsigned char *out, size_t size)
{
	while (size > 0) {
		ssize_t got = getrandom(out, size, 0);

		if (got < 0 && errno == EINTR)
			continue;
		ASSERT(got > 0);
		out += got;
		size -= (size_t)got;
	}
}

void random_bytes(void *ret, size_t size)
{
	unsigned int generation = atomic_load(&fork_generation);

	if (size > sizeof(pool.bytes)) {
		kernel_random(ret, size);
		return;
	}
	if (pool.generation != generation || pool.left < size) {
		kernel_random(pool.bytes, sizeof(pool.bytes));
		pool.left = sizeof(pool.bytes);
		pool.generation = generation;
	}
	pool.left -= size;
	memcpy(ret, pool.bytes + pool.left, size);
	explicit_bzero(pool.bytes + pool.left, size);
}

static const char hex_digits[] = "0123456789abcdef";

static void hex_print(const unsigned char *bytes, size_t size, char *ret)
{
	for (size_t i = 0; i < size; i++) {
		ret[2 * i] = hex_digits[bytes[i] >> 4];
		ret[2 * i + 1] = hex_digits[bytes[i] & 15];
	}
}

/* The time and counter of the next UUID: past the last one even when the clock is not. */
static void tick(int64_t now_ms, unsigned int start, int64_t *ret_ms, unsigned int *ret_counter)
{
	static _Thread_local int64_t last_ms = -1;
	static _Thread_local unsigned int counter;
	static _Thread_local unsigned int generation;

	if (generation != atomic_load(&fork_generation)) {
		generation = atomic_load(&fork_generation);
		last_ms = -1;
	}
	if (now_ms > last_ms) {
		last_ms = now_ms;
		counter = start & COUNTER_START_MASK;
	} else if (counter < COUNTER_MAX) {
		counter++;
	} else {
		last_ms++;
		counter = start & COUNTER_START_MASK;
	}
	*ret_ms = last_ms;
	*ret_counter = counter;
}

void uuid_make(int64_t now_ms, char ret[UUID_TEXT_SIZE])
{
	static const unsigned char sizes[] = { 4, 2, 2, 2, 6 };
	unsigned char bytes[16];
	unsigned int counter;
	int64_t ms;
	char *out = ret;
	size_t at = 0;

	ASSERT(now_ms >= 0 && now_ms <= UUID_MS_MAX);
	random_bytes(bytes + 6, 10);
	tick(now_ms, (unsigned int)bytes[6] << 8 | bytes[7], &ms, &counter);
	for (size_t i = 0; i < 6; i++)
		bytes[i] = (unsigned char)(ms >> (40 - 8 * i));
	bytes[6] = (unsigned char)(0x70 | counter >> 8);
	bytes[7] = (unsigned char)counter;
	bytes[8] = (unsigned char)(0x80 | (bytes[8] & 0x3f));
	for (size_t i = 0; i < sizeof(sizes); i++) {
		if (i > 0)
			*out++ = '-';
		hex_print(bytes + at, sizes[i], out);
		out += 2 * sizes[i];
		at += sizes[i];
	}
	*out = '\0';
	ASSERT(out == ret + UUID_TEXT_SIZE - 1);
}

static bool prefix_valid(const char *prefix)
{
	size_t size = strlen(prefix);

	if (size == 0 || size > ID_PREFIX_SIZE_MAX)
		return false;
	for (size_t i = 0; i < size; i++) {
		if (prefix[i] < 'a' || prefix[i] > 'z')
			return false;
	}
	return true;
}

void id_make(const char *prefix, int64_t now_ms, char ret[ID_TEXT_SIZE])
{
	size_t size = strlen(prefix);

	ASSERT(prefix_valid(prefix));
	memcpy(ret, prefix, size);
	ret[size] = '_';
	uuid_make(now_ms, ret + size + 1);
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

bool uuid_valid(struct str s)
{
	if (s.size != UUID_TEXT_SIZE - 1)
		return false;
	for (size_t i = 0; i < s.size; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? s.data[i] != '-' : hex_value(s.data[i]) < 0)
			return false;
	}
	return hex_value(s.data[19]) >= 8 && hex_value(s.data[19]) <= 11;
}

bool uuid_time_ms(struct str uuid, int64_t *ret)
{
	int64_t ms = 0;

	if (!uuid_valid(uuid) || uuid.data[14] != '7')
		return false;
	for (size_t i = 0; i < 13; i++) {
		if (uuid.data[i] != '-')
			ms = ms << 4 | hex_value(uuid.data[i]);
	}
	*ret = ms;
	return true;
}

bool id_valid(struct str id, const char *prefix)
{
	size_t size = strlen(prefix);
	int64_t ms;

	if (!str_starts(id, prefix) || id.size <= size || id.data[size] != '_')
		return false;
	return uuid_time_ms((struct str){ id.data + size + 1, id.size - size - 1 }, &ms);
}

void agent_id_format(int64_t number, char ret[AGENT_ID_TEXT_SIZE])
{
	ASSERT(number >= 0 && number <= AGENT_NUMBER_MAX);
	snprintf(ret, AGENT_ID_TEXT_SIZE, "piopl_%05lld", (long long)number);
}

bool agent_id_parse(struct str id, int64_t *ret)
{
	static const size_t start = sizeof("piopl_") - 1;
	int64_t number = 0;

	if (!str_starts(id, "piopl_") || id.size < start + 5 || id.size > AGENT_ID_TEXT_SIZE - 1)
		return false;
	/* One spelling a number: zeros only fill up to five digits. */
	if (id.size > start + 5 && id.data[start] == '0')
		return false;
	for (size_t i = start; i < id.size; i++) {
		if (id.data[i] < '0' || id.data[i] > '9')
			return false;
		number = number * 10 + (id.data[i] - '0');
	}
	*ret = number;
	return true;
}

void trace_id_make(char ret[TRACE_ID_TEXT_SIZE])
{
	unsigned char bytes[16];
	static const unsigned char zero[16];

	do {
		random_bytes(bytes, sizeof(bytes));
	} while (memcmp(bytes, zero, sizeof(zero)) == 0);
	hex_print(bytes, sizeof(bytes), ret);
	ret[TRACE_ID_TEXT_SIZE - 1] = '\0';
}
