/* act.c: who may put documents in force, and evidence of what people do with documents. */
#include "id.h"
#include "service.h"

/* The principal is told by the gateway and the command line, which know who it is. */
struct str principal_person(const struct svc_request *req)
{
	return person_of(req->principal);
}

int32_t activation_role_number(const struct policy_service *policy)
{
	for (int32_t role = 1; role <= REGISTRY_PERSON_ROLE_OWNER; role++)
		if (strcmp(registry_person_role_names[role - 1], policy->activation_role) == 0)
			return role;
	return 0;
}

enum st activation_allowed(struct svc_request *req, struct str *ret_by)
{
	struct policy_service *policy = req->state;
	struct str person = principal_person(req);
	struct db_rows rows;

	if (person.size == 0)
		return svc_refuse(req, ST_ROLE_REQUIRED, "", "say who you are: a person's id");
	TRY(db_query(req->tx, &policy_statements[POL_PERSON_ROLES], req->arena, &rows,
		     DB_TEXT(person)));
	if (rows.count == 0)
		return svc_refuse(req, ST_ROLE_REQUIRED, "", "\"%.*s\" is nobody we know",
				  STR_ARG(req->principal));
	const struct db_value *roles = db_at(&rows, 0, 0);
	for (size_t i = 0; i < roles->count; i++) {
		int32_t role = ((const int32_t *)roles->items)[i];
		if (role == 0 || role != activation_role_number(policy))
			continue;
		*ret_by = req->principal;
		return ST_OK;
	}
	return svc_refuse(req, ST_ROLE_REQUIRED, "", "\"%.*s\" does not hold the role %s",
			  STR_ARG(req->principal), policy->activation_role);
}

static enum st evidence_make(struct svc_request *req, const char *operation, struct str by,
			     bool refused, struct str evidence_id,
			     struct common_evidence_approval *approval, struct str approval_id)
{
	char hash_text[HASH_TEXT_SIZE];
	struct hash hash;

	sha256_of(req->body_text.data, req->body_text.size, &hash);
	hash_to_text(&hash, hash_text);
	struct common_evidence evidence = {
		.evidence_id = evidence_id,
		.timestamp_ms = req->now_ms,
		.agent_id = STR("policy"),
		.trace_id = req->trace_id,
		.operation = { .type = str_of(operation),
			       .tool = STR("policy"),
			       .parameters_hash = str_of(hash_text) },
		.context = { .user_id = { by.data, utf8_cut(by, 128) },
			     .capability_applied = approval_id },
		.policy_evaluation = { .decision = refused ? COMMON_EVIDENCE_POLICY_DECISION_DENY
							   : COMMON_EVIDENCE_POLICY_DECISION_ALLOW,
				       .approval = approval },
		.outcome = { .status = refused ? COMMON_EVIDENCE_OUTCOME_STATUS_REFUSED
					       : COMMON_EVIDENCE_OUTCOME_STATUS_SUCCESS },
		.domain = STR("default"),
	};
	return svc_emit(req, &EVT_EVIDENCE_RECORDED, evidence.evidence_id, &evidence);
}

enum st policy_evidence(struct svc_request *req, const char *operation, struct str by, bool refused)
{
	char id[ID_TEXT_SIZE];

	id_make("evd", req->now_ms, id);
	return evidence_make(req, operation, by, refused, str_of(id), NULL, (struct str){ 0 });
}

enum st policy_evidence_approved(struct svc_request *req, const char *operation, struct str by,
				 const struct approval_found *found, struct str approval_id,
				 struct str evidence_id)
{
	struct common_evidence_approval approval = { .required = true,
						     .approver = found->approver,
						     .has_approved_at_ms = true,
						     .approved_at_ms = found->approved_ms };

	return evidence_make(req, operation, by, false, evidence_id, &approval, approval_id);
}
