/* core_quote.c: a quote as x402 (version 2) has it: the PAYMENT-REQUIRED header, base64 of JSON.
 * The asset counts in millionths, as money here does, so an amount is the same number. */
#include "json.h"
#include "quote.h"
#include "x402.h"

static bool all_of(const char *text, const char *characters)
{
	return text[0] && text[strspn(text, characters)] == 0;
}

/* CAIP-2: "eip155:8453". */
static bool network_is_valid(const char *network)
{
	struct str name, reference;

	return str_cut(str_of(network), ':', &name, &reference) && name.size >= 3 &&
	       name.size <= 8 && reference.size >= 1 && reference.size <= 32 &&
	       all_of(reference.data, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789-_");
}

enum st x402_check(const struct x402 *x402, struct problem *problem)
{
	if (!x402->network[0])
		return ST_OK;
	if (!network_is_valid(x402->network))
		return problem_set(problem, ST_CONFIG_INVALID, "x402_network",
				   "\"%s\" is no network of CAIP-2, like eip155:8453",
				   x402->network);
	if (!x402->asset[0] || !x402->pay_to[0])
		return problem_set(problem, ST_CONFIG_INVALID,
				   x402->asset[0] ? "x402_pay_to" : "x402_asset",
				   "a network needs the asset and the address that is paid");
	if (!currency_valid(str_of(x402->currency)))
		return problem_set(problem, ST_CONFIG_INVALID, "x402_currency",
				   "\"%s\" is no currency", x402->currency);
	return ST_OK;
}

static void member_text(struct arena *arena, struct json *object, const char *name,
			const char *text)
{
	json_set(arena, object, name, json_new_string(arena, str_of(text)));
}

static struct json *requirements(const struct x402 *x402, const struct quote *quote,
				 struct arena *arena)
{
	struct json *one = json_new(arena, JSON_OBJECT), *extra = json_new(arena, JSON_OBJECT);
	struct str amount = arena_printf(
		arena, "%lld", (long long)(quote->needed_micros - quote->available_micros));

	member_text(arena, one, "scheme", "exact");
	member_text(arena, one, "network", x402->network);
	json_set(arena, one, "amount", json_new_string(arena, amount));
	member_text(arena, one, "asset", x402->asset);
	member_text(arena, one, "payTo", x402->pay_to);
	json_set(arena, one, "maxTimeoutSeconds", json_new_i64(arena, X402_TIMEOUT_S));
	if (x402->asset_name[0])
		member_text(arena, extra, "name", x402->asset_name);
	if (x402->asset_version[0])
		member_text(arena, extra, "version", x402->asset_version);
	member_text(arena, extra, "walletId", quote->wallet_id);
	json_set(arena, one, "extra", extra);
	return one;
}

struct str x402_header(const struct x402 *x402, const struct quote *quote, struct str path,
		       const char *error, struct arena *arena)
{
	struct json *root, *resource, *accepts;
	struct buf buf;
	char *text;

	if (!x402->network[0] || strcmp(x402->currency, quote->currency) != 0)
		return (struct str){ 0 };
	root = json_new(arena, JSON_OBJECT);
	resource = json_new(arena, JSON_OBJECT);
	accepts = json_new(arena, JSON_ARRAY);
	json_set(arena, root, "x402Version", json_new_i64(arena, 2));
	member_text(arena, root, "error", error);
	json_set(arena, resource, "url", json_new_string(arena, path));
	member_text(arena, resource, "mimeType", "application/json");
	json_set(arena, root, "resource", resource);
	json_add(accepts, requirements(x402, quote, arena));
	json_set(arena, root, "accepts", accepts);
	if (arena->failed)
		return (struct str){ 0 };
	buf_init(&buf, arena, 1024);
	json_write(&buf, root);
	struct str plain = buf_str(&buf);
	text = plain.data ? arena_alloc(arena, BASE64_SIZE(plain.size)) : NULL;
	if (!text)
		return (struct str){ 0 };
	return (struct str){ text, base64_encode(plain.data, plain.size, text) };
}
