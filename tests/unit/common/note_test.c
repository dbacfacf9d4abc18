#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "note.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* The example of the format's first implementation (golang.org/x/mod/sumdb/note). */
#define PETER_KEY "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
#define PETER_SEED "gQoUAtUUbI2E8kQzMPVAgOv5juF9nHT2JS/F1ccoMXM="
#define PETER_TEXT                                                                                 \
	"If you think cryptography is the answer to your problem,\n"                               \
	"then you don't know what your problem is.\n"
#define PETER_LINE                                                                                 \
	"\xe2\x80\x94 PeterNeumann "                                                               \
	"x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKv"                       \
	"qfqdngotpRZb6KE6RyyBwJnAM=\n"

static struct arena arena;

static int arena_start(void **state)
{
	(void)state;
	arena_init(&arena, 4 * 1024 * 1024);
	return 0;
}

static int arena_end(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

static void signer_make(const char *name, enum note_key_type type, struct signing_key *ret_secret,
			struct note_key *ret_key)
{
	signing_key_generate(ret_secret);
	assert_int_equal(note_key_make(str_of(name), type, ret_secret->public_key, ret_key), ST_OK);
}

static struct str checkpoint_text(int64_t size)
{
	struct checkpoint checkpoint = { .origin = STR("piopl.example/audit"), .size = size };
	struct str text = { 0 };

	sha256_of(&size, sizeof(size), &checkpoint.root);
	assert_int_equal(checkpoint_build(&checkpoint, &arena, &text, NULL), ST_OK);
	return text;
}

/* [AUD-5] */
static void the_published_note_verifies(void **state)
{
	struct note_verdict verdict;
	struct note_key key;
	struct note note;
	char text[NOTE_VKEY_SIZE];

	(void)state;
	assert_int_equal(note_key_of_text(STR(PETER_KEY), &key, NULL), ST_OK);
	note_key_to_text(&key, text);
	assert_string_equal(text, PETER_KEY);
	assert_int_equal(note_parse(STR(PETER_TEXT "\n" PETER_LINE), &note, NULL), ST_OK);
	assert_true(str_is(note.text, PETER_TEXT));
	assert_int_equal(note.count, 1);
	assert_true(str_is(note.signatures[0].name, "PeterNeumann"));
	assert_int_equal(note_verify(&note, &key, 1, &verdict, NULL), ST_OK);
	assert_true(verdict.signed_by);
	assert_int_equal(verdict.time_s, 0);
	assert_int_equal(note_parse(STR("x" PETER_TEXT "\n" PETER_LINE), &note, NULL), ST_OK);
	assert_int_equal(note_verify(&note, &key, 1, &verdict, NULL), ST_SIGNATURE_INVALID);
}

static void the_published_note_is_made_again(void **state)
{
	uint8_t seed[SEED_BYTES];
	struct signing_key secret;
	struct note_key key;
	struct buf buf;

	(void)state;
	assert_int_equal(base64_decode_exact(STR(PETER_SEED), seed, sizeof(seed)), ST_OK);
	signing_key_of_seed(seed, &secret);
	assert_int_equal(note_key_of_text(STR(PETER_KEY), &key, NULL), ST_OK);
	buf_init(&buf, &arena, 16);
	assert_int_equal(note_start(&buf, STR(PETER_TEXT), NULL), ST_OK);
	assert_int_equal(note_sign(&buf, STR(PETER_TEXT), &key, &secret, 0), ST_OK);
	assert_true(str_is(buf_str(&buf), PETER_TEXT "\n" PETER_LINE));
}

static void verifier_keys_of_others_are_read(void **state)
{
	static const char *const keys[] = {
		"sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8",
		"EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop",
	};
	struct note_key key;
	char text[NOTE_VKEY_SIZE];

	(void)state;
	for (size_t i = 0; i < COUNT(keys); i++) {
		assert_int_equal(note_key_of_text(str_of(keys[i]), &key, NULL), ST_OK);
		note_key_to_text(&key, text);
		assert_string_equal(text, keys[i]);
	}
}

static void wrong_verifier_keys_are_refused(void **state)
{
	static const char *const keys[] = {
		"",
		"PeterNeumann",
		"PeterNeumann+c74f20a3",
		"PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
		"PeterNeumann+C74F20A3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
		"PeterNeumanm+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
		"PeterNeumann+c74f20a3+AhpC2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
		"PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWAA==",
		"+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
		"Peter Neumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
	};
	struct note_key key = { .type = NOTE_COSIGNATURE };
	struct problem problem;

	(void)state;
	for (size_t i = 0; i < COUNT(keys); i++)
		assert_int_equal(note_key_of_text(str_of(keys[i]), &key, &problem),
				 ST_MESSAGE_INVALID);
	assert_int_equal(key.type, NOTE_COSIGNATURE);
}

static void names_have_no_spaces_of_any_script(void **state)
{
	static const char *const wrong[] = {
		"",
		"a b",
		"a+b",
		"a\tb",
		"a\nb",
		"\x01",
		"a\xc2\xa0",
		"\xe2\x80\x83",
		"\xe3\x80\x80",
		"\xe1\x9a\x80",
		"\xe2\x80\xa8",
		"a\xc2\x85",
		"\xff",
		"\xed\xa0\x80",
	};
	char longest[NOTE_NAME_BYTES_MAX + 1];
	struct signing_key secret;
	struct note_key key;

	(void)state;
	signing_key_generate(&secret);
	for (size_t i = 0; i < COUNT(wrong); i++)
		assert_int_equal(
			note_key_make(str_of(wrong[i]), NOTE_ED25519, secret.public_key, &key),
			ST_MESSAGE_INVALID);
	assert_int_equal(
		note_key_make(STR("zeuge/\xc3\xa4.example"), NOTE_ED25519, secret.public_key, &key),
		ST_OK);
	memset(longest, 'n', sizeof(longest));
	assert_int_equal(note_key_make((struct str){ longest, NOTE_NAME_BYTES_MAX }, NOTE_ED25519,
				       secret.public_key, &key),
			 ST_OK);
	assert_int_equal(note_key_make((struct str){ longest, NOTE_NAME_BYTES_MAX + 1 },
				       NOTE_ED25519, secret.public_key, &key),
			 ST_MESSAGE_INVALID);
	assert_int_equal(note_key_make(STR("n"), (enum note_key_type)2, secret.public_key, &key),
			 ST_MESSAGE_INVALID);
	memset(secret.public_key, 0, PUBLIC_KEY_BYTES);
	assert_int_equal(note_key_make(STR("n"), NOTE_ED25519, secret.public_key, &key),
			 ST_MESSAGE_INVALID);
}

/* [AUD-5] */
static void a_checkpoint_is_signed_by_the_log_and_its_witnesses(void **state)
{
	struct note_verdict verdicts[4];
	struct signing_key secrets[4];
	struct note_key keys[4];
	struct str text = checkpoint_text(42);
	struct note note;
	struct buf buf;

	(void)state;
	signer_make("piopl.example/audit", NOTE_ED25519, &secrets[0], &keys[0]);
	signer_make("witness.one", NOTE_COSIGNATURE, &secrets[1], &keys[1]);
	signer_make("witness.two", NOTE_COSIGNATURE, &secrets[2], &keys[2]);
	signer_make("witness.absent", NOTE_COSIGNATURE, &secrets[3], &keys[3]);
	buf_init(&buf, &arena, 16);
	assert_int_equal(note_start(&buf, text, NULL), ST_OK);
	assert_int_equal(note_sign(&buf, text, &keys[0], &secrets[0], 0), ST_OK);
	assert_int_equal(note_sign(&buf, text, &keys[1], &secrets[1], 1767225600), ST_OK);
	assert_int_equal(note_sign(&buf, text, &keys[2], &secrets[2], 1), ST_OK);
	assert_int_equal(note_parse(buf_str(&buf), &note, NULL), ST_OK);
	assert_int_equal(note.count, 3);
	assert_int_equal(note_verify(&note, keys, 4, verdicts, NULL), ST_OK);
	assert_true(verdicts[0].signed_by && verdicts[1].signed_by && verdicts[2].signed_by);
	assert_false(verdicts[3].signed_by);
	assert_int_equal(verdicts[1].time_s, 1767225600);
	assert_int_equal(verdicts[2].time_s, 1);
	/* those who are not known are passed over */
	assert_int_equal(note_verify(&note, &keys[1], 1, verdicts, NULL), ST_OK);
	assert_int_equal(note_verify(&note, &keys[3], 1, verdicts, NULL), ST_SIGNATURE_INVALID);
	assert_int_equal(note_verify(&note, NULL, 0, NULL, NULL), ST_SIGNATURE_INVALID);
}

static void a_cosignature_binds_its_time(void **state)
{
	struct note_verdict verdict;
	struct signing_key secret;
	struct note_key key, plain;
	struct str text = checkpoint_text(42);
	struct note note;
	struct buf buf;
	uint8_t signature[SIGNATURE_BYTES];

	(void)state;
	signer_make("witness", NOTE_COSIGNATURE, &secret, &key);
	buf_init(&buf, &arena, 16);
	assert_int_equal(note_start(&buf, text, NULL), ST_OK);
	assert_int_equal(note_sign(&buf, text, &key, &secret, 1767225600), ST_OK);
	assert_int_equal(note_parse(buf_str(&buf), &note, NULL), ST_OK);
	assert_int_equal(note.signatures[0].size, 72);
	/* the message as the format spells it */
	struct str message =
		arena_printf(&arena, "cosignature/v1\ntime 1767225600\n%.*s", STR_ARG(text));
	sign_bytes(&secret, message, signature);
	assert_memory_equal(note.signatures[0].bytes, "\0\0\0\0\x69\x55\xb9\0", 8);
	assert_memory_equal(note.signatures[0].bytes + 8, signature, sizeof(signature));
	for (size_t i = 0; i < 8; i++) {
		note.signatures[0].bytes[i] ^= 1;
		assert_int_equal(note_verify(&note, &key, 1, &verdict, NULL), ST_SIGNATURE_INVALID);
		note.signatures[0].bytes[i] ^= 1;
	}
	assert_int_equal(note_verify(&note, &key, 1, &verdict, NULL), ST_OK);
	/* a witness that says no time, although it signed so */
	sign_bytes(&secret, arena_printf(&arena, "cosignature/v1\ntime 0\n%.*s", STR_ARG(text)),
		   signature);
	struct note_signature kept = note.signatures[0];
	memset(note.signatures[0].bytes, 0, 8);
	memcpy(note.signatures[0].bytes + 8, signature, sizeof(signature));
	assert_int_equal(note_verify(&note, &key, 1, &verdict, NULL), ST_SIGNATURE_INVALID);
	note.signatures[0] = kept;
	/* the same pair as a plain signer has another key hash */
	assert_int_equal(note_key_make(STR("witness"), NOTE_ED25519, secret.public_key, &plain),
			 ST_OK);
	assert_int_equal(note_verify(&note, &plain, 1, &verdict, NULL), ST_SIGNATURE_INVALID);
	/* time zero, and a text that is no checkpoint, are not cosigned */
	assert_int_equal(note_sign(&buf, text, &key, &secret, 0), ST_MESSAGE_INVALID);
	assert_int_equal(note_sign(&buf, STR(PETER_TEXT), &key, &secret, 1), ST_MESSAGE_INVALID);
}

/* A bad one of a known key is no signature to pass over: someone tampers. */
static void one_bad_signature_of_a_known_key_spoils_the_note(void **state)
{
	struct note_verdict verdicts[2];
	struct signing_key secrets[2];
	struct note_key keys[2];
	struct str text = checkpoint_text(7);
	struct problem problem;
	struct note note;
	struct buf buf;

	(void)state;
	signer_make("log", NOTE_ED25519, &secrets[0], &keys[0]);
	signer_make("other", NOTE_ED25519, &secrets[1], &keys[1]);
	buf_init(&buf, &arena, 16);
	assert_int_equal(note_start(&buf, text, NULL), ST_OK);
	assert_int_equal(note_sign(&buf, text, &keys[0], &secrets[0], 0), ST_OK);
	assert_int_equal(note_sign(&buf, text, &keys[1], &secrets[1], 0), ST_OK);
	assert_int_equal(note_parse(buf_str(&buf), &note, NULL), ST_OK);
	note.signatures[1].bytes[5] ^= 4;
	assert_int_equal(note_verify(&note, keys, 1, verdicts, &problem), ST_OK);
	assert_int_equal(note_verify(&note, keys, 2, verdicts, &problem), ST_SIGNATURE_INVALID);
	assert_non_null(strstr(problem.detail, "other"));
	note.signatures[1].bytes[5] ^= 4;
	note.signatures[1].size = 63;
	assert_int_equal(note_verify(&note, keys, 2, verdicts, &problem), ST_SIGNATURE_INVALID);
	note.signatures[1].size = 65;
	assert_int_equal(note_verify(&note, keys, 2, verdicts, &problem), ST_SIGNATURE_INVALID);
	note.signatures[1].size = 64;
	assert_int_equal(note_verify(&note, keys, 2, verdicts, &problem), ST_OK);
}

static void malformed_notes_are_refused(void **state)
{
	static const char *const notes[] = {
		"",
		"\n",
		"\n\n",
		"text",
		"text\n",
		"text\n\n",
		"text\n" PETER_LINE,
		"text\n\nno dash x08go/ZJ\n",
		"text\n\n- name x08go/ZJ\n",
		"text\n\n\xe2\x80\x94  x08go/ZJ\n",
		"text\n\n\xe2\x80\x94 name\n",
		"text\n\n\xe2\x80\x94 name \n",
		"text\n\n\xe2\x80\x94 na+me x08go/ZJ\n",
		"text\n\n\xe2\x80\x94 name x08go/ZJ",   /* no newline */
		"text\n\n\xe2\x80\x94 name x08gow==\n", /* nothing after the key's hash */
		"text\n\n\xe2\x80\x94 name x08go/ZK=\n",
		"text\n\n\xe2\x80\x94 name x08go/ZJ x\n",
		"te\rxt\n\n" PETER_LINE,
		"te\x01xt\n\n" PETER_LINE,
		"te\xffxt\n\n" PETER_LINE,
		"text\n\n" PETER_LINE "\n",
		"text\n\n" PETER_LINE "trailing\n",
	};
	struct problem problem;
	struct note note = { .count = 3 };

	(void)state;
	for (size_t i = 0; i < COUNT(notes); i++)
		assert_int_equal(note_parse(str_of(notes[i]), &note, &problem), ST_MESSAGE_INVALID);
	assert_int_equal(
		note_parse((struct str){ "a\0b\n\n" PETER_LINE, 5 + sizeof(PETER_LINE) - 1 }, &note,
			   &problem),
		ST_MESSAGE_INVALID);
	/* an empty line inside the text belongs to it */
	assert_int_equal(note_parse(STR("a\n\nb\n\n" PETER_LINE), &note, &problem), ST_OK);
	assert_true(str_is(note.text, "a\n\nb\n"));
}

static void notes_end_at_their_limits(void **state)
{
	struct problem problem;
	struct note note;
	struct buf buf;
	char *big = malloc(NOTE_BYTES_MAX + 1);
	size_t line_size = strlen(PETER_LINE);

	(void)state;
	assert_non_null(big);
	memset(big, 'x', NOTE_BYTES_MAX + 1);
	memcpy(big + NOTE_BYTES_MAX - line_size, PETER_LINE, line_size);
	memcpy(big + NOTE_BYTES_MAX - line_size - 2, "\n\n", 2);
	assert_int_equal(note_parse((struct str){ big, NOTE_BYTES_MAX }, &note, &problem), ST_OK);
	big[0] = '\n';
	assert_int_equal(note_parse((struct str){ big, NOTE_BYTES_MAX + 1 }, &note, &problem),
			 ST_TOO_LARGE);
	memset(big, 'x', NOTE_BYTES_MAX);
	big[NOTE_BYTES_MAX - 2] = '\n';
	buf_init(&buf, &arena, 16);
	assert_int_equal(note_start(&buf, (struct str){ big, NOTE_BYTES_MAX - 1 }, &problem),
			 ST_OK);
	big[NOTE_BYTES_MAX - 2] = 'x';
	big[NOTE_BYTES_MAX - 1] = '\n';
	assert_int_equal(note_start(&buf, (struct str){ big, NOTE_BYTES_MAX }, &problem),
			 ST_TOO_LARGE);
	free(big);

	buf_init(&buf, &arena, 16);
	buf_add_c(&buf, "text\n\n");
	for (int i = 0; i < NOTE_SIGNATURES_MAX; i++)
		buf_add_c(&buf, PETER_LINE);
	assert_int_equal(note_parse(buf_str(&buf), &note, &problem), ST_OK);
	assert_int_equal(note.count, NOTE_SIGNATURES_MAX);
	buf_add_c(&buf, PETER_LINE);
	assert_int_equal(note_parse(buf_str(&buf), &note, &problem), ST_TOO_LARGE);
}

static void a_signature_of_an_unknown_kind_may_be_long(void **state)
{
	static uint8_t bytes[NOTE_SIGNATURE_BYTES_MAX + 1];
	static char base64[BASE64_SIZE(sizeof(bytes))];
	struct note note;

	(void)state;
	base64_encode(bytes, NOTE_SIGNATURE_BYTES_MAX, base64);
	struct str text = arena_printf(&arena, "text\n\n\xe2\x80\x94 name %s\n", base64);
	assert_int_equal(note_parse(text, &note, NULL), ST_OK);
	assert_int_equal(note.signatures[0].size, NOTE_SIGNATURE_BYTES_MAX - 4);
	base64_encode(bytes, sizeof(bytes), base64);
	text = arena_printf(&arena, "text\n\n\xe2\x80\x94 name %s\n", base64);
	assert_int_equal(note_parse(text, &note, NULL), ST_MESSAGE_INVALID);
}

/* The log's key signs notes bare, so a note must not read as anything else that is signed. */
static void a_note_cannot_pass_as_another_signed_text(void **state)
{
	static const char *const texts[] = {
		"piopl/event-batch/v1\npiopl/registry\n1\nAAAA\n",
		"piopl/kill-order/v1\n",
		"cosignature/v1\ntime 1\norigin\n1\nAAAA\n",
		"",
		"no newline",
		"control\x02\n",
		"\xc0\x80\n",
	};
	struct checkpoint checkpoint = { .origin = STR("piopl/kill-order/v1"), .size = 1 };
	struct problem problem;
	struct str text;
	struct buf buf;

	(void)state;
	buf_init(&buf, &arena, 16);
	for (size_t i = 0; i < COUNT(texts); i++)
		assert_int_equal(note_start(&buf, str_of(texts[i]), &problem), ST_MESSAGE_INVALID);
	assert_int_equal(checkpoint_build(&checkpoint, &arena, &text, &problem), ST_OK);
	assert_int_equal(note_start(&buf, text, &problem), ST_MESSAGE_INVALID);
	assert_int_equal(buf.size, 0);
}

static void a_checkpoint_comes_back_from_its_text(void **state)
{
	static const int64_t sizes[] = { 0, 1, 1000000, INT64_MAX };
	struct checkpoint checkpoint = { .origin = STR("go.sum database tree") }, back;
	struct str text;

	(void)state;
	for (size_t i = 0; i < COUNT(sizes); i++) {
		checkpoint.size = sizes[i];
		random_bytes(checkpoint.root.bytes, HASH_BYTES);
		checkpoint.extension = i % 2 ? STR("one\ntwo\n") : (struct str){ 0 };
		assert_int_equal(checkpoint_build(&checkpoint, &arena, &text, NULL), ST_OK);
		assert_int_equal(checkpoint_parse(text, &back, NULL), ST_OK);
		assert_true(str_equal(back.origin, checkpoint.origin));
		assert_int_equal(back.size, sizes[i]);
		assert_true(hash_equal(&back.root, &checkpoint.root));
		assert_true(str_equal(back.extension, checkpoint.extension));
	}
}

#define ROOT "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="

static void malformed_checkpoints_are_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"origin",
		"origin\n",
		"origin\n1\n",
		"\n1\n" ROOT "\n",
		"origin\n01\n" ROOT "\n",
		"origin\n-1\n" ROOT "\n",
		"origin\n-0\n" ROOT "\n",
		"origin\n+1\n" ROOT "\n",
		"origin\n\n" ROOT "\n",
		"origin\n1 \n" ROOT "\n",
		"origin\n0x1\n" ROOT "\n",
		"origin\n9223372036854775808\n" ROOT "\n",
		"origin\n1\n" ROOT,
		"origin\n1\n" ROOT " \n",
		"origin\n1\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuF==\n",
		"origin\n1\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFUA\n",
		"origin\n1\n" ROOT "\n\n",
		"origin\n1\n" ROOT "\next\n\n",
		"origin\n1\n" ROOT "\next",
		"ori\tgin\n1\n" ROOT "\n",
	};
	struct checkpoint checkpoint = { .size = -5 };
	struct problem problem;
	char origin[CHECKPOINT_ORIGIN_BYTES_MAX + 1];
	struct str text;

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++)
		assert_int_equal(checkpoint_parse(str_of(texts[i]), &checkpoint, &problem),
				 ST_MESSAGE_INVALID);
	assert_int_equal(checkpoint.size, -5);
	/* not built either */
	checkpoint = (struct checkpoint){ .origin = STR("o"), .size = -1 };
	assert_int_equal(checkpoint_build(&checkpoint, &arena, &text, &problem),
			 ST_MESSAGE_INVALID);
	checkpoint = (struct checkpoint){ .origin = STR("o\n1\n" ROOT), .size = 1 };
	assert_int_equal(checkpoint_build(&checkpoint, &arena, &text, &problem),
			 ST_MESSAGE_INVALID);
	checkpoint = (struct checkpoint){ .origin = STR("o"), .extension = STR("half") };
	assert_int_equal(checkpoint_build(&checkpoint, &arena, &text, &problem),
			 ST_MESSAGE_INVALID);
	memset(origin, 'o', sizeof(origin));
	checkpoint = (struct checkpoint){ .origin = { origin, CHECKPOINT_ORIGIN_BYTES_MAX } };
	assert_int_equal(checkpoint_build(&checkpoint, &arena, &text, &problem), ST_OK);
	checkpoint.origin.size++;
	assert_int_equal(checkpoint_build(&checkpoint, &arena, &text, &problem),
			 ST_MESSAGE_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_published_note_verifies),
		cmocka_unit_test(the_published_note_is_made_again),
		cmocka_unit_test(verifier_keys_of_others_are_read),
		cmocka_unit_test(wrong_verifier_keys_are_refused),
		cmocka_unit_test(names_have_no_spaces_of_any_script),
		cmocka_unit_test(a_checkpoint_is_signed_by_the_log_and_its_witnesses),
		cmocka_unit_test(a_cosignature_binds_its_time),
		cmocka_unit_test(one_bad_signature_of_a_known_key_spoils_the_note),
		cmocka_unit_test(malformed_notes_are_refused),
		cmocka_unit_test(notes_end_at_their_limits),
		cmocka_unit_test(a_signature_of_an_unknown_kind_may_be_long),
		cmocka_unit_test(a_note_cannot_pass_as_another_signed_text),
		cmocka_unit_test(a_checkpoint_comes_back_from_its_text),
		cmocka_unit_test(malformed_checkpoints_are_refused),
	};

	crypto_init();
	return cmocka_run_group_tests(tests, arena_start, arena_end);
}
