/* cmd_audit.c: searching, showing and proving evidence. */
#include <stdio.h>

#include "gen/audit.h"
#include "id.h"
#include "json.h"
#include "merkle.h"
#include "note.h"
#include "services/terminal/chain.h"
#include "services/terminal/evidence.h"

/* --- search --- */

static void record_rows(struct terminal *t, struct table *table,
			const struct audit_record_query_reply *reply)
{
	for (size_t i = 0; i < reply->records.count; i++) {
		const struct audit_record *r = &reply->records.items[i];

		table_cell_i64(table, r->log_id);
		table_cell_c(table, terminal_time(t, r->timestamp_ms));
		table_cell(table, r->agent_id);
		table_cell(table, r->operation.type);
		table_cell(table, r->operation.tool);
		table_cell_c(
			table,
			common_evidence_policy_decision_names[r->policy_evaluation.decision - 1]);
		table_cell_c(table, common_evidence_outcome_status_names[r->outcome.status - 1]);
		table_cell(table, r->context.user_id);
		table_cell(table, r->domain);
		table_cell(table, r->source);
	}
}

static enum st cursor_read(struct terminal *t, struct audit_record_query_request *request,
			   struct problem *problem)
{
	struct str cursor = terminal_text(t, "cursor");

	request->has_cursor = cursor.data != NULL;
	if (!cursor.data || str_to_i64(cursor, &request->cursor))
		return ST_OK;
	return problem_set(problem, ST_USAGE, "--cursor", "\"%.*s\" is not a cursor",
			   STR_ARG(cursor));
}

enum st cmd_audit_query(struct terminal *t, struct problem *problem)
{
	struct audit_record_query_request request = {
		.agent_id = terminal_text(t, "agent"),
		.user_id = terminal_text(t, "user"),
		.trace_id = terminal_text(t, "trace"),
		.operation_type = terminal_text(t, "type"),
		.tool = terminal_text(t, "tool"),
		.decision =
			(enum audit_record_query_request_decision)terminal_choice(t, "decision"),
		.outcome = (enum audit_record_query_request_outcome)terminal_choice(t, "outcome"),
		.domain = terminal_text(t, "domain"),
		.provenance = terminal_text(t, "provenance"),
		.has_from_ms = args_has(&t->args, "since"),
		.from_ms = args_i64(&t->args, "since", 0),
		.has_to_ms = args_has(&t->args, "until"),
		.to_ms = args_i64(&t->args, "until", 0),
		.order = args_has(&t->args, "oldest") ? AUDIT_ORDER_OLDEST : AUDIT_ORDER_NEWEST,
		.has_limit = true,
		.limit = args_i64(&t->args, "limit", 50),
	};
	struct audit_record_query_reply reply;
	struct table table;
	bool printed;

	TRY(cursor_read(t, &request, problem));
	TRY(terminal_ask(t, &CALL_AUDIT_RECORD_QUERY, &request, &reply, &printed, problem));
	if (printed)
		return ST_OK;
	table_init(&table, &t->arena,
		   ">position|time|agent|type|tool|decision|outcome|user|domain|source");
	record_rows(t, &table, &reply);
	terminal_table(t, &table);
	if (reply.has_next)
		terminal_say(t, "more: --cursor %lld\n", (long long)reply.next);
	return ST_OK;
}

enum st cmd_audit_show(struct terminal *t, struct problem *problem)
{
	struct str record = terminal_text(t, "record");
	struct audit_record_get_request get = { 0 };
	struct audit_record_find_request find = { .evidence_id = record };
	struct audit_record_reply reply;

	if (str_to_i64(record, &get.log_id))
		TRY(terminal_call(t, &CALL_AUDIT_RECORD_GET, &get, &reply, problem));
	else
		TRY(terminal_call(t, &CALL_AUDIT_RECORD_FIND, &find, &reply, problem));
	return terminal_json(t, &audit_record_reply_type, &reply);
}

/* --- verification of what the service holds --- */

static void summary_say(struct terminal *t, const struct auditlog_summary *s)
{
	terminal_say(t,
		     "%lld records, %lld expired, %lld chains: every record is the one that was "
		     "logged, in its place, under %lld signed roots; tree of %lld\n",
		     (long long)s->records, (long long)s->expired, (long long)s->chains,
		     (long long)s->checkpoints, (long long)s->size);
}

static void chain_say(struct terminal *t, const struct audit_chain *chain,
		      const struct chain_check *check)
{
	int64_t expired = chain->length - check->count;

	terminal_say(t, "%lld records of %.*s follow each other; head %.*s%s\n",
		     (long long)check->count, STR_ARG(chain->agent_id), STR_ARG(chain->head_hash),
		     chain->sealed ? ", sealed" : "");
	if (expired > 0)
		terminal_say(
			t,
			"%lld more have expired; that they have is proved by the log: piopl audit "
			"verify\n",
			(long long)expired);
}

/* One agent's chain: each record carries the hash of the one before, and the last is the head. */
static enum st chain_verify(struct terminal *t, struct str agent_id, struct problem *problem)
{
	struct audit_chain_read_request request = { .agent_id = agent_id };
	struct audit_chain_read_reply reply;
	struct audit_chain_get_request get = { .agent_id = agent_id };
	struct audit_chain chain;
	struct chain_check check = { .count = 0 };
	struct hash head, own;

	TRY(terminal_call(t, &CALL_AUDIT_CHAIN_GET, &get, &chain, problem));
	do {
		TRY(terminal_call(t, &CALL_AUDIT_CHAIN_READ, &request, &reply, problem));
		for (size_t i = 0; i < reply.texts.count; i++) {
			struct str text = reply.texts.items[i];
			struct auditlog_view view;

			if (auditlog_record_read(text, &view) != ST_OK ||
			    !str_equal(view.agent_id, agent_id))
				return problem_set(problem, ST_PROOF_INVALID, "",
						   "record %lld of the chain is none of \"%.*s\"",
						   (long long)check.count, STR_ARG(agent_id));
			sha256_of(text.data, text.size, &own);
			chain_take(&check, &view.previous, &own);
		}
		request.has_cursor = reply.has_next;
		request.cursor = reply.next;
	} while (reply.has_next);
	if (hash_of_text(chain.head_hash, &head) != ST_OK ||
	    !chain_holds(&check, chain.length, &head))
		return problem_set(
			problem, ST_PROOF_INVALID, "",
			"the chain does not hold: %lld of its %lld records are there, %lld do "
			"not follow the one before them",
			(long long)check.count, (long long)chain.length, (long long)check.gaps);
	if (t->json)
		return terminal_json(t, &audit_chain_type, &chain);
	chain_say(t, &chain, &check);
	return ST_OK;
}

enum st cmd_audit_verify(struct terminal *t, struct problem *problem)
{
	const char *file = args_text(&t->args, "file");
	struct str agent = terminal_text(t, "agent");
	struct auditlog_summary summary;

	if (file && agent.data)
		return problem_set(problem, ST_USAGE, "", "--file and --agent are two things");
	if (agent.data)
		return chain_verify(t, agent, problem);
	if (file) {
		TRY(evidence_verify_file(t, file, &summary, problem));
	} else {
		TRY(evidence_checkpoint_wait(t, problem));
		TRY(evidence_verify_log(t, args_i64(&t->args, "first", 0),
					args_i64(&t->args, "end", -1), &summary, problem));
	}
	summary_say(t, &summary);
	return ST_OK;
}

/* --- checkpoints --- */

static enum st checkpoints_list(struct terminal *t, struct problem *problem)
{
	struct audit_checkpoint_list_request request = {
		.has_after = args_has(&t->args, "after"),
		.after = args_i64(&t->args, "after", 0),
	};
	struct audit_checkpoint_list_reply reply;
	struct table table;
	bool printed;

	TRY(terminal_ask(t, &CALL_AUDIT_CHECKPOINT_LIST, &request, &reply, &printed, problem));
	if (printed)
		return ST_OK;
	table_init(&table, &t->arena, ">size|signed|>witnesses|root");
	for (size_t i = 0; i < reply.items.count; i++) {
		table_cell_i64(&table, reply.items.items[i].size);
		table_cell_c(&table, terminal_time(t, reply.items.items[i].signed_at_ms));
		table_cell_i64(&table, (int64_t)reply.items.items[i].witnesses.count);
		table_cell(&table, reply.items.items[i].root_hash);
	}
	terminal_table(t, &table);
	return ST_OK;
}

static enum st alarms_list(struct terminal *t, struct problem *problem)
{
	struct audit_alarm_list_request request = { 0 };
	struct audit_alarm_list_reply reply;
	struct table table;
	bool printed;

	TRY(terminal_ask(t, &CALL_AUDIT_ALARM_LIST, &request, &reply, &printed, problem));
	if (printed)
		return ST_OK;
	table_init(&table, &t->arena, ">alarm|raised|kind|about|detail");
	for (size_t i = 0; i < reply.items.count; i++) {
		table_cell_i64(&table, reply.items.items[i].alarm_id);
		table_cell_c(&table, terminal_time(t, reply.items.items[i].raised_at_ms));
		table_cell_c(&table, audit_alarm_kind_names[reply.items.items[i].kind - 1]);
		table_cell(&table, reply.items.items[i].subject);
		table_cell(&table, reply.items.items[i].detail);
	}
	if (table.count == 0)
		terminal_say(t, "no alarms\n");
	else
		terminal_table(t, &table);
	return ST_OK;
}

/* From the key list, which the root key signed: needs no service. */
static enum st keys_print(struct terminal *t, struct problem *problem)
{
	struct json *list = json_new(&t->arena, JSON_ARRAY);
	struct evidence_keys keys;
	char text[NOTE_VKEY_SIZE];
	struct buf buf;

	TRY(evidence_keys_load(t, &keys, problem));
	for (size_t i = 0; i < keys.count; i++) {
		note_key_to_text(&keys.keys[i], text);
		json_add(list, json_new_string(&t->arena, arena_copy(&t->arena, str_of(text))));
		if (!t->json)
			terminal_say(t, "%s\n", text);
	}
	if (!t->json)
		return ST_OK;
	buf_init(&buf, &t->arena, 512);
	json_write_pretty(&buf, list);
	buf_add_char(&buf, '\n');
	terminal_write(buf_str(&buf));
	return ST_OK;
}

enum st cmd_audit_checkpoint(struct terminal *t, struct problem *problem)
{
	struct audit_checkpoint_get_request request = {
		.has_size = args_has(&t->args, "size"),
		.size = args_i64(&t->args, "size", 0),
	};
	struct audit_checkpoint reply;
	bool printed;

	if (args_has(&t->args, "alarms"))
		return alarms_list(t, problem);
	if (args_has(&t->args, "list"))
		return checkpoints_list(t, problem);
	if (args_has(&t->args, "key"))
		return keys_print(t, problem);
	TRY(terminal_ask(t, &CALL_AUDIT_CHECKPOINT_GET, &request, &reply, &printed, problem));
	if (!printed)
		terminal_say(t, "%.*s", STR_ARG(reply.note));
	return ST_OK;
}

/* --- proofs: asked for, then checked here --- */

static enum st hashes_read(const struct str *texts, size_t count, struct hash *ret,
			   struct problem *problem)
{
	if (count > MERKLE_CONSISTENCY_MAX)
		return problem_set(problem, ST_PROOF_INVALID, "", "the proof is too long");
	for (size_t i = 0; i < count; i++)
		TRY(hash_of_text(texts[i], &ret[i]));
	return ST_OK;
}

/* The root that the log signed for a size, once its signature was checked. */
static enum st signed_root(struct terminal *t, int64_t size, struct hash *ret,
			   struct problem *problem)
{
	struct audit_checkpoint_get_request request = { .has_size = true, .size = size };
	struct audit_checkpoint reply;
	struct note_verdict verdicts[EVIDENCE_KEYS_MAX];
	struct evidence_keys keys;
	struct checkpoint checkpoint;
	struct note *note = ARENA_NEW(&t->arena, struct note);

	if (!note)
		return ST_NO_MEMORY;
	TRY(terminal_call(t, &CALL_AUDIT_CHECKPOINT_GET, &request, &reply, problem));
	TRY(evidence_keys_load(t, &keys, problem));
	TRY(note_parse(reply.note, note, problem));
	TRY(note_verify(note, keys.keys, keys.count, verdicts, problem));
	TRY(checkpoint_parse(note->text, &checkpoint, problem));
	if (checkpoint.size != size || !str_is(checkpoint.origin, SITE_AUDIT_ORIGIN))
		return problem_set(problem, ST_PROOF_INVALID, "",
				   "the checkpoint is of another log");
	*ret = checkpoint.root;
	return ST_OK;
}

static enum st inclusion_prove(struct terminal *t, struct problem *problem)
{
	struct audit_proof_inclusion_request request = {
		.log_id = args_i64(&t->args, "record", 0),
		.has_size = args_has(&t->args, "size"),
		.size = args_i64(&t->args, "size", 0),
	};
	struct audit_proof_inclusion_reply reply;
	struct hash path[MERKLE_CONSISTENCY_MAX];
	struct hash leaf;
	struct hash root;

	TRY(terminal_call(t, &CALL_AUDIT_PROOF_INCLUSION, &request, &reply, problem));
	TRY(hashes_read(reply.hashes.items, reply.hashes.count, path, problem));
	TRY(hash_of_text(reply.leaf_hash, &leaf));
	TRY(signed_root(t, reply.size, &root, problem));
	if (reply.log_id != request.log_id ||
	    merkle_verify_path(&leaf, reply.log_id, reply.size, path, reply.hashes.count, &root) !=
		    ST_OK)
		return problem_set(problem, ST_PROOF_INVALID, "",
				   "the proof does not lead to the signed root");
	if (t->json)
		return terminal_json(t, &audit_proof_inclusion_reply_type, &reply);
	terminal_say(t,
		     "record %lld is in the signed tree of %lld: %zu hashes lead from its leaf "
		     "to the root\n",
		     (long long)reply.log_id, (long long)reply.size, reply.hashes.count);
	return ST_OK;
}

static enum st consistency_prove(struct terminal *t, struct problem *problem)
{
	struct audit_proof_consistency_request request = {
		.first = args_i64(&t->args, "from", 0),
		.second = args_i64(&t->args, "to", 0),
	};
	struct audit_proof_consistency_reply reply;
	struct hash proof[MERKLE_CONSISTENCY_MAX];
	struct hash old_root;
	struct hash root;

	TRY(terminal_call(t, &CALL_AUDIT_PROOF_CONSISTENCY, &request, &reply, problem));
	TRY(hashes_read(reply.hashes.items, reply.hashes.count, proof, problem));
	TRY(signed_root(t, request.first, &old_root, problem));
	TRY(signed_root(t, request.second, &root, problem));
	if (merkle_verify_consistency(request.first, &old_root, request.second, &root, proof,
				      reply.hashes.count) != ST_OK)
		return problem_set(problem, ST_PROOF_INVALID, "",
				   "the larger tree does not begin with the smaller one");
	if (t->json)
		return terminal_json(t, &audit_proof_consistency_reply_type, &reply);
	terminal_say(t,
		     "the tree of %lld begins with the tree of %lld; nothing before was changed\n",
		     (long long)request.second, (long long)request.first);
	return ST_OK;
}

enum st cmd_audit_proof(struct terminal *t, struct problem *problem)
{
	bool record = args_has(&t->args, "record");
	bool from = args_has(&t->args, "from");

	if (record && !from)
		return inclusion_prove(t, problem);
	if (!record && from && args_has(&t->args, "to"))
		return consistency_prove(t, problem);
	problem_set(problem, ST_USAGE, "", "what to prove is missing");
	problem_hint(problem, "a record's position, or --from and --to");
	return ST_USAGE;
}
