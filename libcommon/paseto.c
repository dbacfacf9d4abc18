/* paseto.c: see paseto.h. */
#include "paseto.h"

#define PAE_PIECES 4

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

size_t base64url_encode(const void *bytes, size_t size, char *ret)
{
	const uint8_t *in = bytes;
	uint32_t bits = 0;
	unsigned held = 0;
	size_t length = 0;

	for (size_t i = 0; i < size; i++) {
		bits = (bits << 8) | in[i];
		for (held += 8; held >= 6; held -= 6)
			ret[length++] = alphabet[(bits >> (held - 6)) & 63];
	}
	if (held > 0)
		ret[length++] = alphabet[(bits << (6 - held)) & 63];
	ret[length] = 0;
	return length;
}

static int digit_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '-' ? 62 : c == '_' ? 63 : -1;
}

enum st base64url_decode(struct str text, void *ret, size_t capacity, size_t *ret_size)
{
	uint8_t *out = ret;
	uint32_t bits = 0;
	unsigned held = 0;
	size_t size = 0;

	if (text.size % 4 == 1)
		return ST_MESSAGE_INVALID;
	for (size_t i = 0; i < text.size; i++) {
		int digit = digit_of(text.data[i]);
		if (digit < 0)
			return ST_MESSAGE_INVALID;
		bits = (bits << 6) | (uint32_t)digit;
		held += 6;
		if (held < 8)
			continue;
		held -= 8;
		if (size == capacity)
			return ST_MESSAGE_INVALID;
		out[size++] = (uint8_t)(bits >> held);
	}
	if (bits & ((1u << held) - 1))
		return ST_MESSAGE_INVALID;
	*ret_size = size;
	return ST_OK;
}

/* -- pre-authentication encoding -- */

static void le64_add(struct buf *buf, uint64_t value)
{
	uint8_t bytes[8];

	for (unsigned i = 0; i < 8; i++)
		bytes[i] = (uint8_t)(value >> (8 * i));
	bytes[7] &= 0x7f;
	buf_add(buf, bytes, sizeof(bytes));
}

static void piece_add(struct buf *buf, struct str piece)
{
	le64_add(buf, piece.size);
	buf_add(buf, piece.data, piece.size);
}

/* NULL data: the arena is full. */
static struct str pae(struct str message, struct str footer, struct str implicit,
		      struct arena *arena)
{
	struct buf buf;

	buf_init(&buf, arena, message.size + footer.size + implicit.size + 64);
	le64_add(&buf, PAE_PIECES);
	piece_add(&buf, STR(PASETO_HEADER));
	piece_add(&buf, message);
	piece_add(&buf, footer);
	piece_add(&buf, implicit);
	return buf_str(&buf);
}

/* -- reading -- */

static enum st part_decode(struct str part, struct arena *arena, struct str *ret)
{
	char *bytes = arena_alloc(arena, part.size + 1);
	size_t size;

	if (!bytes)
		return ST_TOO_LARGE;
	if (base64url_decode(part, bytes, part.size, &size) != ST_OK)
		return ST_TOKEN_MALFORMED;
	*ret = (struct str){ bytes, size };
	return ST_OK;
}

static enum st header_check(struct str text, struct problem *problem)
{
	const struct str header = STR(PASETO_HEADER);
	struct str version, purpose, rest;

	if (str_starts(text, PASETO_HEADER))
		return ST_OK;
	if (text.size == 0 ||
	    (text.size < header.size && memcmp(text.data, header.data, text.size) == 0))
		return problem_set(problem, ST_TOKEN_TRUNCATED, "", "it ends in its header");
	if (!str_cut(text, '.', &version, &rest) || !str_cut(rest, '.', &purpose, &rest) ||
	    version.size < 2 || version.size > 3 || version.data[0] != 'v')
		return problem_set(problem, ST_TOKEN_MALFORMED, "", "it does not begin with \"%s\"",
				   PASETO_HEADER);
	return problem_set(problem, ST_TOKEN_VERSION_WRONG, "", "it is \"%.*s.%.*s\"",
			   STR_ARG(version), (int)(purpose.size < 16 ? purpose.size : 16),
			   purpose.data);
}

enum st paseto_parse(struct str text, struct arena *arena, struct paseto *ret,
		     struct problem *problem)
{
	struct paseto paseto = { .footer = STR("") };
	struct str body = text, footer = { 0 }, whole;

	if (text.size > PASETO_BYTES_MAX)
		return problem_set(problem, ST_TOKEN_TOO_LONG, "", "it has %zu bytes", text.size);
	TRY(header_check(text, problem));
	body.data += sizeof(PASETO_HEADER) - 1;
	body.size -= sizeof(PASETO_HEADER) - 1;
	bool footed = str_cut(body, '.', &body, &footer);
	if (footed && footer.size == 0)
		return problem_set(problem, ST_TOKEN_TRUNCATED, "", "it ends before its footer");
	enum st st = part_decode(body, arena, &whole);
	if (st == ST_OK && footed)
		st = part_decode(footer, arena, &paseto.footer);
	if (st == ST_TOKEN_MALFORMED && !footed && body.size % 4 == 1)
		st = ST_TOKEN_TRUNCATED;
	if (st != ST_OK)
		return problem_set(problem, st, "", "a part of it is not base64url");
	if (paseto.footer.size > PASETO_FOOTER_BYTES_MAX)
		return problem_set(problem, ST_TOKEN_MALFORMED, "", "its footer is too long");
	if (whole.size < SIGNATURE_BYTES)
		return problem_set(problem, ST_TOKEN_TRUNCATED, "",
				   "it is shorter than a signature");
	paseto.message = (struct str){ whole.data, whole.size - SIGNATURE_BYTES };
	memcpy(paseto.signature, whole.data + paseto.message.size, SIGNATURE_BYTES);
	*ret = paseto;
	return ST_OK;
}

enum st paseto_verify(const struct paseto *paseto, const uint8_t public_key[PUBLIC_KEY_BYTES],
		      struct str implicit, struct arena *arena)
{
	ASSERT(implicit.size <= PASETO_IMPLICIT_BYTES_MAX);
	struct str encoded = pae(paseto->message, paseto->footer, implicit, arena);

	if (!encoded.data)
		return ST_TOO_LARGE;
	if (verify_bytes(public_key, encoded, paseto->signature) != ST_OK)
		return ST_TOKEN_SIGNATURE_INVALID;
	return ST_OK;
}

/* -- writing -- */

enum st paseto_sign(const struct signing_key *key, struct str message, struct str footer,
		    struct str implicit, struct arena *arena, struct str *ret)
{
	ASSERT(footer.size <= PASETO_FOOTER_BYTES_MAX);
	ASSERT(implicit.size <= PASETO_IMPLICIT_BYTES_MAX);
	size_t size = sizeof(PASETO_HEADER) + BASE64URL_SIZE(message.size + SIGNATURE_BYTES) +
		      BASE64URL_SIZE(footer.size);
	if (message.size > PASETO_BYTES_MAX || size > PASETO_BYTES_MAX)
		return ST_TOKEN_TOO_LONG;
	struct str encoded = pae(message, footer, implicit, arena);
	uint8_t *whole = arena_alloc(arena, message.size + SIGNATURE_BYTES);
	char *text = arena_alloc(arena, size);
	if (!encoded.data || !whole || !text)
		return ST_TOO_LARGE;
	memcpy(whole, message.data, message.size);
	sign_bytes(key, encoded, whole + message.size);
	size_t length = sizeof(PASETO_HEADER) - 1;
	memcpy(text, PASETO_HEADER, length);
	length += base64url_encode(whole, message.size + SIGNATURE_BYTES, text + length);
	if (footer.size > 0) {
		text[length++] = '.';
		length += base64url_encode(footer.data, footer.size, text + length);
	}
	*ret = (struct str){ text, length };
	return ST_OK;
}
