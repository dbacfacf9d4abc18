/* decision.c: one decision: what is known and asked for, decided, and written down with its
 * evidence and its reservation in the transaction of the answer. */
#include <assert.h>
#include <stdio.h>

#include "id.h"
#include "service.h"

#define CONTEXT_VALUES_MAX 64
#define SECOND_MS 1000

static_assert((int)POLICY_CHECK_AGENT == CHECK_AGENT + 1 &&
		      (int)POLICY_CHECK_PHASE == CHECK_PHASE + 1,
	      "checks have the contract's order");
static_assert((int)POLICY_VERDICT_ALLOW == VERDICT_ALLOW &&
		      (int)POLICY_VERDICT_DENY == VERDICT_DENY,
	      "verdicts have the contract's order");

/* -- the request as attributes -- */

static struct value text(struct str s)
{
	return (struct value){ .type = s.data ? VALUE_STRING : VALUE_NONE, .text = s };
}

static struct value list(const struct str *items, size_t count)
{
	return (struct value){ .type = count > 0 ? VALUE_LIST : VALUE_NONE,
			       .items = items,
			       .count = count };
}

static struct value number(int64_t micros)
{
	return (struct value){ .type = VALUE_NUMBER, .i64 = micros };
}

/* Of 0 to 1 and of scores: a double has room for them in millionths. */
static int64_t micros_of(double value)
{
	return (int64_t)(value * (double)NUMBER_ONE + (value < 0 ? -0.5 : 0.5));
}

static bool context_value(const struct json *node, struct arena *arena, struct value *ret)
{
	int64_t micros;

	if (node->kind == JSON_STRING) {
		*ret = text(node->text);
	} else if (node->kind == JSON_BOOL) {
		*ret = (struct value){ .type = VALUE_BOOL, .i64 = node->boolean };
	} else if (node->kind == JSON_NUMBER && micros_parse(node->text, &micros) == ST_OK) {
		*ret = number(micros);
	} else if (node->kind == JSON_ARRAY) {
		struct str *items = ARENA_ARRAY(arena, struct str, node->count);
		size_t count = 0;
		for (const struct json *n = node->first; items && n; n = n->next)
			if (n->kind == JSON_STRING)
				items[count++] = n->text;
		*ret = (struct value){ .type = VALUE_LIST, .items = items, .count = count };
	} else {
		return false;
	}
	return true;
}

static void context_fill(const struct json *context, struct arena *arena, struct request *ret)
{
	struct context_value *values;
	size_t count = 0;

	if (!context || context->kind != JSON_OBJECT || context->count == 0)
		return;
	values = ARENA_ARRAY(arena, struct context_value, CONTEXT_VALUES_MAX);
	for (const struct json *n = context->first; values && n && count < CONTEXT_VALUES_MAX;
	     n = n->next) {
		values[count].name = n->name;
		if (context_value(n, arena, &values[count].value))
			count++;
	}
	ret->context = values;
	ret->context_count = count;
}

static void agent_fill(const struct agent *agent, struct value *a)
{
	a[ATTRIBUTE_AGENT_ID] = text(agent->id);
	a[ATTRIBUTE_AGENT_NAME] = text(agent->name);
	a[ATTRIBUTE_AGENT_ROLE] = text(agent->role);
	a[ATTRIBUTE_AGENT_TIER] = number(agent->tier * NUMBER_ONE);
	a[ATTRIBUTE_AGENT_UNIT] = text(agent->unit);
	a[ATTRIBUTE_AGENT_OWNER] = text(agent->owner);
	a[ATTRIBUTE_AGENT_SCORE] = number(agent->score);
	a[ATTRIBUTE_AGENT_SINCE] = (struct value){ .type = VALUE_TIME, .i64 = agent->since_ms };
}

static void detections_fill(const struct policy_decide_request *in, struct arena *arena,
			    struct evaluation *ret)
{
	struct detection *items = ARENA_ARRAY(arena, struct detection, in->detections.count);

	for (size_t i = 0; items && i < in->detections.count; i++) {
		const struct policy_detection *d = &in->detections.items[i];
		items[i] = (struct detection){ d->validation, d->detected,
					       d->has_score ? micros_of(d->score) : -1 };
	}
	ret->detections = items;
	ret->detection_count = items ? in->detections.count : 0;
}

void evaluation_fill(const struct policy_decide_request *in, const struct agent *agent,
		     const struct tool_declaration *tool, int64_t now_ms, struct arena *arena,
		     struct evaluation *ret)
{
	struct value *a = ret->request.attributes;

	memset(ret, 0, sizeof(*ret));
	a[ATTRIBUTE_TOOL] = text(in->tool);
	a[ATTRIBUTE_OPERATION] = text(str_of(crudlex_operation_name(tool->operation)));
	a[ATTRIBUTE_RESOURCE] = text(in->resource);
	if (in->has_amount) {
		a[ATTRIBUTE_AMOUNT] = number(in->amount.micros);
		a[ATTRIBUTE_CURRENCY] = text(str_of(in->amount.currency));
	} else if (!tool->money) {
		/* A tool that cannot move money moves none. */
		a[ATTRIBUTE_AMOUNT] = number(0);
	}
	a[ATTRIBUTE_DATA_IN] = list(in->data_in.items, in->data_in.count);
	a[ATTRIBUTE_DATA_OUT] = list(in->data_out.items, in->data_out.count);
	a[ATTRIBUTE_ENDPOINT] = text(in->endpoint);
	if (in->has_confidence)
		a[ATTRIBUTE_CONFIDENCE] = number(micros_of(in->confidence));
	a[ATTRIBUTE_TIME] = (struct value){ .type = VALUE_TIME, .i64 = now_ms };
	a[ATTRIBUTE_LOCATION] = text(in->location);
	if (in->urgency != POLICY_URGENCY_NONE)
		a[ATTRIBUTE_URGENCY] = text(str_of(policy_urgency_names[in->urgency - 1]));
	if (in->on_behalf_of) {
		a[ATTRIBUTE_USER] = text(in->on_behalf_of->user);
		ret->auth_method = in->on_behalf_of->method;
		ret->auth_issuer = in->on_behalf_of->issuer;
	}
	a[ATTRIBUTE_REVERSIBLE] = (struct value){ .type = VALUE_BOOL, .i64 = tool->reversible };
	if (agent)
		agent_fill(agent, a);
	context_fill(in->context, arena, &ret->request);
	detections_fill(in, arena, ret);
}

/* -- the token -- */

static void token_answer(struct svc_request *req, const struct policy_decide_request *in,
			 const struct tool_declaration *tool, int64_t agent_number,
			 struct token_answer *ret)
{
	struct policy_service *policy = req->state;
	struct problem problem = { 0 };
	struct token_proof proof = { .text = in->proof,
				     .method = STR("decide"),
				     .target = in->tool,
				     .body_hash = in->parameters_hash };
	struct token_use use = { .token = in->token,
				 .agent_number = agent_number,
				 .scope = tool->scope.size > 0 ? tool->scope : in->tool,
				 .endpoint = str_or_empty(in->endpoint),
				 .proof = in->proof.data ? &proof : NULL };
	struct token_view view;

	*ret = (struct token_answer){ .required = policy->tokens == TOKENS_REQUIRED,
				      .given = in->token.data != NULL };
	if (!ret->required || !ret->given)
		return;
	ret->st = token_check(policy->verifier, &use, req->now_ms, &view, &problem);
	if (ret->st != ST_OK)
		return;
	ret->risk = (uint8_t)view.risk;
	ret->amount_limited = view.amount_limited;
	ret->amount_max = view.amount_per_day.micros;
	/* A limit in another currency limits nothing that could be compared. */
	if (view.amount_limited && in->has_amount &&
	    strcmp(view.amount_per_day.currency, in->amount.currency) != 0)
		ret->amount_max = 0;
}

/* -- meters -- */

struct taking {
	struct svc_request *req;
	int64_t number;
	bool record;
	enum st st;
};

static bool take(void *context, struct str subject, const struct rate_limit *rate)
{
	struct taking *t = context;
	struct svc_scope scope = svc_scope_of_request(t->req);
	struct meter *meter;
	struct str kind = arena_printf(t->req->arena, "rate:%.*s:%lld", STR_ARG(subject),
				       (long long)rate->per_ms / SECOND_MS);

	if (!t->record)
		return true;
	t->st = kind.data ? meter_get(&scope, t->req->state, t->number, kind,
				      t->req->now_ms - t->req->now_ms % rate->per_ms, &meter)
			  : ST_TOO_LARGE;
	if (t->st != ST_OK || meter->used >= rate->count)
		return false;
	meter_add(t->req->state, meter, 1);
	return true;
}

static enum st spent_today(struct svc_request *req, const struct policy_decide_request *in,
			   const struct agent *agent, struct meter **ret, int64_t *ret_spent)
{
	struct svc_scope scope = svc_scope_of_request(req);

	*ret = NULL;
	*ret_spent = 0;
	if (!in->has_amount || in->amount.micros <= 0 || !agent)
		return ST_OK;
	TRY(meter_get(&scope, req->state, agent->number, STR("spend"), day_of(req->now_ms), ret));
	*ret_spent = (*ret)->used;
	return ST_OK;
}

/* -- the answer -- */

static enum st reason_add(struct svc_request *req, struct policy_decision *out,
			  struct policy_decision_reason reason)
{
	if (!reason.words.data)
		return ST_TOO_LARGE;
	reason.words.size = utf8_cut(reason.words, 600);
	out->reasons.items[out->reasons.count++] = reason;
	(void)req;
	return ST_OK;
}

static struct str level_of(const struct document *d)
{
	return d->place == PLACE_ROOT ? STR("root") : d->node;
}

static enum st policy_reasons(struct svc_request *req, const struct agent *agent,
			      const struct outcome *outcome, struct policy_decision *out)
{
	for (size_t i = 0; i < outcome->reason_count; i++) {
		const struct reason *r = &outcome->reasons[i];
		struct policy_decision_reason reason = {
			.check = POLICY_CHECK_POLICY,
			.verdict = (enum policy_verdict)r->verdict,
			.words = reason_words(&agent->chain, r, req->arena),
		};
		if (r->document != UINT16_MAX) {
			const struct document *d = agent->chain.documents[r->document];
			reason.level = level_of(d);
			reason.document_id = d->id;
			if (r->rule) {
				reason.has_line = true;
				reason.line = r->rule->line;
			}
		}
		TRY(reason_add(req, out, reason));
	}
	return ST_OK;
}

static enum st reasons_fill(struct svc_request *req, const struct agent *agent,
			    const struct decision *decision, struct policy_decision *out)
{
	size_t count = decision->note_count;

	/* In bulk what is allowed is explained when asked, by its evidence id. */
	if (decision->verdict == VERDICT_ALLOW && req->call == &CALL_POLICY_DECIDE_MANY)
		return ST_OK;
	if (decision->evaluated)
		count += decision->outcome.reason_count;
	out->has_reasons = true;
	out->reasons.items = ARENA_ARRAY(req->arena, struct policy_decision_reason, count);
	if (!out->reasons.items)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < decision->note_count; i++)
		TRY(reason_add(req, out,
			       (struct policy_decision_reason){
				       .check = (enum policy_check)(decision->notes[i].check + 1),
				       .verdict = (enum policy_verdict)decision->notes[i].verdict,
				       .words = decision->notes[i].words }));
	return decision->evaluated ? policy_reasons(req, agent, &decision->outcome, out) : ST_OK;
}

static enum st obligations_fill(struct svc_request *req, const struct outcome *outcome,
				struct policy_decision *out)
{
	size_t count = outcome->obligation_count;

	if (count == 0)
		return ST_OK;
	out->has_obligations = true;
	out->obligations.items = ARENA_ARRAY(req->arena, struct policy_obligation, count);
	if (!out->obligations.items)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < count; i++) {
		const struct obligation *o = &outcome->obligations[i];
		out->obligations.items[i] = (struct policy_obligation){
			.kind = (enum policy_obligation_kind)(o->kind + 1),
			.subject = o->subject,
			.has_count = o->rate.count > 0,
			.count = o->rate.count,
			.has_per_ms = o->rate.count > 0,
			.per_ms = o->rate.per_ms,
		};
	}
	out->obligations.count = count;
	return ST_OK;
}

static enum st answer_fill(struct svc_request *req, const struct policy_decide_request *in,
			   const struct agent *agent, const struct decision *decision,
			   struct policy_decision *out)
{
	struct policy_service *policy = req->state;
	bool passes = decision->verdict <= VERDICT_MODIFY;
	char amount[MONEY_TEXT_SIZE];

	*out = (struct policy_decision){
		.verdict = (enum policy_verdict)decision->verdict,
		.version = policy->version,
		.valid_for_ms = passes ? DECISION_VALID_MS : 0,
	};
	TRY(reasons_fill(req, agent, decision, out));
	if (!decision->evaluated)
		return ST_OK;
	TRY(obligations_fill(req, &decision->outcome, out));
	if (decision->outcome.amount_max != INT64_MAX) {
		micros_print(decision->outcome.amount_max, amount);
		out->amount_max = arena_copy(req->arena, str_of(amount));
	}
	if (decision->reserve > 0 && decision->verdict < VERDICT_DENY) {
		out->has_reserved = true;
		out->reserved = in->amount;
		out->has_reserved_until_ms = true;
		out->reserved_until_ms = req->now_ms + policy->reservation_ms;
	}
	return ST_OK;
}

static enum st approval_fill(struct svc_request *req, const struct policy_decide_request *in,
			     const struct decide_input *input, const struct decision *decision,
			     const struct approval_found *found, struct policy_decision *out)
{
	if (decision->approval_used && decision->verdict <= VERDICT_MODIFY) {
		out->preapproval_id = found->preapproval_id;
		if (!found->preapproval_id.data)
			out->approval_id = in->approval_id;
	}
	if (decision->verdict != VERDICT_REQUIRE_APPROVAL)
		return ST_OK;
	return approval_ask_fill(req, input, &decision->outcome, out);
}

/* -- evidence and record -- */

static enum st documents_applied(struct svc_request *req, const struct agent *agent,
				 const struct decision *decision, struct str **ret_items,
				 size_t *ret_count)
{
	size_t reasons = decision->evaluated ? decision->outcome.reason_count : 0, count = 0;
	struct str *items = ARENA_ARRAY(req->arena, struct str, reasons);
	uint16_t last = UINT16_MAX;

	if (!items)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < reasons; i++) {
		uint16_t document = decision->outcome.reasons[i].document;
		if (document == UINT16_MAX || document == last)
			continue;
		items[count++] = agent->chain.documents[document]->id;
		last = document;
	}
	*ret_items = items;
	*ret_count = count;
	return ST_OK;
}

static enum st evidence_emit(struct svc_request *req, const struct policy_decide_request *in,
			     const struct agent *agent, const struct decision *decision,
			     const struct approval_found *found, const struct policy_decision *out)
{
	struct str applied_id = out->approval_id.data ? out->approval_id : out->preapproval_id;
	bool used = applied_id.data != NULL;
	struct common_evidence_approval approval = { .required = true,
						     .approver = found->approver,
						     .has_approved_at_ms = used,
						     .approved_at_ms = found->approved_ms };
	struct str *applied;
	size_t count;

	TRY(documents_applied(req, agent, decision, &applied, &count));
	struct common_evidence evidence = {
		.evidence_id = out->evidence_id,
		.timestamp_ms = req->now_ms,
		.agent_id = in->agent_id,
		.trace_id = req->trace_id,
		.operation = { .type = STR("policy.decide"),
			       .tool = in->tool,
			       .parameters_hash = in->parameters_hash },
		.policy_evaluation = { .decision =
					       (enum common_evidence_policy_decision)out->verdict,
				       .has_policies_applied = count > 0,
				       .policies_applied = { applied, count },
				       .approval =
					       used || out->verdict == POLICY_VERDICT_REQUIRE_APPROVAL
						       ? &approval
						       : NULL },
		.outcome = { .status = out->verdict == POLICY_VERDICT_DENY
					       ? COMMON_EVIDENCE_OUTCOME_STATUS_REFUSED
					       : COMMON_EVIDENCE_OUTCOME_STATUS_PENDING },
		.domain = STR("default"),
	};
	evidence.context.capability_applied = applied_id;
	if (in->on_behalf_of) {
		evidence.context.user_id = in->on_behalf_of->user;
		evidence.context.session_id = in->on_behalf_of->session_id;
	}
	struct svc_scope scope = svc_scope_of_request(req);
	return svc_evidence_emit(&scope, &evidence);
}

static enum st request_recorded(struct svc_request *req, const struct policy_decide_request *in,
				uint8_t operation, struct str *ret)
{
	struct policy_recorded_request record = {
		.tool = in->tool,
		.operation = in->operation,
		.at_ms = req->now_ms,
		.on_behalf_of = in->on_behalf_of,
		.resource = in->resource,
		.has_amount = in->has_amount,
		.amount = in->amount,
		.has_data_in = in->has_data_in,
		.data_in = { in->data_in.items, in->data_in.count },
		.has_data_out = in->has_data_out,
		.data_out = { in->data_out.items, in->data_out.count },
		.endpoint = in->endpoint,
		.has_confidence = in->has_confidence,
		.confidence = in->confidence,
		.location = in->location,
		.urgency = in->urgency,
		.context = in->context,
		.has_detections = in->has_detections,
		.detections = { in->detections.items, in->detections.count },
	};

	for (int i = 0; record.operation == POLICY_OPERATION_NONE && i < 6; i++)
		if (operation == 1u << i)
			record.operation = (enum policy_operation)(i + 1);
	return proto_encode(&policy_recorded_request_type, &record, req->arena, ret);
}

/* Short: "6/5 root-tools:13:0" is check/verdict, document, line and kind of reason. The words are
 * made when somebody asks, from the revision that decided. Notes have their words. */
static struct str reasons_text(struct svc_request *req, const struct agent *agent,
			       const struct decision *decision)
{
	const struct outcome *outcome = &decision->outcome;
	struct buf buf;

	buf_init(&buf, req->arena, 128);
	for (size_t i = 0; i < decision->note_count; i++) {
		const struct check_note *n = &decision->notes[i];
		buf_printf(&buf, "%u/%u ", n->check + 1u, (unsigned)n->verdict);
		buf_add_str(&buf, n->words);
		buf_add_char(&buf, '\n');
	}
	for (size_t i = 0; decision->evaluated && i < outcome->reason_count; i++) {
		const struct reason *r = &outcome->reasons[i];
		buf_printf(&buf, "%u/%u ", CHECK_POLICY + 1u, (unsigned)r->verdict);
		if (r->document != UINT16_MAX)
			buf_add_str(&buf, agent->chain.documents[r->document]->id);
		buf_printf(&buf, ":%u:%u:%.*s\n", r->rule ? r->rule->line : 0, (unsigned)r->kind,
			   STR_ARG(r->subject));
	}
	return buf_str(&buf);
}

/* "evd_" and a UUID. */
static void id_bytes(struct str id, uint8_t ret[UUID_BYTES])
{
	size_t n = 0;

	for (size_t i = 4; i < id.size && n < UUID_BYTES * 2; i++) {
		char c = id.data[i];
		if (c == '-')
			continue;
		uint8_t nibble = (uint8_t)(c <= '9' ? c - '0' : c - 'a' + 10);
		ret[n / 2] = (uint8_t)(n % 2 ? ret[n / 2] | nibble : nibble << 4);
		n++;
	}
	ASSERT(n == UUID_BYTES * 2);
}

static void id_text(const uint8_t id[UUID_BYTES], char ret[UUID_TEXT_SIZE])
{
	snprintf(ret, UUID_TEXT_SIZE,
		 "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", id[0],
		 id[1], id[2], id[3], id[4], id[5], id[6], id[7], id[8], id[9], id[10], id[11],
		 id[12], id[13], id[14], id[15]);
}

static enum st decision_record(struct svc_request *req, const struct policy_decide_request *in,
			       const struct decide_input *input, int64_t number_,
			       enum verdict shadow, const struct decision *decision,
			       const struct policy_decision *out)
{
	struct decision_rows *rows = &((struct policy_service *)req->state)->rows;
	bool passes = out->verdict <= POLICY_VERDICT_MODIFY;
	size_t i = rows->count;
	struct str request;

	if (i == DECISIONS_BATCH_MAX)
		return ST_TOO_LARGE;
	TRY(request_recorded(req, in, input->tool.operation, &request));
	id_bytes(out->evidence_id, rows->ids[i]);
	rows->numbers[i] = number_;
	rows->tools[i] = in->tool;
	rows->verdicts[i] = (int32_t)out->verdict;
	rows->shadows[i] = (int32_t)shadow;
	rows->requests[i] = request;
	rows->reasons[i] = reasons_text(req, input->agent, decision);
	rows->reserved[i] = out->has_reserved ? out->reserved.micros : 0;
	rows->outcomes[i] = passes || out->has_reserved ? 0 : 4;
	if (!rows->reasons[i].data)
		return ST_TOO_LARGE;
	rows->count++;
	return ST_OK;
}

static bool none_is_awaited(const struct decision_rows *rows)
{
	for (size_t i = 0; i < rows->count; i++)
		if (rows->outcomes[i] == 0)
			return false;
	return true;
}

enum st decisions_write(const struct svc_scope *scope, struct policy_service *policy)
{
	struct decision_rows *r = &policy->rows;
	char first[UUID_TEXT_SIZE], last[UUID_TEXT_SIZE];
	size_t n = r->count;

	if (n == 0)
		return ST_OK;
	id_text(r->ids[0], first);
	id_text(r->ids[n - 1], last);
	struct str ids = { (const char *)r->ids, n * UUID_BYTES };
	bool swept = none_is_awaited(r);
	r->count = 0;
	return db_write(scope->tx, &policy_statements[POL_RUN_INSERT], 1, ST_INTERNAL,
			DB_UUID(str_of(first)), DB_UUID(str_of(last)), DB_I64(scope->now_ms),
			DB_I64(scope->now_ms + policy->reservation_ms), DB_I64(policy->version),
			DB_BOOL(swept), DB_BYTES(ids), DB_I64S(r->numbers, n),
			DB_TEXTS(r->tools, n), DB_I32S(r->verdicts, n), DB_I32S(r->shadows, n),
			DB_BYTESS(r->requests, n), DB_TEXTS(r->reasons, n), DB_I64S(r->reserved, n),
			DB_I32S(r->outcomes, n));
}

struct decision_mark decisions_mark(const struct policy_service *policy)
{
	return (struct decision_mark){ policy->rows.count, policy->change_count };
}

enum st decisions_end(struct policy_service *policy, struct decision_mark mark, enum st st)
{
	if (st == ST_OK)
		return ST_OK;
	policy->rows.count = mark.rows;
	meters_undo(policy, mark.changes);
	return st;
}

/* -- deciding -- */

static enum verdict shadow_verdict(const struct agent_slot *slot, const struct evaluation *e,
				   const struct decision *decision)
{
	struct outcome outcome;

	if (!slot || !slot->shadow || !decision->evaluated)
		return VERDICT_SILENT;
	evaluate(slot->shadow, e, &outcome);
	return outcome.verdict;
}

static uint8_t operation_bit(enum policy_operation operation)
{
	return (uint8_t)(operation == POLICY_OPERATION_NONE ? 0 : 1u << (operation - 1));
}

static enum st decision_settle(struct svc_request *req, const struct policy_decide_request *in,
			       const struct decide_input *input, struct meter *spend,
			       const struct decision *decision, const struct approval_found *found,
			       struct policy_decision *out)
{
	char id[ID_TEXT_SIZE];

	id_make("evd", req->now_ms, id);
	out->evidence_id = arena_copy(req->arena, str_of(id));
	if (!out->evidence_id.data)
		return ST_TOO_LARGE;
	if (spend && out->has_reserved)
		meter_add(req->state, spend, decision->reserve);
	if (out->approval_id.data)
		TRY(approval_use(req, in, out->evidence_id));
	if (out->preapproval_id.data)
		TRY(preapproval_use(req, in, input->tool.operation, found, out->evidence_id));
	return evidence_emit(req, in, input->agent, decision, found, out);
}

static bool is_stale(const struct policy_service *policy, int64_t now_ms)
{
	return policy->tokens == TOKENS_REQUIRED &&
	       now_ms - policy->token_heard_ms > policy->stale_ms;
}

static void approval_input(const struct approval_found *found, struct decide_input *input)
{
	input->approved = found->usable;
	input->approving = found->approving;
	input->approving_count = found->approving_count;
	input->approval_words = found->words;
}

/* Only where a person would be asked: a pre-approval that covers it stands for the answer. What the
 * first time counted is taken back, since the second counts it again. */
static enum st decide_in_advance(struct svc_request *req, const struct policy_decide_request *in,
				 struct decide_input *input, bool record, size_t changes,
				 struct decision *decision, struct approval_found *found)
{
	const struct approvers wanted = approvers_wanted(input, &decision->outcome);
	struct approval_found in_advance;

	if (decision->verdict != VERDICT_REQUIRE_APPROVAL)
		return ST_OK;
	TRY(preapproval_find(req, in, input, &wanted, record, &in_advance));
	if (!in_advance.usable)
		return ST_OK;
	*found = in_advance;
	approval_input(found, input);
	meters_undo(req->state, changes);
	decide(input, req->arena, decision);
	return ST_OK;
}

enum st decision_make(struct svc_request *req, const struct policy_decide_request *in, bool record,
		      struct policy_decision *ret)
{
	struct policy_service *policy = req->state;
	struct evaluation evaluation;
	struct decision decision;
	struct approval_found found;
	struct meter *spend = NULL;
	int64_t number_ = 0;

	if (!agent_id_parse(in->agent_id, &number_))
		return svc_refuse(req, ST_MESSAGE_INVALID, "/agent_id", "not an agent's id");
	const struct agent_slot *slot = agent_find(policy, number_);
	const struct agent *agent = slot ? &slot->agent : NULL;
	struct taking taking = { req, number_, record, ST_OK };
	struct decide_input input = {
		.agent = agent,
		.constitution_hash = str_of(policy->constitution_hash),
		.said_constitution_hash = in->constitution_hash,
		.operation = operation_bit(in->operation),
		.evaluation = &evaluation,
		.currency = in->has_amount ? str_of(in->amount.currency) : STR(""),
		.phase = policy->phase,
		.approver_roles = approver_roles(policy),
		.stale = is_stale(policy, req->now_ms),
		.take = take,
		.take_context = &taking,
	};
	crudlex_declaration(agent ? agent->chain.documents : NULL, agent ? agent->chain.count : 0,
			    in->tool, &input.tool);
	evaluation_fill(in, agent, &input.tool, req->now_ms, req->arena, &evaluation);
	token_answer(req, in, &input.tool, number_, &input.token);
	TRY(approval_find(req, in, input.tool.operation, record, &found));
	approval_input(&found, &input);
	if (record)
		TRY(spent_today(req, in, agent, &spend, &input.spent_today));
	size_t changes = policy->change_count;
	decide(&input, req->arena, &decision);
	TRY(taking.st);
	TRY(decide_in_advance(req, in, &input, record, changes, &decision, &found));
	TRY(taking.st);
	TRY(answer_fill(req, in, agent, &decision, ret));
	TRY(approval_fill(req, in, &input, &decision, &found, ret));
	if (!record)
		return ST_OK;
	TRY(decision_settle(req, in, &input, spend, &decision, &found, ret));
	return decision_record(req, in, &input, number_,
			       shadow_verdict(slot, &evaluation, &decision), &decision, ret);
}

enum verdict recorded_verdict(const struct agent *agent, const struct chain *chain,
			      struct str request, struct arena *arena)
{
	struct policy_recorded_request record;
	struct problem problem = { 0 };
	struct tool_declaration tool;
	struct evaluation evaluation;
	struct crudlex_answer granted;
	struct outcome outcome;

	if (proto_decode(&policy_recorded_request_type, request, PROTO_UNKNOWN_IGNORED, arena,
			 &record, &problem) != ST_OK)
		return VERDICT_SILENT;
	struct policy_decide_request in = {
		.tool = record.tool,
		.on_behalf_of = record.on_behalf_of,
		.resource = record.resource,
		.has_amount = record.has_amount,
		.amount = record.amount,
		.data_in = { record.data_in.items, record.data_in.count },
		.data_out = { record.data_out.items, record.data_out.count },
		.endpoint = record.endpoint,
		.has_confidence = record.has_confidence,
		.confidence = record.confidence,
		.location = record.location,
		.urgency = record.urgency,
		.context = record.context,
		.detections = { record.detections.items, record.detections.count },
	};
	crudlex_declaration(chain->documents, chain->count, in.tool, &tool);
	evaluation_fill(&in, agent, &tool, record.at_ms, arena, &evaluation);
	struct crudlex_subject subject = { agent->id, agent->name, agent->role, agent->unit,
					   evaluation.request.attributes[ATTRIBUTE_USER].text };
	crudlex_decide(chain->documents, chain->count, &subject, tool.operation, tool.reversible,
		       &evaluation.request, &granted);
	if (granted.result != CRUDLEX_GRANTED)
		return VERDICT_DENY;
	evaluate(chain, &evaluation, &outcome);
	return outcome.verdict;
}
