/* demonstration.c: founds the fleet of a new installation and shows that its evidence holds. */
#include "services/terminal/demonstration.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "gen/audit.h"
#include "gen/registry.h"
#include "services/terminal/constitution.h"
#include "services/terminal/evidence.h"
#include "services/terminal/operation.h"
#include "services/terminal/process.h"

#define EVIDENCE_MS_MAX 30000
#define EVIDENCE_WAIT_MS 100

void demonstration_done(struct terminal *t, const char *format, ...)
{
	char text[700];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	terminal_say(t, "  %sok%s     %s\n", t->color ? "\033[32m" : "", t->color ? "\033[0m" : "",
		     text);
}

/* --- the first steward --- */

static enum st steward_key(struct terminal *t, struct signing_key *ret, struct problem *problem)
{
	struct site_text path = site_steward_key(&t->site);

	if (access(path.text, F_OK) == 0)
		return signing_key_load(path.text, ret, problem);
	signing_key_generate(ret);
	return signing_key_create(path.text, ret, problem);
}

static enum st found(struct terminal *t, struct problem *problem)
{
	struct registry_founding act = {
		.name = STR("Steward"),
		.nonce = terminal_nonce(t),
		.issued_at_ms = terminal_now_ms(t),
	};
	struct registry_found_request request;
	struct registry_person_reply reply;
	struct signing_key steward;
	struct signing_key root;
	char text[PUBLIC_KEY_TEXT_SIZE];

	TRY(steward_key(t, &steward, problem));
	base64_encode(steward.public_key, sizeof(steward.public_key), text);
	act.public_key = str_of(text);
	signing_key_clear(&steward);
	TRY(signing_key_load(site_path(&t->site, "keys/root.key").text, &root, problem));
	TRY(terminal_sign_with(t, &root, REGISTRY_FOUNDING_PURPOSE, &registry_founding_type, &act,
			       &request.act, problem));
	signing_key_clear(&root);
	TRY(terminal_call(t, &CALL_REGISTRY_FOUND, &request, &reply, problem));
	demonstration_done(t, "steward %.*s, key %s", STR_ARG(reply.person.person_id),
			   site_steward_key(&t->site).text);
	return ST_OK;
}

static enum st founding_ensure(struct terminal *t, struct problem *problem)
{
	struct registry_person_list_request request = { 0 };
	struct registry_person_list_reply reply;

	TRY(terminal_call(t, &CALL_REGISTRY_PERSON_LIST, &request, &reply, problem));
	return reply.people.count > 0 ? ST_OK : found(t, problem);
}

/* --- the constitution --- */

static enum st constitution_ensure(struct terminal *t, struct problem *problem)
{
	struct registry_constitution_list_request request = { 0 };
	struct registry_constitution_list_reply list;
	struct registry_constitution_activate_reply activated;
	struct registry_constitution_reply added;
	struct str hash = { 0 };

	TRY(terminal_call(t, &CALL_REGISTRY_CONSTITUTION_LIST, &request, &list, problem));
	for (size_t i = 0; i < list.constitutions.count; i++) {
		if (list.constitutions.items[i].in_force)
			return ST_OK;
		hash = list.constitutions.items[i].hash;
	}
	if (!hash.data) {
		TRY(constitution_add(t, t->site.constitution, STR("Constitution of the fleet"),
				     &added, problem));
		hash = added.constitution.hash;
	}
	TRY(constitution_activate(t, hash, STR("founding of the fleet"), &activated, problem));
	demonstration_done(t, "constitution %.*s", STR_ARG(activated.hash));
	return ST_OK;
}

/* --- the team --- */

static enum st unit_ensure(struct terminal *t, const char *path, const char *title,
			   struct problem *problem)
{
	struct registry_unit_create_request request = {
		.path = str_of(path),
		.title = str_of(title),
	};
	struct registry_unit_reply reply;
	enum st st = terminal_call(t, &CALL_REGISTRY_UNIT_CREATE, &request, &reply, problem);

	if (st == ST_ALREADY_EXISTS)
		return ST_OK;
	if (st == ST_OK)
		demonstration_done(t, "unit %s", path);
	return st;
}

static enum st team_list(struct terminal *t, struct registry_agent_list_reply *ret,
			 struct problem *problem)
{
	struct registry_agent_list_request request = {
		.unit = STR(DEMONSTRATION_TEAM),
		.has_limit = true,
		.limit = DEMONSTRATION_AGENTS,
	};

	return terminal_call(t, &CALL_REGISTRY_AGENT_LIST, &request, ret, problem);
}

static enum st agents_ensure(struct terminal *t, bool *ret_made, struct problem *problem)
{
	struct registry_revenue_input revenue = { .settlement_account = STR("ledger:studio") };
	struct registry_agents_create_request request = {
		.count = DEMONSTRATION_AGENTS,
		.name_prefix = STR("ContentCrafter"),
		.profile = {
			.role = STR(DEMONSTRATION_ROLE),
			.owner = STR("steward"),
			.unit = STR(DEMONSTRATION_TEAM),
			.revenue = &revenue,
		},
	};
	struct registry_operation_reply reply;
	struct registry_agent_list_reply team;

	TRY(team_list(t, &team, problem));
	*ret_made = team.agents.count == 0;
	if (team.agents.count > 0)
		return ST_OK;
	TRY(terminal_call(t, &CALL_REGISTRY_AGENTS_CREATE, &request, &reply, problem));
	TRY(operation_wait(t, reply.operation.operation_id, &reply.operation, problem));
	if (reply.operation.state != REGISTRY_OPERATION_STATE_FINISHED)
		return problem_set(problem, ST_INTERNAL, "", "the batch ended as %s: %.*s",
				   registry_operation_state_names[reply.operation.state - 1],
				   STR_ARG(reply.operation.error_detail));
	demonstration_done(t, "%d agents in %s, one call", DEMONSTRATION_AGENTS,
			   DEMONSTRATION_TEAM);
	return ST_OK;
}

/* --- the evidence --- */

static enum st chains_wait(struct terminal *t, const struct registry_agent_list_reply *team,
			   struct problem *problem)
{
	int64_t until_ms = clock_boot_ms() + EVIDENCE_MS_MAX;

	for (size_t i = 0; i < team->agents.count;) {
		struct audit_chain_get_request request = {
			.agent_id = team->agents.items[i].agent_id,
		};
		struct audit_chain chain;
		enum st st = terminal_call(t, &CALL_AUDIT_CHAIN_GET, &request, &chain, problem);

		terminal_progress(t, "evidence", (int64_t)i, (int64_t)team->agents.count);
		if (st == ST_OK) {
			i++;
			continue;
		}
		if (st != ST_NOT_FOUND)
			return st;
		if (clock_boot_ms() > until_ms) {
			problem_set(problem, ST_UNAVAILABLE, "",
				    "no evidence of %.*s reached the log within %d s",
				    STR_ARG(request.agent_id), EVIDENCE_MS_MAX / 1000);
			problem_hint(problem, "see: piopl doctor");
			return ST_UNAVAILABLE;
		}
		process_sleep_ms(EVIDENCE_WAIT_MS);
	}
	terminal_progress_end(t);
	demonstration_done(t, "evidence of all %zu agents is in the log", team->agents.count);
	return ST_OK;
}

enum st demonstration_evidence(struct terminal *t, struct str evidence_id, struct problem *problem)
{
	struct audit_record_find_request request = { .evidence_id = evidence_id };
	int64_t until_ms = clock_boot_ms() + EVIDENCE_MS_MAX;
	struct audit_record_reply reply;
	enum st st;

	do {
		st = terminal_call(t, &CALL_AUDIT_RECORD_FIND, &request, &reply, problem);
		if (st != ST_NOT_FOUND)
			return st;
		process_sleep_ms(EVIDENCE_WAIT_MS);
	} while (clock_boot_ms() < until_ms);
	return st;
}

static enum st evidence_check(struct terminal *t, struct problem *problem)
{
	struct site_text path = site_path(&t->site, "demonstration/evidence.jsonl");
	struct auditlog_summary summary;

	if (!directory_make(site_path(&t->site, "demonstration").text, 0755))
		return problem_set(problem, ST_UNAVAILABLE, "", "cannot make \"%s\"",
				   site_path(&t->site, "demonstration").text);
	TRY(evidence_checkpoint_wait(t, problem));
	TRY(evidence_export(t, path.text, 0, -1, problem));
	TRY(evidence_verify_file(t, path.text, &summary, problem));
	demonstration_done(t, "%lld records, %lld chains verified offline: %s",
			   (long long)summary.records, (long long)summary.chains, path.text);
	return ST_OK;
}

/* Commands as they can be typed here: by the name this program was called. */
static void next_say(struct terminal *t)
{
	static const char *const next[] = {
		"agent get piopl_00001",
		"agent activate piopl_00002 --reason \"second of the studio\"",
		"policy what-may piopl_00001",
		"policy list",
		"token list",
		"approval list --state consumed",
		"wallet list",
		"meter horizon",
		"audit query --agent piopl_00001",
		"kill --agent piopl_00010 --reason \"a drill\"",
		"audit verify",
		"status",
	};

	terminal_say(t, "\nWhat to try next:\n");
	for (size_t i = 0; i < sizeof(next) / sizeof(next[0]); i++)
		terminal_say(t, "  %s %s\n", program_invocation_name, next[i]);
}

enum st demonstration_run(struct terminal *t, struct problem *problem)
{
	struct registry_agent_list_reply team;
	bool made, shown, paid;

	TRY(founding_ensure(t, problem));
	TRY(constitution_ensure(t, problem));
	TRY(unit_ensure(t, DEMONSTRATION_AREA, "Studio", problem));
	TRY(unit_ensure(t, DEMONSTRATION_TEAM, "Studio, first team", problem));
	TRY(agents_ensure(t, &made, problem));
	TRY(team_list(t, &team, problem));
	TRY(demonstration_authority(t, &team, &shown, problem));
	TRY(demonstration_money(t, &paid, problem));
	if (!made && !shown && !paid) {
		terminal_say(t, "the fleet is founded already; see: piopl agent list\n");
		return ST_OK;
	}
	TRY(chains_wait(t, &team, problem));
	TRY(team_list(t, &team, problem));
	TRY(evidence_check(t, problem));
	if (t->json)
		return ST_OK;
	terminal_say(t, "\n");
	inventory_show(t, &team);
	next_say(t);
	return ST_OK;
}
