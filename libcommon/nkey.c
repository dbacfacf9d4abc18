/* NATS nkeys: base32 (RFC 4648, no padding) of prefix, key and CRC-16/XMODEM, little end first. A
 * seed has two prefix bytes: the seed's own five bits, then the kind's, spread over both. Our own
 * because no library for C in Debian makes them (libnats signs with them only). */
#include "nkey.h"

#include <assert.h>

#define PREFIX_SEED (18 << 3) /* S */
#define SEED_RAW_BYTES (2 + SEED_BYTES + 2)
#define PUBLIC_RAW_BYTES (1 + PUBLIC_KEY_BYTES + 2)

static_assert(NKEY_SEED_SIZE == (SEED_RAW_BYTES * 8 + 4) / 5 + 1, "a seed's length");
static_assert(NKEY_PUBLIC_SIZE == (PUBLIC_RAW_BYTES * 8 + 4) / 5 + 1, "a public key's length");

static bool kind_is_known(int kind)
{
	return kind == NKEY_ACCOUNT || kind == NKEY_CLUSTER || kind == NKEY_SERVER ||
	       kind == NKEY_OPERATOR || kind == NKEY_USER;
}

static uint16_t crc16(const uint8_t *bytes, size_t size)
{
	unsigned int crc = 0;

	for (size_t i = 0; i < size; i++) {
		crc ^= (unsigned int)bytes[i] << 8;
		for (int bit = 0; bit < 8; bit++)
			crc = (crc & 0x8000) != 0 ? crc << 1 ^ 0x1021 : crc << 1;
		crc &= 0xffff;
	}
	return (uint16_t)crc;
}

static void base32_encode(const uint8_t *bytes, size_t size, char *ret)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
	uint32_t held = 0;
	unsigned int bits = 0;

	for (size_t i = 0; i < size; i++) {
		held = (held << 8 | bytes[i]) & 0xffff;
		for (bits += 8; bits >= 5; bits -= 5)
			*ret++ = alphabet[held >> (bits - 5) & 31];
	}
	if (bits)
		*ret++ = alphabet[held << (5 - bits) & 31];
	*ret = '\0';
}

/* `text` is as long as `size` bytes ask for; bits left over are zero. */
static bool base32_decode(struct str text, uint8_t *ret, size_t size)
{
	uint32_t held = 0;
	unsigned int bits = 0;

	if (text.size != (size * 8 + 4) / 5)
		return false;
	for (size_t i = 0; i < text.size; i++) {
		char c = text.data[i];
		uint32_t digit = c >= 'A' && c <= 'Z'   ? (uint32_t)(c - 'A')
				 : c >= '2' && c <= '7' ? (uint32_t)(c - '2') + 26
							: 32;

		if (digit == 32)
			return false;
		held = (held << 5 | digit) & 0xffff;
		bits += 5;
		if (bits >= 8) {
			bits -= 8;
			*ret++ = (uint8_t)(held >> bits);
		}
	}
	return (held & ((1U << bits) - 1)) == 0;
}

static void crc_put(uint8_t *raw, size_t size)
{
	uint16_t crc = crc16(raw, size);

	raw[size] = (uint8_t)(crc & 0xff);
	raw[size + 1] = (uint8_t)(crc >> 8);
}

static bool crc_holds(const uint8_t *raw, size_t size)
{
	uint16_t crc = crc16(raw, size);

	return raw[size] == (crc & 0xff) && raw[size + 1] == crc >> 8;
}

void nkey_seed_encode(enum nkey_kind kind, const uint8_t seed[SEED_BYTES], char ret[NKEY_SEED_SIZE])
{
	uint8_t raw[SEED_RAW_BYTES];

	ASSERT(kind_is_known((int)kind));
	raw[0] = (uint8_t)(PREFIX_SEED | kind >> 5);
	raw[1] = (uint8_t)((kind & 31) << 3);
	memcpy(raw + 2, seed, SEED_BYTES);
	crc_put(raw, 2 + SEED_BYTES);
	base32_encode(raw, sizeof(raw), ret);
	bytes_wipe(raw, sizeof(raw));
}

void nkey_public_encode(enum nkey_kind kind, const uint8_t public_key[PUBLIC_KEY_BYTES],
			char ret[NKEY_PUBLIC_SIZE])
{
	uint8_t raw[PUBLIC_RAW_BYTES];

	ASSERT(kind_is_known((int)kind));
	raw[0] = (uint8_t)kind;
	memcpy(raw + 1, public_key, PUBLIC_KEY_BYTES);
	crc_put(raw, 1 + PUBLIC_KEY_BYTES);
	base32_encode(raw, sizeof(raw), ret);
}

enum st nkey_seed_decode(struct str text, enum nkey_kind *ret_kind, uint8_t ret_seed[SEED_BYTES])
{
	uint8_t raw[SEED_RAW_BYTES];
	enum st st = ST_MESSAGE_INVALID;

	if (base32_decode(text, raw, sizeof(raw)) && crc_holds(raw, 2 + SEED_BYTES)) {
		int kind = (raw[0] & 7) << 5 | raw[1] >> 3;

		if ((raw[0] & 0xf8) == PREFIX_SEED && (raw[1] & 7) == 0 && kind_is_known(kind)) {
			*ret_kind = (enum nkey_kind)kind;
			memcpy(ret_seed, raw + 2, SEED_BYTES);
			st = ST_OK;
		}
	}
	bytes_wipe(raw, sizeof(raw));
	return st;
}

enum st nkey_public_decode(struct str text, enum nkey_kind *ret_kind,
			   uint8_t ret_public_key[PUBLIC_KEY_BYTES])
{
	uint8_t raw[PUBLIC_RAW_BYTES];

	if (!base32_decode(text, raw, sizeof(raw)) || !crc_holds(raw, 1 + PUBLIC_KEY_BYTES) ||
	    !kind_is_known(raw[0]))
		return ST_MESSAGE_INVALID;
	*ret_kind = (enum nkey_kind)raw[0];
	memcpy(ret_public_key, raw + 1, PUBLIC_KEY_BYTES);
	return ST_OK;
}
