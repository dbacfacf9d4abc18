/* command_test.c: piopl wallet new and piopl wallet login against a running gateway. */
#include "client.h"

static struct client client;
static char url[64], wallet[600], token[600];

static int start(void **state)
{
	static const char *const names[] = { "gateway", NULL };
	char port_env[64], domain_env[64];
	const char *env[] = { port_env, domain_env, NULL };
	int port = harness_free_port();

	(void)state;
	snprintf(port_env, sizeof(port_env), "PIOPL_GATEWAY_LISTEN_PORT=%d", port);
	snprintf(domain_env, sizeof(domain_env), "PIOPL_GATEWAY_LOGIN_DOMAIN=127.0.0.1:%d", port);
	snprintf(url, sizeof(url), "http://127.0.0.1:%d", port);
	client_start(&client, names, env);
	client.port = port;
	snprintf(wallet, sizeof(wallet), "%s/my.wallet", harness_folder(client.stack.harness));
	snprintf(token, sizeof(token), "%s/token", harness_folder(client.stack.harness));
	return 0;
}

static int stop(void **state)
{
	(void)state;
	stack_stop(&client.stack);
	return 0;
}

/* Exit status; what it wrote is in `output`. */
static char output[8192];
static int piopl(const char *format, ...) __attribute__((format(printf, 1, 2)));
static int piopl(const char *format, ...)
{
	char words[2048], line[3072];
	va_list args;
	size_t size;

	va_start(args, format);
	vsnprintf(words, sizeof(words), format, args);
	va_end(args);
	snprintf(line, sizeof(line), "%s/bin/piopl %s 2>&1 </dev/null", harness_build_folder(),
		 words);
	FILE *pipe = popen(line, "r");
	assert_non_null(pipe);
	size = fread(output, 1, sizeof(output) - 1, pipe);
	output[size] = 0;
	return WEXITSTATUS(pclose(pipe));
}

/* [GTW-4] */
static void a_new_wallet_logs_in(void **state)
{
	struct stat info;
	char address[64], expected[96], text[128];

	(void)state;
	assert_int_equal(piopl("wallet new %s", wallet), 0);
	assert_int_equal(sscanf(output, "%42s", address), 1);
	assert_int_equal(stat(wallet, &info), 0);
	assert_int_equal(info.st_mode & 0777, 0600);
	if (piopl("wallet login %s --url %s --token %s", wallet, url, token) != 0)
		fail_msg("%s", output);
	assert_null(strstr(output, "_0000")); /* no key among it */
	assert_int_equal(stat(token, &info), 0);
	assert_int_equal(info.st_mode & 0777, 0600);
	FILE *file = fopen(token, "r");
	assert_non_null(file);
	assert_non_null(fgets(text, sizeof(text), file));
	fclose(file);
	assert_null(strstr(output, text));
	text[strcspn(text, "\n")] = 0;
	struct answer *answer = client_get(&client, "/v1/whoami", text);
	assert_int_equal(answer->status, 200);
	snprintf(expected, sizeof(expected), "\"principal\":\"operator:%s\"", address);
	assert_non_null(strstr(answer->body, expected));
}

/* [GTW-4] */
static void a_login_asks_for_what_it_needs(void **state)
{
	(void)state;
	assert_int_equal(piopl("wallet login %s --url %s/ --scope keys:read --json", wallet, url),
			 0);
	assert_non_null(strstr(output, "\"pk_"));
	assert_non_null(strstr(output, "\"keys:read\""));
	assert_null(strstr(output, "\"keys:write\""));
	assert_int_equal(piopl("wallet login %s --url %s --scope keys:admin", wallet, url), 1);
	assert_non_null(strstr(output, "keys:admin"));
	assert_int_equal(piopl("wallet login %s --url %s --chain 5", wallet, url), 1);
	assert_non_null(strstr(output, "chain 5 is not accepted"));
}

/* [GTW-4] a message for another domain than the one that is talked to is not signed */
static void a_wallet_signs_for_whom_it_talks_to_only(void **state)
{
	(void)state;
	assert_int_equal(piopl("wallet login %s --url http://localhost:%d", wallet, client.port),
			 1);
	assert_non_null(strstr(output, "nothing was signed"));
}

static void what_cannot_be_done_is_said(void **state)
{
	(void)state;
	assert_int_equal(piopl("wallet new %s", wallet), 1);
	assert_non_null(strstr(output, "is not replaced"));
	assert_int_equal(piopl("wallet login /nonexistent --url %s", url), 1);
	assert_non_null(strstr(output, "cannot open"));
	assert_int_equal(piopl("wallet login %s --url ftp://x", wallet), 2);
	assert_int_equal(
		piopl("wallet login %s --url http://127.0.0.1:%d", wallet, harness_free_port()), 3);
	assert_non_null(strstr(output, "does not answer"));
	chmod(wallet, 0644);
	assert_int_equal(piopl("wallet login %s --url %s", wallet, url), 1);
	assert_non_null(strstr(output, "others could use it"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_wallet_logs_in),
		cmocka_unit_test(a_login_asks_for_what_it_needs),
		cmocka_unit_test(a_wallet_signs_for_whom_it_talks_to_only),
		cmocka_unit_test(what_cannot_be_done_is_said),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
