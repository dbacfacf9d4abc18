/* Proofs from anyone: ce-proof texts, Merkle proofs with any numbers, nkeys. */
#include <stdio.h>

#include "batch.h"
#include "nkey.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* What parses is written again byte for byte. */
static void check_text(struct str text)
{
	char again[BATCH_PROOF_SIZE + 32];
	struct batch_proof proof;
	struct hash leaf = { { 0 } }, root;

	if (batch_proof_parse(text, &proof) != ST_OK)
		return;
	int used = snprintf(again, sizeof(again), "%lld/%lld:", (long long)proof.index,
			    (long long)proof.size);
	base64_encode(proof.path, proof.count * HASH_BYTES, again + used);
	ASSERT(str_is(text, again));
	/* the parser asks for as many hashes as the tree does */
	ASSERT(merkle_path_root(&leaf, proof.index, proof.size, proof.path, proof.count, &root) ==
	       ST_OK);
}

/* Numbers and hashes as they come; a proof that verifies has the length its tree asks for. */
static void check_merkle(const uint8_t *bytes, size_t size)
{
	struct hash hashes[70], leaf = { { 1 } }, root = { { 2 } }, made;
	int64_t numbers[2];
	size_t count;

	if (size < sizeof(numbers))
		return;
	memcpy(numbers, bytes, sizeof(numbers));
	count = (size - sizeof(numbers)) / HASH_BYTES;
	if (count > sizeof(hashes) / sizeof(hashes[0]))
		count = sizeof(hashes) / sizeof(hashes[0]);
	memcpy(hashes, bytes + sizeof(numbers), count * HASH_BYTES);
	if (merkle_path_root(&leaf, numbers[0], numbers[1], hashes, count, &made) == ST_OK) {
		ASSERT(count <= MERKLE_PATH_MAX && numbers[0] >= 0 && numbers[0] < numbers[1]);
		ASSERT(merkle_verify_path(&leaf, numbers[0], numbers[1], hashes, count, &made) ==
		       ST_OK);
	}
	if (merkle_verify_consistency(numbers[0], &root, numbers[1], &root, hashes, count) == ST_OK)
		ASSERT(numbers[0] == numbers[1] && count == 0);
}

static void check_nkey(struct str text)
{
	uint8_t key[PUBLIC_KEY_BYTES];
	char again[NKEY_SEED_SIZE];
	enum nkey_kind kind;

	if (nkey_public_decode(text, &kind, key) == ST_OK) {
		nkey_public_encode(kind, key, again);
		ASSERT(str_is(text, again));
	}
	if (nkey_seed_decode(text, &kind, key) == ST_OK) {
		nkey_seed_encode(kind, key, again);
		ASSERT(str_is(text, again));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct str text = { (const char *)bytes, size };

	crypto_init();
	check_text(text);
	check_merkle(bytes, size);
	check_nkey(text);
	return 0;
}
