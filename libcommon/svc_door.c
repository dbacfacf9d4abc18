/* svc_door.c: the process whose body is the service's own. The library gives it its connections,
 * keeps its state for readiness and tells it when to end. */
#include "svc_internal.h"

bool svc_door_continues(struct svc *svc, bool ready)
{
	svc->process->ready = ready;
	svc_watch(svc, !db_is_connected(svc->db));
	return !svc_stopping();
}

struct bus *svc_bus(struct svc *svc)
{
	return svc->bus;
}

void svc_door_run(struct svc *svc)
{
	if (svc_connect(svc, BUS_SEND_BUFFERED) != ST_OK)
		return;
	svc->definition->door(svc, svc->state);
	svc_disconnect(svc);
}
