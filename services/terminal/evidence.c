/* evidence.c: exporting evidence and checking it with nothing but public keys. */
#include "services/terminal/evidence.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "gen/audit.h"
#include "json.h"
#include "keyring.h"
#include "services/terminal/process.h"

#define CHECKPOINT_MS_MAX 15000
#define CHECKPOINT_WAIT_MS 100

/* --- keys --- */

static enum st keys_add(struct evidence_keys *keys, struct str name,
			const uint8_t public_key[PUBLIC_KEY_BYTES])
{
	if (keys->count == EVIDENCE_KEYS_MAX)
		return ST_TOO_LARGE;
	return note_key_make(name, NOTE_ED25519, public_key, &keys->keys[keys->count++]);
}

static enum st key_of_line(struct evidence_keys *keys, struct str line, struct problem *problem)
{
	uint8_t public_key[PUBLIC_KEY_BYTES];

	if (base64_decode_exact(line, public_key, sizeof(public_key)) == ST_OK)
		return keys_add(keys, STR(SITE_AUDIT_ORIGIN), public_key);
	if (keys->count == EVIDENCE_KEYS_MAX)
		return ST_TOO_LARGE;
	TRY(note_key_of_text(line, &keys->keys[keys->count], problem));
	keys->count++;
	return ST_OK;
}

/* A line a key, for keys are rotated: "name+hash+key" as witnesses and other logs write it, or the
 * bare key of this log. */
static enum st keys_of_file(struct terminal *t, const char *path, struct evidence_keys *ret,
			    struct problem *problem)
{
	struct str text, line = { 0 };
	enum st st = ST_OK;

	TRY(terminal_read_file(t, path, &text, problem));
	while (st == ST_OK && text.size > 0) {
		if (!str_cut(text, '\n', &line, &text)) {
			line = text;
			text.size = 0;
		}
		if (line.size > 0)
			st = key_of_line(ret, line, problem);
	}
	if (st == ST_OK && ret->count > 0)
		return ST_OK;
	*problem = (struct problem){ 0 };
	problem_set(problem, ST_USAGE, "", "\"%s\" holds no public key%s", path,
		    ret->count > 0 ? " in one of its lines" : "");
	problem_hint(problem, "a line a key, as base64 or name+hash+base64");
	return ST_USAGE;
}

static const char *public_key_option(const struct terminal *t)
{
	const struct option_spec *spec = t->args.command->options;

	for (; spec && spec->name; spec++)
		if (strcmp(spec->name, "public-key") == 0)
			return args_text(&t->args, "public-key");
	return NULL;
}

enum st evidence_keys_load(struct terminal *t, struct evidence_keys *ret, struct problem *problem)
{
	const char *given = public_key_option(t);
	uint8_t root[PUBLIC_KEY_BYTES];
	struct key_list list;
	struct str text;

	ret->count = 0;
	if (given)
		return keys_of_file(t, given, ret, problem);
	TRY(terminal_public_key_file(t, site_path(&t->site, "keys/root.pub").text, &text, problem));
	TRY(base64_decode_exact(text, root, sizeof(root)));
	TRY(terminal_read_file(t, site_path(&t->site, "keys/keyring.json").text, &text, problem));
	TRY(key_list_parse(text, root, &t->arena, &list, problem));
	for (size_t i = 0; i < list.count; i++)
		if (strcmp(list.keys[i].owner, "audit") == 0 && list.keys[i].state != KEY_REVOKED)
			TRY(keys_add(ret, STR(SITE_AUDIT_ORIGIN), list.keys[i].public_key));
	if (ret->count == 0)
		return problem_set(problem, ST_KEY_UNKNOWN, "", "the key list has no key of audit");
	return ST_OK;
}

/* --- where lines go --- */

struct line_sink {
	enum st (*take)(void *context, struct str line);
	void *context;
};

static enum st line_to_file(void *context, struct str line)
{
	FILE *out = context;

	if (fwrite(line.data, 1, line.size, out) == line.size && fputc('\n', out) != EOF)
		return ST_OK;
	return ST_DISK_FULL;
}

static enum st line_to_verifier(void *context, struct str line)
{
	return auditlog_verifier_line(context, line);
}

static enum st line_encoded(struct terminal *t, const struct line_sink *sink,
			    const struct proto_type *type, const void *value)
{
	struct str text;

	TRY(proto_encode(type, value, &t->arena, &text));
	return sink->take(sink->context, text);
}

static enum st block_lines(struct terminal *t, const struct line_sink *sink,
			   const struct audit_export_read_reply *reply)
{
	TRY(line_encoded(t, sink, &audit_export_block_type, &reply->block));
	for (size_t i = 0; i < reply->texts.count; i++)
		TRY(sink->take(sink->context, reply->texts.items[i]));
	if (reply->checkpoint.data) {
		struct audit_export_checkpoint checkpoint = { .checkpoint = reply->checkpoint };

		TRY(line_encoded(t, sink, &audit_export_checkpoint_type, &checkpoint));
	}
	return ST_OK;
}

static enum st export_blocks(struct terminal *t, const struct audit_export_header *header,
			     const struct line_sink *sink, struct problem *problem)
{
	int64_t at = header->first;

	while (at < header->end) {
		struct audit_export_read_request read = { .first = at, .end = header->end };
		struct audit_export_read_reply reply;

		TRY(terminal_call(t, &CALL_AUDIT_EXPORT_READ, &read, &reply, problem));
		TRY(block_lines(t, sink, &reply));
		if (reply.next <= at)
			return problem_set(problem, ST_INTERNAL, "", "the export does not go on");
		at = reply.next;
		terminal_progress(t, "records", at - header->first, header->end - header->first);
		arena_reset(&t->arena);
	}
	return ST_OK;
}

/* The export of a range, line by line. Blocks have memory of their own, so a long export is no
 * heavier than a short one. */
static enum st export_stream(struct terminal *t, int64_t first, int64_t end,
			     const struct line_sink *sink, struct problem *problem)
{
	struct audit_export_begin_request begin = {
		.has_first = first > 0,
		.first = first,
		.has_end = end >= 0,
		.end = end,
	};
	struct audit_export_header header;
	struct terminal blocks;
	enum st st;

	TRY(terminal_call(t, &CALL_AUDIT_EXPORT_BEGIN, &begin, &header, problem));
	TRY(line_encoded(t, sink, &audit_export_header_type, &header));
	blocks = *t;
	arena_init(&blocks.arena, TERMINAL_ARENA_BYTES_MAX);
	st = export_blocks(&blocks, &header, sink, problem);
	arena_free(&blocks.arena);
	terminal_progress_end(t);
	return st;
}

enum st evidence_export(struct terminal *t, const char *path, int64_t first, int64_t end,
			struct problem *problem)
{
	bool standard = !path || strcmp(path, "-") == 0;
	FILE *out = standard ? stdout : fopen(path, "we");
	struct line_sink sink = { .take = line_to_file, .context = out };
	enum st st;

	if (!out)
		return problem_set(problem, ST_USAGE, "--output", "cannot write \"%s\": %s", path,
				   strerror(errno));
	st = export_stream(t, first, end, &sink, problem);
	if (!standard && fclose(out) != 0 && st == ST_OK)
		st = ST_DISK_FULL;
	return st;
}

/* --- verification --- */

struct findings {
	struct terminal *t;
	int64_t count;
	struct json *list;
	char first[200];
};

static void on_finding(void *context, const struct auditlog_finding *finding)
{
	struct findings *f = context;
	struct arena *arena = &f->t->arena;
	const char *name = auditlog_finding_names[finding->kind];

	if (f->count++ == 0)
		snprintf(f->first, sizeof(f->first), "position %lld: %s, %.120s",
			 (long long)finding->position, name, finding->detail);
	if (f->count > EVIDENCE_FINDINGS_SHOWN)
		return;
	terminal_say(f->t, "position %lld, line %lld: %s: %s\n", (long long)finding->position,
		     (long long)finding->line, name, finding->detail);
	if (f->t->json) {
		struct json *out = json_new(arena, JSON_OBJECT);

		json_set(arena, out, "position", json_new_i64(arena, finding->position));
		json_set(arena, out, "line", json_new_i64(arena, finding->line));
		json_set(arena, out, "kind", json_new_string(arena, str_of(name)));
		json_set(arena, out, "detail",
			 json_new_string(arena, arena_copy(arena, str_of(finding->detail))));
		json_add(f->list, out);
	}
}

static enum st findings_judge(struct findings *f, const struct auditlog_summary *summary,
			      struct problem *problem)
{
	if (summary->proved)
		return ST_OK;
	if (f->count > EVIDENCE_FINDINGS_SHOWN)
		terminal_say(f->t, "and %lld more\n",
			     (long long)(f->count - EVIDENCE_FINDINGS_SHOWN));
	return problem_set(problem, ST_PROOF_INVALID, "", "the evidence does not hold: %s",
			   f->count > 0 ? f->first : "no signed root was reproduced");
}

static void verify_json(struct terminal *t, const struct findings *f,
			const struct auditlog_summary *s)
{
	struct json *out = json_new(&t->arena, JSON_OBJECT);
	struct buf buf;

	json_set(&t->arena, out, "proved", json_new_bool(&t->arena, s->proved));
	json_set(&t->arena, out, "first", json_new_i64(&t->arena, s->first));
	json_set(&t->arena, out, "end", json_new_i64(&t->arena, s->end));
	json_set(&t->arena, out, "size", json_new_i64(&t->arena, s->size));
	json_set(&t->arena, out, "records", json_new_i64(&t->arena, s->records));
	json_set(&t->arena, out, "expired", json_new_i64(&t->arena, s->expired));
	json_set(&t->arena, out, "chains", json_new_i64(&t->arena, s->chains));
	json_set(&t->arena, out, "checkpoints", json_new_i64(&t->arena, s->checkpoints));
	json_set(&t->arena, out, "findings", json_new_i64(&t->arena, f->count));
	json_set(&t->arena, out, "found", f->list);
	buf_init(&buf, &t->arena, 1024);
	json_write_pretty(&buf, out);
	buf_add_char(&buf, '\n');
	terminal_write(buf_str(&buf));
}

static enum st lines_of_file(const char *path, const struct line_sink *sink,
			     struct problem *problem)
{
	FILE *in = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	char *line = NULL;
	size_t capacity = 0;
	ssize_t size;
	enum st st = ST_OK;
	int error;

	if (!in)
		return problem_set(problem, ST_USAGE, "", "cannot read \"%s\": %s", path,
				   strerror(errno));
	while (st == ST_OK && (size = getline(&line, &capacity, in)) > 0) {
		if (line[size - 1] == '\n')
			size--;
		st = sink->take(sink->context, (struct str){ line, (size_t)size });
	}
	error = ferror(in) ? errno : 0; /* a folder opens and cannot be read */
	free(line);
	if (in != stdin)
		fclose(in);
	if (st == ST_OK && error != 0)
		return problem_set(problem, ST_USAGE, "", "cannot read \"%s\": %s", path,
				   strerror(error));
	return st;
}

/* Where the lines come from: a file, or the service. */
struct source {
	const char *path; /* NULL: the service */
	int64_t first;
	int64_t end;
};

static enum st verify(struct terminal *t, const struct source *source, struct auditlog_summary *ret,
		      struct problem *problem)
{
	struct findings findings = { .t = t, .list = json_new(&t->arena, JSON_ARRAY) };
	struct evidence_keys keys;
	struct auditlog_verifier *verifier;
	struct line_sink sink = { .take = line_to_verifier };
	enum st st;

	TRY(evidence_keys_load(t, &keys, problem));
	verifier = auditlog_verifier_new(keys.keys, keys.count, on_finding, &findings);
	if (!verifier)
		return ST_NO_MEMORY;
	sink.context = verifier;
	if (source->path)
		st = lines_of_file(source->path, &sink, problem);
	else
		st = export_stream(t, source->first, source->end, &sink, problem);
	if (st == ST_OK) {
		auditlog_verifier_end(verifier, ret);
		st = findings_judge(&findings, ret, problem);
		if (t->json && t->args.command->id == COMMAND_AUDIT_VERIFY)
			verify_json(t, &findings, ret);
	}
	auditlog_verifier_free(verifier);
	return st;
}

enum st evidence_verify_file(struct terminal *t, const char *path, struct auditlog_summary *ret,
			     struct problem *problem)
{
	return verify(t, &(const struct source){ .path = path }, ret, problem);
}

enum st evidence_verify_log(struct terminal *t, int64_t first, int64_t end,
			    struct auditlog_summary *ret, struct problem *problem)
{
	return verify(t, &(const struct source){ .first = first, .end = end }, ret, problem);
}

/* --- checkpoints --- */

static enum st newest_position(struct terminal *t, int64_t *ret, struct problem *problem)
{
	struct audit_record_query_request request = {
		.order = AUDIT_ORDER_NEWEST,
		.has_limit = true,
		.limit = 1,
	};
	struct audit_record_query_reply reply;

	TRY(terminal_call(t, &CALL_AUDIT_RECORD_QUERY, &request, &reply, problem));
	*ret = reply.records.count > 0 ? reply.records.items[0].log_id : -1;
	return ST_OK;
}

enum st evidence_checkpoint_wait(struct terminal *t, struct problem *problem)
{
	struct audit_checkpoint_get_request request = { 0 };
	struct audit_checkpoint checkpoint;
	int64_t until_ms = clock_boot_ms() + CHECKPOINT_MS_MAX;
	int64_t newest;

	TRY(newest_position(t, &newest, problem));
	for (;;) {
		enum st st = terminal_call(t, &CALL_AUDIT_CHECKPOINT_GET, &request, &checkpoint,
					   problem);

		if (st == ST_OK && checkpoint.size > newest)
			return ST_OK;
		if (st != ST_OK && st != ST_NOT_FOUND)
			return st;
		if (clock_boot_ms() > until_ms)
			return problem_set(problem, ST_UNAVAILABLE, "",
					   "no checkpoint covered record %lld within %d s",
					   (long long)newest, CHECKPOINT_MS_MAX / 1000);
		process_sleep_ms(CHECKPOINT_WAIT_MS);
	}
}
