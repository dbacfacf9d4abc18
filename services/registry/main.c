/* main.c: wiring only */
#include "handlers.h"

static struct registry_service registry;

int main(int argc, char **argv)
{
	return svc_main(argc, argv,
			&(const struct svc_definition){
				.name = "registry",
				.schema_version = REGISTRY_SCHEMA_VERSION,
				.state = &registry,
				.state_size_bytes = sizeof(registry),
				.config = registry_config,
				.statements = registry_statements,
				.calls = registry_calls,
				.follows = registry_follows,
				.ticks = registry_ticks,
				.start = registry_start,
			});
}
