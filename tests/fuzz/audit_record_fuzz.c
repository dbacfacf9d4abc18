/* Any bytes: as a record they are refused or are exactly the canonical text of a valid record; as a
 * stored record they are refused or give one text; as
 * the lines of an export they are judged without a crash, and proved only without a finding. */
#include "services/audit/audit.h"

#define CAP ((size_t)64 * 1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void as_record(struct arena *arena, struct str text)
{
	struct auditlog_view view;
	struct problem problem;
	struct str canonical;

	if (auditlog_record_read(text, &view) != ST_OK)
		return;
	ASSERT(view.log_id >= 0 && view.source_sequence >= 0);
	ASSERT(json_canonical(arena, text, &canonical, &problem) == ST_OK);
	ASSERT(str_equal(text, canonical));
}

/* Stored bytes that are taken give a text that is a record, and the same bytes again. */
static void as_packed(struct arena *arena, struct str bytes)
{
	struct common_evidence evidence;
	struct auditlog_place place;
	struct str text, packed, again;

	if (audit_unpack(bytes, 7, arena, &evidence, &place) != ST_OK)
		return;
	ASSERT(auditlog_record_text(&evidence, &place, arena, &text) == ST_OK);
	ASSERT(audit_pack(&evidence, &place, arena, &packed) == ST_OK);
	ASSERT(audit_unpack_text(packed, 7, arena, &again) == ST_OK);
	ASSERT(str_equal(text, again));
}

static void count_finding(void *context, const struct auditlog_finding *finding)
{
	ASSERT(finding->kind >= AUDITLOG_ALTERED && finding->kind <= AUDITLOG_FORMAT);
	ASSERT(auditlog_finding_names[finding->kind] != NULL);
	++*(int64_t *)context;
}

static void as_export(struct str text, const struct note_key *key)
{
	int64_t findings = 0;
	struct auditlog_verifier *v = auditlog_verifier_new(key, 1, count_finding, &findings);
	struct auditlog_summary summary;
	struct str line = text, rest = text;

	ASSERT(v != NULL);
	while (str_cut(rest, '\n', &line, &rest))
		ASSERT(auditlog_verifier_line(v, line) == ST_OK);
	auditlog_verifier_end(v, &summary);
	ASSERT(summary.findings == findings);
	ASSERT(!summary.proved || findings == 0);
	auditlog_verifier_free(v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t seed[SEED_BYTES] = { 7 }; /* the key of the corpus */
	struct str text = { (const char *)data, size };
	struct signing_key secret;
	struct note_key key;
	struct arena arena;

	crypto_init();
	signing_key_of_seed(seed, &secret);
	ASSERT(note_key_make(STR("test.example/audit"), NOTE_ED25519, secret.public_key, &key) ==
	       ST_OK);
	arena_init(&arena, CAP);
	as_record(&arena, text);
	as_packed(&arena, text);
	as_export(text, &key);
	arena_free(&arena);
	return 0;
}
