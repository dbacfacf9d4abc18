/* note.h: C2SP signed-note, tlog-checkpoint and tlog-cosignature, with Ed25519. A note is a text of
 * whole lines, an empty line, and signature lines
 *   "— <name> base64(<key hash, 4 bytes> || <signature>)\n".
 * The key hash is the first 4 bytes of SHA-256(name || "\n" || type || public key). Type 0x01 signs
 * the text; type 0x04 (a witness's cosignature/v1) signs "cosignature/v1\ntime <seconds>\n" || text
 * and carries the time in front of its signature. */
#ifndef PIOPL_NOTE_H
#define PIOPL_NOTE_H

#include "arena.h"
#include "crypto.h"

#define NOTE_BYTES_MAX (64 * 1024)
#define NOTE_SIGNATURES_MAX 64
#define NOTE_NAME_BYTES_MAX 128
#define NOTE_SIGNATURE_BYTES_MAX 8192 /* of any kind, the key hash included */
#define NOTE_VKEY_SIZE (NOTE_NAME_BYTES_MAX + 10 + BASE64_SIZE(33))
#define CHECKPOINT_ORIGIN_BYTES_MAX NOTE_NAME_BYTES_MAX

enum note_key_type { NOTE_ED25519 = 0x01, NOTE_COSIGNATURE = 0x04 };

struct note_key {
	char name[NOTE_NAME_BYTES_MAX + 1];
	enum note_key_type type;
	uint8_t public_key[PUBLIC_KEY_BYTES];
	uint8_t key_hash[4];
};

/* A name is 1..128 bytes of UTF-8 without spaces or '+'. ST_MESSAGE_INVALID. */
MUST_CHECK enum st note_key_make(struct str name, enum note_key_type type,
				 const uint8_t public_key[PUBLIC_KEY_BYTES], struct note_key *ret);
/* "name+<8 hex digits>+base64(type || public key)"; the hash in it is checked. */
MUST_CHECK enum st note_key_of_text(struct str text, struct note_key *ret, struct problem *problem);
void note_key_to_text(const struct note_key *key, char ret[NOTE_VKEY_SIZE]);

struct note_signature {
	struct str name;
	uint8_t key_hash[4];
	uint8_t bytes[8 + SIGNATURE_BYTES]; /* the first of what follows the hash, zero filled */
	size_t size; /* of all that follows it; unknown kinds may be longer */
};

struct note {
	struct str text; /* with its last newline */
	struct note_signature signatures[NOTE_SIGNATURES_MAX];
	size_t count;
};

/* Views into `message`. ST_MESSAGE_INVALID with the line, ST_TOO_LARGE past a limit. */
MUST_CHECK enum st note_parse(struct str message, struct note *ret, struct problem *problem);

/* A note without signatures yet: text and the empty line. The text is whole lines of UTF-8 without
 * control characters, and its first line is neither a purpose of ours nor a cosignature's header:
 * a note can never pass as something else that was signed. ST_MESSAGE_INVALID. */
MUST_CHECK enum st note_start(struct buf *buf, struct str text, struct problem *problem);
/* Adds a signature line over `text`, with which the note was started. `key` and `secret` belong
 * together (asserted). A cosignature takes a checkpoint's text alone, and `time_s` > 0, which other
 * keys do not use. ST_MESSAGE_INVALID, ST_NO_MEMORY. */
MUST_CHECK enum st note_sign(struct buf *buf, struct str text, const struct note_key *key,
			     const struct signing_key *secret, int64_t time_s);

/* What the key at the same place in `keys` says of a note. */
struct note_verdict {
	bool signed_by;
	int64_t time_s; /* a cosignature's */
};

/* Signatures of keys that are not in `keys` are passed over. ST_SIGNATURE_INVALID when one of a key
 * in `keys` does not verify, or when there is none of them at all. */
MUST_CHECK enum st note_verify(const struct note *note, const struct note_key *keys, size_t count,
			       struct note_verdict *ret, struct problem *problem);

/* A checkpoint's text: origin, size, base64 of the root, and extension lines (not interpreted). */
struct checkpoint {
	struct str origin;
	int64_t size;
	struct hash root;
	struct str extension; /* whole lines, none empty; or empty */
};

MUST_CHECK enum st checkpoint_build(const struct checkpoint *checkpoint, struct arena *arena,
				    struct str *ret, struct problem *problem);
/* Views into `text`. */
MUST_CHECK enum st checkpoint_parse(struct str text, struct checkpoint *ret,
				    struct problem *problem);

#endif
