/* The first byte chooses a type of the sample contract, the rest is its message. What decodes
 * encodes; what was encoded decodes to what encodes the same; what is refused has its reason.
 * [PLT-2] */
#include <stddef.h>
#include <stdint.h>

#include "gen-sample/common.c"
#include "gen-sample/sample.c"

#define ARENA_BYTES_MAX (4 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct proto_type *const types[] = {
	&sample_thing_type,       &sample_part_type,  &sample_find_request_type,
	&sample_thing_reply_type, &sample_order_type, &sample_kept_type,
};

static void check_again(const struct proto_type *type, struct str text, enum proto_unknown unknown,
			struct arena *arena)
{
	void *decoded = arena_alloc(arena, type->size_bytes);
	struct str again;

	ASSERT(decoded);
	ASSERT(proto_decode(type, text, unknown, arena, decoded, NULL) == ST_OK);
	ASSERT(proto_encode(type, decoded, arena, &again) == ST_OK);
	ASSERT(str_equal(text, again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct arena arena;
	struct problem problem = { 0 };
	const struct proto_type *type;
	enum proto_unknown unknown;
	struct str text, encoded;
	void *decoded;
	enum st st;

	if (size == 0)
		return 0;
	if (arena.used_bytes_max == 0)
		arena_init(&arena, ARENA_BYTES_MAX);
	arena_reset(&arena);
	type = types[(data[0] & 0x7f) % (sizeof(types) / sizeof(types[0]))];
	unknown = data[0] & 0x80 ? PROTO_UNKNOWN_IGNORED : PROTO_UNKNOWN_REFUSED;
	text = (struct str){ (const char *)data + 1, size - 1 };
	decoded = arena_alloc(&arena, type->size_bytes);
	ASSERT(decoded);
	st = proto_decode(type, text, unknown, &arena, decoded, &problem);
	if (st != ST_OK) {
		ASSERT(problem.st == st && problem.detail[0]);
		ASSERT(str_is_utf8(str_of(problem.detail)) && str_is_utf8(str_of(problem.pointer)));
		return 0;
	}
	st = proto_encode(type, decoded, &arena, &encoded);
	ASSERT(st == ST_OK || st == ST_MESSAGE_TOO_LARGE);
	if (st == ST_OK)
		check_again(type, encoded, unknown, &arena);
	return 0;
}
