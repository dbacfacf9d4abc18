/* token_proof.c: proof that a presenter holds the key a token is bound to, and the memory of proofs
 * that were used; see token_check.h. */
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>

#include "token_check.h"

#include "clock.h"

#define FINGERPRINT_BITS 48
#define FINGERPRINT_MASK ((UINT64_C(1) << FINGERPRINT_BITS) - 1)
#define GENERATION_MASK 0xffffu
#define GENERATIONS_LIVE 2 /* the current one and the one before it reach over any window */
#define PROOF_PAYLOAD_MAX 2048

/* -- used proofs -- */

struct token_nonces token_nonces_map(size_t slot_count)
{
	ASSERT(slot_count >= TOKEN_NONCE_BUCKET && (slot_count & (slot_count - 1)) == 0);
	void *memory = mmap(NULL, slot_count * sizeof(uint64_t), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		return (struct token_nonces){ 0 };
	return (struct token_nonces){ memory, slot_count };
}

static uint64_t bytes_u64(const uint8_t *bytes)
{
	uint64_t value;

	memcpy(&value, bytes, sizeof(value));
	return value;
}

/* A slot holds the generation of its proof's time and a fingerprint. With generations of two
 * windows a proof that is still in its window is of the current generation or of the one before;
 * one that a process with a newer reading of the clock put there may be of a later one. */
static bool slot_lives(uint64_t slot, uint64_t current)
{
	uint64_t age = (current - (slot >> FINGERPRINT_BITS)) & GENERATION_MASK;

	return slot != 0 && (age < GENERATIONS_LIVE || age > GENERATION_MASK - GENERATIONS_LIVE);
}

/* Where the fingerprint is, other than at `except`; TOKEN_NONCE_BUCKET when nowhere. Also the first
 * slot that is free. */
static size_t bucket_scan(_Atomic uint64_t *bucket, uint64_t fingerprint, uint64_t current,
			  size_t except, size_t *ret_free, uint64_t *ret_free_value)
{
	*ret_free = TOKEN_NONCE_BUCKET;
	for (size_t i = 0; i < TOKEN_NONCE_BUCKET; i++) {
		uint64_t slot = atomic_load(&bucket[i]);
		bool lives = slot_lives(slot, current);
		if (lives && i != except && (slot & FINGERPRINT_MASK) == fingerprint)
			return i;
		if (!lives && *ret_free == TOKEN_NONCE_BUCKET) {
			*ret_free = i;
			*ret_free_value = slot;
		}
	}
	return TOKEN_NONCE_BUCKET;
}

enum st token_nonce_take(const struct token_nonces *nonces, const struct hash *nonce,
			 int64_t made_at_ms, int64_t now_ms, int64_t window_ms)
{
	ASSERT(nonces->slots && window_ms > 0 && made_at_ms >= 0);
	ASSERT(made_at_ms >= now_ms - window_ms && made_at_ms <= now_ms + window_ms);
	uint64_t span = (uint64_t)window_ms * 2;
	uint64_t current = (uint64_t)(now_ms + window_ms) / span & GENERATION_MASK;
	uint64_t fingerprint = bytes_u64(nonce->bytes) & FINGERPRINT_MASK;
	size_t buckets = nonces->slot_count / TOKEN_NONCE_BUCKET;
	_Atomic uint64_t *bucket =
		nonces->slots + (bytes_u64(nonce->bytes + 8) & (buckets - 1)) * TOKEN_NONCE_BUCKET;
	size_t free_at;
	uint64_t free_value = 0;

	fingerprint += fingerprint == 0;
	uint64_t value =
		((uint64_t)made_at_ms / span & GENERATION_MASK) << FINGERPRINT_BITS | fingerprint;
	/* Each lost race filled a slot, so there are no more than there are slots. */
	for (size_t tries = 0; tries <= TOKEN_NONCE_BUCKET; tries++) {
		if (bucket_scan(bucket, fingerprint, current, TOKEN_NONCE_BUCKET, &free_at,
				&free_value) < TOKEN_NONCE_BUCKET)
			return ST_PROOF_REPLAYED;
		if (free_at == TOKEN_NONCE_BUCKET)
			return ST_PROOF_CACHE_FULL;
		if (!atomic_compare_exchange_strong(&bucket[free_at], &free_value, value))
			continue;
		/* Another process may have put the same proof into another slot meanwhile: then
		 * at least one of the two sees the other here. */
		size_t mine = free_at;
		if (bucket_scan(bucket, fingerprint, current, mine, &free_at, &free_value) <
		    TOKEN_NONCE_BUCKET)
			return ST_PROOF_REPLAYED;
		return ST_OK;
	}
	return ST_PROOF_CACHE_FULL;
}

/* -- proofs -- */

/* One line each, so a line that holds a control character would be ambiguous. */
static bool line_valid(struct str line)
{
	for (size_t i = 0; i < line.size; i++)
		if ((unsigned char)line.data[i] < 0x20 || line.data[i] == 0x7f)
			return false;
	return line.size > 0;
}

static bool nonce_valid(struct str nonce)
{
	if (nonce.size < TOKEN_NONCE_CHARS_MIN || nonce.size > TOKEN_NONCE_CHARS_MAX)
		return false;
	for (size_t i = 0; i < nonce.size; i++) {
		char c = nonce.data[i];
		if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
		      c == '-' || c == '_'))
			return false;
	}
	return true;
}

struct proof_lines {
	struct hash token; /* of its text */
	struct str method, target, body_hash, nonce;
	int64_t made_at_ms;
};

/* What is signed, after the purpose. Size 0: it does not fit or is ambiguous. */
static struct str payload_of(const struct proof_lines *lines, char ret[PROOF_PAYLOAD_MAX])
{
	char digest[HASH_TEXT_SIZE];

	if (!line_valid(lines->method) || !line_valid(lines->target) ||
	    !line_valid(lines->body_hash) || !nonce_valid(lines->nonce))
		return (struct str){ 0 };
	hash_to_text(&lines->token, digest);
	int size =
		snprintf(ret, PROOF_PAYLOAD_MAX, "%s\n%.*s\n%.*s\n%.*s\n%.*s\n%lld\n", digest,
			 STR_ARG(lines->method), STR_ARG(lines->target), STR_ARG(lines->body_hash),
			 STR_ARG(lines->nonce), (long long)lines->made_at_ms);
	if (size <= 0 || size >= PROOF_PAYLOAD_MAX)
		return (struct str){ 0 };
	return (struct str){ ret, (size_t)size };
}

enum st token_proof_make(const struct signing_key *holder, struct str token, struct str method,
			 struct str target, struct str body_hash, struct str nonce, int64_t now_ms,
			 char ret[TOKEN_PROOF_SIZE_MAX])
{
	struct proof_lines lines = { .method = method,
				     .target = target,
				     .body_hash = body_hash,
				     .nonce = nonce,
				     .made_at_ms = now_ms };
	char payload[PROOF_PAYLOAD_MAX], text[BASE64URL_SIZE(SIGNATURE_BYTES)];
	uint8_t signature[SIGNATURE_BYTES];

	sha256_of(token.data, token.size, &lines.token);
	struct str signed_text = payload_of(&lines, payload);
	if (signed_text.size == 0)
		return ST_PROOF_MALFORMED;
	TRY(sign_purpose(holder, TOKEN_PROOF_PURPOSE, signed_text, signature));
	base64url_encode(signature, sizeof(signature), text);
	int size = snprintf(ret, TOKEN_PROOF_SIZE_MAX, "%.*s.%lld.%s", STR_ARG(nonce),
			    (long long)now_ms, text);
	ASSERT(size > 0 && size < TOKEN_PROOF_SIZE_MAX);
	return ST_OK;
}

static enum st proof_read(struct str text, struct proof_lines *lines,
			  uint8_t ret_signature[SIGNATURE_BYTES])
{
	struct str time, signature;
	size_t size;

	if (!str_cut(text, '.', &lines->nonce, &time) || !str_cut(time, '.', &time, &signature) ||
	    !nonce_valid(lines->nonce) || !str_to_i64(time, &lines->made_at_ms) ||
	    lines->made_at_ms < 0 || lines->made_at_ms > TIME_MS_MAX ||
	    base64url_decode(signature, ret_signature, SIGNATURE_BYTES, &size) != ST_OK ||
	    size != SIGNATURE_BYTES)
		return ST_PROOF_MALFORMED;
	return ST_OK;
}

static void nonce_hash(const struct token_view *view, struct str nonce, struct hash *ret)
{
	struct sha256 state;

	sha256_init(&state);
	sha256_add(&state, view->holder_key, PUBLIC_KEY_BYTES);
	sha256_add(&state, nonce.data, nonce.size);
	sha256_final(&state, ret);
}

enum st token_proof_verify(const struct token_view *view, const struct token_proof *proof,
			   int64_t now_ms, int64_t window_ms, struct hash *ret_nonce,
			   int64_t *ret_made_at_ms, struct problem *problem)
{
	struct proof_lines lines = { .token = view->digest,
				     .method = proof->method,
				     .target = proof->target,
				     .body_hash = proof->body_hash };
	uint8_t signature[SIGNATURE_BYTES];
	char payload[PROOF_PAYLOAD_MAX];

	ASSERT(view->bound && window_ms > 0);
	enum st st = proof_read(proof->text, &lines, signature);
	if (st != ST_OK)
		return problem_set(problem, st, "/proof/text",
				   "it is not \"<nonce>.<milliseconds>.<base64url signature>\"");
	if (lines.made_at_ms - window_ms > now_ms || lines.made_at_ms + window_ms < now_ms)
		return problem_set(problem, ST_PROOF_TIME_WRONG, "/proof/text",
				   "it is %lld ms away from now",
				   (long long)(lines.made_at_ms - now_ms));
	struct str signed_text = payload_of(&lines, payload);
	if (signed_text.size == 0)
		return problem_set(problem, ST_PROOF_MALFORMED, "/proof",
				   "method, target and body hash are one line each");
	if (verify_purpose(view->holder_key, TOKEN_PROOF_PURPOSE, signed_text, signature) != ST_OK)
		return problem_set(problem, ST_PROOF_SIGNATURE_INVALID, "/proof/text",
				   "method \"%.*s\", target \"%.*s\"", STR_ARG(proof->method),
				   STR_ARG(proof->target));
	nonce_hash(view, lines.nonce, ret_nonce);
	*ret_made_at_ms = lines.made_at_ms;
	return ST_OK;
}
