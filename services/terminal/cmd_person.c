/* cmd_person.c: people and their keys; the signing keys of services. */
#include <stdio.h>

#include "crypto.h"
#include "gen/registry.h"
#include "keyring.h"
#include "services/terminal/install.h"
#include "services/terminal/process.h"
#include "services/terminal/supervise.h"

#define ROLES_MAX 5
#define KEY_LIST_ARENA_BYTES (4 * 1024 * 1024)
#define RESTART_MS_MAX 30000

static struct str roles_text(struct terminal *t, const struct registry_person *person)
{
	struct buf buf;

	buf_init(&buf, &t->arena, 64);
	for (size_t i = 0; i < person->roles.count; i++)
		buf_printf(&buf, "%s%s", i == 0 ? "" : ", ",
			   registry_person_role_names[person->roles.items[i] - 1]);
	return buf_str(&buf);
}

enum st cmd_person_list(struct terminal *t, struct problem *problem)
{
	struct registry_person_list_request request = {
		.has_removed = args_has(&t->args, "removed"),
		.removed = true,
	};
	struct registry_person_list_reply reply;
	struct table table;
	bool printed;

	TRY(terminal_ask(t, &CALL_REGISTRY_PERSON_LIST, &request, &reply, &printed, problem));
	if (printed)
		return ST_OK;
	table_init(&table, &t->arena, "person|name|roles|email|added|removed");
	for (size_t i = 0; i < reply.people.count; i++) {
		const struct registry_person *p = &reply.people.items[i];

		table_cell(&table, p->person_id);
		table_cell(&table, p->name);
		table_cell(&table, roles_text(t, p));
		table_cell(&table, p->email);
		table_cell_c(&table, terminal_time(t, p->added_at_ms));
		table_cell_c(&table, terminal_time(t, p->removed_at_ms));
	}
	terminal_table(t, &table);
	return ST_OK;
}

/* The repeated --role, each choice as its place in the contract's list. */
static enum st roles_read(struct terminal *t, struct registry_person_addition *act)
{
	size_t count = args_times(&t->args, "role");
	size_t taken = 0;

	act->roles.items = ARENA_ARRAY(&t->arena, enum registry_person_role, count);
	if (!act->roles.items)
		return ST_NO_MEMORY;
	for (size_t i = 0; i < t->args.count; i++)
		if (strcmp(t->args.values[i].spec->name, "role") == 0)
			act->roles.items[taken++] =
				(enum registry_person_role)(t->args.values[i].number + 1);
	act->roles.count = taken;
	return ST_OK;
}

enum st cmd_person_add(struct terminal *t, struct problem *problem)
{
	const char *file = args_text(&t->args, "public-key");
	struct registry_person_addition act = {
		.name = terminal_text(t, "name"),
		.email = terminal_text(t, "email"),
		.nonce = terminal_nonce(t),
		.issued_at_ms = terminal_now_ms(t),
	};
	struct registry_person_add_request request;
	struct registry_person_reply reply;
	bool printed;

	TRY(roles_read(t, &act));
	if (file)
		TRY(terminal_public_key_file(t, file, &act.public_key, problem));
	TRY(terminal_sign(t, REGISTRY_PERSON_ADDITION_PURPOSE, &registry_person_addition_type, &act,
			  &request.act, problem));
	TRY(terminal_ask(t, &CALL_REGISTRY_PERSON_ADD, &request, &reply, &printed, problem));
	if (!printed)
		terminal_say(t, "%.*s is %.*s\n", STR_ARG(reply.person.name),
			     STR_ARG(reply.person.person_id));
	return ST_OK;
}

enum st cmd_person_remove(struct terminal *t, struct problem *problem)
{
	struct registry_person_removal act = {
		.person_id = terminal_text(t, "person"),
		.reason = terminal_text(t, "reason"),
		.nonce = terminal_nonce(t),
	};
	struct registry_person_remove_request request;
	struct registry_person_reply reply;
	bool printed;

	TRY(terminal_confirm(t, "The person is removed and their keys end now.", act.person_id.data,
			     problem));
	act.issued_at_ms = terminal_now_ms(t);
	TRY(terminal_sign(t, REGISTRY_PERSON_REMOVAL_PURPOSE, &registry_person_removal_type, &act,
			  &request.act, problem));
	TRY(terminal_ask(t, &CALL_REGISTRY_PERSON_REMOVE, &request, &reply, &printed, problem));
	if (!printed)
		terminal_say(t, "%.*s is removed\n", STR_ARG(reply.person.name));
	return ST_OK;
}

/* --- keys of people --- */

enum st cmd_key_generate(struct terminal *t, struct problem *problem)
{
	const char *path = args_text(&t->args, "file");
	struct str public_path = arena_printf(&t->arena, "%s.pub", path);
	struct signing_key key;
	char text[PUBLIC_KEY_TEXT_SIZE + 1];
	size_t size;
	enum st st;

	if (!public_path.data)
		return ST_NO_MEMORY;
	signing_key_generate(&key);
	size = base64_encode(key.public_key, sizeof(key.public_key), text);
	text[size] = '\n';
	st = signing_key_create(path, &key, problem);
	if (st == ST_OK && !file_write(public_path.data, text, size + 1, 0644))
		st = problem_set(problem, ST_UNAVAILABLE, "", "cannot write \"%s\"",
				 public_path.data);
	if (st == ST_OK && t->json)
		printf("{\"key_id\":\"%s\",\"public_key\":\"%.*s\"}\n", key.key_id, (int)size,
		       text);
	if (st == ST_OK)
		terminal_say(t, "%s: the secret is in %s, the public key in %s\n", key.key_id, path,
			     public_path.data);
	signing_key_clear(&key);
	return st;
}

static enum st service_keys(struct terminal *t, struct key_list *ret, struct problem *problem)
{
	struct str list;
	struct str root_text;
	uint8_t root[PUBLIC_KEY_BYTES];

	TRY(terminal_public_key_file(t, site_path(&t->site, "keys/root.pub").text, &root_text,
				     problem));
	TRY(base64_decode_exact(root_text, root, sizeof(root)));
	TRY(terminal_read_file(t, site_path(&t->site, "keys/keyring.json").text, &list, problem));
	TRY(key_list_parse(list, root, &t->arena, ret, problem));
	if (t->json)
		terminal_write(list);
	return ST_OK;
}

static enum st services_list(struct terminal *t, struct problem *problem)
{
	static const char *const states[] = {
		[KEY_ACTIVE] = "active",
		[KEY_RETIRED] = "retired",
		[KEY_REVOKED] = "revoked",
	};
	struct key_list list;
	struct table table;

	TRY(service_keys(t, &list, problem));
	if (t->json)
		return ST_OK;
	table_init(&table, &t->arena, "key|owner|state|from|until");
	for (size_t i = 0; i < list.count; i++) {
		const struct keyring_key *k = &list.keys[i];

		table_cell_c(&table, k->key_id);
		table_cell_c(&table, k->owner);
		table_cell_c(&table, states[k->state]);
		table_cell_c(&table, terminal_time(t, k->from_ms));
		table_cell_c(&table, terminal_time(t, k->until_ms == INT64_MAX ? 0 : k->until_ms));
	}
	terminal_table(t, &table);
	terminal_say(t, "key list version %lld, signed by the root key\n", (long long)list.version);
	return ST_OK;
}

enum st cmd_key_list(struct terminal *t, struct problem *problem)
{
	struct registry_key_list_request request = { .person_id = terminal_text(t, "person") };
	struct registry_key_list_reply reply;
	struct table table;
	bool printed;

	if (args_has(&t->args, "services"))
		return services_list(t, problem);
	TRY(terminal_ask(t, &CALL_REGISTRY_KEY_LIST, &request, &reply, &printed, problem));
	if (printed)
		return ST_OK;
	table_init(&table, &t->arena, "key|person|from|until|public key");
	for (size_t i = 0; i < reply.keys.count; i++) {
		table_cell(&table, reply.keys.items[i].key_id);
		table_cell(&table, reply.keys.items[i].person_id);
		table_cell_c(&table, terminal_time(t, reply.keys.items[i].valid_from_ms));
		table_cell_c(&table, terminal_time(t, reply.keys.items[i].valid_until_ms));
		table_cell(&table, reply.keys.items[i].public_key);
	}
	terminal_table(t, &table);
	return ST_OK;
}

enum st cmd_key_add(struct terminal *t, struct problem *problem)
{
	struct registry_key_addition act = {
		.person_id = terminal_text(t, "person"),
		.has_valid_until_ms = args_has(&t->args, "for"),
		.nonce = terminal_nonce(t),
		.issued_at_ms = terminal_now_ms(t),
	};
	struct registry_key_add_request request;
	struct registry_key_reply reply;
	bool printed;

	act.valid_until_ms = act.issued_at_ms + args_i64(&t->args, "for", 0);
	TRY(terminal_public_key_file(t, args_text(&t->args, "public-key"), &act.public_key,
				     problem));
	TRY(terminal_sign(t, REGISTRY_KEY_ADDITION_PURPOSE, &registry_key_addition_type, &act,
			  &request.act, problem));
	TRY(terminal_ask(t, &CALL_REGISTRY_KEY_ADD, &request, &reply, &printed, problem));
	if (!printed)
		terminal_say(t, "%.*s counts from now on\n", STR_ARG(reply.key.key_id));
	return ST_OK;
}

enum st cmd_key_remove(struct terminal *t, struct problem *problem)
{
	struct registry_key_removal act = {
		.key_id = terminal_text(t, "key-id"),
		.reason = terminal_text(t, "reason"),
		.nonce = terminal_nonce(t),
	};
	struct registry_key_remove_request request;
	struct registry_key_reply reply;
	bool printed;

	TRY(terminal_confirm(t, "The key ends now; what it signed stays verifiable.",
			     act.key_id.data, problem));
	act.issued_at_ms = terminal_now_ms(t);
	TRY(terminal_sign(t, REGISTRY_KEY_REMOVAL_PURPOSE, &registry_key_removal_type, &act,
			  &request.act, problem));
	TRY(terminal_ask(t, &CALL_REGISTRY_KEY_REMOVE, &request, &reply, &printed, problem));
	if (!printed)
		terminal_say(t, "%.*s has ended\n", STR_ARG(reply.key.key_id));
	return ST_OK;
}

/* --- rotation of a service's key --- */

static bool service_restarted(struct terminal *t, const char *service)
{
	struct board *board = board_map(&t->site, false);
	int64_t until_ms = clock_boot_ms() + RESTART_MS_MAX;
	struct board_part *part = NULL;
	bool ready = false;

	for (uint32_t i = 0; board && i < board->part_count; i++)
		if (strcmp(board->parts[i].name, service) == 0)
			part = &board->parts[i];
	if (part && supervisor_runs(&t->site) && board_part_alive(part)) {
		pid_t before = part->pid;

		board_part_signal_stop(part);
		while (!ready && clock_boot_ms() < until_ms) {
			process_sleep_ms(20);
			ready = part->pid != before && part->state == PART_READY;
		}
	} else {
		ready = true;
	}
	board_unmap(board);
	return ready;
}

enum st cmd_key_rotate(struct terminal *t, struct problem *problem)
{
	const char *service = args_text(&t->args, "service");
	char key_id[KEY_ID_SIZE];

	TRY(install_rotate(t, service, key_id, problem));
	if (!service_restarted(t, service)) {
		problem_set(problem, ST_UNAVAILABLE, "",
			    "%s has not come back with its new key; its old key stays valid",
			    service);
		problem_hint(problem, "see: piopl status");
		return ST_UNAVAILABLE;
	}
	TRY(install_retire(t, service, key_id, problem));
	if (t->json)
		printf("{\"service\":\"%s\",\"key_id\":\"%s\"}\n", service, key_id);
	terminal_say(t, "%s signs with %s now\n", service, key_id);
	return ST_OK;
}
