/* Proofs of possession: made for one use, taken once. [TOK-6] [TOK-10] */
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "token_fixture.h"

#define METHOD STR("POST")
#define TARGET STR("/v1/tools/gumroad?draft=1")
#define BODY STR("sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
#define NONCE STR("0123456789abcdef")
#define WINDOW_MS 60000

static struct str token_text;
static struct token_view token_seen;
static char made[TOKEN_PROOF_SIZE_MAX];

static int setup(void **state)
{
	struct problem problem;

	fixture_setup(state);
	struct token_claims claims = bound_claims();
	token_text = minted(&claims);
	return token_open(&keys, token_text, &arena, &token_seen, &problem) == ST_OK ? 0 : -1;
}

static struct token_proof proof_at(int64_t now_ms)
{
	assert_int_equal(
		token_proof_make(&holder, token_text, METHOD, TARGET, BODY, NONCE, now_ms, made),
		ST_OK);
	return (struct token_proof){
		.text = str_of(made), .method = METHOD, .target = TARGET, .body_hash = BODY
	};
}

static enum st verified(const struct token_proof *proof, int64_t now_ms)
{
	struct problem problem;
	struct hash nonce;
	int64_t made_at_ms;

	return token_proof_verify(&token_seen, proof, now_ms, WINDOW_MS, &nonce, &made_at_ms,
				  &problem);
}

static void a_proof_holds_for_what_it_was_made_for(void **state)
{
	struct token_proof proof = proof_at(NOW_MS), changed = proof;
	struct token_claims claims = bound_claims();
	struct token_view other;
	struct problem problem;
	struct hash nonce;
	int64_t at;

	(void)state;
	assert_int_equal(verified(&proof, NOW_MS), ST_OK);
	changed.method = STR("GET");
	assert_int_equal(verified(&changed, NOW_MS), ST_PROOF_SIGNATURE_INVALID);
	changed = proof;
	changed.target = STR("/v1/tools/gumroad?draft=0");
	assert_int_equal(verified(&changed, NOW_MS), ST_PROOF_SIGNATURE_INVALID);
	changed = proof;
	changed.body_hash =
		STR("sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b856");
	assert_int_equal(verified(&changed, NOW_MS), ST_PROOF_SIGNATURE_INVALID);
	/* another token of the same holder */
	assert_int_equal(token_open(&keys, minted(&claims), &arena, &other, &problem), ST_OK);
	assert_int_equal(
		token_proof_verify(&other, &proof, NOW_MS, WINDOW_MS, &nonce, &at, &problem),
		ST_PROOF_SIGNATURE_INVALID);
	/* another holder of the same token */
	other = token_seen;
	memcpy(other.holder_key, stranger.public_key, PUBLIC_KEY_BYTES);
	assert_int_equal(
		token_proof_verify(&other, &proof, NOW_MS, WINDOW_MS, &nonce, &at, &problem),
		ST_PROOF_SIGNATURE_INVALID);
}

static void a_proof_holds_within_its_window(void **state)
{
	struct token_proof proof = proof_at(NOW_MS);

	(void)state;
	assert_int_equal(verified(&proof, NOW_MS + WINDOW_MS), ST_OK);
	assert_int_equal(verified(&proof, NOW_MS + WINDOW_MS + 1), ST_PROOF_TIME_WRONG);
	assert_int_equal(verified(&proof, NOW_MS - WINDOW_MS), ST_OK);
	assert_int_equal(verified(&proof, NOW_MS - WINDOW_MS - 1), ST_PROOF_TIME_WRONG);
}

static void every_changed_character_of_a_proof_is_refused(void **state)
{
	struct token_proof proof = proof_at(NOW_MS);
	char text[TOKEN_PROOF_SIZE_MAX];

	(void)state;
	for (size_t i = 0; i < proof.text.size; i++) {
		struct token_proof changed = proof;
		memcpy(text, proof.text.data, proof.text.size);
		text[i] = text[i] == '1' ? '2' : '1';
		changed.text.data = text;
		enum st st = verified(&changed, NOW_MS);
		assert_true(st == ST_PROOF_MALFORMED || st == ST_PROOF_TIME_WRONG ||
			    st == ST_PROOF_SIGNATURE_INVALID);
	}
	for (size_t cut = 0; cut < proof.text.size; cut++) {
		struct token_proof shorter = proof;
		shorter.text.size = cut;
		assert_int_equal(verified(&shorter, NOW_MS), ST_PROOF_MALFORMED);
	}
}

static void malformed_proofs_are_called_so(void **state)
{
	static const char *const texts[] = {
		"",
		"..",
		"0123456789abcdef",
		"0123456789abcde.1767225600000.AAAA", /* nonce one too short */
		"0123456789abcde!.1767225600000.AAAA",
		"0123456789abcdef.-1.AAAA",
		"0123456789abcdef.01767225600000.AAAA",
		"0123456789abcdef.9223372036854775807.AAAA",
		"0123456789abcdef.99999999999999999999.AAAA",
		"0123456789abcdef.1767225600000.AAAA",
		"0123456789abcdef.1767225600000.====",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct token_proof proof = proof_at(NOW_MS);
		proof.text = str_of(texts[i]);
		assert_int_equal(verified(&proof, NOW_MS), ST_PROOF_MALFORMED);
	}
	/* what would make two lines of one cannot be signed and is not verified */
	struct token_proof proof = proof_at(NOW_MS);
	proof.method = STR("POST\n/v1");
	assert_int_equal(verified(&proof, NOW_MS), ST_PROOF_MALFORMED);
	proof = proof_at(NOW_MS);
	proof.target = STR("");
	assert_int_equal(verified(&proof, NOW_MS), ST_PROOF_MALFORMED);
	assert_int_equal(token_proof_make(&holder, token_text, STR("A\nB"), TARGET, BODY, NONCE,
					  NOW_MS, made),
			 ST_PROOF_MALFORMED);
}

static void a_nonce_has_16_to_64_characters(void **state)
{
	char nonce[TOKEN_NONCE_CHARS_MAX + 1];

	(void)state;
	memset(nonce, 'n', sizeof(nonce));
	for (size_t size = TOKEN_NONCE_CHARS_MIN - 1; size <= TOKEN_NONCE_CHARS_MAX + 1; size++) {
		bool fits = size >= TOKEN_NONCE_CHARS_MIN && size <= TOKEN_NONCE_CHARS_MAX;
		assert_int_equal(token_proof_make(&holder, token_text, METHOD, TARGET, BODY,
						  (struct str){ nonce, size }, NOW_MS, made),
				 fits ? ST_OK : ST_PROOF_MALFORMED);
	}
}

/* -- used once -- */

static struct hash numbered(uint64_t number)
{
	struct hash hash;

	sha256_of(&number, sizeof(number), &hash);
	return hash;
}

/* In the only bucket there is. */
static struct token_nonces small_cache(void)
{
	struct token_nonces nonces = token_nonces_map(TOKEN_NONCE_BUCKET);

	assert_non_null(nonces.slots);
	return nonces;
}

static void a_nonce_is_taken_once(void **state)
{
	struct token_nonces nonces = token_nonces_map(1024);

	(void)state;
	for (uint64_t i = 0; i < 200; i++) {
		struct hash nonce = numbered(i);
		assert_int_equal(token_nonce_take(&nonces, &nonce, NOW_MS, NOW_MS, WINDOW_MS),
				 ST_OK);
	}
	for (uint64_t i = 0; i < 200; i++) {
		struct hash nonce = numbered(i);
		assert_int_equal(token_nonce_take(&nonces, &nonce, NOW_MS, NOW_MS + 1, WINDOW_MS),
				 ST_PROOF_REPLAYED);
		/* the same nonce in a proof of another time is the same nonce */
		assert_int_equal(token_nonce_take(&nonces, &nonce, NOW_MS + 10, NOW_MS, WINDOW_MS),
				 ST_PROOF_REPLAYED);
	}
}

/* Over many windows: as long as a proof would be taken, it is not taken twice; and then its place
 * is free again. */
static void a_nonce_is_remembered_as_long_as_its_proof_could_be_used(void **state)
{
	struct token_nonces nonces = small_cache();

	(void)state;
	for (uint64_t i = 0; i < 400; i++) {
		int64_t at = NOW_MS + (int64_t)i * 7919;
		/* made as late and as early as a proof can be */
		int64_t made_at = i % 2 ? at + WINDOW_MS : at - WINDOW_MS;
		struct hash nonce = numbered(i);
		assert_int_equal(token_nonce_take(&nonces, &nonce, made_at, at, WINDOW_MS), ST_OK);
		for (int64_t now = at; now <= made_at + WINDOW_MS; now += 997)
			assert_int_equal(token_nonce_take(&nonces, &nonce, made_at, now, WINDOW_MS),
					 ST_PROOF_REPLAYED);
		assert_int_equal(
			token_nonce_take(&nonces, &nonce, made_at, made_at + WINDOW_MS, WINDOW_MS),
			ST_PROOF_REPLAYED);
	}
}

static void a_full_cache_refuses_rather_than_forgets(void **state)
{
	struct token_nonces nonces = small_cache();
	struct hash nonce;

	(void)state;
	for (uint64_t i = 0; i < TOKEN_NONCE_BUCKET; i++) {
		nonce = numbered(i);
		assert_int_equal(token_nonce_take(&nonces, &nonce, NOW_MS, NOW_MS, WINDOW_MS),
				 ST_OK);
	}
	nonce = numbered(TOKEN_NONCE_BUCKET);
	assert_int_equal(token_nonce_take(&nonces, &nonce, NOW_MS, NOW_MS, WINDOW_MS),
			 ST_PROOF_CACHE_FULL);
	/* when their windows are over there is room */
	int64_t later = NOW_MS + 6 * WINDOW_MS;
	assert_int_equal(token_nonce_take(&nonces, &nonce, later, later, WINDOW_MS), ST_OK);
}

/* Several processes, one mapping, the same nonces in the same order: each is taken by one at most.
 */
static void processes_that_share_a_cache_take_a_nonce_once(void **state)
{
	enum { PROCESSES = 4, NONCES = 20000 };
	struct token_nonces nonces = token_nonces_map(65536);
	_Atomic uint64_t *counts = token_nonces_map(65536).slots;
	_Atomic uint64_t *go = token_nonces_map(TOKEN_NONCE_BUCKET).slots;
	pid_t children[PROCESSES];

	(void)state;
	for (int p = 0; p < PROCESSES; p++) {
		children[p] = fork();
		if (children[p] == 0) {
			while (*go == 0)
				;
			for (uint64_t i = 0; i < NONCES; i++) {
				struct hash nonce = numbered(i);
				if (token_nonce_take(&nonces, &nonce, NOW_MS, NOW_MS, WINDOW_MS) ==
				    ST_OK)
					counts[i]++;
			}
			_exit(0);
		}
	}
	*go = 1;
	for (int p = 0; p < PROCESSES; p++) {
		int status;
		assert_int_equal(waitpid(children[p], &status, 0), children[p]);
		assert_int_equal(status, 0);
	}
	uint64_t taken = 0;
	for (uint64_t i = 0; i < NONCES; i++) {
		assert_true(counts[i] <= 1);
		taken += counts[i];
	}
	assert_true(taken > NONCES - 200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_proof_holds_for_what_it_was_made_for),
		cmocka_unit_test(a_proof_holds_within_its_window),
		cmocka_unit_test(every_changed_character_of_a_proof_is_refused),
		cmocka_unit_test(malformed_proofs_are_called_so),
		cmocka_unit_test(a_nonce_has_16_to_64_characters),
		cmocka_unit_test(a_nonce_is_taken_once),
		cmocka_unit_test(a_nonce_is_remembered_as_long_as_its_proof_could_be_used),
		cmocka_unit_test(a_full_cache_refuses_rather_than_forgets),
		cmocka_unit_test(processes_that_share_a_cache_take_a_nonce_once),
	};

	return cmocka_run_group_tests(tests, setup, fixture_teardown);
}
