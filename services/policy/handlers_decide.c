/* handlers_decide.c: decisions, one and many, in our own words and in AuthZEN's; what became of
 * them; and why. */
#include "id.h"
#include "service.h"

#define EXPLAINED_MAX 40
#define EXPLAINED_BYTES_MAX 1000

enum st on_decide(struct svc_request *req)
{
	struct decision_mark mark = decisions_mark(req->state);

	return decisions_end(req->state, mark, decision_make(req, req->body, true, req->answer));
}

enum st on_try(struct svc_request *req)
{
	return decision_make(req, req->body, false, req->answer);
}

enum st on_decide_many(struct svc_request *req)
{
	const struct policy_decide_many_request *in = req->body;
	struct policy_decide_many_reply *out = req->answer;
	struct policy_decision *items =
		ARENA_ARRAY(req->arena, struct policy_decision, in->requests.count);

	if (!items)
		return ST_TOO_LARGE;
	struct decision_mark mark = decisions_mark(req->state);
	enum st st = ST_OK;
	for (size_t i = 0; i < in->requests.count && st == ST_OK; i++)
		st = decision_make(req, &in->requests.items[i], true, &items[i]);
	TRY(decisions_end(req->state, mark, st));
	out->decisions.items = items;
	out->decisions.count = in->requests.count;
	return ST_OK;
}

/* -- outcomes -- */

static struct str evidence_uuid(struct str evidence_id)
{
	return (struct str){ evidence_id.data + 4, evidence_id.size - 4 };
}

static enum st reservation_settle(struct svc_request *req, int64_t number, int64_t at_ms,
				  int64_t released)
{
	struct svc_scope scope = svc_scope_of_request(req);
	struct meter *meter;

	/* A day that is over is not spent from any more. */
	if (released == 0 || day_of(at_ms) != day_of(req->now_ms))
		return ST_OK;
	TRY(meter_get(&scope, req->state, number, STR("spend"), day_of(req->now_ms), &meter));
	meter_add(req->state, meter, -released);
	return ST_OK;
}

static enum st outcome_evidence(struct svc_request *req,
				const struct policy_outcome_report_request *in, int64_t number)
{
	char id[ID_TEXT_SIZE], agent[AGENT_ID_TEXT_SIZE], hash_text[HASH_TEXT_SIZE];
	struct hash hash;

	id_make("evd", req->now_ms, id);
	agent_id_format(number, agent);
	sha256_of(in->evidence_id.data, in->evidence_id.size, &hash);
	hash_to_text(&hash, hash_text);
	struct common_evidence evidence = {
		.evidence_id = str_of(id),
		.timestamp_ms = req->now_ms,
		.agent_id = str_of(agent),
		.trace_id = req->trace_id,
		.operation = { .type = STR("policy.outcome"),
			       .tool = STR("policy"),
			       .parameters_hash = str_of(hash_text) },
		.context = { .session_id = in->evidence_id },
		.policy_evaluation = { .decision = COMMON_EVIDENCE_POLICY_DECISION_ALLOW },
		.outcome = { .status = in->status == POLICY_OUTCOME_STATUS_SUCCESS
					       ? COMMON_EVIDENCE_OUTCOME_STATUS_SUCCESS
					       : COMMON_EVIDENCE_OUTCOME_STATUS_FAILED,
			     .result_hash = in->result_hash },
		.domain = STR("default"),
	};
	return svc_emit(req, &EVT_EVIDENCE_RECORDED, evidence.evidence_id, &evidence);
}

static enum st outcome_again(struct svc_request *req,
			     const struct policy_outcome_report_request *in,
			     const struct db_rows *rows)
{
	struct policy_outcome_report_reply *out = req->answer;
	char amount[MONEY_TEXT_SIZE];

	if (db_i64(rows, 0, 4) != (int64_t)in->status ||
	    !str_equal(db_text(rows, 0, 6), str_or_empty(in->result_hash)))
		return svc_refuse(req, ST_OUTCOME_KNOWN, "/status",
				  "another outcome was reported before");
	out->status = in->status;
	micros_print(db_i64(rows, 0, 5), amount);
	out->captured = arena_copy(req->arena, str_of(amount));
	return ST_OK;
}

static enum st captured_amount(struct svc_request *req,
			       const struct policy_outcome_report_request *in, int64_t reserved,
			       int64_t *ret)
{
	*ret = 0;
	if (in->status != POLICY_OUTCOME_STATUS_SUCCESS)
		return ST_OK;
	*ret = reserved;
	if (!in->has_amount)
		return ST_OK;
	if (in->amount.micros < 0 || in->amount.micros > reserved)
		return svc_refuse(req, ST_MONEY_INVALID, "/amount",
				  "more than was reserved, or negative");
	*ret = in->amount.micros;
	return ST_OK;
}

enum st on_outcome_report(struct svc_request *req)
{
	const struct policy_outcome_report_request *in = req->body;
	struct policy_outcome_report_reply *out = req->answer;
	struct str uuid = evidence_uuid(in->evidence_id);
	struct svc_scope scope = svc_scope_of_request(req);
	char amount[MONEY_TEXT_SIZE];
	struct db_rows rows;
	int64_t captured;

	if (!uuid_valid(uuid))
		return svc_refuse(req, ST_NOT_FOUND, "/evidence_id", "no such decision");
	TRY(meters_lock(&scope, req->state));
	TRY(db_query(req->tx, &policy_statements[POL_DECISION_STATE], req->arena, &rows,
		     DB_UUID(uuid)));
	if (rows.count == 0)
		return svc_refuse(req, ST_NOT_FOUND, "/evidence_id", "no such decision");
	if (db_i64(&rows, 0, 4) == 4)
		return svc_refuse(req, ST_OUTCOME_NOT_EXPECTED, "/evidence_id",
				  "the action was not let through");
	if (db_i64(&rows, 0, 4) != 0)
		return outcome_again(req, in, &rows);
	int64_t reserved = db_i64(&rows, 0, 3);
	TRY(captured_amount(req, in, reserved, &captured));
	TRY(reservation_settle(req, db_i64(&rows, 0, 0), db_i64(&rows, 0, 1), reserved - captured));
	TRY(db_write(req->tx, &policy_statements[POL_OUTCOME_INSERT], 1, ST_CONFLICT, DB_UUID(uuid),
		     DB_I32(in->status), DB_TEXT(str_or_empty(in->result_hash)), DB_I64(captured),
		     DB_BOOL(db_bool(&rows, 0, 7)), DB_I64(req->now_ms)));
	out->status = in->status;
	micros_print(captured, amount);
	out->captured = arena_copy(req->arena, str_of(amount));
	return outcome_evidence(req, in, db_i64(&rows, 0, 0));
}

/* -- explaining -- */

/* A document as it was when it decided; NULL when it is not there any more. */
static const struct document *document_then(struct svc_request *req, const struct db_rows *version,
					    struct str id)
{
	const struct db_value *ids = db_at(version, 0, 0), *revisions = db_at(version, 0, 1);
	struct problem problem = { 0 };
	struct document *document = NULL;
	struct db_rows rows;

	for (size_t i = 0; i < ids->count; i++) {
		if (!str_equal(((const struct str *)ids->items)[i], id))
			continue;
		if (db_query(req->tx, &policy_statements[POL_DOCUMENT_GET], req->arena, &rows,
			     DB_TEXT(id),
			     DB_I64(((const int64_t *)revisions->items)[i])) != ST_OK ||
		    rows.count == 0 ||
		    document_read(req->state, req->arena, db_text(&rows, 0, 10), &document,
				  &problem) != ST_OK)
			return NULL;
		document->id = id;
	}
	return document;
}

static const struct rule *rule_at(const struct document *document, int64_t line)
{
	for (size_t i = 0; document && i < document->rule_count; i++)
		if (document->rules[i].line == line)
			return &document->rules[i];
	return NULL;
}

/* "root-tools:13:0:subject" */
static struct str policy_words(struct svc_request *req, const struct db_rows *version,
			       struct str text)
{
	struct str id, line, kind, subject;
	int64_t line_number, kind_number;

	if (!str_cut(text, ':', &id, &text) || !str_cut(text, ':', &line, &text) ||
	    !str_cut(text, ':', &kind, &subject) || !str_to_i64(line, &line_number) ||
	    !str_to_i64(kind, &kind_number))
		return text;
	const struct document *document = id.size > 0 ? document_then(req, version, id) : NULL;
	struct chain *chain = ARENA_NEW(req->arena, struct chain);
	if (!chain)
		return (struct str){ 0 };
	chain->documents[0] = document;
	struct reason reason = { .kind = (enum reason_kind)kind_number,
				 .document = document ? 0 : UINT16_MAX,
				 .rule = rule_at(document, line_number),
				 .subject = subject };
	struct str words = reason_words(chain, &reason, req->arena);
	if (id.size == 0)
		return words;
	return arena_printf(
		req->arena, "\"%.*s\" (%.*s) %.*s", STR_ARG(id),
		STR_ARG(document && document->place != PLACE_ROOT ? document->node : STR("root")),
		STR_ARG(words));
}

static struct str reason_line(struct svc_request *req, const struct db_rows *version,
			      struct str line)
{
	struct str head, rest, check, verdict;
	int64_t check_number, verdict_number;

	if (!str_cut(line, ' ', &head, &rest) || !str_cut(head, '/', &check, &verdict) ||
	    !str_to_i64(check, &check_number) || !str_to_i64(verdict, &verdict_number) ||
	    check_number < 1 || check_number > CHECK_PHASE + 1 || verdict_number < 0 ||
	    verdict_number > VERDICT_DENY)
		return line;
	if (check_number == CHECK_POLICY + 1)
		rest = policy_words(req, version, rest);
	return arena_printf(req->arena, "%s, %s: %.*s", policy_check_names[check_number - 1],
			    verdict_name((enum verdict)verdict_number), STR_ARG(rest));
}

static enum st reasons_split(struct svc_request *req, int64_t version, struct str text,
			     struct policy_explanation *out)
{
	struct db_rows rows;
	struct str line;

	TRY(db_query(req->tx, &policy_statements[POL_VERSION_GET], req->arena, &rows,
		     DB_I64(version)));
	out->reasons.items = ARENA_ARRAY(req->arena, struct str, EXPLAINED_MAX);
	if (!out->reasons.items || rows.count == 0)
		return ST_TOO_LARGE;
	while (out->reasons.count < EXPLAINED_MAX && str_cut(text, '\n', &line, &text)) {
		struct str words = reason_line(req, &rows, line);
		words.size = utf8_cut(words, EXPLAINED_BYTES_MAX);
		if (!words.data)
			return ST_TOO_LARGE;
		out->reasons.items[out->reasons.count++] = words;
	}
	return ST_OK;
}

enum st on_explain(struct svc_request *req)
{
	static const char *const outcomes[] = { "awaited", "success", "failed", "cancelled",
						"none" };
	const struct policy_explain_request *in = req->body;
	struct policy_explanation *out = req->answer;
	struct str uuid = evidence_uuid(in->evidence_id);
	char agent[AGENT_ID_TEXT_SIZE];
	struct db_rows rows = { 0 };

	if (uuid_valid(uuid))
		TRY(db_query(req->tx, &policy_statements[POL_DECISION_GET], req->arena, &rows,
			     DB_UUID(uuid)));
	if (rows.count == 0)
		return svc_refuse(req, ST_NOT_FOUND, "/evidence_id", "no such decision");
	agent_id_format(db_i64(&rows, 0, 0), agent);
	out->evidence_id = in->evidence_id;
	out->agent_id = arena_copy(req->arena, str_of(agent));
	out->at_ms = db_i64(&rows, 0, 1);
	out->tool = db_text(&rows, 0, 2);
	out->verdict = (enum policy_verdict)db_i64(&rows, 0, 3);
	out->shadow = (enum policy_verdict)db_i64(&rows, 0, 4);
	out->version = db_i64(&rows, 0, 5);
	out->outcome = str_of(outcomes[db_i64(&rows, 0, 7)]);
	out->has_overdue = true;
	out->overdue = db_bool(&rows, 0, 8);
	if (!db_is_null(&rows, 0, 9) && db_text(&rows, 0, 9).size > 0)
		out->result_hash = db_text(&rows, 0, 9);
	return reasons_split(req, out->version, db_text(&rows, 0, 6), out);
}
