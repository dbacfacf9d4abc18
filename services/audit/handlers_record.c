/* handlers_record.c: records and chains. */
#include "service.h"

#define QUERY_LIMIT 100
#define CHAIN_LIMIT 500

static enum st record_answer(struct svc_request *req, struct str packed, int64_t position)
{
	struct audit_record_reply *out = req->answer;
	struct hash hash;
	struct str text;

	TRY(audit_unpack_record(packed, position, req->arena, &out->record));
	TRY(audit_unpack_text(packed, position, req->arena, &text));
	sha256_of(text.data, text.size, &hash);
	out->record_hash = audit_hash_text(req->arena, &hash);
	merkle_leaf(text.data, text.size, &hash);
	out->leaf_hash = audit_hash_text(req->arena, &hash);
	return out->record_hash.data && out->leaf_hash.data ? ST_OK : ST_TOO_LARGE;
}

enum st audit_record_get(struct svc_request *req)
{
	const struct audit_record_get_request *in = req->body;
	struct str packed;
	enum st st = audit_record_at(req->tx, req->arena, in->log_id, &packed);

	if (st == ST_NOT_FOUND || st == ST_RECORD_EXPIRED)
		return svc_refuse(req, st, "/log_id",
				  st == ST_NOT_FOUND ? "the log has no position %lld"
						     : "the record at position %lld expired",
				  (long long)in->log_id);
	TRY(st);
	return record_answer(req, packed, in->log_id);
}

enum st audit_record_find(struct svc_request *req)
{
	const struct audit_record_find_request *in = req->body;
	struct audit_record record;
	struct db_rows rows;

	TRY(db_query(req->tx, &audit_statements[AUDIT_RECORD_BY_EVIDENCE], req->arena, &rows,
		     DB_I64(audit_evidence_key(in->evidence_id))));
	for (size_t i = 0; i < rows.count; i++) {
		int64_t position = db_i64(&rows, i, 0);

		TRY(audit_unpack_record(db_text(&rows, i, 1), position, req->arena, &record));
		if (str_equal(record.evidence_id, in->evidence_id))
			return record_answer(req, db_text(&rows, i, 1), position);
	}
	return svc_refuse(req, ST_NOT_FOUND, "/evidence_id", "no record has evidence id '%.*s'",
			  STR_ARG(in->evidence_id));
}

static enum st search(struct svc_request *req, const struct audit_record_query_request *query,
		      size_t limit, struct audit_record **ret_records, struct str **ret_texts,
		      size_t *ret_count, int64_t *ret_next)
{
	*ret_records = ARENA_ARRAY(req->arena, struct audit_record, limit);
	*ret_texts = ARENA_ARRAY(req->arena, struct str, limit);
	if (!*ret_records || !*ret_texts)
		return ST_TOO_LARGE;
	return audit_search(req->tx, req->arena, query, *ret_records, *ret_texts, limit, ret_count,
			    ret_next);
}

enum st audit_record_query(struct svc_request *req)
{
	const struct audit_record_query_request *in = req->body;
	struct audit_record_query_reply *out = req->answer;
	struct str *texts;
	int64_t next;

	if (in->has_from_ms && in->has_to_ms && in->from_ms >= in->to_ms)
		return svc_refuse(req, ST_MESSAGE_INVALID, "/to", "'to' must be after 'from'");
	TRY(search(req, in, in->has_limit ? (size_t)in->limit : QUERY_LIMIT, &out->records.items,
		   &texts, &out->records.count, &next));
	out->has_next = next >= 0;
	out->next = next;
	return ST_OK;
}

enum st audit_chain_read(struct svc_request *req)
{
	const struct audit_chain_read_request *in = req->body;
	struct audit_chain_read_reply *out = req->answer;
	struct audit_record_query_request query = { .agent_id = in->agent_id,
						    .order = AUDIT_ORDER_OLDEST,
						    .has_cursor = in->has_cursor,
						    .cursor = in->cursor };
	struct audit_record *records;
	int64_t next;

	TRY(search(req, &query, in->has_limit ? (size_t)in->limit : CHAIN_LIMIT, &records,
		   &out->texts.items, &out->texts.count, &next));
	out->has_next = next >= 0;
	out->next = next;
	return ST_OK;
}

/* What the table knows, and the records after it. */
static enum st chain_load(struct svc_request *req, struct str agent_id, struct audit_chain *chain,
			  struct hash *head)
{
	struct db_value term = DB_I64(audit_term(AUDIT_AGENT, agent_id));
	struct db_rows rows;
	int64_t indexed;

	TRY(audit_indexed_to(req->tx, req->arena, &indexed));
	TRY(db_query(req->tx, &audit_statements[AUDIT_CHAIN_GET], req->arena, &rows,
		     DB_TEXT(agent_id)));
	if (rows.count > 0) {
		if (db_text(&rows, 0, 0).size != HASH_BYTES)
			return ST_LOG_DAMAGED;
		memcpy(head->bytes, db_text(&rows, 0, 0).data, HASH_BYTES);
		chain->length = db_i64(&rows, 0, 1);
		chain->last_log_id = db_i64(&rows, 0, 2);
	}
	TRY(db_query(req->tx, &audit_statements[AUDIT_CHAIN_TAIL], req->arena, &rows,
		     DB_I64(indexed), term));
	if (rows.count == 0)
		return ST_OK;
	if (chain->length == 0 || db_i64(&rows, 0, 1) > chain->last_log_id) {
		struct str agent;

		TRY(audit_packed_hash(req->state, db_text(&rows, 0, 2), db_i64(&rows, 0, 1), head,
				      &agent));
		chain->last_log_id = db_i64(&rows, 0, 1);
	}
	chain->length += db_i64(&rows, 0, 0);
	return ST_OK;
}

enum st audit_chain_get(struct svc_request *req)
{
	const struct audit_chain_get_request *in = req->body;
	struct audit_chain chain = { .agent_id = in->agent_id };
	struct hash head;
	struct db_rows rows;

	TRY(chain_load(req, in->agent_id, &chain, &head));
	if (chain.length == 0)
		return svc_refuse(req, ST_NOT_FOUND, "/agent_id", "no record is about '%.*s'",
				  STR_ARG(in->agent_id));
	TRY(db_query(req->tx, &audit_statements[AUDIT_SEAL_GET], req->arena, &rows,
		     DB_TEXT(in->agent_id)));
	chain.head_hash = audit_hash_text(req->arena, &head);
	if (!chain.head_hash.data)
		return ST_TOO_LARGE;
	if (rows.count > 0) {
		chain.sealed = true;
		chain.has_sealed_log_id = chain.has_sealed_at_ms = true;
		chain.has_records_after_seal = true;
		chain.sealed_log_id = db_i64(&rows, 0, 0);
		chain.sealed_at_ms = db_i64(&rows, 0, 1);
		chain.records_after_seal = db_i64(&rows, 0, 2);
	}
	*(struct audit_chain *)req->answer = chain;
	return ST_OK;
}
