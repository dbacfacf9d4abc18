/* notify_mail.c: a message to the people of the group that is asked. */
#include "clock.h"
#include "notify.h"

static size_t body_give(char *buffer, size_t size, size_t count, void *context)
{
	struct delivery *delivery = context;
	size_t left = delivery->body_size - delivery->given;
	size_t some = left < size * count ? left : size * count;

	memcpy(buffer, delivery->body + delivery->given, some);
	delivery->given += some;
	delivery->all_given = delivery->given == delivery->body_size;
	return some;
}

static bool address_ok(struct str address)
{
	for (size_t i = 0; i < address.size; i++)
		if (address.data[i] <= ' ' || address.data[i] == '<' || address.data[i] == '>')
			return false;
	return address.size > 0 && memchr(address.data, '@', address.size) != NULL;
}

static bool recipients_fill(struct svc_tick_context *tick, struct delivery *delivery,
			    const struct request_row *row)
{
	bool second = delivery->notice.step == APPROVAL_REQUEST_STEP_ESCALATED;
	struct str *addresses;
	size_t count;

	if (store_addresses(tick->tx, tick->arena, second ? &row->second : &row->group, &addresses,
			    &count) != ST_OK)
		return false;
	for (size_t i = 0; i < count; i++) {
		if (!address_ok(addresses[i]))
			continue;
		struct curl_slist *longer =
			curl_slist_append(delivery->recipients, addresses[i].data);
		if (!longer)
			return false;
		delivery->recipients = longer;
	}
	return delivery->recipients != NULL;
}

static void add_line(struct buf *buf, const char *name, struct str value)
{
	if (value.data)
		buf_printf(buf, "%-14s %.*s\n", name, STR_ARG(value));
}

static struct str text_of(const struct request_row *row, struct arena *arena)
{
	const struct approval_action *action = &row->action;
	char deadline[TIME_TEXT_SIZE], amount[MONEY_TEXT_SIZE];
	struct buf buf;

	time_format(row->deadline_ms, deadline);
	buf_init(&buf, arena, 4096);
	buf_add_c(&buf, "An agent waits for your approval.\n\n");
	add_line(&buf, "request", row->request_id);
	add_line(&buf, "agent", action->agent_id);
	add_line(&buf, "tool", action->tool);
	add_line(&buf, "operation", str_of(approval_operation_names[action->operation - 1]));
	add_line(&buf, "resource", action->resource);
	if (action->has_amount) {
		money_print(action->amount, amount);
		buf_printf(&buf, "%-14s %s %s\n", "amount", amount, action->amount.currency);
	}
	add_line(&buf, "on behalf of", action->on_behalf_of);
	add_line(&buf, "reason", row->reason);
	add_line(&buf, "summary", row->summary);
	add_line(&buf, "action digest", row->digest);
	add_line(&buf, "deadline", str_of(deadline));
	buf_add_c(&buf, "\nWithout a verdict the action is aborted.\n");
	return buf_str(&buf);
}

static bool message_fill(struct svc_tick_context *tick, struct delivery *delivery,
			 const struct request_row *row)
{
	const struct approval_service *approval = tick->state;
	struct mail mail = {
		.from = str_of(approval->smtp_from),
		.delivery_id = str_of(delivery->delivery_id),
		.subject = arena_printf(tick->arena, "Approval needed: %.*s asks for %.*s",
					STR_ARG(row->action.agent_id), STR_ARG(row->action.tool)),
		.text = text_of(row, tick->arena),
		.now_ms = tick->now_ms,
	};

	if (!mail.subject.data || !mail.text.data)
		return false;
	struct str message = mail_message(&mail, tick->arena);
	if (!message.data || message.size > sizeof(delivery->body))
		return false;
	memcpy(delivery->body, message.data, message.size);
	delivery->body_size = message.size;
	delivery->given = 0;
	return true;
}

static void account_options(const struct approval_service *approval, CURL *easy)
{
	static const long tls[] = { [MAIL_TLS_NONE] = CURLUSESSL_NONE,
				    [MAIL_TLS_IF_OFFERED] = CURLUSESSL_TRY,
				    [MAIL_TLS_REQUIRED] = CURLUSESSL_ALL };

	curl_easy_setopt(easy, CURLOPT_USE_SSL, tls[approval->smtp_tls]);
	if (!approval->smtp_user[0])
		return;
	curl_easy_setopt(easy, CURLOPT_USERNAME, approval->smtp_user);
	curl_easy_setopt(easy, CURLOPT_PASSWORD, approval->smtp_password);
}

bool mail_prepare(struct svc_tick_context *tick, struct delivery *delivery,
		  const struct request_row *row)
{
	const struct approval_service *approval = tick->state;
	CURL *easy = delivery->easy;

	snprintf(delivery->error, sizeof(delivery->error), "nobody who is asked has an address");
	if (!recipients_fill(tick, delivery, row))
		return false;
	snprintf(delivery->error, sizeof(delivery->error), "the message could not be made");
	if (!message_fill(tick, delivery, row))
		return false;
	account_options(approval, easy);
	curl_easy_setopt(easy, CURLOPT_URL, approval->smtp_url);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
	curl_easy_setopt(easy, CURLOPT_MAIL_FROM, approval->smtp_from);
	curl_easy_setopt(easy, CURLOPT_MAIL_RCPT, delivery->recipients);
	/* one address that is refused does not keep the others from being told */
	curl_easy_setopt(easy, CURLOPT_MAIL_RCPT_ALLLOWFAILS, 1L);
	curl_easy_setopt(easy, CURLOPT_READFUNCTION, body_give);
	curl_easy_setopt(easy, CURLOPT_READDATA, delivery);
	curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
	return true;
}
