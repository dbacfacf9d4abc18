/* main.c: wiring only */
#include "door.h"

static struct gateway_config gateway;

int main(int argc, char **argv)
{
	return svc_main(argc, argv,
			&(const struct svc_definition){
				.name = "gateway",
				.schema_version = GATEWAY_SCHEMA_VERSION,
				.state = &gateway,
				.state_size_bytes = sizeof(gateway),
				.config = gateway_config_fields,
				.statements = gateway_statements,
				.metrics = gateway_metrics,
				.calls = gateway_calls,
				.ticks = gateway_ticks,
				.start = gateway_start,
				.door = gateway_door,
			});
}
