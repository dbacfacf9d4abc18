/* cmd_policy.c: policy documents: read, tested, stored, planned, put in force, rolled back, shown.
 */
#include "services/terminal/policy.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "json.h"
#include "yaml_document.h"

#define ACTIVATION_VALIDITY_S 3600

/* --- files --- */

static int compare_paths(const void *a, const void *b)
{
	return str_compare(((const struct policy_file *)a)->path,
			   ((const struct policy_file *)b)->path);
}

static bool is_document(const char *name)
{
	return str_ends(str_of(name), ".yaml") && !str_ends(str_of(name), ".test.yaml");
}

static enum st folder_list(struct terminal *t, const char *path, struct policy_file *files,
			   size_t *ret_count, struct problem *problem)
{
	DIR *dir = opendir(path);
	enum st st = ST_OK;
	size_t count = 0;

	if (!dir)
		return problem_set(problem, ST_USAGE, "", "cannot read \"%s\": %s", path,
				   strerror(errno));
	for (struct dirent *e; (e = readdir(dir)) && st == ST_OK;) {
		if (!is_document(e->d_name))
			continue;
		if (count == POLICY_FILES_MAX)
			st = problem_set(problem, ST_USAGE, "", "\"%s\" has more than %d documents",
					 path, POLICY_FILES_MAX);
		else
			files[count++].path = arena_printf(&t->arena, "%s/%s", path, e->d_name);
	}
	closedir(dir);
	qsort(files, count, sizeof(*files), compare_paths);
	*ret_count = count;
	return st;
}

enum st policy_files(struct terminal *t, const char *path, struct policy_file **ret,
		     size_t *ret_count, struct problem *problem)
{
	struct policy_file *files = ARENA_ARRAY(&t->arena, struct policy_file, POLICY_FILES_MAX);
	struct stat info;
	size_t count = 1;

	if (!files)
		return ST_NO_MEMORY;
	files[0].path = str_of(path);
	if (stat(path, &info) == 0 && S_ISDIR(info.st_mode))
		TRY(folder_list(t, path, files, &count, problem));
	if (count == 0)
		return problem_set(problem, ST_USAGE, "", "\"%s\" has no *.yaml documents", path);
	for (size_t i = 0; i < count; i++)
		TRY(terminal_read_file(t, files[i].path.data, &files[i].text, problem));
	*ret = files;
	*ret_count = count;
	return ST_OK;
}

/* Which file a mistake is in stands before its place. */
static enum st file_refused(struct terminal *t, const struct policy_file *file, enum st st,
			    struct problem *problem)
{
	struct str detail =
		arena_printf(&t->arena, "%.*s: %s", STR_ARG(file->path), problem->detail);

	if (st_info(st)->kind == ST_KIND_REFUSAL && detail.data)
		(void)!str_copy(
			(struct str){ detail.data, utf8_cut(detail, sizeof(problem->detail) - 1) },
			problem->detail, sizeof(problem->detail));
	return st;
}

static const char *type_name(enum policy_policy_type type)
{
	return policy_policy_type_names[type - 1];
}

/* --- validate, test --- */

static enum st check_one(struct terminal *t, const struct policy_file *file, struct table *table,
			 struct json *list, size_t *refused, struct problem *problem)
{
	struct policy_document_check_request request = { .text = file->text };
	struct policy_document_check_reply reply;
	struct json *item = json_new(&t->arena, JSON_OBJECT);
	enum st st = terminal_call(t, &CALL_POLICY_DOCUMENT_CHECK, &request, &reply, problem);

	if (st != ST_OK && st_info(st)->kind != ST_KIND_REFUSAL)
		return st;
	json_set(&t->arena, item, "file", json_new_string(&t->arena, file->path));
	json_set(&t->arena, item, "valid", json_new_bool(&t->arena, st == ST_OK));
	json_add(list, item);
	table_cell(table, file->path);
	if (st == ST_OK) {
		table_cell_c(table, type_name(reply.type));
		table_cell(table, reply.node);
		table_cell_i64(table, reply.rules);
		table_cell_c(table, "good");
		return ST_OK;
	}
	++*refused;
	json_set(&t->arena, item, "code", json_new_string(&t->arena, str_of(st_info(st)->code)));
	json_set(&t->arena, item, "place",
		 json_new_string(&t->arena, arena_copy(&t->arena, str_of(problem->pointer))));
	json_set(&t->arena, item, "detail",
		 json_new_string(&t->arena, arena_copy(&t->arena, str_of(problem->detail))));
	for (int i = 0; i < 3; i++)
		table_cell_c(table, "");
	table_cell_c(table, "refused");
	fprintf(stderr, "%.*s: %s: %s\n", STR_ARG(file->path), problem->pointer, problem->detail);
	return ST_OK;
}

enum st cmd_policy_validate(struct terminal *t, struct problem *problem)
{
	struct json *list = json_new(&t->arena, JSON_ARRAY);
	struct policy_file *files;
	struct table table;
	size_t count, refused = 0;
	struct buf buf;

	TRY(policy_files(t, args_text(&t->args, "what"), &files, &count, problem));
	table_init(&table, &t->arena, "file|type|node|>rules|result");
	for (size_t i = 0; i < count; i++)
		TRY(check_one(t, &files[i], &table, list, &refused, problem));
	if (t->json) {
		buf_init(&buf, &t->arena, 4096);
		json_write_pretty(&buf, list);
		buf_add_char(&buf, '\n');
		terminal_write(buf_str(&buf));
	} else {
		terminal_table(t, &table);
	}
	if (refused == 0)
		return ST_OK;
	*problem = (struct problem){ 0 };
	return problem_set(problem, ST_POLICY_INVALID, "", "%zu of %zu documents would not load",
			   refused, count);
}

/* The policy program knows how, and needs nothing that runs. */
enum st cmd_policy_test(struct terminal *t, struct problem *problem)
{
	char program[SITE_PATH_MAX + 32];
	int status = 0;
	pid_t pid;

	snprintf(program, sizeof(program), "%s/piopl-policy", t->site.bin_dir);
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		execl(program, program, "test", args_text(&t->args, "folder"), (char *)NULL);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status) ||
	    WEXITSTATUS(status) == 127)
		return problem_set(problem, ST_UNAVAILABLE, "", "cannot run \"%s\"", program);
	if (WEXITSTATUS(status) == 0)
		return ST_OK;
	return problem_set(problem, ST_POLICY_INVALID, "",
			   WEXITSTATUS(status) == 1 ? "a test failed" : "a file cannot be read");
}

/* --- storing --- */

static struct str document_id_of(struct terminal *t, struct str text)
{
	struct yaml_document yaml;
	const struct json *body, *id;

	if (yaml_parse(&t->arena, text, &yaml, NULL) != ST_OK || yaml.root->kind != JSON_OBJECT)
		return (struct str){ 0 };
	body = json_member(yaml.root, "policy");
	if (!body)
		body = json_member(yaml.root, "crudlex");
	id = body && body->kind == JSON_OBJECT ? json_member(body, "id") : NULL;
	return id && id->kind == JSON_STRING ? id->text : (struct str){ 0 };
}

enum st policy_put(struct terminal *t, struct str text, struct str note,
		   struct policy_document *ret, bool *ret_new, struct problem *problem)
{
	struct policy_document_get_request get = { .document_id = document_id_of(t, text) };
	struct policy_document_put_request put = { .text = text, .note = note };
	struct policy_document_reply reply;

	if (get.document_id.data) {
		enum st st = terminal_call(t, &CALL_POLICY_DOCUMENT_GET, &get, &reply, problem);

		if (st == ST_OK && str_equal(reply.document.text, text)) {
			*ret = reply.document;
			*ret_new = false;
			return ST_OK;
		}
		if (st != ST_OK && st_info(st)->kind != ST_KIND_REFUSAL)
			return st;
	}
	TRY(terminal_call(t, &CALL_POLICY_DOCUMENT_PUT, &put, &reply, problem));
	*ret = reply.document;
	*ret_new = true;
	return ST_OK;
}

static void document_row(struct terminal *t, struct table *table, const struct policy_document *d)
{
	table_cell(table, d->document_id);
	table_cell_i64(table, d->revision);
	table_cell_c(table, policy_document_state_names[d->state - 1]);
	table_cell_c(table, type_name(d->type));
	table_cell(table, d->node);
	table_cell(table, d->title);
	table_cell_c(table, terminal_time(t, d->created_at_ms));
	table_cell(table, d->created_by);
}

#define DOCUMENT_COLUMNS "document|>revision|state|type|node|title|stored|by"

enum st cmd_policy_put(struct terminal *t, struct problem *problem)
{
	struct policy_document_list_reply list = { 0 };
	struct policy_file *files;
	struct table table;
	struct str person;
	size_t count;
	bool is_new;

	TRY(terminal_person(t, &person, problem));
	TRY(policy_files(t, args_text(&t->args, "what"), &files, &count, problem));
	list.documents.items = ARENA_ARRAY(&t->arena, struct policy_document, count);
	if (!list.documents.items)
		return ST_NO_MEMORY;
	table_init(&table, &t->arena, DOCUMENT_COLUMNS);
	for (size_t i = 0; i < count; i++) {
		struct policy_document *d = &list.documents.items[i];
		enum st st =
			policy_put(t, files[i].text, terminal_text(t, "note"), d, &is_new, problem);

		if (st != ST_OK)
			return file_refused(t, &files[i], st, problem);
		d->text = (struct str){ 0 };
		document_row(t, &table, d);
	}
	list.documents.count = count;
	if (t->json)
		return terminal_json(t, &policy_document_list_reply_type, &list);
	terminal_table(t, &table);
	return ST_OK;
}

/* --- what is to be changed --- */

struct change_list {
	struct policy_document_change items[POLICY_FILES_MAX + ARGS_VALUES_MAX];
	size_t count;
};

static enum st changes_of_files(struct terminal *t, const char *path,
				enum policy_document_state state, struct change_list *list,
				struct problem *problem)
{
	struct policy_file *files;
	struct policy_document d;
	size_t count;
	bool is_new;

	TRY(policy_files(t, path, &files, &count, problem));
	for (size_t i = 0; i < count; i++) {
		enum st st = policy_put(t, files[i].text, (struct str){ 0 }, &d, &is_new, problem);

		if (st != ST_OK)
			return file_refused(t, &files[i], st, problem);
		list->items[list->count++] =
			(struct policy_document_change){ .document_id = d.document_id,
							 .has_revision = true,
							 .revision = d.revision,
							 .state = state };
	}
	return ST_OK;
}

/* What the command line names, in the state that is wanted; drafts are stored on the way. */
static enum st changes_read(struct terminal *t, enum policy_document_state state,
			    struct change_list *list, struct problem *problem)
{
	const char *what = args_text(&t->args, "what");
	struct str person;

	list->count = 0;
	TRY(terminal_person(t, &person, problem));
	if (access(what, F_OK) == 0)
		TRY(changes_of_files(t, what, state, list, problem));
	else
		list->items[list->count++] =
			(struct policy_document_change){ .document_id = str_of(what),
							 .state = state };
	if (state != POLICY_DOCUMENT_STATE_ACTIVE)
		return ST_OK;
	for (size_t i = 0; i < args_times(&t->args, "retire"); i++)
		list->items[list->count++] = (struct policy_document_change){
			.document_id = str_of(args_nth(&t->args, "retire", i)),
			.state = POLICY_DOCUMENT_STATE_RETIRED,
		};
	return ST_OK;
}

/* --- plan, apply --- */

static void differences_say(struct terminal *t, const struct policy_difference *items, size_t count,
			    int64_t compared)
{
	struct table table;

	terminal_say(t, "%lld recorded decisions were decided again, %zu come out differently\n",
		     (long long)compared, count);
	if (count == 0 || t->json)
		return;
	table_init(&table, &t->arena, "decision|agent|tool|was|would be");
	for (size_t i = 0; i < count; i++) {
		table_cell(&table, items[i].evidence_id);
		table_cell(&table, items[i].agent_id);
		table_cell(&table, items[i].tool);
		table_cell_c(&table, policy_verdict_names[items[i].was - 1]);
		table_cell_c(&table, policy_verdict_names[items[i].would_be - 1]);
	}
	terminal_table(t, &table);
}

static void plan_say(struct terminal *t, const struct change_list *list,
		     const struct policy_plan_reply *plan)
{
	struct table table;

	if (t->json)
		return;
	terminal_say(t, "version %lld is in force\n", (long long)plan->version);
	table_init(&table, &t->arena, "document|>revision|becomes");
	for (size_t i = 0; i < list->count; i++) {
		table_cell(&table, list->items[i].document_id);
		if (list->items[i].has_revision)
			table_cell_i64(&table, list->items[i].revision);
		else
			table_cell_c(&table, "newest");
		table_cell_c(&table, policy_document_state_names[list->items[i].state - 1]);
	}
	terminal_table(t, &table);
	differences_say(t, plan->differences.items, plan->differences.count, plan->compared);
	for (size_t i = 0; i < plan->warnings.count; i++)
		terminal_say(t, "warning: %.*s\n", STR_ARG(plan->warnings.items[i]));
}

static enum st plan_make(struct terminal *t, struct change_list *list,
			 struct policy_plan_reply *ret, struct problem *problem)
{
	struct policy_apply_request request = { .changes = { list->items, list->count } };

	return terminal_call(t, &CALL_POLICY_PLAN, &request, ret, problem);
}

enum st cmd_policy_plan(struct terminal *t, struct problem *problem)
{
	struct change_list *list = ARENA_NEW(&t->arena, struct change_list);
	struct policy_plan_reply plan;

	if (!list)
		return ST_NO_MEMORY;
	TRY(changes_read(t, POLICY_DOCUMENT_STATE_ACTIVE, list, problem));
	TRY(plan_make(t, list, &plan, problem));
	if (t->json)
		return terminal_json(t, &policy_plan_reply_type, &plan);
	plan_say(t, list, &plan);
	return ST_OK;
}

static enum st activation_ask(struct terminal *t, const struct policy_activation_ask *ask,
			      struct problem *problem)
{
	enum approval_approver_role roles[APPROVAL_APPROVER_ROLE_OWNER];
	struct approval_approver_group group = { .roles = { roles, ask->approvers.roles.count } };
	struct approval_approval_request_request request = {
		.agent_id = ask->agent_id,
		.tool = ask->tool,
		.operation = (enum approval_operation)ask->operation,
		.resource = ask->resource,
		.parameters_hash = ask->parameters_hash,
		.on_behalf_of = ask->on_behalf_of,
		.reason = ask->reason,
		.summary = terminal_text(t, "reason"),
		.approvers = &group,
		.has_needed = true,
		.needed = ask->needed,
		.has_validity_s = true,
		.validity_s = ACTIVATION_VALIDITY_S,
	};
	struct approval_approval_reply reply;

	for (size_t i = 0; i < group.roles.count; i++)
		roles[i] = (enum approval_approver_role)ask->approvers.roles.items[i];
	TRY(terminal_call(t, &CALL_APPROVAL_APPROVAL_REQUEST, &request, &reply, problem));
	if (t->json)
		return terminal_json(t, &approval_approval_reply_type, &reply);
	terminal_say(t,
		     "asked: %.*s waits for people until %s\n"
		     "when it is approved, do the same within an hour with: --approval %.*s\n",
		     STR_ARG(reply.approval.request_id),
		     terminal_time(t, reply.approval.deadline_ms),
		     STR_ARG(reply.approval.request_id));
	return ST_OK;
}

/* With --ask people are asked about the change instead of making it, where the root wants that. */
static enum st activation_asked(struct terminal *t,
				const struct policy_activation_terms_request *request, bool *ret,
				struct problem *problem)
{
	struct policy_activation_terms_reply reply;

	*ret = false;
	if (!args_has(&t->args, "ask"))
		return ST_OK;
	TRY(terminal_call(t, &CALL_POLICY_ACTIVATION_TERMS, request, &reply, problem));
	if (!reply.required)
		return problem_set(problem, ST_USAGE, "",
				   "nobody has to approve this; leave --ask out");
	TRY(activation_ask(t, reply.ask, problem));
	*ret = true;
	return ST_OK;
}

enum st policy_apply(struct terminal *t, const struct policy_apply_request *request,
		     struct policy_version *ret, struct problem *problem)
{
	struct policy_version_reply reply;

	TRY(terminal_call(t, &CALL_POLICY_APPLY, request, &reply, problem));
	*ret = reply.version;
	return ST_OK;
}

enum st policy_change(struct terminal *t, const struct policy_document_change *changes,
		      size_t count, int64_t expected_version, struct policy_version *ret,
		      struct problem *problem)
{
	struct policy_apply_request request = {
		.changes = { (struct policy_document_change *)(uintptr_t)changes, count },
		.has_expected_version = expected_version >= 0,
		.expected_version = expected_version >= 0 ? expected_version : 0,
		.reason = terminal_text(t, "reason"),
		.approval_id = terminal_text(t, "approval"),
	};
	const struct policy_activation_terms_request terms = {
		.has_changes = true,
		.changes = { request.changes.items, count },
	};
	bool asked;

	*ret = (struct policy_version){ .version = -1 };
	TRY(activation_asked(t, &terms, &asked, problem));
	return asked ? ST_OK : policy_apply(t, &request, ret, problem);
}

static enum st version_say(struct terminal *t, const struct policy_version *version)
{
	if (version->version < 0) /* people were asked instead */
		return ST_OK;
	if (t->json)
		return terminal_json(t, &policy_version_type, version);
	terminal_say(t, "version %lld is in force: %lld documents\n", (long long)version->version,
		     (long long)version->documents);
	return ST_OK;
}

enum st cmd_policy_apply(struct terminal *t, struct problem *problem)
{
	struct change_list *list = ARENA_NEW(&t->arena, struct change_list);
	struct policy_version version;
	struct policy_plan_reply plan;

	if (!list)
		return ST_NO_MEMORY;
	TRY(changes_read(t, POLICY_DOCUMENT_STATE_ACTIVE, list, problem));
	TRY(plan_make(t, list, &plan, problem));
	plan_say(t, list, &plan);
	TRY(terminal_confirm(t, "Every decision from then on is made by these documents.", "apply",
			     problem));
	TRY(policy_change(t, list->items, list->count, plan.version, &version, problem));
	return version_say(t, &version);
}

enum st cmd_policy_shadow(struct terminal *t, struct problem *problem)
{
	struct change_list *list = ARENA_NEW(&t->arena, struct change_list);
	struct policy_version version;

	if (!list)
		return ST_NO_MEMORY;
	TRY(changes_read(t, POLICY_DOCUMENT_STATE_SIMULATE, list, problem));
	TRY(policy_change(t, list->items, list->count, -1, &version, problem));
	if (!t->json && version.version >= 0)
		terminal_say(t, "%zu documents are evaluated beside what is in force\n",
			     list->count);
	return version_say(t, &version);
}

static enum st retire(struct terminal *t, struct str document_id, struct problem *problem)
{
	struct policy_document_change change = { .document_id = document_id,
						 .state = POLICY_DOCUMENT_STATE_RETIRED };
	struct policy_version version;
	struct str person;

	TRY(terminal_person(t, &person, problem));
	TRY(terminal_confirm(t, "What the document says does not count from then on.", "retire",
			     problem));
	TRY(policy_change(t, &change, 1, -1, &version, problem));
	return version_say(t, &version);
}

enum st cmd_policy_retire(struct terminal *t, struct problem *problem)
{
	return retire(t, terminal_text(t, "document"), problem);
}

enum st cmd_grant_remove(struct terminal *t, struct problem *problem)
{
	return retire(t, terminal_text(t, "document"), problem);
}

enum st cmd_policy_rollback(struct terminal *t, struct problem *problem)
{
	struct policy_rollback_request request = { .version = args_i64(&t->args, "version", 0),
						   .reason = terminal_text(t, "reason"),
						   .approval_id = terminal_text(t, "approval") };
	const struct policy_activation_terms_request terms = { .has_rollback_to = true,
							       .rollback_to = request.version };
	struct policy_version_reply reply;
	struct str person;
	bool asked;

	TRY(terminal_person(t, &person, problem));
	TRY(activation_asked(t, &terms, &asked, problem));
	if (asked)
		return ST_OK;
	TRY(terminal_confirm(t, "The documents of that version count from then on.", "rollback",
			     problem));
	TRY(terminal_call(t, &CALL_POLICY_ROLLBACK, &request, &reply, problem));
	return version_say(t, &reply.version);
}

/* --- looking --- */

enum st cmd_policy_versions(struct terminal *t, struct problem *problem)
{
	struct policy_version_list_request request = { .has_limit = true,
						       .limit = args_i64(&t->args, "limit", 20) };
	struct policy_version_list_reply reply;
	struct table table;
	bool printed;

	TRY(terminal_ask(t, &CALL_POLICY_VERSION_LIST, &request, &reply, &printed, problem));
	if (printed)
		return ST_OK;
	table_init(&table, &t->arena, ">version|in force from|>documents|by|reason|of version");
	for (size_t i = 0; i < reply.versions.count; i++) {
		const struct policy_version *v = &reply.versions.items[i];

		table_cell_i64(&table, v->version);
		table_cell_c(&table, terminal_time(t, v->at_ms));
		table_cell_i64(&table, v->documents);
		table_cell(&table, v->by);
		table_cell(&table, v->reason);
		if (v->has_rolled_back_to)
			table_cell_i64(&table, v->rolled_back_to);
		else
			table_cell_c(&table, "");
	}
	terminal_table(t, &table);
	return ST_OK;
}

enum st cmd_policy_list(struct terminal *t, struct problem *problem)
{
	struct policy_document_list_request request = {
		.state = (enum policy_document_state)terminal_choice(t, "state"),
		.node = terminal_text(t, "node"),
		.has_limit = true,
		.limit = 1000,
	};
	struct policy_document_list_reply reply;
	struct table table;
	bool printed;

	TRY(terminal_ask(t, &CALL_POLICY_DOCUMENT_LIST, &request, &reply, &printed, problem));
	if (printed)
		return ST_OK;
	table_init(&table, &t->arena, DOCUMENT_COLUMNS);
	for (size_t i = 0; i < reply.documents.count; i++)
		document_row(t, &table, &reply.documents.items[i]);
	terminal_table(t, &table);
	return ST_OK;
}

enum st cmd_policy_show(struct terminal *t, struct problem *problem)
{
	struct policy_document_get_request request = {
		.document_id = terminal_text(t, "document"),
		.has_revision = args_has(&t->args, "revision"),
		.revision = args_i64(&t->args, "revision", 0),
	};
	struct policy_document_reply reply;
	struct table table;
	bool printed;

	TRY(terminal_ask(t, &CALL_POLICY_DOCUMENT_GET, &request, &reply, &printed, problem));
	if (printed)
		return ST_OK;
	table_init(&table, &t->arena, DOCUMENT_COLUMNS);
	document_row(t, &table, &reply.document);
	terminal_table(t, &table);
	terminal_say(t, "\n%.*s", STR_ARG(reply.document.text));
	return ST_OK;
}

enum st cmd_policy_replay(struct terminal *t, struct problem *problem)
{
	struct policy_replay_request request = {
		.document_id = terminal_text(t, "document"),
		.has_revision = args_has(&t->args, "revision"),
		.revision = args_i64(&t->args, "revision", 0),
		.has_limit = true,
		.limit = args_i64(&t->args, "limit", 1000),
	};
	struct policy_replay_reply reply;
	bool printed;

	TRY(terminal_ask(t, &CALL_POLICY_REPLAY, &request, &reply, &printed, problem));
	if (!printed)
		differences_say(t, reply.differences.items, reply.differences.count,
				reply.compared);
	return ST_OK;
}
