/* notify_webhook.c: a POST, signed with the secret that its receiver shares. */
#include "notify.h"

static size_t answer_ignore(char *data, size_t size, size_t count, void *context)
{
	(void)data;
	(void)context;
	return size * count;
}

static bool body_fill(struct svc_tick_context *tick, struct delivery *delivery,
		      const struct request_row *row)
{
	struct approval_notification body = {
		.delivery_id = str_of(delivery->delivery_id),
		.step = delivery->notice.step,
		.summary = row->summary,
	};
	struct str text;

	if (changed_view(row, delivery->notice.step, tick->arena, &body.request) != ST_OK ||
	    proto_encode(&approval_notification_type, &body, tick->arena, &text) != ST_OK ||
	    text.size > sizeof(delivery->body))
		return false;
	memcpy(delivery->body, text.data, text.size);
	delivery->body_size = text.size;
	return true;
}

static bool header_add(struct delivery *delivery, const char *name, const char *value)
{
	char line[WEBHOOK_SIGNATURE_SIZE + 160];
	struct curl_slist *longer;

	snprintf(line, sizeof(line), "%s: %s", name, value);
	longer = curl_slist_append(delivery->headers, line);
	if (!longer)
		return false;
	delivery->headers = longer;
	return true;
}

bool webhook_prepare(struct svc_tick_context *tick, struct delivery *delivery,
		     const struct request_row *row)
{
	const struct approval_service *approval = tick->state;
	char signature[WEBHOOK_SIGNATURE_SIZE];
	CURL *easy = delivery->easy;

	snprintf(delivery->error, sizeof(delivery->error), "its body could not be made");
	if (!body_fill(tick, delivery, row))
		return false;
	webhook_signature(str_of(approval->webhook_secret), tick->now_ms,
			  str_of(delivery->delivery_id),
			  (struct str){ delivery->body, delivery->body_size }, signature);
	if (!header_add(delivery, "Content-Type", "application/json") ||
	    !header_add(delivery, "Piopl-Delivery", delivery->delivery_id) ||
	    !header_add(delivery, "Piopl-Signature", signature) ||
	    !header_add(delivery, "Expect", ""))
		return false;
	curl_easy_setopt(easy, CURLOPT_URL, approval->webhook_url);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, delivery->headers);
	curl_easy_setopt(easy, CURLOPT_POSTFIELDS, delivery->body);
	curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)delivery->body_size);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, answer_ignore);
	return true;
}
