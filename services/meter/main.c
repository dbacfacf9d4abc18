/* main.c: wiring only */
#include "handlers.h"

static struct meter_service meter;

int main(int argc, char **argv)
{
	return svc_main(argc, argv,
			&(const struct svc_definition){
				.name = "meter",
				.schema_version = METER_SCHEMA_VERSION,
				.state = &meter,
				.state_size_bytes = sizeof(meter),
				.config = meter_config,
				.statements = meter_statements,
				.metrics = meter_metrics,
				.calls = meter_calls,
				.groups = meter_groups,
				.ticks = meter_ticks,
				.shared_ticks = meter_shared_ticks,
				.start = meter_start,
				.batch = meter_batch,
			});
}
