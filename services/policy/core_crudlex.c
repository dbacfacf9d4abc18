/* core_crudlex.c: the intersection of what user, agent and context grant. */
#include "crudlex.h"

const char *crudlex_dimension_name(enum crudlex_dimension dimension)
{
	static const char *const names[] = { "user", "agent", "standing", "context" };

	return names[dimension];
}

static bool unit_under(struct str unit, struct str above)
{
	return unit.size >= above.size && memcmp(unit.data, above.data, above.size) == 0 &&
	       (unit.size == above.size || unit.data[above.size] == '.');
}

static bool subject_matches(const struct grant *grant, const struct crudlex_subject *subject)
{
	switch (grant->dimension) {
	case CRUDLEX_USER:
		return subject->user.size > 0 && pattern_matches(grant->subject, subject->user);
	case CRUDLEX_AGENT:
	case CRUDLEX_STANDING:
		if (grant->role.size > 0)
			return str_equal(grant->role, subject->role);
		if (grant->unit.size > 0)
			return unit_under(subject->unit, grant->unit);
		return pattern_matches(grant->subject, subject->agent_id) ||
		       pattern_matches(grant->subject, subject->agent_name);
	case CRUDLEX_CONTEXT:
		return true;
	}
	return false;
}

/* A resource nobody named is reached by grants of everything only, and by every denial. */
static bool resource_matches(const struct grant *grant, const struct request *request)
{
	const struct value *resource = &request->attributes[ATTRIBUTE_RESOURCE];

	for (size_t i = 0; i < grant->resources.count; i++) {
		if (resource->type == VALUE_NONE
			    ? grant->deny || str_is(grant->resources.items[i], "*")
			    : pattern_matches(grant->resources.items[i], resource->text))
			return true;
	}
	return false;
}

static bool condition_lets(const struct grant *grant, const struct request *request)
{
	if (!grant->has_condition)
		return true;
	enum truth truth = condition_test(&grant->condition, request);
	return grant->deny ? truth != TRUTH_FALSE : truth == TRUTH_TRUE;
}

static bool operation_covered(const struct grant *grant, uint8_t operation, bool reversible)
{
	if (grant->operations & operation)
		return true;
	return operation == CRUDLEX_EXECUTE && reversible &&
	       (grant->operations & CRUDLEX_EXECUTE_REVERSIBLE);
}

struct search {
	const struct crudlex_subject *subject;
	const struct request *request;
	uint8_t operation;
	bool reversible;
	bool granted[4];
};

/* False: the document denies, and `ret` says by which grant. */
static bool document_search(const struct document *document, struct search *search,
			    struct crudlex_answer *ret)
{
	for (size_t i = 0; i < document->grant_count; i++) {
		const struct grant *grant = &document->grants[i];
		if (!operation_covered(grant, search->operation, search->reversible) ||
		    !subject_matches(grant, search->subject) ||
		    !resource_matches(grant, search->request) ||
		    !condition_lets(grant, search->request))
			continue;
		*ret = (struct crudlex_answer){ CRUDLEX_GRANTED, grant->dimension, document,
						grant };
		if (grant->deny) {
			ret->result = CRUDLEX_DENIED;
			return false;
		}
		search->granted[grant->dimension] = true;
	}
	return true;
}

void crudlex_decide(const struct document *const *documents, size_t count,
		    const struct crudlex_subject *subject, uint8_t operation, bool reversible,
		    const struct request *request, struct crudlex_answer *ret)
{
	struct search search = { subject, request, operation, reversible, { false } };
	enum crudlex_dimension first = subject->user.size > 0 ? CRUDLEX_USER : CRUDLEX_STANDING;
	const enum crudlex_dimension dimensions[] = { first, CRUDLEX_AGENT, CRUDLEX_CONTEXT };

	ASSERT(operation != 0 && (operation & (operation - 1)) == 0);
	*ret = (struct crudlex_answer){ .result = CRUDLEX_NOT_GRANTED };
	for (size_t i = 0; i < count; i++)
		if (documents[i]->type == POLICY_CRUDLEX &&
		    !document_search(documents[i], &search, ret))
			return;
	/* A standing grant is the agent's own and counts as the agent's, too. */
	search.granted[CRUDLEX_AGENT] |= search.granted[CRUDLEX_STANDING];
	for (size_t i = 0; i < 3; i++) {
		if (search.granted[dimensions[i]])
			continue;
		*ret = (struct crudlex_answer){ .result = CRUDLEX_NOT_GRANTED,
						.dimension = dimensions[i] };
		return;
	}
	ret->result = CRUDLEX_GRANTED;
}

static bool stricter_declaration(const struct tool_declaration *a, const struct tool_declaration *b)
{
	if (a->operation != b->operation)
		return a->operation == CRUDLEX_EXECUTE || b->operation != CRUDLEX_EXECUTE;
	return !a->reversible && b->reversible;
}

void crudlex_declaration(const struct document *const *documents, size_t count, struct str tool,
			 struct tool_declaration *ret)
{
	struct tool_declaration found = { 0 };

	for (size_t i = 0; i < count; i++) {
		if (documents[i]->type != POLICY_CRUDLEX)
			continue;
		for (size_t j = 0; j < documents[i]->declaration_count; j++) {
			const struct tool_declaration *d = &documents[i]->declarations[j];
			if (!pattern_matches(d->name, tool))
				continue;
			if (found.operation == 0) {
				found = *d;
				continue;
			}
			/* Two that differ: the stricter of each part. */
			struct tool_declaration both = stricter_declaration(d, &found) ? *d : found;
			both.reversible = d->reversible && found.reversible;
			both.money = d->money || found.money;
			both.phase = d->phase > found.phase ? d->phase : found.phase;
			both.risk = d->risk > found.risk ? d->risk : found.risk;
			found = both;
		}
	}
	if (found.operation == 0)
		found = (struct tool_declaration){ .operation = CRUDLEX_EXECUTE, .money = true };
	*ret = found;
}

/* -- words -- */

static void operations_add(struct buf *buf, uint8_t operations)
{
	bool first = true;

	for (int i = 0; i < 6; i++) {
		if (!(operations & 1u << i))
			continue;
		buf_printf(buf, "%s%s", first ? "" : ", ",
			   crudlex_operation_name((uint8_t)(1u << i)));
		first = false;
	}
	if (operations & CRUDLEX_EXECUTE_REVERSIBLE && !(operations & CRUDLEX_EXECUTE))
		buf_printf(buf, "%sexecute what can be undone", first ? "" : ", ");
}

struct str grant_words(const struct grant *grant, struct arena *arena)
{
	struct buf buf;

	buf_init(&buf, arena, 128);
	if (grant->dimension == CRUDLEX_CONTEXT)
		buf_add_c(&buf, "anybody");
	else if (grant->role.size > 0)
		buf_printf(&buf, "agents of the role %.*s", STR_ARG(grant->role));
	else if (grant->unit.size > 0)
		buf_printf(&buf, "agents of %.*s", STR_ARG(grant->unit));
	else
		buf_printf(&buf, "%s %.*s", grant->dimension == CRUDLEX_USER ? "for user" : "agent",
			   STR_ARG(grant->subject));
	if (grant->has_condition)
		buf_printf(&buf, " when %.*s", STR_ARG(grant->condition.text));
	buf_add_c(&buf, grant->deny ? " may never " : " may ");
	operations_add(&buf, grant->operations);
	for (size_t i = 0; i < grant->resources.count; i++)
		buf_printf(&buf, "%s%.*s", i == 0 ? " over " : ", ",
			   STR_ARG(grant->resources.items[i]));
	if (grant->dimension == CRUDLEX_STANDING)
		buf_add_c(&buf, ", acting for nobody");
	return buf_str(&buf);
}

struct str declaration_words(const struct tool_declaration *tool, struct arena *arena)
{
	static const char *const risks[] = { "", ", low risk", ", medium risk", ", high risk",
					     ", critical risk" };
	struct buf buf;

	buf_init(&buf, arena, 128);
	buf_printf(&buf, "tool %.*s does ", STR_ARG(tool->name));
	operations_add(&buf, tool->operation);
	buf_printf(&buf, "%s%s", tool->reversible ? ", can be undone" : "", risks[tool->risk]);
	if (tool->scope.size > 0)
		buf_printf(&buf, ", with a token for %.*s", STR_ARG(tool->scope));
	if (tool->phase > 0)
		buf_printf(&buf, ", from phase %lld", (long long)tool->phase);
	return buf_str(&buf);
}
