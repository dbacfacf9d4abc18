/* main.c: wiring only */
#include "service.h"

static struct audit_service audit;

int main(int argc, char **argv)
{
	return svc_main(argc, argv,
			&(const struct svc_definition){
				.name = "audit",
				.schema_version = AUDIT_SCHEMA_VERSION,
				.state = &audit,
				.state_size_bytes = sizeof(audit),
				.config = audit_config,
				.statements = audit_statements,
				.calls = audit_calls,
				.follows = audit_follows,
				.ticks = audit_ticks,
			});
}
