/* core_catalog_wallet_key.c: a wallet's own key, and logging in by it. */
#include "services/terminal/catalog.h"

const struct command catalog_wallet_key[] = {
	{
		.id = COMMAND_WALLET_NEW,
		.noun = "wallet",
		.verb = "new",
		.summary = "make a wallet's key (secp256k1); it never leaves the file",
		.about = "Writes FILE (mode 600) and prints the address. Whoever has the file has "
			 "the\n"
			 "wallet, and nobody can make it anew: keep a copy where you keep such "
			 "things.",
		.example = "piopl wallet new my.wallet",
		.arguments = LIST(NEEDED_PATH("file", "where the secret goes")),
	},
	{
		.id = COMMAND_WALLET_LOGIN,
		.noun = "wallet",
		.verb = "login",
		.summary = "log in with a wallet's key and get an API key (EIP-4361)",
		.about = "Asks the gateway for a nonce, signs its message when that is for this "
			 "wallet\n"
			 "and this gateway, and prints the API key, which is told once. What the "
			 "key\n"
			 "opens is in the message that is signed.",
		.example = "piopl wallet login my.wallet\n"
			   "piopl wallet login my.wallet --scope keys:read --token token.txt",
		.arguments =
			LIST(NEEDED_PATH("file", "the wallet's key, as piopl wallet new made it")),
		.options = LIST(
			TEXT("url", "URL", "the gateway; this machine's if left out"),
			MANY("scope", "SCOPE",
			     "what the key is to open; all an operator may if left out"),
			WHOLE("chain", "ID", 0, INT64_MAX,
			      "chain id; the gateway's first if left out"),
			PATH("token", "write the API key to this file (mode 600), print none")),
	},
	{ .id = COMMAND_NONE },
};
