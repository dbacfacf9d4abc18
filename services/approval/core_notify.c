/* core_notify.c: what is told over which channel, when it is tried again, and what it looks like.
 */
#include <openssl/hmac.h>
#include <time.h>

#include "approval.h"

#define MAIL_LINE_BYTES 57 /* 76 characters of base64 */

bool notify_wanted(enum notify_channel channel, enum approval_request_step step)
{
	switch (step) {
	case APPROVAL_REQUEST_STEP_CREATED:
	case APPROVAL_REQUEST_STEP_ESCALATED:
		return true;
	case APPROVAL_REQUEST_STEP_APPROVED:
	case APPROVAL_REQUEST_STEP_REJECTED:
	case APPROVAL_REQUEST_STEP_EXPIRED:
	case APPROVAL_REQUEST_STEP_WITHDRAWN:
		return channel == NOTIFY_WEBHOOK;
	case APPROVAL_REQUEST_STEP_NONE:
	case APPROVAL_REQUEST_STEP_CONSUMED:
	case APPROVAL_REQUEST_STEP_LAPSED:
		break;
	}
	return false;
}

int64_t notify_backoff_ms(int64_t tries)
{
	int64_t ms = NOTIFY_BACKOFF_FIRST_MS;

	for (int64_t i = 1; i < tries && ms < NOTIFY_BACKOFF_MAX_MS; i++)
		ms *= 4;
	return ms < NOTIFY_BACKOFF_MAX_MS ? ms : NOTIFY_BACKOFF_MAX_MS;
}

static enum notify_state again_or_failed(int64_t tries)
{
	return tries < NOTIFY_TRIES_MAX ? NOTIFY_DUE : NOTIFY_FAILED;
}

enum notify_state webhook_outcome(long http_status, int64_t tries)
{
	if (http_status >= 200 && http_status < 300)
		return NOTIFY_SENT;
	if (http_status == 0 || http_status >= 500 || http_status == 408 || http_status == 425 ||
	    http_status == 429)
		return again_or_failed(tries);
	return NOTIFY_FAILED;
}

enum notify_state mail_outcome(bool finished, long smtp_code, bool all_given, int64_t tries)
{
	if (finished)
		return NOTIFY_SENT;
	if (smtp_code >= 500)
		return NOTIFY_FAILED;
	if (all_given && smtp_code < 400)
		return NOTIFY_UNKNOWN;
	return again_or_failed(tries);
}

void webhook_signature(struct str secret, int64_t now_ms, struct str delivery_id, struct str body,
		       char ret[WEBHOOK_SIGNATURE_SIZE])
{
	uint8_t mac[HASH_BYTES];
	char seconds[24], hex[HEX_SIZE(HASH_BYTES)];
	struct arena arena;
	struct buf buf;
	unsigned size = sizeof(mac);

	snprintf(seconds, sizeof(seconds), "%lld", (long long)(now_ms / 1000));
	arena_init(&arena, 4 * NOTIFY_BODY_BYTES_MAX);
	buf_init(&buf, &arena, body.size + 256);
	buf_printf(&buf, "%s.%.*s.", seconds, STR_ARG(delivery_id));
	buf_add_str(&buf, body);
	struct str text = buf_str(&buf);
	ASSERT(text.data && secret.size <= INT32_MAX);
	ASSERT(HMAC(EVP_sha256(), secret.data, (int)secret.size, (const uint8_t *)text.data,
		    text.size, mac, &size) &&
	       size == sizeof(mac));
	arena_free(&arena);
	hex_encode(mac, sizeof(mac), hex);
	snprintf(ret, WEBHOOK_SIGNATURE_SIZE, "t=%s,v1=%s", seconds, hex);
}

struct str delivery_id_of(struct str request_id, enum approval_request_step step,
			  enum notify_channel channel, struct arena *arena)
{
	ASSERT(step != APPROVAL_REQUEST_STEP_NONE);
	return arena_printf(arena, "%.*s/%s/%s", STR_ARG(request_id),
			    approval_request_step_names[step - 1],
			    channel == NOTIFY_WEBHOOK ? "webhook" : "mail");
}

/* A header takes printable ASCII; whatever else is in the text becomes "?". */
static void add_header(struct buf *buf, const char *name, struct str value)
{
	buf_printf(buf, "%s: ", name);
	for (size_t i = 0; i < value.size; i++) {
		char c = value.data[i];
		buf_add_char(buf, c >= ' ' && c <= '~' ? c : '?');
	}
	buf_add_c(buf, "\r\n");
}

static void add_date(struct buf *buf, int64_t now_ms)
{
	static const char *const days[] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
	static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
					      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	time_t seconds = (time_t)(now_ms / 1000);
	struct tm tm;

	gmtime_r(&seconds, &tm);
	buf_printf(buf, "Date: %s, %02d %s %04d %02d:%02d:%02d +0000\r\n", days[tm.tm_wday],
		   tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min,
		   tm.tm_sec);
}

/* The same at each try, so that a reader can tell a repetition; "/" has no place in it. */
static void add_message_id(struct buf *buf, const struct mail *mail)
{
	struct str local, domain;

	if (!str_cut(mail->from, '@', &local, &domain))
		domain = STR("localhost");
	buf_add_c(buf, "Message-ID: <");
	for (size_t i = 0; i < mail->delivery_id.size; i++)
		buf_add_char(buf,
			     mail->delivery_id.data[i] == '/' ? '.' : mail->delivery_id.data[i]);
	buf_printf(buf, "@%.*s>\r\n", STR_ARG(domain));
}

struct str mail_message(const struct mail *mail, struct arena *arena)
{
	char line[BASE64_SIZE(MAIL_LINE_BYTES)];
	struct buf buf;

	buf_init(&buf, arena, 1024 + mail->text.size * 2);
	add_date(&buf, mail->now_ms);
	add_header(&buf, "From", mail->from);
	add_header(&buf, "To", STR("undisclosed-recipients:;"));
	add_header(&buf, "Subject", mail->subject);
	add_message_id(&buf, mail);
	buf_add_c(&buf,
		  "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
		  "Content-Transfer-Encoding: base64\r\nAuto-Submitted: auto-generated\r\n\r\n");
	for (size_t from = 0; from < mail->text.size; from += MAIL_LINE_BYTES) {
		size_t left = mail->text.size - from;
		base64_encode(mail->text.data + from,
			      left < MAIL_LINE_BYTES ? left : MAIL_LINE_BYTES, line);
		buf_printf(&buf, "%s\r\n", line);
	}
	return buf_str(&buf);
}
