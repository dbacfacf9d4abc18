/* core_keys.c: when keys change, and how their seeds are kept: sealed with a key that is not in the
 * database. */
#include <assert.h>
#include <sodium.h>

#include "service.h"

static_assert(SEALING_KEY_BYTES == crypto_secretbox_KEYBYTES, "the sealing key is secretbox's");
static_assert(crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES + SEED_BYTES <=
		      SEALED_BYTES_MAX,
	      "a sealed seed fits");

enum key_step key_step_due(const struct key_states *states, int64_t rotation_ms, int64_t now_ms)
{
	if (!states->has_active)
		return KEY_STEP_CREATE_ACTIVE;
	if (!states->has_next)
		return KEY_STEP_CREATE_NEXT;
	return now_ms - states->active_since_ms >= rotation_ms ? KEY_STEP_ROTATE : KEY_STEP_NONE;
}

void key_seal(const uint8_t sealing[SEALING_KEY_BYTES], const uint8_t seed[SEED_BYTES],
	      uint8_t ret[SEALED_BYTES_MAX], size_t *ret_size)
{
	random_bytes(ret, crypto_secretbox_NONCEBYTES);
	crypto_secretbox_easy(ret + crypto_secretbox_NONCEBYTES, seed, SEED_BYTES, ret, sealing);
	*ret_size = crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES + SEED_BYTES;
}

enum st key_unseal(const uint8_t sealing[SEALING_KEY_BYTES], struct str sealed, struct str key_id,
		   struct signing_key *ret)
{
	const size_t head = crypto_secretbox_NONCEBYTES;
	const uint8_t *bytes = (const uint8_t *)sealed.data;
	struct signing_key key;
	uint8_t seed[SEED_BYTES];

	if (sealed.size != head + crypto_secretbox_MACBYTES + SEED_BYTES ||
	    crypto_secretbox_open_easy(seed, bytes + head, sealed.size - head, bytes, sealing) != 0)
		return ST_SIGNING_KEY_SEALED;
	signing_key_of_seed(seed, &key);
	bytes_wipe(seed, sizeof(seed));
	bool same = str_is(key_id, key.key_id);
	if (same)
		*ret = key;
	signing_key_clear(&key);
	return same ? ST_OK : ST_SIGNING_KEY_SEALED;
}
