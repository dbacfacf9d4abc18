/* handlers_version.c: what is in force: planned, applied all at once under one number, rolled back;
 * drafts run against recorded decisions. */
#include <stdio.h>
#include <stdlib.h>

#include "id.h"
#include "service.h"

#define PLAN_DECISIONS 1000
#define REPLAY_DECISIONS 1000
#define VERSION_LIST_LIMIT 100
#define WARNINGS_MAX 100

/* Documents that a request changes, loaded as they would be. */
struct changes {
	struct loaded **items;
	size_t count;
};

static enum st change_load(struct svc_request *req, const struct policy_document_change *change,
			   struct loaded **ret)
{
	struct policy_service *policy = req->state;
	struct loaded *loaded = ARENA_NEW(req->arena, struct loaded);
	struct db_rows rows;

	if (!loaded)
		return ST_TOO_LARGE;
	/* What is retired is what counts, not a draft that came after it. */
	if (!change->has_revision && change->state == POLICY_DOCUMENT_STATE_RETIRED)
		TRY(db_query(req->tx, &policy_statements[POL_DOCUMENT_IN_FORCE], req->arena, &rows,
			     DB_TEXT(change->document_id)));
	else
		TRY(db_query(req->tx, &policy_statements[POL_DOCUMENT_GET], req->arena, &rows,
			     DB_TEXT(change->document_id),
			     DB_I64(change->has_revision ? change->revision : 0)));
	if (rows.count == 0)
		return svc_refuse(req, ST_NOT_FOUND, "/changes", "no document \"%.*s\"",
				  STR_ARG(change->document_id));
	TRY(document_read(policy, req->arena, db_text(&rows, 0, 10), &loaded->document,
			  &req->problem));
	loaded->document->id = change->document_id;
	loaded->revision = db_i64(&rows, 0, 1);
	loaded->state = (enum document_state)change->state;
	*ret = loaded;
	return ST_OK;
}

static enum st changes_load(struct svc_request *req, const struct policy_apply_request *in,
			    struct changes *ret)
{
	ret->count = in->changes.count;
	ret->items = ARENA_ARRAY(req->arena, struct loaded *, ret->count);
	if (!ret->items)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < ret->count; i++)
		TRY(change_load(req, &in->changes.items[i], &ret->items[i]));
	return ST_OK;
}

static bool is_changed(const struct changes *changes, const struct document *d)
{
	for (size_t i = 0; i < changes->count; i++)
		if (str_equal(changes->items[i]->document->id, d->id))
			return true;
	return false;
}

/* What would stand above a changed document: what is in force and not changed, and the changed. */
static size_t above_of(const struct policy_service *policy, const struct changes *changes,
		       const struct document *d, const struct document **ret, size_t max)
{
	const struct document *now[CHAIN_DOCUMENTS_MAX];
	size_t n = documents_above(policy, d->place, d->node, now, CHAIN_DOCUMENTS_MAX), count = 0;

	for (size_t i = 0; i < n && count < max; i++)
		if (!is_changed(changes, now[i]))
			ret[count++] = now[i];
	for (size_t i = 0; i < changes->count && count < max; i++) {
		const struct document *other = changes->items[i]->document;
		bool above = other->place < d->place ||
			     (other->place == PLACE_UNIT && d->place == PLACE_UNIT &&
			      other->node.size < d->node.size &&
			      memcmp(other->node.data, d->node.data, other->node.size) == 0 &&
			      d->node.data[other->node.size] == '.');
		/* Of units, those of an agent's own line cannot be told without the agent. */
		if (other->place == PLACE_UNIT && d->place == PLACE_AGENT)
			above = false;
		if (above && changes->items[i]->state == DOCUMENT_ACTIVE)
			ret[count++] = other;
	}
	return count;
}

static enum st changes_judge(struct svc_request *req, const struct changes *changes)
{
	struct policy_service *policy = req->state;
	const struct document *above[CHAIN_DOCUMENTS_MAX];
	struct widening widening;

	for (size_t i = 0; i < changes->count; i++) {
		const struct loaded *l = changes->items[i];
		if (l->state != DOCUMENT_ACTIVE)
			continue;
		size_t count = above_of(policy, changes, l->document, above, CHAIN_DOCUMENTS_MAX);
		arena_reset(&policy->scratch);
		if (widening_find(&policy->scratch, l->document, above, count, &widening))
			return svc_refuse(req, ST_POLICY_WIDENS, "/changes", "\"%.*s\": %.*s",
					  STR_ARG(l->document->id), STR_ARG(widening.words));
	}
	return ST_OK;
}

/* -- plan and replay -- */

struct comparing {
	struct svc_request *req;
	const struct loaded *const *instead;
	size_t instead_count;
	struct policy_difference *items;
	size_t count;
	int64_t compared;
};

static enum st compare_one(struct comparing *c, const struct db_rows *rows, size_t i,
			   struct chain *chain)
{
	struct policy_service *policy = c->req->state;
	const struct agent_slot *slot = agent_find(policy, db_i64(rows, i, 1));

	if (!slot)
		return ST_OK;
	arena_reset(&policy->scratch);
	chain_make(policy, &slot->agent, c->instead, c->instead_count, false, chain);
	enum verdict was = recorded_verdict(&slot->agent, &slot->agent.chain, db_text(rows, i, 4),
					    &policy->scratch);
	enum verdict would_be =
		recorded_verdict(&slot->agent, chain, db_text(rows, i, 4), &policy->scratch);
	if (was == VERDICT_SILENT || would_be == VERDICT_SILENT)
		return ST_OK;
	c->compared++;
	if (was == would_be || c->count == DIFFERENCES_MAX)
		return ST_OK;
	c->items[c->count++] = (struct policy_difference){
		.evidence_id =
			arena_printf(c->req->arena, "evd_%.*s", STR_ARG(db_text(rows, i, 0))),
		.agent_id = slot->agent.id,
		.tool = db_text(rows, i, 2),
		.was = (enum policy_verdict)was,
		.would_be = (enum policy_verdict)would_be,
	};
	return ST_OK;
}

static enum st compare_all(struct comparing *c, int64_t limit)
{
	struct chain *chain = ARENA_NEW(c->req->arena, struct chain);
	struct db_rows rows;

	c->items = ARENA_ARRAY(c->req->arena, struct policy_difference, DIFFERENCES_MAX);
	if (!chain || !c->items)
		return ST_TOO_LARGE;
	TRY(db_query(c->req->tx, &policy_statements[POL_DECISIONS_RECENT], c->req->arena, &rows,
		     DB_I64(limit)));
	for (size_t i = 0; i < rows.count; i++)
		TRY(compare_one(c, &rows, i, chain));
	return ST_OK;
}

/* What stands below and would say yes where a changed document says no: it goes on being denied,
 * and its author should know. */
static enum st warnings_find(struct svc_request *req, const struct changes *changes,
			     struct policy_plan_reply *out)
{
	struct policy_service *policy = req->state;
	struct widening widening;

	out->warnings.items = ARENA_ARRAY(req->arena, struct str, WARNINGS_MAX);
	if (!out->warnings.items)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < changes->count; i++) {
		const struct document *changed = changes->items[i]->document;
		if (changes->items[i]->state != DOCUMENT_ACTIVE)
			continue;
		for (size_t j = 0; j < policy->document_count; j++) {
			const struct document *below = policy->documents[j]->document;
			if (below->place <= changed->place || changed->place != PLACE_ROOT ||
			    is_changed(changes, below) || out->warnings.count == WARNINGS_MAX)
				continue;
			arena_reset(&policy->scratch);
			if (widening_find(&policy->scratch, below, &changed, 1, &widening))
				out->warnings.items[out->warnings.count++] =
					arena_printf(req->arena, "\"%.*s\": %.*s",
						     STR_ARG(below->id), STR_ARG(widening.words));
		}
	}
	return ST_OK;
}

enum st on_plan(struct svc_request *req)
{
	const struct policy_apply_request *in = req->body;
	struct policy_service *policy = req->state;
	struct policy_plan_reply *out = req->answer;
	struct changes changes;

	TRY(changes_load(req, in, &changes));
	TRY(changes_judge(req, &changes));
	struct comparing comparing = { .req = req,
				       .instead = (const struct loaded *const *)changes.items,
				       .instead_count = changes.count };
	TRY(compare_all(&comparing, PLAN_DECISIONS));
	out->version = policy->version;
	out->compared = comparing.compared;
	out->differences.items = comparing.items;
	out->differences.count = comparing.count;
	return warnings_find(req, &changes, out);
}

enum st on_replay(struct svc_request *req)
{
	const struct policy_replay_request *in = req->body;
	struct policy_replay_reply *out = req->answer;
	const struct policy_document_change change = { .document_id = in->document_id,
						       .has_revision = in->has_revision,
						       .revision = in->revision,
						       .state = POLICY_DOCUMENT_STATE_ACTIVE };
	struct loaded *loaded = NULL;

	TRY(change_load(req, &change, &loaded));
	const struct loaded *instead[] = { loaded };
	struct comparing comparing = { .req = req, .instead = instead, .instead_count = 1 };
	TRY(compare_all(&comparing, in->has_limit ? in->limit : REPLAY_DECISIONS));
	out->compared = comparing.compared;
	out->differences.items = comparing.items;
	out->differences.count = comparing.count;
	return ST_OK;
}

/* -- apply and roll back -- */

/* One change of what is in force, from its beginning. */
struct making {
	const char *operation;
	struct str by, reason, approval_id;
	int64_t version, rolled_back_to; /* -1: it is none */
	struct approval_found approval;  /* usable: used with it */
};

static enum st making_record(struct svc_request *req, const struct making *m)
{
	char id[ID_TEXT_SIZE];

	if (!m->approval.usable)
		return policy_evidence(req, m->operation, m->by, false);
	id_make("evd", req->now_ms, id);
	TRY(activation_use(req, m->approval_id, str_of(id)));
	return policy_evidence_approved(req, m->operation, m->by, &m->approval, m->approval_id,
					str_of(id));
}

static enum st version_make(struct svc_request *req, const struct making *m)
{
	struct policy_version_reply *out = req->answer;
	struct db_value back = DB_I64(m->rolled_back_to);
	struct db_rows rows;

	back.null = m->rolled_back_to < 0;
	TRY(db_query(req->tx, &policy_statements[POL_VERSION_INSERT], req->arena, &rows,
		     DB_I64(m->version), DB_I64(req->now_ms), DB_TEXT(m->by), DB_TEXT(m->reason),
		     back));
	out->version = (struct policy_version){
		.version = m->version,
		.at_ms = req->now_ms,
		.by = m->by,
		.reason = m->reason,
		.documents = db_i64(&rows, 0, 0),
		.has_rolled_back_to = m->rolled_back_to >= 0,
		.rolled_back_to = m->rolled_back_to >= 0 ? m->rolled_back_to : 0,
	};
	char subject[32];
	snprintf(subject, sizeof(subject), "%lld", (long long)m->version);
	TRY(svc_emit(req, &EVT_POLICY_VERSION_ACTIVATED, str_of(subject), &out->version));
	return making_record(req, m);
}

static enum st version_next(struct svc_request *req, int64_t expected, int64_t *ret)
{
	struct db_rows rows;

	TRY(db_query(req->tx, &policy_statements[POL_VERSION_NEXT], req->arena, &rows,
		     DB_I64(expected)));
	if (rows.count == 0)
		return svc_refuse(req, ST_VERSION_CONFLICT, "/expected_version",
				  "version %lld is not in force any more", (long long)expected);
	*ret = db_i64(&rows, 0, 0);
	return ST_OK;
}

static enum st state_set(struct svc_request *req, struct str id, int64_t revision,
			 enum document_state state)
{
	/* Another revision steps down first, so that one is active at any time. */
	if (state == DOCUMENT_ACTIVE)
		TRY(db_write(req->tx, &policy_statements[POL_DOCUMENT_RETIRE_OTHERS], DB_ANY_ROWS,
			     ST_CONFLICT, DB_TEXT(id), DB_I64(revision)));
	return db_write(req->tx, &policy_statements[POL_DOCUMENT_STATE], 1, ST_CONFLICT,
			DB_TEXT(id), DB_I64(revision), DB_I32(state));
}

/* A refusal for want of a role or of an approval is evidence too. */
static enum st refusal_noted(struct svc_request *req, const char *operation, enum st st)
{
	if (st != ST_ROLE_REQUIRED && st != ST_ACTIVATION_NOT_APPROVED)
		return st;
	TRY(policy_evidence(req, operation, req->principal.size > 0 ? req->principal : req->caller,
			    true));
	req->keep_writes = true;
	return st;
}

/* Takes the lock on what is in force. What this process judged by is what is in force then, or it
 * is done again. */
static enum st making_lock(struct svc_request *req, int64_t expected, struct making *m)
{
	struct policy_service *policy = req->state;

	TRY(version_next(req, expected, &m->version));
	return m->version == policy->version + 1 ? ST_OK : ST_SERIALIZATION;
}

enum st on_apply(struct svc_request *req)
{
	const struct policy_apply_request *in = req->body;
	struct making m = { .operation = "policy.apply",
			    .reason = in->reason.data ? in->reason : STR("applied"),
			    .approval_id = in->approval_id,
			    .rolled_back_to = -1 };
	char hash[HASH_TEXT_SIZE];
	struct changes changes;

	TRY(refusal_noted(req, m.operation, activation_allowed(req, &m.by)));
	TRY(changes_load(req, in, &changes));
	const struct loaded *const *items = (const struct loaded *const *)changes.items;
	TRY(activation_hash_changes(req, items, changes.count, hash));
	TRY(refusal_noted(req, m.operation,
			  activation_judge(req, m.operation, hash, in->approval_id, &m.approval)));
	TRY(making_lock(req, in->has_expected_version ? in->expected_version : -1, &m));
	TRY(changes_judge(req, &changes));
	TRY(activation_stays_possible(req, items, changes.count));
	for (size_t i = 0; i < changes.count; i++)
		TRY(state_set(req, changes.items[i]->document->id, changes.items[i]->revision,
			      changes.items[i]->state));
	return version_make(req, &m);
}

enum st on_activation_terms(struct svc_request *req)
{
	const struct policy_activation_terms_request *in = req->body;
	struct policy_activation_terms_reply *out = req->answer;
	const struct policy_service *policy = req->state;
	char hash[HASH_TEXT_SIZE];
	struct changes changes;

	if (in->has_changes == in->has_rollback_to)
		return svc_refuse(req, ST_MESSAGE_INVALID, "", "say changes or rollback_to");
	out->version = policy->version;
	if (in->has_rollback_to) {
		TRY(activation_hash_rollback(req, in->rollback_to, hash));
		return activation_ask_fill(req, "policy.rollback", hash, out);
	}
	const struct policy_apply_request apply = { .changes = { in->changes.items,
								 in->changes.count } };
	TRY(changes_load(req, &apply, &changes));
	TRY(activation_hash_changes(req, (const struct loaded *const *)changes.items, changes.count,
				    hash));
	return activation_ask_fill(req, "policy.apply", hash, out);
}

static bool version_names(const struct db_rows *rows, struct str id, int64_t revision)
{
	const struct db_value *ids = db_at(rows, 0, 0), *revisions = db_at(rows, 0, 1);

	for (size_t i = 0; i < ids->count; i++)
		if (str_equal(((const struct str *)ids->items)[i], id) &&
		    ((const int64_t *)revisions->items)[i] == revision)
			return true;
	return false;
}

enum st on_rollback(struct svc_request *req)
{
	const struct policy_rollback_request *in = req->body;
	struct policy_service *policy = req->state;
	struct making m = { .operation = "policy.rollback",
			    .reason = in->reason,
			    .approval_id = in->approval_id,
			    .rolled_back_to = in->version };
	char hash[HASH_TEXT_SIZE];
	struct db_rows rows;

	TRY(refusal_noted(req, m.operation, activation_allowed(req, &m.by)));
	TRY(activation_hash_rollback(req, in->version, hash));
	TRY(db_query(req->tx, &policy_statements[POL_VERSION_GET], req->arena, &rows,
		     DB_I64(in->version)));
	if (rows.count == 0)
		return svc_refuse(req, ST_NOT_FOUND, "/version", "there was no version %lld",
				  (long long)in->version);
	TRY(refusal_noted(req, m.operation,
			  activation_judge(req, m.operation, hash, in->approval_id, &m.approval)));
	TRY(making_lock(req, -1, &m));

	for (size_t i = 0; i < policy->document_count; i++) {
		const struct loaded *l = policy->documents[i];
		if (l->state == DOCUMENT_ACTIVE &&
		    !version_names(&rows, l->document->id, l->revision))
			TRY(state_set(req, l->document->id, l->revision, DOCUMENT_RETIRED));
	}
	const struct db_value *ids = db_at(&rows, 0, 0), *revisions = db_at(&rows, 0, 1);
	for (size_t i = 0; i < ids->count; i++)
		TRY(state_set(req, ((const struct str *)ids->items)[i],
			      ((const int64_t *)revisions->items)[i], DOCUMENT_ACTIVE));
	return version_make(req, &m);
}

enum st on_version_list(struct svc_request *req)
{
	const struct policy_version_list_request *in = req->body;
	struct policy_version_list_reply *out = req->answer;
	struct db_rows rows;

	TRY(db_query(req->tx, &policy_statements[POL_VERSION_LIST], req->arena, &rows,
		     DB_I64(in->has_limit ? in->limit : VERSION_LIST_LIMIT)));
	out->versions.items = ARENA_ARRAY(req->arena, struct policy_version, rows.count);
	if (!out->versions.items)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < rows.count; i++)
		out->versions.items[i] = (struct policy_version){
			.version = db_i64(&rows, i, 0),
			.at_ms = db_i64(&rows, i, 1),
			.by = db_text(&rows, i, 2),
			.reason = db_text(&rows, i, 3),
			.documents = db_i64(&rows, i, 4),
			.has_rolled_back_to = !db_is_null(&rows, i, 5),
			.rolled_back_to = db_i64(&rows, i, 5),
		};
	out->versions.count = rows.count;
	return ST_OK;
}
