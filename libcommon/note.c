/* C2SP signed notes: keys, parsing, signing, verifying; and the text of checkpoints. */
#include "note.h"

#include <assert.h>
#include <stdio.h>

#define DASH "\xe2\x80\x94 " /* an em dash and a space */
#define COSIGNATURE_LINE "cosignature/v1"
#define KEY_HASH_BYTES 4
#define TIME_BYTES 8

static_assert(BASE64_SIZE(NOTE_SIGNATURE_BYTES_MAX) < NOTE_BYTES_MAX, "a line fits into a note");

/* Keys */

/* White space as Unicode has it, at the start of `s`; the character's size, or 0. */
static size_t space_size(struct str s)
{
	static const char *const wide[] = {
		"\xc2\x85",     "\xc2\xa0",     "\xe1\x9a\x80", "\xe2\x80\xa8",
		"\xe2\x80\xa9", "\xe2\x80\xaf", "\xe2\x81\x9f", "\xe3\x80\x80",
	};

	if (s.data[0] == ' ' || (s.data[0] >= '\t' && s.data[0] <= '\r'))
		return 1;
	for (size_t i = 0; i < sizeof(wide) / sizeof(wide[0]); i++) {
		if (str_starts(s, wide[i]))
			return strlen(wide[i]);
	}
	/* U+2000 to U+200A */
	if (str_starts(s, "\xe2\x80") && s.size >= 3 && (uint8_t)s.data[2] >= 0x80 &&
	    (uint8_t)s.data[2] <= 0x8a)
		return 3;
	return 0;
}

static bool name_is_valid(struct str name)
{
	if (name.size == 0 || name.size > NOTE_NAME_BYTES_MAX || !str_is_utf8(name))
		return false;
	for (size_t i = 0; i < name.size; i++) {
		if ((uint8_t)name.data[i] < 0x20 || name.data[i] == '+' ||
		    space_size((struct str){ name.data + i, name.size - i }) != 0)
			return false;
	}
	return true;
}

enum st note_key_make(struct str name, enum note_key_type type,
		      const uint8_t public_key[PUBLIC_KEY_BYTES], struct note_key *ret)
{
	struct note_key key = { .type = type };
	struct sha256 state;
	struct hash hash;

	if (!name_is_valid(name) || (type != NOTE_ED25519 && type != NOTE_COSIGNATURE) ||
	    !public_key_is_valid(public_key))
		return ST_MESSAGE_INVALID;
	memcpy(key.name, name.data, name.size);
	memcpy(key.public_key, public_key, PUBLIC_KEY_BYTES);
	sha256_init(&state);
	sha256_add(&state, name.data, name.size);
	sha256_add(&state, "\n", 1);
	sha256_add(&state, &(uint8_t){ (uint8_t)type }, 1);
	sha256_add(&state, public_key, PUBLIC_KEY_BYTES);
	sha256_final(&state, &hash);
	memcpy(key.key_hash, hash.bytes, KEY_HASH_BYTES);
	*ret = key;
	return ST_OK;
}

enum st note_key_of_text(struct str text, struct note_key *ret, struct problem *problem)
{
	uint8_t key_hash[KEY_HASH_BYTES], bytes[1 + PUBLIC_KEY_BYTES];
	struct str name, rest, hex, base64;
	struct note_key key;

	if (!str_cut(text, '+', &name, &rest) || !str_cut(rest, '+', &hex, &base64) ||
	    hex_decode(hex, key_hash, sizeof(key_hash)) != ST_OK ||
	    base64_decode_exact(base64, bytes, sizeof(bytes)) != ST_OK)
		return problem_set(problem, ST_MESSAGE_INVALID, "",
				   "a verifier key is name+8 hex digits+base64 of 33 bytes");
	if (note_key_make(name, (enum note_key_type)bytes[0], bytes + 1, &key) != ST_OK)
		return problem_set(problem, ST_MESSAGE_INVALID, "",
				   "the verifier key's name, type %u or point is not valid",
				   bytes[0]);
	if (memcmp(key.key_hash, key_hash, sizeof(key_hash)) != 0)
		return problem_set(problem, ST_MESSAGE_INVALID, "",
				   "the verifier key's hash is not that of its name and key");
	*ret = key;
	return ST_OK;
}

void note_key_to_text(const struct note_key *key, char ret[NOTE_VKEY_SIZE])
{
	uint8_t bytes[1 + PUBLIC_KEY_BYTES];
	size_t size = strlen(key->name);

	bytes[0] = (uint8_t)key->type;
	memcpy(bytes + 1, key->public_key, PUBLIC_KEY_BYTES);
	memcpy(ret, key->name, size);
	ret[size++] = '+';
	hex_encode(key->key_hash, KEY_HASH_BYTES, ret + size);
	size += 2 * KEY_HASH_BYTES;
	ret[size++] = '+';
	base64_encode(bytes, sizeof(bytes), ret + size);
}

/* Parsing */

static bool text_is_clean(struct str text)
{
	for (size_t i = 0; i < text.size; i++) {
		if ((uint8_t)text.data[i] < 0x20 && text.data[i] != '\n')
			return false;
	}
	return str_is_utf8(text);
}

static enum st signature_parse(struct str line, struct note_signature *ret)
{
	uint8_t bytes[NOTE_SIGNATURE_BYTES_MAX];
	struct str rest, name, base64;
	size_t size;

	if (!str_starts(line, DASH))
		return ST_MESSAGE_INVALID;
	rest = (struct str){ line.data + strlen(DASH), line.size - strlen(DASH) };
	if (!str_cut(rest, ' ', &name, &base64) || !name_is_valid(name))
		return ST_MESSAGE_INVALID;
	TRY(base64_decode(base64, bytes, sizeof(bytes), &size));
	if (size <= KEY_HASH_BYTES)
		return ST_MESSAGE_INVALID;
	*ret = (struct note_signature){ .name = name, .size = size - KEY_HASH_BYTES };
	memcpy(ret->key_hash, bytes, KEY_HASH_BYTES);
	memcpy(ret->bytes, bytes + KEY_HASH_BYTES,
	       ret->size < sizeof(ret->bytes) ? ret->size : sizeof(ret->bytes));
	return ST_OK;
}

/* Cuts at the last empty line. */
static bool note_split(struct str message, struct str *ret_text, struct str *ret_signatures)
{
	for (size_t i = message.size; i >= 2; i--) {
		if (message.data[i - 1] != '\n' || message.data[i - 2] != '\n')
			continue;
		*ret_text = (struct str){ message.data, i - 1 };
		*ret_signatures = (struct str){ message.data + i, message.size - i };
		return i < message.size && message.data[message.size - 1] == '\n';
	}
	return false;
}

enum st note_parse(struct str message, struct note *ret, struct problem *problem)
{
	struct str text, lines, line;

	if (message.size > NOTE_BYTES_MAX)
		return problem_set(problem, ST_TOO_LARGE, "",
				   "a note has at most %d bytes, not %zu", NOTE_BYTES_MAX,
				   message.size);
	if (!text_is_clean(message) || !note_split(message, &text, &lines))
		return problem_set(problem, ST_MESSAGE_INVALID, "",
				   "a note is lines of UTF-8, an empty line and signature lines");
	ret->count = 0;
	ret->text = text;
	while (str_cut(lines, '\n', &line, &lines)) {
		if (ret->count == NOTE_SIGNATURES_MAX)
			return problem_set(problem, ST_TOO_LARGE, "",
					   "a note has at most %d signatures", NOTE_SIGNATURES_MAX);
		if (signature_parse(line, &ret->signatures[ret->count]) != ST_OK)
			return problem_set(problem, ST_MESSAGE_INVALID, "",
					   "signature line %zu is not a dash, a name and base64",
					   ret->count + 1);
		ret->count++;
	}
	return ST_OK;
}

/* Signing */

static struct str first_line(struct str text)
{
	struct str line, rest;

	return str_cut(text, '\n', &line, &rest) ? line : text;
}

enum st note_start(struct buf *buf, struct str text, struct problem *problem)
{
	struct str line = first_line(text);

	if (text.size == 0 || text.data[text.size - 1] != '\n' || !text_is_clean(text))
		return problem_set(
			problem, ST_MESSAGE_INVALID, "",
			"a note's text is whole lines of UTF-8 without control characters");
	if (purpose_is_valid(line) || str_is(line, COSIGNATURE_LINE))
		return problem_set(
			problem, ST_MESSAGE_INVALID, "",
			"a note does not begin with \"%.*s\", which other signatures use",
			STR_ARG(line));
	if (text.size >= NOTE_BYTES_MAX)
		return problem_set(problem, ST_TOO_LARGE, "", "a note has at most %d bytes",
				   NOTE_BYTES_MAX);
	buf_add_str(buf, text);
	buf_add_char(buf, '\n');
	return buf->failed ? ST_NO_MEMORY : ST_OK;
}

/* What a witness signs. `ret` is as large as the largest note with its two lines. */
#define COSIGNED_SIZE (NOTE_BYTES_MAX + sizeof(COSIGNATURE_LINE) + 32)

static struct str cosigned_text(struct str text, int64_t time_s, char ret[COSIGNED_SIZE])
{
	int size =
		snprintf(ret, COSIGNED_SIZE, COSIGNATURE_LINE "\ntime %lld\n", (long long)time_s);

	ASSERT(size > 0 && (size_t)size + text.size <= COSIGNED_SIZE);
	memcpy(ret + size, text.data, text.size);
	return (struct str){ ret, (size_t)size + text.size };
}

static void time_put(int64_t time_s, uint8_t ret[TIME_BYTES])
{
	for (int i = 0; i < TIME_BYTES; i++)
		ret[i] = (uint8_t)((uint64_t)time_s >> (56 - 8 * i));
}

static int64_t time_get(const uint8_t bytes[TIME_BYTES])
{
	uint64_t time_s = 0;

	for (int i = 0; i < TIME_BYTES; i++)
		time_s = time_s << 8 | bytes[i];
	return (int64_t)time_s;
}

enum st note_sign(struct buf *buf, struct str text, const struct note_key *key,
		  const struct signing_key *secret, int64_t time_s)
{
	uint8_t bytes[KEY_HASH_BYTES + TIME_BYTES + SIGNATURE_BYTES];
	char cosigned[COSIGNED_SIZE], base64[BASE64_SIZE(sizeof(bytes))];
	struct checkpoint checkpoint;
	size_t size = KEY_HASH_BYTES;

	ASSERT(memcmp(key->public_key, secret->public_key, PUBLIC_KEY_BYTES) == 0);
	memcpy(bytes, key->key_hash, KEY_HASH_BYTES);
	if (key->type == NOTE_COSIGNATURE) {
		if (time_s <= 0)
			return ST_MESSAGE_INVALID;
		TRY(checkpoint_parse(text, &checkpoint, NULL));
		time_put(time_s, bytes + size);
		size += TIME_BYTES;
		text = cosigned_text(text, time_s, cosigned);
	}
	sign_bytes(secret, text, bytes + size);
	size += SIGNATURE_BYTES;
	base64_encode(bytes, size, base64);
	buf_add_c(buf, DASH);
	buf_add_c(buf, key->name);
	buf_add_char(buf, ' ');
	buf_add_c(buf, base64);
	buf_add_char(buf, '\n');
	return buf->failed ? ST_NO_MEMORY : ST_OK;
}

/* Verifying */

static enum st signature_verify(struct str text, const struct note_signature *signature,
				const struct note_key *key, int64_t *ret_time_s)
{
	char cosigned[COSIGNED_SIZE];
	int64_t time_s;

	if (key->type == NOTE_ED25519) {
		*ret_time_s = 0;
		return signature->size == SIGNATURE_BYTES
			       ? verify_bytes(key->public_key, text, signature->bytes)
			       : ST_SIGNATURE_INVALID;
	}
	time_s = time_get(signature->bytes);
	if (signature->size != TIME_BYTES + SIGNATURE_BYTES || time_s <= 0)
		return ST_SIGNATURE_INVALID;
	*ret_time_s = time_s;
	return verify_bytes(key->public_key, cosigned_text(text, time_s, cosigned),
			    signature->bytes + TIME_BYTES);
}

static bool signature_is_of(const struct note_signature *signature, const struct note_key *key)
{
	return str_is(signature->name, key->name) &&
	       memcmp(signature->key_hash, key->key_hash, KEY_HASH_BYTES) == 0;
}

enum st note_verify(const struct note *note, const struct note_key *keys, size_t count,
		    struct note_verdict *ret, struct problem *problem)
{
	bool any = false;

	for (size_t k = 0; k < count; k++)
		ret[k] = (struct note_verdict){ 0 };
	for (size_t i = 0; i < note->count; i++) {
		for (size_t k = 0; k < count; k++) {
			if (!signature_is_of(&note->signatures[i], &keys[k]))
				continue;
			if (signature_verify(note->text, &note->signatures[i], &keys[k],
					     &ret[k].time_s) != ST_OK)
				return problem_set(problem, ST_SIGNATURE_INVALID, "",
						   "signature %zu, by \"%s\", does not verify",
						   i + 1, keys[k].name);
			ret[k].signed_by = true;
			any = true;
		}
	}
	if (!any)
		return problem_set(problem, ST_SIGNATURE_INVALID, "",
				   "no signature of a known key is on the note");
	return ST_OK;
}

/* Checkpoints */

enum st checkpoint_build(const struct checkpoint *checkpoint, struct arena *arena, struct str *ret,
			 struct problem *problem)
{
	char root[BASE64_SIZE(HASH_BYTES)];
	struct checkpoint again;
	struct str text;

	base64_encode(checkpoint->root.bytes, HASH_BYTES, root);
	text = arena_printf(arena, "%.*s\n%lld\n%s\n%.*s", STR_ARG(checkpoint->origin),
			    (long long)checkpoint->size, root, STR_ARG(checkpoint->extension));
	if (!text.data)
		return problem_set(problem, ST_NO_MEMORY, "", "no memory for a checkpoint");
	/* What a parser would not read as this checkpoint is not built. */
	TRY(checkpoint_parse(text, &again, problem));
	if (again.size != checkpoint->size || !str_equal(again.origin, checkpoint->origin) ||
	    !str_equal(again.extension, checkpoint->extension))
		return problem_set(problem, ST_MESSAGE_INVALID, "",
				   "the checkpoint's origin or extension breaks its lines");
	*ret = text;
	return ST_OK;
}

static bool extension_is_valid(struct str lines)
{
	struct str line;

	while (str_cut(lines, '\n', &line, &lines)) {
		if (line.size == 0)
			return false;
	}
	return lines.size == 0; /* the last line is whole */
}

enum st checkpoint_parse(struct str text, struct checkpoint *ret, struct problem *problem)
{
	struct checkpoint checkpoint;
	struct str size, root, rest;

	if (text.size >= NOTE_BYTES_MAX || !text_is_clean(text) ||
	    !str_cut(text, '\n', &checkpoint.origin, &rest) || checkpoint.origin.size == 0 ||
	    checkpoint.origin.size > CHECKPOINT_ORIGIN_BYTES_MAX)
		return problem_set(problem, ST_MESSAGE_INVALID, "line 1",
				   "a checkpoint begins with its origin, 1 to %d bytes",
				   CHECKPOINT_ORIGIN_BYTES_MAX);
	if (!str_cut(rest, '\n', &size, &rest) || str_starts(size, "-") ||
	    !str_to_i64(size, &checkpoint.size))
		return problem_set(problem, ST_MESSAGE_INVALID, "line 2",
				   "a checkpoint's second line is the size of its tree");
	if (!str_cut(rest, '\n', &root, &checkpoint.extension) ||
	    base64_decode_exact(root, checkpoint.root.bytes, HASH_BYTES) != ST_OK)
		return problem_set(problem, ST_MESSAGE_INVALID, "line 3",
				   "a checkpoint's third line is the base64 of its root");
	if (!extension_is_valid(checkpoint.extension))
		return problem_set(problem, ST_MESSAGE_INVALID, "line 4",
				   "a checkpoint's extension lines are whole and not empty");
	*ret = checkpoint;
	return ST_OK;
}
