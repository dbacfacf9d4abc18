/* oidc.c: the keys of the organisation's identity provider, from a file or a URL. A fetch runs in
 * the door's loop without waiting; requests whose key is not known wait for it, and a key that
 * stays unknown makes no second fetch for a while. */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "clock.h"
#include "door.h"
#include "log.h"

struct oidc {
	struct door *door;
	struct jwt_keys *keys;
	CURLM *multi;
	CURL *easy; /* NULL: no fetch runs */
	char *body;
	size_t body_size;
	bool body_too_large;
	uint64_t asked_ns;   /* the last fetch began */
	uint64_t fetched_ns; /* the last one that succeeded */
	struct timespec file_time;
	struct request *waiting;
};

bool oidc_is_configured(const struct door *door)
{
	return door->config->oidc_issuer[0] != 0;
}

static void keys_take(struct oidc *oidc, struct str text, const char *from)
{
	struct jwt_keys *keys = NULL;
	struct problem problem = { 0 };
	enum st st = jwt_keys_parse(text, &keys, &problem);

	if (st != ST_OK) {
		log_write(LOG_ERROR,
			  &(struct log_fields){ .category = "oidc", .status = st_info(st)->code },
			  "the key set of \"%s\" is not taken, the one before stays: %s", from,
			  problem.detail);
		return;
	}
	jwt_keys_free(oidc->keys);
	oidc->keys = keys;
	oidc->fetched_ns = clock_mono_ns();
	log_write(LOG_INFO, &(struct log_fields){ .category = "oidc" }, "%zu keys from \"%s\"",
		  jwt_keys_count(keys), from);
}

/* ---- file ---- */

static void file_refresh(struct oidc *oidc)
{
	const char *path = oidc->door->config->oidc_keys_file;
	struct stat info;
	FILE *file;

	if (!path[0] || stat(path, &info) != 0 ||
	    (oidc->keys && info.st_mtim.tv_sec == oidc->file_time.tv_sec &&
	     info.st_mtim.tv_nsec == oidc->file_time.tv_nsec))
		return;
	oidc->file_time = info.st_mtim;
	file = fopen(path, "re");
	char *text = malloc(JWT_KEY_SET_BYTES_MAX + 1);
	if (file && text) {
		size_t size = fread(text, 1, JWT_KEY_SET_BYTES_MAX + 1, file);
		keys_take(oidc, (struct str){ text, size }, path);
	}
	free(text);
	if (file)
		fclose(file);
}

/* ---- URL ---- */

static size_t on_body(char *data, size_t one, size_t size, void *closure)
{
	struct oidc *oidc = closure;

	(void)one;
	if (oidc->body_size + size > JWT_KEY_SET_BYTES_MAX) {
		oidc->body_too_large = true;
		return 0;
	}
	memcpy(oidc->body + oidc->body_size, data, size);
	oidc->body_size += size;
	return size;
}

static void fetch_begin(struct oidc *oidc)
{
	const char *url = oidc->door->config->oidc_keys_url;

	oidc->asked_ns = clock_mono_ns();
	oidc->body_size = 0;
	oidc->body_too_large = false;
	oidc->easy = curl_easy_init();
	if (!oidc->easy)
		return;
	curl_easy_setopt(oidc->easy, CURLOPT_URL, url);
	curl_easy_setopt(oidc->easy, CURLOPT_PROTOCOLS_STR, "https,http");
	curl_easy_setopt(oidc->easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(oidc->easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(oidc->easy, CURLOPT_TIMEOUT_MS, (long)DOOR_OIDC_FETCH_MS);
	curl_easy_setopt(oidc->easy, CURLOPT_MAXFILESIZE, (long)JWT_KEY_SET_BYTES_MAX);
	curl_easy_setopt(oidc->easy, CURLOPT_FAILONERROR, 1L);
	curl_easy_setopt(oidc->easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(oidc->easy, CURLOPT_WRITEDATA, oidc);
	curl_multi_add_handle(oidc->multi, oidc->easy);
}

static void waiting_release(struct oidc *oidc)
{
	struct request *request = oidc->waiting;

	oidc->waiting = NULL;
	while (request) {
		struct request *next = request->next_waiting;
		request->next_waiting = NULL;
		request_on_keys(request);
		request = next;
	}
}

static void fetch_end(struct oidc *oidc, CURLcode result)
{
	const char *url = oidc->door->config->oidc_keys_url;

	curl_multi_remove_handle(oidc->multi, oidc->easy);
	curl_easy_cleanup(oidc->easy);
	oidc->easy = NULL;
	if (result == CURLE_OK)
		keys_take(oidc, (struct str){ oidc->body, oidc->body_size }, url);
	else
		log_write(LOG_ERROR, &(struct log_fields){ .category = "oidc" },
			  "the keys of \"%s\" cannot be read: %s", url,
			  oidc->body_too_large ? "they are too large" : curl_easy_strerror(result));
	waiting_release(oidc);
}

bool oidc_is_busy(const struct door *door)
{
	return door->oidc && door->oidc->easy;
}

void oidc_run(struct door *door)
{
	struct oidc *oidc = door->oidc;
	uint64_t now_ns = clock_mono_ns();
	int running = 0, left = 0;
	CURLMsg *message;

	if (!oidc)
		return;
	file_refresh(oidc);
	if (!oidc->easy && door->config->oidc_keys_url[0] &&
	    (now_ns - oidc->asked_ns > DOOR_OIDC_KEEP_MS * 1000000ull ||
	     (!oidc->keys && now_ns - oidc->asked_ns > DOOR_OIDC_FETCH_MS * 1000000ull)))
		fetch_begin(oidc);
	if (!oidc->easy)
		return;
	curl_multi_perform(oidc->multi, &running);
	while ((message = curl_multi_info_read(oidc->multi, &left)))
		if (message->msg == CURLMSG_DONE) {
			fetch_end(oidc, message->data.result);
			break;
		}
}

/* True when the request waits now. */
static bool keys_wait(struct request *request)
{
	struct oidc *oidc = request->door->oidc;
	bool may_ask = request->door->config->oidc_keys_url[0] &&
		       clock_mono_ns() - oidc->asked_ns > DOOR_OIDC_AGAIN_MS * 1000000ull;

	if (!oidc->easy && may_ask)
		fetch_begin(oidc);
	if (!oidc->easy || request->state == REQUEST_WAITING)
		return false;
	request->next_waiting = oidc->waiting;
	oidc->waiting = request;
	return true;
}

enum st oidc_check(struct request *request, struct principal *ret, struct problem *problem)
{
	const struct gateway_config *config = request->door->config;
	struct oidc *oidc = request->door->oidc;
	const struct jwt_rules rules = {
		.issuer = str_of(config->oidc_issuer),
		.audience = str_of(config->oidc_audience),
		.scopes_claim = str_of(config->oidc_scopes_claim),
		.now_ms = clock_now_ms(),
	};
	enum st st;

	file_refresh(oidc);
	st = jwt_check(request->credential.text, oidc->keys, &rules, ret, problem);
	if (st == ST_KEY_UNKNOWN && keys_wait(request))
		*problem = (struct problem){ 0 };
	return st;
}

enum st oidc_open(struct door *door, struct problem *problem)
{
	struct oidc *oidc;

	if (!oidc_is_configured(door))
		return ST_OK;
	if (!door->config->oidc_audience[0] ||
	    (!door->config->oidc_keys_url[0] && !door->config->oidc_keys_file[0]))
		return problem_set(problem, ST_CONFIG_INVALID, "PIOPL_GATEWAY_OIDC_ISSUER",
				   "an issuer needs PIOPL_GATEWAY_OIDC_AUDIENCE and its keys: "
				   "PIOPL_GATEWAY_OIDC_KEYS_URL or PIOPL_GATEWAY_OIDC_KEYS_FILE");
	oidc = calloc(1, sizeof(*oidc));
	curl_global_init(CURL_GLOBAL_DEFAULT);
	if (oidc) {
		oidc->door = door;
		oidc->multi = curl_multi_init();
		oidc->body = malloc(JWT_KEY_SET_BYTES_MAX);
	}
	if (!oidc || !oidc->multi || !oidc->body) {
		if (oidc) {
			curl_multi_cleanup(oidc->multi);
			free(oidc->body);
		}
		free(oidc);
		return problem_set(problem, ST_NO_MEMORY, "", "no memory for the provider's keys");
	}
	door->oidc = oidc;
	if (door->config->oidc_keys_url[0])
		fetch_begin(oidc);
	return ST_OK;
}

void oidc_close(struct door *door)
{
	struct oidc *oidc = door->oidc;

	if (!oidc)
		return;
	if (oidc->easy) {
		curl_multi_remove_handle(oidc->multi, oidc->easy);
		curl_easy_cleanup(oidc->easy);
		oidc->easy = NULL;
	}
	waiting_release(oidc);
	curl_multi_cleanup(oidc->multi);
	jwt_keys_free(oidc->keys);
	free(oidc->body);
	free(oidc);
	door->oidc = NULL;
}
