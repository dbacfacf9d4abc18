/* main.c: wiring only */
#include "offline.h"
#include "service.h"

#define NONCE_SLOTS (1u << 18)

static struct policy_service policy;

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "test") == 0)
		return policy_offline_test(argv[2]);
	/* Shared by the processes that are forked later: a proof is used once in all of them. */
	policy.nonces = token_nonces_map(NONCE_SLOTS);
	return svc_main(argc, argv,
			&(const struct svc_definition){
				.name = "policy",
				.schema_version = POLICY_SCHEMA_VERSION,
				.state = &policy,
				.state_size_bytes = sizeof(policy),
				.config = policy_config,
				.statements = policy_statements,
				.calls = policy_calls,
				.follows = policy_follows,
				.ticks = policy_ticks,
				.start = policy_start,
				.batch = policy_batch,
			});
}
