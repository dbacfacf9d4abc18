/* main.c: wiring only */
#include "handlers.h"

static struct approval_service approval;

int main(int argc, char **argv)
{
	return svc_main(argc, argv,
			&(const struct svc_definition){
				.name = "approval",
				.schema_version = APPROVAL_SCHEMA_VERSION,
				.state = &approval,
				.state_size_bytes = sizeof(approval),
				.config = approval_config,
				.statements = approval_statements,
				.metrics = approval_metrics,
				.calls = approval_calls,
				.follows = approval_follows,
				.ticks = approval_ticks,
				.start = approval_start,
			});
}
