/* Event batches: leaves, signatures over roots, and the proof each event carries. */
#include "batch.h"

#include <assert.h>
#include <stdio.h>

#include "clock.h"

static_assert(1 << BATCH_PATH_MAX == BATCH_SIZE_MAX, "a path has a hash a level");
static_assert(BATCH_SIZE_MAX <= 999, "a proof's two numbers have three digits at most");
static_assert(BATCH_PATH_MAX <= MERKLE_PATH_MAX, "a batch is a tree");

#define SIGNED_SIZE (BATCH_SOURCE_BYTES_MAX + 1 + 3 + 1 + BASE64_SIZE(HASH_BYTES) + 1)

void event_leaf(const struct event_head *head, struct str data, struct hash *ret)
{
	char sequence[24];
	int size = snprintf(sequence, sizeof(sequence), "%lld", (long long)head->sequence);
	struct sha256 state;

	sha256_init(&state);
	sha256_add(&state, &(uint8_t){ 0x00 }, 1);
	sha256_add_prefixed(&state, head->id);
	sha256_add_prefixed(&state, head->source);
	sha256_add_prefixed(&state, head->type);
	sha256_add_prefixed(&state, head->time);
	sha256_add_prefixed(&state, head->subject);
	sha256_add_prefixed(&state, (struct str){ sequence, (size_t)size });
	sha256_add_prefixed(&state, data);
	sha256_final(&state, ret);
}

/* What follows the purpose in the signed text. */
static struct str signed_payload(struct str source, size_t size, const struct hash *root,
				 char ret[SIGNED_SIZE])
{
	char base64[BASE64_SIZE(HASH_BYTES)];
	int bytes;

	ASSERT(source.size <= BATCH_SOURCE_BYTES_MAX && size <= BATCH_SIZE_MAX);
	base64_encode(root->bytes, HASH_BYTES, base64);
	bytes = snprintf(ret, SIGNED_SIZE, "%.*s\n%zu\n%s\n", STR_ARG(source), size, base64);
	ASSERT(bytes > 0 && (size_t)bytes < SIGNED_SIZE);
	return (struct str){ ret, (size_t)bytes };
}

void batch_sign(const struct signing_key *key, struct str source, const struct hash *leaves,
		size_t size, struct batch *ret)
{
	uint8_t signature[SIGNATURE_BYTES];
	char text[SIGNED_SIZE];

	ASSERT(size > 0 && size <= BATCH_SIZE_MAX && source.size <= BATCH_SOURCE_BYTES_MAX);
	memcpy(ret->nodes, leaves, size * sizeof(*leaves));
	ret->size = size;
	ret->root = ret->nodes[merkle_levels_fill(ret->nodes, size) - 1];
	enum st st = sign_purpose(key, BATCH_PURPOSE,
				  signed_payload(source, size, &ret->root, text), signature);
	ASSERT(st == ST_OK); /* it refuses and allocates for large payloads only */
	base64_encode(signature, sizeof(signature), ret->signature);
	memcpy(ret->key_id, key->key_id, sizeof(ret->key_id));
}

void batch_proof_text(const struct batch *batch, size_t index, char ret[BATCH_PROOF_SIZE])
{
	struct merkle_path path;

	merkle_levels_path(batch->nodes, batch->size, index, &path);
	ASSERT(path.count <= BATCH_PATH_MAX);
	int size = snprintf(ret, BATCH_PROOF_SIZE, "%zu/%zu:", index, batch->size);
	base64_encode(path.hashes, (size_t)path.count * HASH_BYTES, ret + size);
}

/* How many hashes the path of a leaf has: a level without a sibling at the right edge adds none. */
static size_t path_count_of(int64_t index, int64_t size)
{
	size_t count = 0;

	for (; size > 1; size = (size + 1) / 2, index /= 2)
		count += (index ^ 1) < size ? 1 : 0;
	return count;
}

enum st batch_proof_parse(struct str text, struct batch_proof *ret)
{
	struct str numbers, index, size, base64;
	struct batch_proof proof;
	size_t bytes;

	if (!str_cut(text, ':', &numbers, &base64) || !str_cut(numbers, '/', &index, &size) ||
	    str_starts(index, "-") || !str_to_i64(index, &proof.index) ||
	    !str_to_i64(size, &proof.size) || proof.size < 1 || proof.size > BATCH_SIZE_MAX ||
	    proof.index >= proof.size)
		return ST_PROOF_INVALID;
	proof.count = path_count_of(proof.index, proof.size);
	if (base64_decode(base64, proof.path, sizeof(proof.path), &bytes) != ST_OK ||
	    bytes != proof.count * HASH_BYTES)
		return ST_PROOF_INVALID;
	*ret = proof;
	return ST_OK;
}

/* Verifying */

/* The source's key with that id, and the raw signature. */
static enum st seal_open(const struct keyring *keyring, struct str source,
			 const struct batch_seal *seal, struct keyring_key *ret_key,
			 uint8_t ret_signature[SIGNATURE_BYTES], struct problem *problem)
{
	const size_t prefix_size = sizeof(BATCH_SOURCE_PREFIX) - 1;
	struct str owner;

	if (!str_starts(source, BATCH_SOURCE_PREFIX) || source.size == prefix_size ||
	    source.size > BATCH_SOURCE_BYTES_MAX)
		return problem_set(problem, ST_MESSAGE_INVALID, "ce-source",
				   "\"%.*s\" is not \"" BATCH_SOURCE_PREFIX "\" and a service",
				   STR_ARG(source));
	owner = (struct str){ source.data + prefix_size, source.size - prefix_size };
	if (base64_decode_exact(seal->signature, ret_signature, SIGNATURE_BYTES) != ST_OK)
		return problem_set(problem, ST_MESSAGE_INVALID, "ce-signature",
				   "the signature is not the base64 of %d bytes", SIGNATURE_BYTES);
	return keyring_find(keyring, seal->key_id, owner, ret_key, problem);
}

static enum st time_check(const struct keyring_key *key, struct str time, int64_t now_ms,
			  struct problem *problem)
{
	int64_t time_ms;

	if (!time_parse(time, &time_ms))
		return problem_set(problem, ST_MESSAGE_INVALID, "ce-time", "\"%.*s\" is not a time",
				   STR_ARG(time));
	return keyring_key_counts(key, time_ms, now_ms, problem);
}

static enum st root_verify(const struct keyring_key *key, struct str source, size_t size,
			   const struct hash *root, const uint8_t signature[SIGNATURE_BYTES],
			   struct problem *problem)
{
	char text[SIGNED_SIZE];

	if (verify_purpose(key->public_key, BATCH_PURPOSE, signed_payload(source, size, root, text),
			   signature) != ST_OK)
		return problem_set(problem, ST_SIGNATURE_INVALID, "ce-signature",
				   "the signature of \"%s\" does not verify for this batch of %zu",
				   key->key_id, size);
	return ST_OK;
}

static bool entry_is(const struct batch_cache_entry *entry, const struct batch_cache_entry *wanted)
{
	return hash_equal(&entry->root, &wanted->root) && entry->size == wanted->size &&
	       memcmp(entry->signature, wanted->signature, SIGNATURE_BYTES) == 0 &&
	       strcmp(entry->key_id, wanted->key_id) == 0 &&
	       strcmp(entry->owner, wanted->owner) == 0;
}

/* Events of a batch come together, so the last hit is tried first. */
static bool cache_has(struct batch_cache *cache, const struct batch_cache_entry *wanted)
{
	if (cache->count > 0 && entry_is(&cache->entries[cache->hint], wanted))
		return true;
	for (unsigned int i = 0; i < cache->count; i++) {
		if (entry_is(&cache->entries[i], wanted)) {
			cache->hint = i;
			return true;
		}
	}
	return false;
}

static void cache_put(struct batch_cache *cache, const struct batch_cache_entry *entry)
{
	cache->entries[cache->next] = *entry;
	cache->hint = cache->next;
	cache->next = (cache->next + 1) % BATCH_CACHE_SIZE;
	if (cache->count < BATCH_CACHE_SIZE)
		cache->count++;
}

static enum st root_check(struct batch_cache *cache, const struct keyring_key *key,
			  struct str source, const struct batch_cache_entry *wanted,
			  struct problem *problem)
{
	if (cache && cache_has(cache, wanted)) {
		cache->hits++;
		return ST_OK;
	}
	if (cache)
		cache->misses++;
	TRY(root_verify(key, source, (size_t)wanted->size, &wanted->root, wanted->signature,
			problem));
	if (cache)
		cache_put(cache, wanted);
	return ST_OK;
}

enum st batch_verify_event(const struct keyring *keyring, struct batch_cache *cache,
			   const struct event_head *head, struct str data,
			   const struct batch_seal *seal, int64_t now_ms, struct problem *problem)
{
	struct batch_cache_entry wanted;
	struct batch_proof proof;
	struct keyring_key key;
	struct hash leaf;

	TRY(seal_open(keyring, head->source, seal, &key, wanted.signature, problem));
	TRY(time_check(&key, head->time, now_ms, problem));
	event_leaf(head, data, &leaf);
	if (batch_proof_parse(seal->proof, &proof) != ST_OK ||
	    merkle_path_root(&leaf, proof.index, proof.size, proof.path, proof.count,
			     &wanted.root) != ST_OK)
		return problem_set(problem, ST_PROOF_INVALID, "ce-proof",
				   "the proof is not index/size:path of a batch of at most %d",
				   BATCH_SIZE_MAX);
	wanted.size = proof.size;
	memcpy(wanted.key_id, key.key_id, sizeof(wanted.key_id));
	memcpy(wanted.owner, key.owner, sizeof(wanted.owner));
	return root_check(cache, &key, head->source, &wanted, problem);
}

enum st batch_verify_all(const struct keyring *keyring, const struct event_head *heads,
			 const struct str *data, size_t size, const struct batch_seal *seal,
			 int64_t now_ms, struct problem *problem)
{
	uint8_t signature[SIGNATURE_BYTES];
	struct merkle_tree tree = { 0 };
	struct keyring_key key;
	struct hash hash;

	if (size == 0)
		return problem_set(problem, ST_MESSAGE_INVALID, "",
				   "a batch has at least one event");
	if (size > BATCH_SIZE_MAX)
		return problem_set(problem, ST_TOO_LARGE, "",
				   "a batch has at most %d events, not %zu", BATCH_SIZE_MAX, size);
	TRY(seal_open(keyring, heads[0].source, seal, &key, signature, problem));
	for (size_t i = 0; i < size; i++) {
		if (!str_equal(heads[i].source, heads[0].source))
			return problem_set(problem, ST_MESSAGE_INVALID, "ce-source",
					   "event %zu of the batch has another source", i);
		TRY(time_check(&key, heads[i].time, now_ms, problem));
		event_leaf(&heads[i], data[i], &hash);
		TRY(merkle_append(&tree, &hash, NULL, NULL));
	}
	merkle_tree_root(&tree, &hash);
	return root_verify(&key, heads[0].source, size, &hash, signature, problem);
}
