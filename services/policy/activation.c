/* activation.c: where a document of the root says so, documents are put in force only when people
 * approved exactly that change: the same documents, over the same version, for the same person. */
#include "id.h"
#include "service.h"

#define INSTALLATION_ID "piopl_00000" /* no agent's; the approval service knows it */
#define RESOURCE "policy-versions"

static const struct db_statement *sql(enum policy_statement statement)
{
	return &policy_statements[statement];
}

/* -- who approves -- */

static bool says_so(const struct document *d, enum document_state state)
{
	return d->place == PLACE_ROOT && state == DOCUMENT_ACTIVE && d->activation.count > 0;
}

static void wanted_add(struct activation_wanted *all, const struct document *d)
{
	if (!all->document || d->activation.count > all->approvers.count)
		all->document = d;
	all->approvers.roles &= d->activation.roles;
	if (d->activation.count > all->approvers.count)
		all->approvers.count = d->activation.count;
}

bool activation_wanted_now(const struct policy_service *policy, struct activation_wanted *ret)
{
	*ret = (struct activation_wanted){ .approvers = { approver_roles(policy), 0 } };
	for (size_t i = 0; i < policy->document_count; i++)
		if (says_so(policy->documents[i]->document, policy->documents[i]->state))
			wanted_add(ret, policy->documents[i]->document);
	return ret->document != NULL;
}

/* How many people of these roles could approve what somebody asks who may; who asks cannot approve.
 */
static enum st people_of(struct svc_request *req, uint32_t roles, int64_t *ret)
{
	int32_t held[32];
	struct db_rows rows;
	size_t count = 0;

	for (int32_t role = 0; role < 32; role++)
		if (roles & APPROVER_BIT(role))
			held[count++] = role;
	TRY(db_query(req->tx, &policy_statements[POL_PEOPLE_OF_ROLES], req->arena, &rows,
		     DB_I32S(held, count), DB_I32(activation_role_number(req->state))));
	if (rows.count != 1)
		return ST_INTERNAL;
	*ret = db_i64(&rows, 0, 0);
	return ST_OK;
}

/* A change after which nobody, or too few, could approve the next one is not let in. */
enum st activation_stays_possible(struct svc_request *req, const struct loaded *const *changes,
				  size_t count)
{
	const struct policy_service *policy = req->state;
	struct activation_wanted all = { .approvers = { approver_roles(policy), 0 } };
	int64_t people = 0;

	for (size_t i = 0; i < policy->document_count; i++) {
		const struct document *d = policy->documents[i]->document;
		bool changed = false;
		for (size_t c = 0; c < count; c++)
			changed |= str_equal(changes[c]->document->id, d->id) &&
				   (changes[c]->state == DOCUMENT_ACTIVE ||
				    changes[c]->revision == policy->documents[i]->revision);
		if (!changed && says_so(d, policy->documents[i]->state))
			wanted_add(&all, d);
	}
	for (size_t c = 0; c < count; c++)
		if (says_so(changes[c]->document, changes[c]->state))
			wanted_add(&all, changes[c]->document);
	if (!all.document)
		return ST_OK;
	if (all.approvers.roles == 0)
		return svc_refuse(
			req, ST_ACTIVATION_IMPOSSIBLE, "/changes",
			"\"%.*s\", line %u: with the others nobody could approve a change",
			STR_ARG(all.document->id), all.document->activation_line);
	TRY(people_of(req, all.approvers.roles, &people));
	if (people >= all.approvers.count)
		return ST_OK;
	return svc_refuse(req, ST_ACTIVATION_IMPOSSIBLE, "/changes",
			  "\"%.*s\", line %u: %u have to approve a change and %lld could",
			  STR_ARG(all.document->id), all.document->activation_line,
			  (unsigned)all.approvers.count, (long long)people);
}

/* -- what is approved -- */

static enum st hash_of(struct buf *text, char ret[HASH_TEXT_SIZE])
{
	struct str bytes = buf_str(text);
	struct hash hash;

	if (!bytes.data)
		return ST_TOO_LARGE;
	sha256_of(bytes.data, bytes.size, &hash);
	hash_to_text(&hash, ret);
	return ST_OK;
}

enum st activation_hash_changes(struct svc_request *req, const struct loaded *const *changes,
				size_t count, char ret[HASH_TEXT_SIZE])
{
	const struct policy_service *policy = req->state;
	char text[HASH_TEXT_SIZE];
	struct hash hash;
	struct buf buf;

	buf_init(&buf, req->arena, 512);
	buf_add_c(&buf, "{\"changes\":[");
	for (size_t i = 0; i < count; i++) {
		const struct loaded *l = changes[i];
		sha256_of(l->document->text.data, l->document->text.size, &hash);
		hash_to_text(&hash, text);
		buf_printf(&buf,
			   "%s{\"document_id\":\"%.*s\",\"hash\":\"%s\",\"revision\":%lld,"
			   "\"state\":\"%s\"}",
			   i > 0 ? "," : "", STR_ARG(l->document->id), text, (long long)l->revision,
			   policy_document_state_names[l->state - 1]);
	}
	buf_printf(&buf, "],\"over_version\":%lld}", (long long)policy->version);
	return hash_of(&buf, ret);
}

enum st activation_hash_rollback(struct svc_request *req, int64_t version, char ret[HASH_TEXT_SIZE])
{
	const struct policy_service *policy = req->state;
	struct buf buf;

	buf_init(&buf, req->arena, 128);
	buf_printf(&buf, "{\"over_version\":%lld,\"rollback_to\":%lld}", (long long)policy->version,
		   (long long)version);
	return hash_of(&buf, ret);
}

static struct approval_action action_of(const struct svc_request *req, const char *tool,
					const char *hash)
{
	return (struct approval_action){
		.agent_id = STR(INSTALLATION_ID),
		.tool = str_of(tool),
		.operation = APPROVAL_OPERATION_UPDATE,
		.resource = STR(RESOURCE),
		.parameters_hash = str_of(hash),
		.on_behalf_of = principal_person(req),
	};
}

/* -- judging and using -- */

static enum st not_approved(struct svc_request *req, const struct activation_wanted *wanted,
			    const char *tool, const char *hash, struct str why)
{
	const struct approvers_said said = { (uint8_t)wanted->approvers.roles,
					     (uint8_t)wanted->approvers.count };
	struct buf who;

	buf_init(&who, req->arena, 64);
	approvers_words(&who, &said);
	svc_refuse(req, ST_ACTIVATION_NOT_APPROVED, "/approval_id",
		   "\"%.*s\", line %u: %.*s approve first%s%.*s", STR_ARG(wanted->document->id),
		   wanted->document->activation_line, STR_ARG(buf_str(&who)),
		   why.size > 0 ? "; " : "", STR_ARG(why));
	problem_hint(&req->problem, "ask for %s of " INSTALLATION_ID " on " RESOURCE " with %s",
		     tool, hash);
	return ST_ACTIVATION_NOT_APPROVED;
}

enum st activation_judge(struct svc_request *req, const char *tool, const char *hash,
			 struct str approval_id, struct approval_found *ret)
{
	const struct approval_action action = action_of(req, tool, hash);
	struct activation_wanted wanted;
	int64_t count = 0;

	*ret = (struct approval_found){ 0 };
	if (!activation_wanted_now(req->state, &wanted))
		return ST_OK;
	if (!approval_id.data)
		return not_approved(req, &wanted, tool, hash, (struct str){ 0 });
	TRY(approval_check(req, &action, approval_id, ret));
	for (size_t i = 0; i < ret->approving_count; i++)
		count += (ret->approving[i] & wanted.approvers.roles) != 0;
	if (!ret->usable || count < wanted.approvers.count)
		return not_approved(req, &wanted, tool, hash, ret->words);
	return ST_OK;
}

enum st activation_use(struct svc_request *req, struct str approval_id, struct str evidence_id)
{
	const struct policy_approval_used event = { .request_id = approval_id,
						    .evidence_id = evidence_id,
						    .agent_id = STR(INSTALLATION_ID),
						    .used_at_ms = req->now_ms };
	struct str uuid = { evidence_id.data + 4, evidence_id.size - 4 };

	TRY(db_write(req->tx, sql(POL_APPROVAL_USE), 1, ST_CONFLICT, DB_TEXT(approval_id),
		     DB_UUID(uuid)));
	return svc_emit(req, &EVT_POLICY_APPROVAL_USED, approval_id, &event);
}

/* -- asking -- */

enum st activation_ask_fill(struct svc_request *req, const char *tool, const char *hash,
			    struct policy_activation_terms_reply *out)
{
	struct policy_activation_ask *ask = ARENA_NEW(req->arena, struct policy_activation_ask);
	const struct approval_action action = action_of(req, tool, hash);
	struct policy_approver_group *group = NULL;
	struct activation_wanted wanted;

	if (!ask)
		return ST_TOO_LARGE;
	out->required = activation_wanted_now(req->state, &wanted);
	if (!out->required)
		return ST_OK;
	*ask = (struct policy_activation_ask){
		.agent_id = action.agent_id,
		.tool = action.tool,
		.operation = POLICY_OPERATION_UPDATE,
		.resource = action.resource,
		.parameters_hash = arena_copy(req->arena, action.parameters_hash),
		.on_behalf_of = action.on_behalf_of,
		.reason = arena_printf(req->arena,
				       "\"%.*s\", line %u: people approve changes of "
				       "what is in force",
				       STR_ARG(wanted.document->id),
				       wanted.document->activation_line),
		.needed = wanted.approvers.count,
	};
	if (!ask->parameters_hash.data || !ask->reason.data)
		return ST_TOO_LARGE;
	TRY(approvers_group(req->arena, wanted.approvers.roles, &group));
	ask->approvers = *group;
	out->ask = ask;
	return ST_OK;
}
