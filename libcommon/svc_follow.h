/* svc_follow.h: applying events of other services; shared by the follower process (which receives
 * them) and by the call that replays a parked one. */
#ifndef PIOPL_SVC_FOLLOW_H
#define PIOPL_SVC_FOLLOW_H

#include "svc_internal.h"

/* A verified event as it was received; texts live as long as the arena of the batch. */
struct follow_item {
	struct event_head head;
	struct str data;
	struct str type; /* without the "piopl." of the wire */
	struct str trace_id;
	int64_t sequence;
	int64_t time_ms;
};

/* Decodes the item's data into `ret`, ready for the handler. */
MUST_CHECK enum st follow_event_fill(struct svc *svc, const struct svc_follow *follow,
				     const struct follow_item *item, struct arena *arena,
				     struct db_tx *tx, int64_t now_ms, struct svc_event *ret);

/* Applies items [0, count) of one source, whose sequences follow each other and the inbox, in one
 * transaction with the inbox' advance. ST_SERIALIZATION: the inbox stands elsewhere. */
MUST_CHECK enum st follow_apply(struct svc *svc, const char *source, int64_t after,
				const struct follow_item *items, size_t count, int64_t head,
				struct problem *problem);

/* Sets an event aside and moves past it. */
MUST_CHECK enum st follow_park(struct svc *svc, const char *source, int64_t after,
			       const struct follow_item *item, uint32_t tries, const char *error);

#endif
