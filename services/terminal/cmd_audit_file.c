/* cmd_audit_file.c: evidence as files: export, import; and the witness, who signs what it saw. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "gen/audit.h"
#include "merkle.h"
#include "services/terminal/evidence.h"
#include "services/terminal/process.h"

#define WITNESS_WATCH_MS 1000

enum st cmd_audit_export(struct terminal *t, struct problem *problem)
{
	const char *path = args_text(&t->args, "output");

	TRY(evidence_checkpoint_wait(t, problem));
	TRY(evidence_export(t, path, args_i64(&t->args, "first", 0), args_i64(&t->args, "end", -1),
			    problem));
	if (path && strcmp(path, "-") != 0)
		terminal_say(t, "written to %s; check it with: piopl audit verify --file %s\n",
			     path, path);
	return ST_OK;
}

static enum st records_copy(const char *from, FILE *out, struct problem *problem)
{
	FILE *in = fopen(from, "re");
	char *line = NULL;
	size_t capacity = 0;
	bool written = true;

	if (!in)
		return problem_set(problem, ST_USAGE, "", "cannot read \"%s\": %s", from,
				   strerror(errno));
	while (written && getline(&line, &capacity, in) > 0)
		if (strncmp(line, "{\"agent_id\":", 12) == 0)
			written = fputs(line, out) != EOF;
	free(line);
	fclose(in);
	return written ? ST_OK : ST_DISK_FULL;
}

/* Nothing is taken out of a file that does not hold. */
enum st cmd_audit_import(struct terminal *t, struct problem *problem)
{
	const char *file = args_text(&t->args, "file");
	const char *path = args_text(&t->args, "output");
	struct auditlog_summary summary;
	FILE *out = NULL;
	enum st st = ST_OK;

	TRY(evidence_verify_file(t, file, &summary, problem));
	if (path) {
		out = strcmp(path, "-") == 0 ? stdout : fopen(path, "we");
		if (!out)
			return problem_set(problem, ST_USAGE, "--output", "cannot write \"%s\": %s",
					   path, strerror(errno));
		st = records_copy(file, out, problem);
		if (out != stdout && fclose(out) != 0 && st == ST_OK)
			st = ST_DISK_FULL;
	}
	if (t->json && out != stdout)
		printf("{\"proved\":true,\"records\":%lld}\n", (long long)summary.records);
	if (out != stdout)
		terminal_say(t, "%lld records hold%s%s\n", (long long)summary.records,
			     path ? ", written to " : "", path ? path : "");
	return st;
}

/* --- witnesses --- */

static enum st needs(struct terminal *t, const char *name, struct problem *problem)
{
	if (args_has(&t->args, name))
		return ST_OK;
	return problem_set(problem, ST_USAGE, "", "--%s is missing", name);
}

static enum st witness_list(struct terminal *t, struct problem *problem)
{
	struct audit_witness_list_request request = { 0 };
	struct audit_witness_list_reply reply;
	struct table table;
	bool printed;

	TRY(terminal_ask(t, &CALL_AUDIT_WITNESS_LIST, &request, &reply, &printed, problem));
	if (printed)
		return ST_OK;
	table_init(&table, &t->arena, "witness|since|ended|public key");
	for (size_t i = 0; i < reply.items.count; i++) {
		table_cell(&table, reply.items.items[i].name);
		table_cell_c(&table, terminal_time(t, reply.items.items[i].since_ms));
		table_cell_c(&table, terminal_time(t, reply.items.items[i].ended_at_ms));
		table_cell(&table, reply.items.items[i].public_key);
	}
	terminal_table(t, &table);
	return ST_OK;
}

static enum st witness_put(struct terminal *t, bool ended, struct problem *problem)
{
	struct audit_witness_put_request request = {
		.name = terminal_text(t, "name"),
		.has_ended = true,
		.ended = ended,
		.reason = terminal_text(t, "reason"),
	};
	struct audit_witness reply;
	bool printed;

	TRY(needs(t, "name", problem));
	TRY(needs(t, "public-key", problem));
	TRY(needs(t, "reason", problem));
	TRY(terminal_public_key_file(t, args_text(&t->args, "public-key"), &request.public_key,
				     problem));
	TRY(terminal_ask(t, &CALL_AUDIT_WITNESS_PUT, &request, &reply, &printed, problem));
	if (!printed)
		terminal_say(t,
			     ended ? "no signature of %.*s is taken any more\n"
				   : "signatures of %.*s are taken\n",
			     STR_ARG(reply.name));
	return ST_OK;
}

/* What the witness saw last: the note of a checkpoint. Size 0 when it has seen nothing. */
static enum st state_read(struct terminal *t, const char *path, struct checkpoint *ret,
			  struct problem *problem)
{
	struct note *note = ARENA_NEW(&t->arena, struct note);
	struct str text;

	*ret = (struct checkpoint){ 0 };
	if (access(path, F_OK) != 0)
		return ST_OK;
	if (!note)
		return ST_NO_MEMORY;
	TRY(terminal_read_file(t, path, &text, problem));
	TRY(note_parse(text, note, problem));
	return checkpoint_parse(note->text, ret, problem);
}

static enum st consistent(struct terminal *t, const struct checkpoint *old,
			  const struct checkpoint *now, struct problem *problem)
{
	struct audit_proof_consistency_request request = {
		.first = old->size,
		.second = now->size,
	};
	struct audit_proof_consistency_reply reply = { 0 };
	struct hash proof[MERKLE_CONSISTENCY_MAX];

	if (old->size == 0)
		return ST_OK;
	if (old->size < now->size)
		TRY(terminal_call(t, &CALL_AUDIT_PROOF_CONSISTENCY, &request, &reply, problem));
	for (size_t i = 0; i < reply.hashes.count && i < MERKLE_CONSISTENCY_MAX; i++)
		TRY(hash_of_text(reply.hashes.items[i], &proof[i]));
	if (reply.hashes.count <= MERKLE_CONSISTENCY_MAX && old->size <= now->size &&
	    merkle_verify_consistency(old->size, &old->root, now->size, &now->root, proof,
				      reply.hashes.count) == ST_OK)
		return ST_OK;
	return problem_set(
		problem, ST_PROOF_INVALID, "",
		"the log was rewritten: its tree of %lld does not begin with the tree of "
		"%lld that was seen before",
		(long long)now->size, (long long)old->size);
}

/* The signature line the witness adds, without its newline. */
static enum st cosignature(struct terminal *t, const struct note *note, struct str *ret,
			   struct problem *problem)
{
	struct signing_key key;
	struct note_key name;
	struct buf buf;
	struct str line;

	TRY(signing_key_load(args_text(&t->args, "key"), &key, problem));
	TRY(note_key_make(terminal_text(t, "name"), NOTE_COSIGNATURE, key.public_key, &name));
	buf_init(&buf, &t->arena, 1024);
	TRY(note_start(&buf, note->text, problem));
	size_t start = buf.size;
	TRY(note_sign(&buf, note->text, &name, &key, terminal_now_ms(t) / 1000));
	signing_key_clear(&key);
	line = buf_str(&buf);
	if (!line.data)
		return ST_NO_MEMORY;
	*ret = (struct str){ line.data + start, line.size - start - 1 };
	return ST_OK;
}

static enum st witness_sign_once(struct terminal *t, struct problem *problem)
{
	const char *state = args_text(&t->args, "state");
	struct audit_checkpoint_get_request get = { 0 };
	struct audit_checkpoint latest;
	struct audit_checkpoint_cosign_request cosign;
	struct audit_checkpoint reply;
	struct note_verdict verdicts[EVIDENCE_KEYS_MAX];
	struct evidence_keys keys;
	struct checkpoint old;
	struct checkpoint now;
	struct note *note = ARENA_NEW(&t->arena, struct note);

	if (!note)
		return ST_NO_MEMORY;
	TRY(state_read(t, state, &old, problem));
	TRY(terminal_call(t, &CALL_AUDIT_CHECKPOINT_GET, &get, &latest, problem));
	TRY(evidence_keys_load(t, &keys, problem));
	TRY(note_parse(latest.note, note, problem));
	TRY(note_verify(note, keys.keys, keys.count, verdicts, problem));
	TRY(checkpoint_parse(note->text, &now, problem));
	TRY(consistent(t, &old, &now, problem));
	cosign.size = now.size;
	TRY(cosignature(t, note, &cosign.signature, problem));
	if (!file_write(state, latest.note.data, latest.note.size, 0600))
		return problem_set(problem, ST_UNAVAILABLE, "", "cannot write \"%s\"", state);
	TRY(terminal_call(t, &CALL_AUDIT_CHECKPOINT_COSIGN, &cosign, &reply, problem));
	if (t->json)
		return terminal_json(t, &audit_checkpoint_type, &reply);
	if (now.size != old.size)
		terminal_say(t, "signed the tree of %lld, which begins with the tree of %lld\n",
			     (long long)now.size, (long long)old.size);
	return ST_OK;
}

static enum st witness_sign(struct terminal *t, struct problem *problem)
{
	TRY(needs(t, "name", problem));
	TRY(needs(t, "key", problem));
	TRY(needs(t, "state", problem));
	for (;;) {
		TRY(witness_sign_once(t, problem));
		if (!args_has(&t->args, "watch"))
			return ST_OK;
		arena_reset(&t->arena);
		process_sleep_ms(WITNESS_WATCH_MS);
	}
}

enum st cmd_audit_witness(struct terminal *t, struct problem *problem)
{
	enum { LIST, ADD, END, SIGN };

	switch (args_i64(&t->args, "action", LIST)) {
	case ADD:
		return witness_put(t, false, problem);
	case END:
		return witness_put(t, true, problem);
	case SIGN:
		return witness_sign(t, problem);
	default:
		return witness_list(t, problem);
	}
}
