/* crudlex.h: six operations, three dimensions. What is permitted is what the user on whose behalf
 * the agent acts, the agent, and the context all grant; a dimension that says nothing gives
 * nothing. An agent that acts for nobody needs a standing grant in the user's place. A denial in
 * any dimension wins over every grant, however specific. */
#ifndef PIOPL_POLICY_CRUDLEX_H
#define PIOPL_POLICY_CRUDLEX_H

#include "document.h"

struct crudlex_subject {
	struct str agent_id, agent_name, role, unit;
	struct str user; /* empty: acts for nobody */
};

enum crudlex_result {
	CRUDLEX_GRANTED,
	CRUDLEX_DENIED,      /* by the grant that `ret_by` names */
	CRUDLEX_NOT_GRANTED, /* by the dimension */
};

struct crudlex_answer {
	enum crudlex_result result;
	enum crudlex_dimension dimension; /* the first that said no */
	const struct document *document;  /* of the grant that denied, or the last that granted */
	const struct grant *grant;
};

/* Documents of other types in `documents` are passed over. `operation` is one bit. */
void crudlex_decide(const struct document *const *documents, size_t count,
		    const struct crudlex_subject *subject, uint8_t operation, bool reversible,
		    const struct request *request, struct crudlex_answer *ret);

/* What a tool does: the strictest of all declarations that name it; a tool nobody declared executes
 * and cannot be undone. */
void crudlex_declaration(const struct document *const *documents, size_t count, struct str tool,
			 struct tool_declaration *ret);

const char *crudlex_operation_name(uint8_t operation);
bool crudlex_operation_find(struct str name, uint8_t *ret);
bool crudlex_level_find(struct str name, uint8_t *ret);
const char *crudlex_dimension_name(enum crudlex_dimension dimension);

/* "agent * may create, read, list over *, standing", for people. */
struct str grant_words(const struct grant *grant, struct arena *arena);
/* "tool trend.* does list, low risk, with a token for trend_scan" */
struct str declaration_words(const struct tool_declaration *tool, struct arena *arena);

#endif
