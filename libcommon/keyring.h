/* keyring.h: whose signature counts. A key list names the public key of everyone who signs events
 * and checkpoints, and is itself signed by the installation's root key:
 *   {"payload": "<RFC 8785 text>", "key_id": "key_...", "signature": "<base64>"}
 * with purpose piopl/key-list/v1 and the payload
 *   {"version": n, "issued_at": time, "keys": [{"key_id", "owner", "public_key", "from", "until"?,
 *    "state": "active" | "retired" | "revoked"}]}.
 * A key has one owner. A retired key still verifies what was made before its `until`; a revoked
 * one verifies nothing. A newer file is accepted only with a higher version. */
#ifndef PIOPL_KEYRING_H
#define PIOPL_KEYRING_H

#include "arena.h"
#include "crypto.h"

#define KEYRING_PURPOSE "piopl/key-list/v1"
#define KEYRING_KEYS_MAX 1024
#define KEYRING_FILE_BYTES_MAX (768 * 1024)
#define KEYRING_OWNER_SIZE 65        /* 64 bytes and a NUL */
#define KEYRING_CLOCK_SLACK_MS 60000 /* how far ahead of ours a signer's clock may be */

enum key_state { KEY_ACTIVE = 1, KEY_RETIRED, KEY_REVOKED };

struct keyring_key {
	char key_id[KEY_ID_SIZE];
	char owner[KEYRING_OWNER_SIZE]; /* lower-case name, as in subjects: "registry" */
	uint8_t public_key[PUBLIC_KEY_BYTES];
	int64_t from_ms;
	int64_t until_ms; /* INT64_MAX: no end; a retired key has one */
	enum key_state state;
};

struct key_list {
	int64_t version; /* from 1 */
	int64_t issued_at_ms;
	struct keyring_key *keys; /* sorted by key id */
	size_t count;
};

/* Verifies the signature, then decodes; everything returned lives in `arena`.
 * ST_JSON_INVALID, ST_MESSAGE_INVALID, ST_KEY_UNKNOWN (another root), ST_SIGNATURE_INVALID,
 * ST_TOO_LARGE. */
MUST_CHECK enum st key_list_parse(struct str text, const uint8_t root_public_key[PUBLIC_KEY_BYTES],
				  struct arena *arena, struct key_list *ret,
				  struct problem *problem);
/* The payload of a list; `keys` in any order. Refuses what key_list_parse would refuse. */
MUST_CHECK enum st key_list_build(int64_t version, int64_t issued_at_ms,
				  const struct keyring_key *keys, size_t count, struct arena *arena,
				  struct str *ret, struct problem *problem);
/* The file's text. */
MUST_CHECK enum st key_list_sign(const struct signing_key *root, struct str payload,
				 struct arena *arena, struct str *ret);
/* Temporary file beside it, fsync, rename, fsync of the directory: readers see the old list or the
 * new one. ST_DISK_FULL, ST_UNAVAILABLE with the system's words. */
MUST_CHECK enum st key_list_write(const char *path, struct str file_text, struct problem *problem);

/* The list a process works with. Owns its memory; one thread. Finding a key that is unknown looks
 * at the file again when it changed on disk, hence `const` here means: the same keys by the same
 * root, not the same bytes. */
struct keyring;

/* ST_CONFIG_INVALID when the file cannot be read; else as key_list_parse. */
MUST_CHECK enum st keyring_load(const char *path, const uint8_t root_public_key[PUBLIC_KEY_BYTES],
				struct keyring **ret, struct problem *problem);
void keyring_free(struct keyring *keyring);
int64_t keyring_version(const struct keyring *keyring);
size_t keyring_count(const struct keyring *keyring);
/* In order of key id; `index` < keyring_count. Valid until the next find or refresh. */
const struct keyring_key *keyring_at(const struct keyring *keyring, size_t index);

/* Reads the file again if it changed; keeps what it has when the file is worse: not verifying,
 * ST_VERSION_CONFLICT when its version is lower, or equal with other content. Call it on a tick, so
 * that a revocation takes effect; finding an unknown key calls it too. */
MUST_CHECK enum st keyring_refresh(const struct keyring *keyring, struct problem *problem);

/* ST_KEY_UNKNOWN: no such key, another owner's, or revoked. */
MUST_CHECK enum st keyring_find(const struct keyring *keyring, struct str key_id, struct str owner,
				struct keyring_key *ret, struct problem *problem);
/* Whether what `key` signed counts: it was made at `made_at_ms` (not after the key's end) and the
 * key has begun by `now_ms`. A thing may be older than the key that signs it: an event waits in its
 * outbox while keys change. ST_KEY_UNKNOWN. */
MUST_CHECK enum st keyring_key_counts(const struct keyring_key *key, int64_t made_at_ms,
				      int64_t now_ms, struct problem *problem);

#endif
