/* dispatch.c: from the words to the function, and from its status to one line and an exit code. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "clock.h"
#include "services/terminal/terminal.h"

static command_run *const runners[COMMAND_COUNT] = {
	[COMMAND_UP] = cmd_up,
	[COMMAND_DOWN] = cmd_down,
	[COMMAND_RESET] = cmd_reset,
	[COMMAND_STATUS] = cmd_status,
	[COMMAND_TOP] = cmd_top,
	[COMMAND_DOCTOR] = cmd_doctor,
	[COMMAND_MIGRATE] = cmd_migrate,
	[COMMAND_SUPERVISE] = cmd_supervise,
	[COMMAND_CLOCK_SHOW] = cmd_clock_show,
	[COMMAND_CLOCK_ADVANCE] = cmd_clock_advance,
	[COMMAND_PARKED_LIST] = cmd_parked_list,
	[COMMAND_PARKED_REPLAY] = cmd_parked_replay,
	[COMMAND_AGENT_CREATE] = cmd_agent_create,
	[COMMAND_AGENT_BATCH] = cmd_agent_batch,
	[COMMAND_AGENT_GET] = cmd_agent_get,
	[COMMAND_AGENT_LIST] = cmd_agent_list,
	[COMMAND_AGENT_COUNT] = cmd_agent_count,
	[COMMAND_AGENT_UPDATE] = cmd_agent_update,
	[COMMAND_AGENT_VERSIONS] = cmd_agent_versions,
	[COMMAND_AGENT_ACTIVATE] = cmd_agent_activate,
	[COMMAND_AGENT_PAUSE] = cmd_agent_pause,
	[COMMAND_AGENT_RESUME] = cmd_agent_resume,
	[COMMAND_AGENT_THROTTLE] = cmd_agent_throttle,
	[COMMAND_AGENT_EXPORT] = cmd_agent_export,
	[COMMAND_ROLE_LIST] = cmd_role_list,
	[COMMAND_ROLE_GET] = cmd_role_get,
	[COMMAND_ROLE_PUT] = cmd_role_put,
	[COMMAND_CONSTITUTION_LIST] = cmd_constitution_list,
	[COMMAND_CONSTITUTION_SHOW] = cmd_constitution_show,
	[COMMAND_CONSTITUTION_ADD] = cmd_constitution_add,
	[COMMAND_CONSTITUTION_ACTIVATE] = cmd_constitution_activate,
	[COMMAND_UNIT_CREATE] = cmd_unit_create,
	[COMMAND_UNIT_LIST] = cmd_unit_list,
	[COMMAND_PERSON_LIST] = cmd_person_list,
	[COMMAND_PERSON_ADD] = cmd_person_add,
	[COMMAND_PERSON_REMOVE] = cmd_person_remove,
	[COMMAND_WALLET_NEW] = cmd_wallet_new,
	[COMMAND_WALLET_LOGIN] = cmd_wallet_login,
	[COMMAND_WALLET_CREATE] = cmd_wallet_create,
	[COMMAND_WALLET_SHOW] = cmd_wallet_show,
	[COMMAND_WALLET_LIST] = cmd_wallet_list,
	[COMMAND_WALLET_SET] = cmd_wallet_set,
	[COMMAND_WALLET_DEPOSIT] = cmd_wallet_deposit,
	[COMMAND_WALLET_WITHDRAW] = cmd_wallet_withdraw,
	[COMMAND_WALLET_TRANSFER] = cmd_wallet_transfer,
	[COMMAND_WALLET_REVERSE] = cmd_wallet_reverse,
	[COMMAND_WALLET_BALANCE] = cmd_wallet_balance,
	[COMMAND_WALLET_STATEMENT] = cmd_wallet_statement,
	[COMMAND_WALLET_AUDIT] = cmd_wallet_audit,
	[COMMAND_WALLET_HOLD] = cmd_wallet_hold,
	[COMMAND_WALLET_CAPTURE] = cmd_wallet_capture,
	[COMMAND_WALLET_RELEASE] = cmd_wallet_release,
	[COMMAND_LEDGER_LIST] = cmd_ledger_list,
	[COMMAND_LEDGER_EXPORT] = cmd_ledger_export,
	[COMMAND_LEDGER_CUT] = cmd_ledger_cut,
	[COMMAND_JOB_CREATE] = cmd_job_create,
	[COMMAND_JOB_EXTEND] = cmd_job_extend,
	[COMMAND_JOB_STOP] = cmd_job_stop,
	[COMMAND_JOB_SHOW] = cmd_job_show,
	[COMMAND_JOB_LIST] = cmd_job_list,
	[COMMAND_METER_SHOW] = cmd_meter_show,
	[COMMAND_METER_SANDBOXES] = cmd_meter_sandboxes,
	[COMMAND_METER_USAGE] = cmd_meter_usage,
	[COMMAND_METER_HORIZON] = cmd_meter_horizon,
	[COMMAND_PRICE_LIST] = cmd_price_list,
	[COMMAND_PRICE_QUOTE] = cmd_price_quote,
	[COMMAND_PRICE_PUT] = cmd_price_put,
	[COMMAND_KEY_GENERATE] = cmd_key_generate,
	[COMMAND_KEY_LIST] = cmd_key_list,
	[COMMAND_KEY_ADD] = cmd_key_add,
	[COMMAND_KEY_REMOVE] = cmd_key_remove,
	[COMMAND_KEY_ROTATE] = cmd_key_rotate,
	[COMMAND_KILL] = cmd_kill,
	[COMMAND_CALL] = cmd_call,
	[COMMAND_OPERATION_SHOW] = cmd_operation_show,
	[COMMAND_AUDIT_QUERY] = cmd_audit_query,
	[COMMAND_AUDIT_SHOW] = cmd_audit_show,
	[COMMAND_AUDIT_VERIFY] = cmd_audit_verify,
	[COMMAND_AUDIT_CHECKPOINT] = cmd_audit_checkpoint,
	[COMMAND_AUDIT_PROOF] = cmd_audit_proof,
	[COMMAND_AUDIT_EXPORT] = cmd_audit_export,
	[COMMAND_AUDIT_IMPORT] = cmd_audit_import,
	[COMMAND_AUDIT_WITNESS] = cmd_audit_witness,
	[COMMAND_AUDIT_HOLD] = cmd_audit_hold,
	[COMMAND_AUDIT_RETENTION] = cmd_audit_retention,
	[COMMAND_POLICY_VALIDATE] = cmd_policy_validate,
	[COMMAND_POLICY_TEST] = cmd_policy_test,
	[COMMAND_POLICY_PUT] = cmd_policy_put,
	[COMMAND_POLICY_PLAN] = cmd_policy_plan,
	[COMMAND_POLICY_APPLY] = cmd_policy_apply,
	[COMMAND_POLICY_SHADOW] = cmd_policy_shadow,
	[COMMAND_POLICY_RETIRE] = cmd_policy_retire,
	[COMMAND_POLICY_ROLLBACK] = cmd_policy_rollback,
	[COMMAND_POLICY_VERSIONS] = cmd_policy_versions,
	[COMMAND_POLICY_LIST] = cmd_policy_list,
	[COMMAND_POLICY_SHOW] = cmd_policy_show,
	[COMMAND_POLICY_EXPLAIN] = cmd_policy_explain,
	[COMMAND_POLICY_TRY] = cmd_policy_try,
	[COMMAND_POLICY_DECIDE] = cmd_policy_decide,
	[COMMAND_POLICY_WHAT_MAY] = cmd_policy_what_may,
	[COMMAND_POLICY_WHO_MAY] = cmd_policy_who_may,
	[COMMAND_POLICY_TOUCHING] = cmd_policy_touching,
	[COMMAND_POLICY_REPLAY] = cmd_policy_replay,
	[COMMAND_GRANT_LIST] = cmd_grant_list,
	[COMMAND_GRANT_ADD] = cmd_grant_add,
	[COMMAND_GRANT_REMOVE] = cmd_grant_remove,
	[COMMAND_TOKEN_ISSUE] = cmd_token_issue,
	[COMMAND_TOKEN_LIST] = cmd_token_list,
	[COMMAND_TOKEN_SHOW] = cmd_token_show,
	[COMMAND_TOKEN_REVOKE] = cmd_token_revoke,
	[COMMAND_TOKEN_KEYS] = cmd_token_keys,
	[COMMAND_TOKEN_ROTATE] = cmd_token_rotate,
	[COMMAND_APPROVAL_LIST] = cmd_approval_list,
	[COMMAND_APPROVAL_SHOW] = cmd_approval_show,
	[COMMAND_APPROVAL_APPROVE] = cmd_approval_approve,
	[COMMAND_APPROVAL_REJECT] = cmd_approval_reject,
	[COMMAND_APPROVAL_PREAPPROVE] = cmd_approval_preapprove,
	[COMMAND_APPROVAL_PREAPPROVALS] = cmd_approval_preapprovals,
	[COMMAND_APPROVAL_REVOKE] = cmd_approval_revoke,
	[COMMAND_LOGIN] = cmd_login,
	[COMMAND_WHOAMI] = cmd_whoami,
	[COMMAND_COMPLETION] = cmd_completion,
	[COMMAND_MAN] = cmd_man,
	[COMMAND_HELP] = cmd_help,
	[COMMAND_VERSION] = cmd_version,
};

command_run *command_runner(enum command_id id)
{
	ASSERT(id > COMMAND_NONE && id < COMMAND_COUNT);
	return runners[id];
}

int terminal_exit_code(enum st st)
{
	if (st == ST_OK)
		return 0;
	if (st == ST_USAGE)
		return 2;
	switch (st_info(st)->kind) {
	case ST_KIND_OK:
		return 0;
	case ST_KIND_REFUSAL:
		return 1;
	case ST_KIND_UNAVAILABLE:
		return 3;
	case ST_KIND_BUG:
		return 4;
	}
	return 4;
}

/* --- the one line --- */

static void report_json(struct terminal *t, enum st st, const struct problem *problem)
{
	const struct st_info *info = st_info(st);
	struct common_problem out = {
		.code = str_of(info->code),
		.title = str_of(info->title),
		.status = info->http,
		.retry = info->retry,
	};
	struct str text;

	if (problem->detail[0] != '\0')
		out.detail = str_of(problem->detail);
	if (problem->pointer[0] != '\0')
		out.pointer = str_of(problem->pointer);
	if (problem->hint[0] != '\0')
		out.hint = str_of(problem->hint);
	if (proto_encode(&common_problem_type, &out, &t->arena, &text) == ST_OK)
		fprintf(stderr, "%.*s\n", STR_ARG(text));
	else
		fprintf(stderr, "{\"code\":\"%s\"}\n", info->code);
}

static void report(struct terminal *t, enum st st, const struct problem *problem)
{
	const struct st_info *info = st_info(st);
	const struct command *command = t->args.command;
	struct buf buf;

	if (t->json) {
		report_json(t, st, problem);
		return;
	}
	buf_init(&buf, &t->arena, 512);
	buf_add_c(&buf, "piopl");
	if (command)
		buf_printf(&buf, " %s%s%s", command->noun, command->verb ? " " : "",
			   command->verb ? command->verb : "");
	buf_add_c(&buf, ": ");
	if (st == ST_USAGE && problem->pointer[0] != '\0')
		buf_printf(&buf, "%s: ", problem->pointer);
	/* what a service refuses is explained by its rule first, then by the case */
	if (problem->detail[0] == '\0' ||
	    (info->kind == ST_KIND_REFUSAL && st != ST_USAGE && st != ST_CONFIG_INVALID))
		buf_printf(&buf, "%s%s", info->title, problem->detail[0] != '\0' ? ": " : "");
	buf_add_c(&buf, problem->detail);
	if (st != ST_USAGE && problem->pointer[0] != '\0')
		buf_printf(&buf, " at %s", problem->pointer);
	if (st != ST_USAGE)
		buf_printf(&buf, " (%s)", info->code);
	if (problem->hint[0] != '\0')
		buf_printf(&buf, "; %s", problem->hint);
	else if (info->kind == ST_KIND_UNAVAILABLE && problem->retry_after_ms == 0)
		buf_add_c(&buf, "; see: piopl status");
	for (size_t i = 0; !buf.failed && i < buf.size; i++)
		if ((unsigned char)buf.data[i] < 0x20)
			buf.data[i] = ' ';
	fprintf(stderr, "%.*s\n", STR_ARG(buf_str(&buf)));
}

/* --- life --- */

static enum st help_show(struct terminal *t)
{
	struct buf buf;

	buf_init(&buf, &t->arena, 16384);
	if (t->args.command)
		help_command(t->args.command, &buf);
	else if (t->args.noun)
		help_noun(command_table(), t->args.noun, &buf);
	else
		help_overview(command_table(), &buf);
	terminal_write(buf_str(&buf));
	return ST_OK;
}

static bool wants_json(int argc, const char *const *argv)
{
	for (int i = 0; i < argc; i++)
		if (strcmp(argv[i], "--json") == 0)
			return true;
	return false;
}

/* "--version" and "--man" are the words people try first. */
static const char *const *aliased(int argc, const char *const *argv)
{
	static const char *const version[] = { "version" };
	static const char *const man[] = { "man" };

	if (argc == 1 && strcmp(argv[0], "--version") == 0)
		return version;
	if (argc == 1 && strcmp(argv[0], "--man") == 0)
		return man;
	return argv;
}

static enum st run(struct terminal *t, int argc, const char *const *argv, struct problem *problem)
{
	const char *no_color = getenv("NO_COLOR");

	TRY(args_parse(command_table(), argc, aliased(argc, argv), clock_now_ms(), &t->args,
		       problem));
	t->color = isatty(STDOUT_FILENO) && !(no_color && no_color[0] != '\0') &&
		   !args_has(&t->args, "no-color");
	t->tty = isatty(STDERR_FILENO) && !t->json;
	if (args_has(&t->args, "help") || !t->args.command)
		return help_show(t);
	TRY(site_load(&t->site, problem));
	return command_runner(t->args.command->id)(t, problem);
}

int terminal_main(int argc, const char *const *argv)
{
	struct terminal t = { 0 };
	struct problem problem = { 0 };
	enum st st;

	crypto_init();
	arena_init(&t.arena, TERMINAL_ARENA_BYTES_MAX);
	t.json = wants_json(argc, argv);
	st = run(&t, argc, argv, &problem);
	terminal_progress_end(&t);
	if (st != ST_OK)
		report(&t, st, &problem);
	if (t.bus)
		bus_close(t.bus);
	if (fflush(stdout) != 0 && st == ST_OK)
		st = ST_DISK_FULL;
	arena_free(&t.arena);
	return terminal_exit_code(st);
}
