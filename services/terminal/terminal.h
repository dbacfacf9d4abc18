/* terminal.h: one run of the command line: what was asked, how to answer, and the way to the
 * services. Commands are functions of this and answer with a status; main turns it into one line
 * and an exit code. */
#ifndef PIOPL_TERMINAL_TERMINAL_H
#define PIOPL_TERMINAL_TERMINAL_H

#include "arena.h"
#include "bus.h"
#include "crypto.h"
#include "gen/common.h"
#include "services/terminal/command.h"
#include "services/terminal/site.h"
#include "services/terminal/table.h"
#include "st.h"

#define TERMINAL_VERSION "0.1.0"
#define TERMINAL_IDENTITY "terminal"
#define TERMINAL_ARENA_BYTES_MAX (256 * 1024 * 1024)
#define TERMINAL_FILE_BYTES_MAX (16 * 1024 * 1024)
#define TERMINAL_RETRIES_MAX 5

struct terminal {
	struct site site;
	struct args args;
	struct arena arena;
	bool json;
	bool color;            /* standard output may be coloured */
	bool tty;              /* standard error is a terminal: progress may be drawn */
	struct bus *bus;       /* opened by the first call */
	const char *principal; /* on whose behalf calls are made; NULL: nobody's */
};

/* main's work: parse, find, run, report. The process's exit status. */
int terminal_main(int argc, const char *const *argv);
int terminal_exit_code(enum st st);

/* --- answering --- */
void terminal_say(struct terminal *t, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void terminal_write(struct str text); /* to standard output */
void terminal_table(struct terminal *t, const struct table *table);
/* "name            value", the whole of it; nothing when the value is empty. */
void terminal_field(struct terminal *t, const char *name, struct str value);
/* A value of the contract as indented JSON. */
MUST_CHECK enum st terminal_json(struct terminal *t, const struct proto_type *type,
				 const void *value);
/* Asks on the terminal that `word` be typed; true with --yes. Without a terminal it refuses. */
MUST_CHECK enum st terminal_confirm(struct terminal *t, const char *question, const char *word,
				    struct problem *problem);
/* Draws over the line before; only where there is a terminal. */
void terminal_progress(struct terminal *t, const char *what, int64_t done, int64_t total);
void terminal_progress_end(struct terminal *t);
const char *terminal_time(struct terminal *t, int64_t ms); /* "" for 0 */

/* --- asking --- */
MUST_CHECK enum st terminal_connect(struct terminal *t, struct problem *problem);
/* Makes the call; a key makes an idempotent one safe to repeat, and it is repeated when nothing
 * answers for a moment. */
MUST_CHECK enum st terminal_call(struct terminal *t, const struct proto_call *call,
				 const void *request, void *reply, struct problem *problem);
/* A call that every service has. */
MUST_CHECK enum st terminal_call_service(struct terminal *t, const char *service,
					 const struct proto_call *call, const void *request,
					 void *reply, struct problem *problem);
/* Makes the call and prints the answer as JSON when that is wanted: then `ret_printed`. */
MUST_CHECK enum st terminal_ask(struct terminal *t, const struct proto_call *call,
				const void *request, void *reply, bool *ret_printed,
				struct problem *problem);

/* --- signing --- */
/* The steward's key, or the one --key names. */
MUST_CHECK enum st terminal_key(struct terminal *t, struct signing_key *ret,
				struct problem *problem);
MUST_CHECK enum st terminal_sign_with(struct terminal *t, const struct signing_key *key,
				      const char *purpose, const struct proto_type *type,
				      const void *act, struct common_signed_act *ret,
				      struct problem *problem);
MUST_CHECK enum st terminal_sign(struct terminal *t, const char *purpose,
				 const struct proto_type *type, const void *act,
				 struct common_signed_act *ret, struct problem *problem);
/* The person whose key signs, found in the registry; `ret_id` lives in the arena. Calls are made on
 * their behalf from then on. */
MUST_CHECK enum st terminal_person(struct terminal *t, struct str *ret_id, struct problem *problem);
struct str terminal_nonce(struct terminal *t);
/* The time services see, so that a signed act is not too old when their clock was moved. */
int64_t terminal_now_ms(struct terminal *t);

/* --- files --- */
MUST_CHECK enum st terminal_read_file(struct terminal *t, const char *path, struct str *ret,
				      struct problem *problem);
MUST_CHECK enum st terminal_public_key_file(struct terminal *t, const char *path, struct str *ret,
					    struct problem *problem);

/* An option as text of the contract; .data NULL when it was not given. */
struct str terminal_text(const struct terminal *t, const char *name);
/* All values of a repeated option, in the arena. */
MUST_CHECK enum st terminal_texts(struct terminal *t, const char *name, struct str **ret,
				  size_t *ret_count);
/* "10.00 GBP" */
MUST_CHECK enum st terminal_money(struct terminal *t, const char *name, struct money *ret,
				  struct problem *problem);
/* Enum values of the contract are the place of the choice, from 1; 0 is absent. */
int terminal_choice(const struct terminal *t, const char *name);

/* --- commands --- */
typedef enum st command_run(struct terminal *t, struct problem *problem);
command_run *command_runner(enum command_id id);

command_run cmd_up, cmd_down, cmd_reset, cmd_status, cmd_top, cmd_doctor, cmd_migrate,
	cmd_supervise;
command_run cmd_clock_show, cmd_clock_advance, cmd_parked_list, cmd_parked_replay;
command_run cmd_agent_create, cmd_agent_batch, cmd_agent_get, cmd_agent_list, cmd_agent_count;
command_run cmd_agent_update, cmd_agent_versions, cmd_agent_activate, cmd_agent_pause;
command_run cmd_agent_resume, cmd_agent_throttle, cmd_agent_export;
command_run cmd_role_list, cmd_role_get, cmd_role_put;
command_run cmd_constitution_list, cmd_constitution_show, cmd_constitution_add;
command_run cmd_constitution_activate, cmd_unit_create, cmd_unit_list;
command_run cmd_person_list, cmd_person_add, cmd_person_remove;
command_run cmd_key_generate, cmd_key_list, cmd_key_add, cmd_key_remove, cmd_key_rotate;
command_run cmd_wallet_new, cmd_wallet_login;
command_run cmd_wallet_create, cmd_wallet_show, cmd_wallet_list, cmd_wallet_set;
command_run cmd_wallet_deposit, cmd_wallet_withdraw, cmd_wallet_transfer, cmd_wallet_reverse;
command_run cmd_wallet_balance, cmd_wallet_statement, cmd_wallet_audit;
command_run cmd_wallet_hold, cmd_wallet_capture, cmd_wallet_release;
command_run cmd_ledger_list, cmd_ledger_export, cmd_ledger_cut;
command_run cmd_job_create, cmd_job_extend, cmd_job_stop, cmd_job_show, cmd_job_list;
command_run cmd_meter_show, cmd_meter_sandboxes, cmd_meter_usage, cmd_meter_horizon;
command_run cmd_price_list, cmd_price_quote, cmd_price_put;
command_run cmd_kill, cmd_operation_show, cmd_call;
command_run cmd_audit_query, cmd_audit_show, cmd_audit_verify, cmd_audit_checkpoint;
command_run cmd_audit_proof, cmd_audit_export, cmd_audit_import, cmd_audit_witness;
command_run cmd_audit_hold, cmd_audit_retention;
command_run cmd_policy_validate;
command_run cmd_policy_test;
command_run cmd_policy_put;
command_run cmd_policy_plan;
command_run cmd_policy_apply;
command_run cmd_policy_shadow;
command_run cmd_policy_retire;
command_run cmd_policy_rollback;
command_run cmd_policy_versions;
command_run cmd_policy_list;
command_run cmd_policy_show;
command_run cmd_policy_explain;
command_run cmd_policy_try;
command_run cmd_policy_decide;
command_run cmd_policy_what_may;
command_run cmd_policy_who_may;
command_run cmd_policy_touching;
command_run cmd_policy_replay;
command_run cmd_grant_list;
command_run cmd_grant_add;
command_run cmd_grant_remove;
command_run cmd_token_issue;
command_run cmd_token_list;
command_run cmd_token_show;
command_run cmd_token_revoke;
command_run cmd_token_keys;
command_run cmd_token_rotate;
command_run cmd_approval_list;
command_run cmd_approval_show;
command_run cmd_approval_approve;
command_run cmd_approval_reject;
command_run cmd_approval_preapprove;
command_run cmd_approval_preapprovals;
command_run cmd_approval_revoke;
command_run cmd_login;
command_run cmd_whoami;
command_run cmd_completion, cmd_man, cmd_help, cmd_version;

#endif
