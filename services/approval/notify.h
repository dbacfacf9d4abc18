/* notify.h: what notify.c and its channels share. A delivery lives in the ticker's process only;
 * what counts is its row. */
#ifndef PIOPL_APPROVAL_NOTIFY_H
#define PIOPL_APPROVAL_NOTIFY_H

#include <assert.h>
#include <curl/curl.h>

#include "handlers.h"

#define NOTIFY_SLOTS 8 /* deliveries on their way at once */
#define NOTIFY_CONNECT_MS_MAX 3000
#define NOTIFY_TOTAL_MS_MAX 10000
#define NOTIFY_WORK_MS 100     /* of a tick */
#define NOTIFY_ORPHAN_MS 30000 /* a claim this old has lost its sender */
#define NOTIFY_ORPHANS_PERIOD_MS 5000
#define NOTIFY_ERROR_SIZE 200

enum delivery_phase {
	DELIVERY_FREE,
	DELIVERY_CLAIMED, /* its claim may not be committed yet: nothing is sent */
	DELIVERY_RUNNING,
	DELIVERY_DONE, /* its result may not be committed yet */
};

struct delivery {
	enum delivery_phase phase;
	char request_id[48];
	struct notice notice; /* its request_id points at the member above */
	char delivery_id[128];
	char body[NOTIFY_BODY_BYTES_MAX];
	size_t body_size;
	size_t given; /* bytes of the body that were handed over */
	bool all_given;
	CURL *easy;
	struct curl_slist *headers;
	struct curl_slist *recipients;
	enum notify_state result;
	char error[NOTIFY_ERROR_SIZE];
};

static_assert(NOTIFY_ORPHAN_MS > 2 * NOTIFY_TOTAL_MS_MAX, "a sender that lives is not robbed");

/* Fills the body and sets `delivery->easy`'s options. False: it cannot be sent, `error` says why.
 */
MUST_CHECK bool webhook_prepare(struct svc_tick_context *tick, struct delivery *delivery,
				const struct request_row *row);
MUST_CHECK bool mail_prepare(struct svc_tick_context *tick, struct delivery *delivery,
			     const struct request_row *row);

#endif
