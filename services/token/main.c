/* main.c: wiring only */
#include "handlers.h"

static struct token_service token;

int main(int argc, char **argv)
{
	return svc_main(argc, argv,
			&(const struct svc_definition){
				.name = "token",
				.schema_version = TOKEN_SCHEMA_VERSION,
				.state = &token,
				.state_size_bytes = sizeof(token),
				.config = token_config,
				.statements = token_statements,
				.calls = token_calls,
				.groups = token_groups,
				.follows = token_follows,
				.ticks = token_ticks,
				.start = token_start,
			});
}
