/* Login messages, addresses and signatures from anyone: the first byte says which. */
#include "services/gateway/login.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* What is read, printed and read again is the same. */
static void check_message(struct str text)
{
	struct problem problem = { 0 };
	struct siwe message, again;
	struct arena arena;

	if (siwe_parse(text, &message, &problem) != ST_OK) {
		ASSERT(problem.st == ST_MESSAGE_INVALID && problem.detail[0]);
		return;
	}
	arena_init(&arena, 64 * 1024);
	struct str printed = siwe_print(&message, &arena);
	ASSERT(printed.data);
	if (printed.size <= SIWE_BYTES_MAX) { /* times may have become longer */
		ASSERT(siwe_parse(printed, &again, &problem) == ST_OK);
		ASSERT(str_equal(again.domain, message.domain));
		ASSERT(str_equal(again.uri, message.uri));
		ASSERT(str_equal(again.nonce, message.nonce));
		ASSERT(again.issued_at_ms == message.issued_at_ms);
		ASSERT(again.chain_id == message.chain_id);
		ASSERT(again.resource_count == message.resource_count);
		ASSERT(str_equal(siwe_print(&again, &arena), printed));
	}
	arena_free(&arena);
}

/* Nobody here has a nonce. */
static void check_login(struct str text)
{
	static struct login_rules rules;
	struct problem problem = { 0 };
	struct siwe message;
	int64_t end_ms;

	if (rules.domain.size == 0) {
		ASSERT(login_rules_make(STR("example.com"), STR(""), STR("1"), &rules, NULL) ==
		       ST_OK);
		rules.nonce_ms = INT64_C(100) * 366 * 86400000;
	}
	ASSERT(login_check(&rules, STR("secret"),
			   &(struct login_try){ text, STR("0x00"), 1700000000000 }, &message,
			   &end_ms, &problem) != ST_OK);
}

static void check_signature(struct str text)
{
	struct ethereum_signature signature;
	struct ethereum_address address;
	struct hash hash;

	ethereum_message_hash(text, &hash);
	if (ethereum_address_of_text(text, &address, NULL) == ST_OK) {
		char again[ETHEREUM_ADDRESS_TEXT_SIZE];
		ethereum_address_to_text(&address, again);
		ASSERT(str_is(text, again));
	}
	if (text.size >= sizeof(signature.bytes)) {
		memcpy(signature.bytes, text.data, sizeof(signature.bytes));
		(void)!ethereum_recover(&hash, &signature, &address, NULL);
	}
	(void)!ethereum_signature_of_text(text, &signature, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	if (size == 0)
		return 0;
	struct str text = { (const char *)bytes + 1, size - 1 };

	switch (bytes[0]) {
	case 'm':
		check_message(text);
		break;
	case 'l':
		check_login(text);
		break;
	default:
		check_signature(text);
		break;
	}
	return 0;
}
