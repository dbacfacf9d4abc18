/* batch.h: signatures over batches of events. The relay signs the RFC 6962 root of a batch once;
 * each event carries that signature, its key's id and its inclusion proof, so it verifies alone.
 * Signed are the bytes `piopl/event-batch/v1\n<ce-source>\n<size>\n<base64 root>\n`. */
#ifndef PIOPL_BATCH_H
#define PIOPL_BATCH_H

#include "keyring.h"
#include "merkle.h"

#define BATCH_PURPOSE "piopl/event-batch/v1"
#define BATCH_SIZE_MAX 512
#define BATCH_PATH_MAX 9             /* log2 of it */
#define BATCH_SOURCE_PREFIX "piopl/" /* ce-source is this and the owner of the key */
#define BATCH_SOURCE_BYTES_MAX (sizeof(BATCH_SOURCE_PREFIX) - 1 + KEYRING_OWNER_SIZE - 1)
#define BATCH_PROOF_SIZE (8 + BASE64_SIZE(BATCH_PATH_MAX * HASH_BYTES)) /* with the NUL */
#define BATCH_CACHE_SIZE 64

/* The signed attributes of an event, as they travel (ce-*). `sequence` is written in decimal. */
struct event_head {
	struct str id;
	struct str source;
	struct str type;
	struct str time; /* RFC 3339, UTC, milliseconds */
	struct str subject;
	int64_t sequence;
};

/* SHA-256(0x00 || each of id, source, type, time, subject, sequence, data with its 4-byte length)
 */
void event_leaf(const struct event_head *head, struct str data, struct hash *ret);

/* A signed batch with every node of its tree; 34 KiB, so keep it off the stack. */
struct batch {
	size_t size;
	struct hash root;
	char key_id[KEY_ID_SIZE];
	char signature[SIGNATURE_TEXT_SIZE]; /* base64 */
	struct hash nodes[MERKLE_NODES_MAX(BATCH_SIZE_MAX)];
};

/* 1..BATCH_SIZE_MAX leaves and a source of at most BATCH_SOURCE_BYTES_MAX (asserted). */
void batch_sign(const struct signing_key *key, struct str source, const struct hash *leaves,
		size_t size, struct batch *ret);
/* ce-proof of one event: `<index>/<size>:<base64 of the path, leaf to root>`. */
void batch_proof_text(const struct batch *batch, size_t index, char ret[BATCH_PROOF_SIZE]);

struct batch_proof {
	int64_t index;
	int64_t size;
	struct hash path[BATCH_PATH_MAX];
	size_t count;
};

/* Strict, and `count` is what index and size ask for. ST_PROOF_INVALID. */
MUST_CHECK enum st batch_proof_parse(struct str text, struct batch_proof *ret);

/* Roots whose signature was verified, newest in place of the oldest. Zeroed is empty. The caller
 * owns it, one a process. A key is looked up each time, so a revoked one fails at once. */
struct batch_cache_entry {
	char key_id[KEY_ID_SIZE];
	uint8_t signature[SIGNATURE_BYTES];
	struct hash root;
	int64_t size;
	char owner[KEYRING_OWNER_SIZE];
};

struct batch_cache {
	struct batch_cache_entry entries[BATCH_CACHE_SIZE];
	unsigned int count;
	unsigned int next;
	unsigned int hint; /* the last hit */
	uint64_t hits;
	uint64_t misses;
};

/* What came beside an event. */
struct batch_seal {
	struct str key_id;
	struct str signature; /* base64 */
	struct str proof;     /* as batch_proof_text writes it */
};

/* One event by itself. ST_MESSAGE_INVALID (source, time or signature is not of its form),
 * ST_KEY_UNKNOWN, ST_PROOF_INVALID, ST_SIGNATURE_INVALID. `cache` may be NULL. */
MUST_CHECK enum st batch_verify_event(const struct keyring *keyring, struct batch_cache *cache,
				      const struct event_head *head, struct str data,
				      const struct batch_seal *seal, int64_t now_ms,
				      struct problem *problem);
/* All events of one batch, in order and of one source: the root is computed, one verification.
 * `heads` and `data` hold `size` entries; ST_TOO_LARGE past BATCH_SIZE_MAX. seal->proof is unused.
 */
MUST_CHECK enum st batch_verify_all(const struct keyring *keyring, const struct event_head *heads,
				    const struct str *data, size_t size,
				    const struct batch_seal *seal, int64_t now_ms,
				    struct problem *problem);

#endif
