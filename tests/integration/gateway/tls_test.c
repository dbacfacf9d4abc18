/* tls_test.c: the door under TLS: what it speaks and what it does not. */
#include <curl/curl.h>
#include <sys/wait.h>

#include "client.h"

static struct client client;
static char certificate[600], key[600];

static int start(void **state)
{
	static const char *const names[] = { "gateway", NULL };
	char command[2048], certificate_env[700], key_env[700];
	const char *env[] = { certificate_env, key_env, NULL };

	(void)state;
	snprintf(certificate, sizeof(certificate), "/tmp/piopl-tls-%d.pem", (int)getpid());
	snprintf(key, sizeof(key), "/tmp/piopl-tls-%d.key", (int)getpid());
	snprintf(command, sizeof(command),
		 "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 "
		 "-subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 -keyout %s -out %s "
		 "2>/dev/null",
		 key, certificate);
	assert_int_equal(system(command), 0);
	snprintf(certificate_env, sizeof(certificate_env), "PIOPL_GATEWAY_TLS_CERTIFICATE_FILE=%s",
		 certificate);
	snprintf(key_env, sizeof(key_env), "PIOPL_GATEWAY_TLS_KEY_FILE=%s", key);
	client_start(&client, names, env);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	stack_stop(&client.stack);
	unlink(certificate);
	unlink(key);
	return 0;
}

static size_t take(char *data, size_t one, size_t size, void *closure)
{
	struct answer *answer = closure;

	if (answer->size + one * size < sizeof(answer->text) - 1) {
		memcpy(answer->text + answer->size, data, one * size);
		answer->size += one * size;
		answer->text[answer->size] = 0;
	}
	return one * size;
}

static CURLcode fetch(long version, const char *ciphers, struct answer *ret)
{
	char url[128];
	long status = 0;
	CURL *curl = curl_easy_init();

	snprintf(url, sizeof(url), "https://127.0.0.1:%d/healthz", client.port);
	ret->size = 0;
	ret->text[0] = 0;
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_CAINFO, certificate);
	curl_easy_setopt(curl, CURLOPT_SSLVERSION, version);
	if (ciphers)
		curl_easy_setopt(curl, CURLOPT_SSL_CIPHER_LIST, ciphers);
	curl_easy_setopt(curl, CURLOPT_HEADER, 1L);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, 10L);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, ret);
	CURLcode code = curl_easy_perform(curl);
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	ret->status = (int)status;
	curl_easy_cleanup(curl);
	return code;
}

/* [GTW-1] */
static void tls_13_and_12_are_spoken(void **state)
{
	static struct answer answer;

	(void)state;
	assert_int_equal(fetch(CURL_SSLVERSION_TLSv1_3, NULL, &answer), CURLE_OK);
	assert_int_equal(answer.status, 200);
	assert_non_null(strstr(answer.text, "Strict-Transport-Security: max-age="));
	assert_int_equal(
		fetch(CURL_SSLVERSION_TLSv1_2 | CURL_SSLVERSION_MAX_TLSv1_2, NULL, &answer),
		CURLE_OK);
	assert_int_equal(answer.status, 200);
}

/* [GTW-1] */
static void old_versions_and_ciphers_are_not(void **state)
{
	static struct answer answer;

	(void)state;
	assert_int_not_equal(fetch(CURL_SSLVERSION_TLSv1_1 | CURL_SSLVERSION_MAX_TLSv1_1,
				   "DEFAULT@SECLEVEL=0", &answer),
			     CURLE_OK);
	assert_int_not_equal(fetch(CURL_SSLVERSION_TLSv1_2 | CURL_SSLVERSION_MAX_TLSv1_2,
				   "ECDHE-ECDSA-AES128-SHA:AES128-SHA:@SECLEVEL=0", &answer),
			     CURLE_OK);
}

/* Plain HTTP to the same port is no way around. */
static void plain_http_is_not_answered(void **state)
{
	(void)state;
	assert_int_equal(client_get(&client, "/healthz", NULL)->status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tls_13_and_12_are_spoken),
		cmocka_unit_test(old_versions_and_ciphers_are_not),
		cmocka_unit_test(plain_http_is_not_answered),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
