/* handlers_document.c: documents are checked, stored as drafts, shown and listed. */
#include <stdio.h>

#include "crypto.h"
#include "service.h"

#define LIST_LIMIT 100
#define ABOVE_MAX CHAIN_DOCUMENTS_MAX

static struct str asker_of(const struct svc_request *req)
{
	return req->principal.size > 0 ? req->principal : req->caller;
}

static struct str node_of(const struct document *d)
{
	return d->place == PLACE_ROOT ? STR("root") : d->node;
}

/* Loads it, and compares it with what is in force above its place. */
static enum st document_judge(struct svc_request *req, struct str text, struct document **ret)
{
	struct policy_service *policy = req->state;
	const struct document *above[ABOVE_MAX];
	struct widening widening;
	size_t count;

	TRY(document_read(policy, req->arena, text, ret, &req->problem));
	count = documents_above(policy, (*ret)->place, (*ret)->node, above, ABOVE_MAX);
	arena_reset(&policy->scratch);
	if (!widening_find(&policy->scratch, *ret, above, count, &widening))
		return ST_OK;
	char place[64];
	snprintf(place, sizeof(place), "line %u, column 1", widening.line);
	return svc_refuse(req, ST_POLICY_WIDENS, place, "%.*s", STR_ARG(widening.words));
}

enum st on_document_check(struct svc_request *req)
{
	const struct policy_document_check_request *in = req->body;
	struct policy_document_check_reply *out = req->answer;
	struct document *document = NULL;

	TRY(document_judge(req, in->text, &document));
	out->type = (enum policy_policy_type)(document->type + 1);
	out->node = node_of(document);
	out->rules = (int64_t)(document->rule_count + document->grant_count);
	return ST_OK;
}

static enum st document_of_row(const struct db_rows *rows, size_t i, struct policy_document *ret)
{
	*ret = (struct policy_document){
		.document_id = db_text(rows, i, 0),
		.revision = db_i64(rows, i, 1),
		.type = (enum policy_policy_type)db_i64(rows, i, 2),
		.node = db_text(rows, i, 3),
		.state = (enum policy_document_state)db_i64(rows, i, 4),
		.hash = db_text(rows, i, 6),
		.created_at_ms = db_i64(rows, i, 7),
		.created_by = db_text(rows, i, 8),
	};
	if (db_text(rows, i, 5).size > 0)
		ret->title = db_text(rows, i, 5);
	if (db_text(rows, i, 9).size > 0)
		ret->note = db_text(rows, i, 9);
	return ST_OK;
}

static enum st document_get(struct svc_request *req, struct str id, int64_t revision,
			    struct policy_document *ret)
{
	struct db_rows rows;

	TRY(db_query(req->tx, &policy_statements[POL_DOCUMENT_GET], req->arena, &rows, DB_TEXT(id),
		     DB_I64(revision)));
	if (rows.count == 0)
		return svc_refuse(req, ST_NOT_FOUND, "/document_id", "no document \"%.*s\"",
				  STR_ARG(id));
	TRY(document_of_row(&rows, 0, ret));
	ret->text = db_text(&rows, 0, 10);
	return ST_OK;
}

enum st on_document_put(struct svc_request *req)
{
	const struct policy_document_put_request *in = req->body;
	struct policy_document_reply *out = req->answer;
	char hash_text[HASH_TEXT_SIZE];
	struct document *d = NULL;
	struct db_rows rows;
	struct hash hash;

	TRY(document_judge(req, in->text, &d));
	if (d->id.size == 0)
		return svc_refuse(req, ST_DOCUMENT_ID_REQUIRED, "/text",
				  "write \"id: some-name\" below \"policy:\"");
	sha256_of(in->text.data, in->text.size, &hash);
	hash_to_text(&hash, hash_text);
	TRY(db_query(req->tx, &policy_statements[POL_DOCUMENT_INSERT], req->arena, &rows,
		     DB_TEXT(d->id), DB_I32(d->type + 1), DB_TEXT(node_of(d)),
		     DB_TEXT(str_or_empty(d->title)), DB_TEXT(str_of(hash_text)),
		     DB_I64(req->now_ms), DB_TEXT(asker_of(req)), DB_TEXT(str_or_empty(in->note)),
		     DB_BYTES(in->text)));
	TRY(policy_evidence(req, "policy.document_put", asker_of(req), false));
	return document_get(req, d->id, db_i64(&rows, 0, 0), &out->document);
}

enum st on_document_get(struct svc_request *req)
{
	const struct policy_document_get_request *in = req->body;
	struct policy_document_reply *out = req->answer;

	return document_get(req, in->document_id, in->has_revision ? in->revision : 0,
			    &out->document);
}

enum st on_document_list(struct svc_request *req)
{
	const struct policy_document_list_request *in = req->body;
	struct policy_document_list_reply *out = req->answer;
	int64_t limit = in->has_limit ? in->limit : LIST_LIMIT;
	struct db_rows rows;

	TRY(db_query(req->tx, &policy_statements[POL_DOCUMENT_LIST], req->arena, &rows,
		     DB_TEXT(str_or_empty(in->after)), DB_I32(in->state),
		     DB_TEXT(str_or_empty(in->node)), DB_I64(limit)));
	out->documents.items = ARENA_ARRAY(req->arena, struct policy_document, rows.count);
	if (!out->documents.items)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < rows.count; i++)
		TRY(document_of_row(&rows, i, &out->documents.items[i]));
	out->documents.count = rows.count;
	if ((int64_t)rows.count == limit)
		out->next = db_text(&rows, rows.count - 1, 0);
	return ST_OK;
}
