/* Notes, checkpoints and verifier keys from anyone. What parses is written again byte for byte. */
#include "note.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void check_checkpoint(struct str text, struct arena *arena)
{
	struct checkpoint checkpoint;
	struct str again = { 0 };

	if (checkpoint_parse(text, &checkpoint, NULL) != ST_OK)
		return;
	ASSERT(checkpoint.size >= 0);
	ASSERT(checkpoint_build(&checkpoint, arena, &again, NULL) == ST_OK);
	ASSERT(str_equal(again, text));
}

static void check_verifier_key(struct str text)
{
	char again[NOTE_VKEY_SIZE];
	struct note_key key;

	if (note_key_of_text(text, &key, NULL) != ST_OK)
		return;
	note_key_to_text(&key, again);
	ASSERT(str_is(text, again));
}

static void check_note(struct str message)
{
	static const char *const texts[] = {
		"PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
		"sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8",
	};
	struct note_verdict verdicts[2];
	struct note_key keys[2];
	struct problem problem;
	struct note note;

	if (note_parse(message, &note, &problem) != ST_OK)
		return;
	ASSERT(note.count >= 1 && note.count <= NOTE_SIGNATURES_MAX);
	ASSERT(note.text.data[note.text.size - 1] == '\n');
	for (size_t i = 0; i < 2; i++)
		ASSERT(note_key_of_text(str_of(texts[i]), &keys[i], NULL) == ST_OK);
	if (note_verify(&note, keys, 2, verdicts, &problem) == ST_OK)
		ASSERT(verdicts[0].signed_by || verdicts[1].signed_by);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct str text = { (const char *)bytes, size };
	struct arena arena;
	struct note note;

	crypto_init();
	arena_init(&arena, 1024 * 1024);
	check_note(text);
	check_checkpoint(text, &arena);
	if (note_parse(text, &note, NULL) == ST_OK)
		check_checkpoint(note.text, &arena);
	check_verifier_key(text);
	arena_free(&arena);
	return 0;
}
