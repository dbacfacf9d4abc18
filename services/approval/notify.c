/* notify.c: people are told through channels that may be slow or broken, so never in a call's
 * transaction. A row for each channel and step waits in the database. The ticker claims it
 * (commit), sends it in a later tick when it sees the claim committed, and writes the result until
 * it sees that committed too. So a row is sent by one process at a time and never again after a
 * success that was recorded. Between sending and recording a crash can fall: then a webhook is sent
 * again under the same delivery id, by which its receiver drops it, and mail is not. */
#include "notify.h"
#include "clock.h"
#include "log.h"

static struct notifier {
	CURLM *multi;
	char claim[TRACE_ID_TEXT_SIZE];
	uint64_t orphans_at_ns;
	struct delivery slots[NOTIFY_SLOTS];
} notifier;

static bool notifier_ready(void)
{
	if (notifier.multi)
		return true;
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return false;
	trace_id_make(notifier.claim);
	notifier.multi = curl_multi_init();
	return notifier.multi != NULL;
}

static void delivery_clear(struct delivery *delivery)
{
	if (delivery->easy) {
		curl_multi_remove_handle(notifier.multi, delivery->easy);
		curl_easy_cleanup(delivery->easy);
	}
	curl_slist_free_all(delivery->headers);
	curl_slist_free_all(delivery->recipients);
	delivery->easy = NULL;
	delivery->headers = delivery->recipients = NULL;
}

static void delivery_free(struct delivery *delivery)
{
	delivery_clear(delivery);
	memset(delivery, 0, sizeof(*delivery));
}

static void delivery_done(struct delivery *delivery, enum notify_state result, const char *error)
{
	static const unsigned metrics[] = {
		[NOTIFY_DUE] = APPROVAL_METRIC_AGAIN,
		[NOTIFY_SENT] = APPROVAL_METRIC_SENT,
		[NOTIFY_FAILED] = APPROVAL_METRIC_FAILED,
		[NOTIFY_UNKNOWN] = APPROVAL_METRIC_UNKNOWN,
		[NOTIFY_SENDING] = APPROVAL_METRIC_UNKNOWN,
	};

	delivery_clear(delivery);
	delivery->phase = DELIVERY_DONE;
	delivery->result = result;
	snprintf(delivery->error, sizeof(delivery->error), "%s", error);
	metric_add(metrics[result], 1);
	if (result == NOTIFY_FAILED || result == NOTIFY_UNKNOWN)
		log_write(LOG_WARN,
			  &(struct log_fields){ .category = "notify",
						.subject = delivery->delivery_id },
			  "it was not delivered after %lld tries: %s",
			  (long long)delivery->notice.tries, delivery->error);
}

/* Sending */

static void delivery_judge(struct delivery *delivery, CURLcode code)
{
	long status = 0;
	char error[NOTIFY_ERROR_SIZE];

	curl_easy_getinfo(delivery->easy, CURLINFO_RESPONSE_CODE, &status);
	snprintf(error, sizeof(error), "%s, answer %ld", curl_easy_strerror(code), status);
	if (delivery->notice.channel == NOTIFY_WEBHOOK)
		delivery_done(
			delivery,
			webhook_outcome(code == CURLE_OK ? status : 0, delivery->notice.tries),
			error);
	else
		delivery_done(delivery,
			      mail_outcome(code == CURLE_OK, status, delivery->all_given,
					   delivery->notice.tries),
			      error);
}

static void transfers_finish(void)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(notifier.multi, &left))) {
		struct delivery *delivery = NULL;
		CURLcode code = message->data.result;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&delivery);
		ASSERT(delivery && delivery->phase == DELIVERY_RUNNING);
		delivery_judge(delivery, code);
	}
}

static void transfers_work(void)
{
	uint64_t until_ns = clock_mono_ns() + NOTIFY_WORK_MS * 1000000ull;
	int running = 0;

	do {
		curl_multi_perform(notifier.multi, &running);
		transfers_finish();
		if (running > 0)
			curl_multi_poll(notifier.multi, NULL, 0, 20, NULL);
	} while (running > 0 && clock_mono_ns() < until_ns);
}

/* Nobody has to judge what was decided in the meantime. */
static bool still_wanted(const struct delivery *delivery, const struct request_row *row,
			 int64_t now_ms)
{
	if (delivery->notice.step != APPROVAL_REQUEST_STEP_CREATED &&
	    delivery->notice.step != APPROVAL_REQUEST_STEP_ESCALATED)
		return true;
	return request_state_at(row, now_ms) == APPROVAL_REQUEST_STATE_PENDING;
}

static void common_options(struct delivery *delivery)
{
	CURL *easy = delivery->easy;

	curl_easy_setopt(easy, CURLOPT_PRIVATE, delivery);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)NOTIFY_CONNECT_MS_MAX);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)NOTIFY_TOTAL_MS_MAX);
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "piopl-approval");
}

static enum st delivery_start(struct svc_tick_context *tick, struct delivery *delivery)
{
	const struct notice *notice = &delivery->notice;
	struct request_row row;
	bool found, prepared;

	TRY(store_request_get(tick->tx, tick->arena, notice->request_id, &row, &found));
	ASSERT(found);
	struct str id = delivery_id_of(row.request_id, notice->step, notice->channel, tick->arena);
	if (!id.data)
		return ST_NO_MEMORY;
	ASSERT(str_copy(id, delivery->delivery_id, sizeof(delivery->delivery_id)));
	if (!still_wanted(delivery, &row, tick->now_ms)) {
		delivery_done(delivery, NOTIFY_FAILED, "it was decided before it could be told");
		return ST_OK;
	}
	delivery->easy = curl_easy_init();
	if (!delivery->easy)
		return ST_NO_MEMORY;
	common_options(delivery);
	prepared = notice->channel == NOTIFY_WEBHOOK ? webhook_prepare(tick, delivery, &row)
						     : mail_prepare(tick, delivery, &row);
	if (!prepared) {
		char error[NOTIFY_ERROR_SIZE];

		memcpy(error, delivery->error, sizeof(error));
		delivery_done(delivery, NOTIFY_FAILED, error);
		return ST_OK;
	}
	delivery->phase = DELIVERY_RUNNING;
	curl_multi_add_handle(notifier.multi, delivery->easy);
	return ST_OK;
}

/* Rows */

static bool is_mine(const struct delivery *delivery, const struct notice *mine, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (str_equal(mine[i].request_id, delivery->notice.request_id) &&
		    mine[i].step == delivery->notice.step &&
		    mine[i].channel == delivery->notice.channel)
			return true;
	return false;
}

static enum st delivery_finish(struct svc_tick_context *tick, const struct delivery *delivery)
{
	int64_t due_ms = tick->now_ms;

	if (delivery->result == NOTIFY_DUE)
		due_ms += notify_backoff_ms(delivery->notice.tries);
	return store_notice_finish(tick->tx, &delivery->notice, str_of(notifier.claim),
				   delivery->result, due_ms, tick->now_ms, delivery->error);
}

/* `mine`: what the database says this process is sending, as earlier ticks committed it. */
static enum st delivery_move(struct svc_tick_context *tick, struct delivery *delivery,
			     const struct notice *mine, size_t count)
{
	bool there = is_mine(delivery, mine, count);

	switch (delivery->phase) {
	case DELIVERY_FREE:
	case DELIVERY_RUNNING:
		return ST_OK;
	case DELIVERY_CLAIMED:
		if (there)
			return delivery_start(tick, delivery);
		delivery_free(delivery);
		return ST_OK;
	case DELIVERY_DONE:
		if (there)
			return delivery_finish(tick, delivery);
		delivery_free(delivery);
		return ST_OK;
	}
	return ST_INTERNAL;
}

static size_t slots_in(enum delivery_phase phase)
{
	size_t count = 0;

	for (size_t i = 0; i < NOTIFY_SLOTS; i++)
		count += notifier.slots[i].phase == phase;
	return count;
}

static enum st slots_move(struct svc_tick_context *tick)
{
	struct notice *mine;
	size_t count;

	if (slots_in(DELIVERY_FREE) == NOTIFY_SLOTS)
		return ST_OK;
	TRY(store_notices_mine(tick->tx, tick->arena, str_of(notifier.claim), &mine, &count));
	for (size_t i = 0; i < NOTIFY_SLOTS; i++)
		TRY(delivery_move(tick, &notifier.slots[i], mine, count));
	return ST_OK;
}

static void slot_take(const struct notice *notice)
{
	for (size_t i = 0; i < NOTIFY_SLOTS; i++) {
		struct delivery *delivery = &notifier.slots[i];
		if (delivery->phase != DELIVERY_FREE)
			continue;
		delivery->phase = DELIVERY_CLAIMED;
		delivery->notice = *notice;
		ASSERT(str_copy(notice->request_id, delivery->request_id,
				sizeof(delivery->request_id)));
		delivery->notice.request_id = str_of(delivery->request_id);
		return;
	}
	ASSERT(false);
}

static enum st slots_claim(struct svc_tick_context *tick)
{
	size_t room = slots_in(DELIVERY_FREE), count;
	struct notice *claimed;

	if (room == 0)
		return ST_OK;
	TRY(store_notices_claim(tick->tx, tick->arena, str_of(notifier.claim), (int64_t)room,
				tick->now_ms, &claimed, &count));
	for (size_t i = 0; i < count; i++)
		slot_take(&claimed[i]);
	return ST_OK;
}

static enum st orphans_take(struct svc_tick_context *tick)
{
	uint64_t now_ns = clock_mono_ns();

	if (now_ns < notifier.orphans_at_ns)
		return ST_OK;
	notifier.orphans_at_ns = now_ns + NOTIFY_ORPHANS_PERIOD_MS * 1000000ull;
	return store_notice_orphans(tick->tx, str_of(notifier.claim),
				    tick->now_ms - NOTIFY_ORPHAN_MS, tick->now_ms);
}

enum st tick_notify(struct svc_tick_context *tick)
{
	const struct approval_service *approval = tick->state;

	if (!approval->webhook_url[0] && !approval->smtp_url[0])
		return ST_OK;
	if (!notifier_ready())
		return ST_NO_MEMORY;
	transfers_work();
	TRY(slots_move(tick));
	TRY(orphans_take(tick));
	return slots_claim(tick);
}
