/* x402.h: quotes in the headers of x402, version 2 (core_quote.c). */
#ifndef PIOPL_GATEWAY_X402_H
#define PIOPL_GATEWAY_X402_H

#include "gateway.h"
#include "money.h"

#define X402_TIMEOUT_S 300

/* What an installation accepts; none while `network` is empty. */
struct x402 {
	char network[64];    /* CAIP-2 */
	char asset[128];     /* a token that counts in millionths of `currency` */
	char asset_name[64]; /* of its EIP-712 domain */
	char asset_version[16];
	char pay_to[128];
	char currency[4];
};

/* ST_CONFIG_INVALID with the field as the problem's pointer. */
MUST_CHECK enum st x402_check(const struct x402 *x402, struct problem *problem);
/* The value of PAYMENT-REQUIRED; `.data` NULL: not configured, another currency, or no memory. */
struct str x402_header(const struct x402 *x402, const struct quote *quote, struct str path,
		       const char *error, struct arena *arena);

#endif
