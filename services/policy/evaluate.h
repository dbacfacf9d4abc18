/* evaluate.h: what the documents along an agent's chain say together. The verdict is the strictest
 * of all levels, obligations add up, numeric limits take the minimum. A level that is silent adds
 * nothing; a tool, a class of data and a user on whose behalf is acted that no level allows are
 * denied. So a document more never gives what another denies, and their order does not count. */
#ifndef PIOPL_POLICY_EVALUATE_H
#define PIOPL_POLICY_EVALUATE_H

#include "document.h"

#define CHAIN_DOCUMENTS_MAX 128
#define EVALUATE_CLASSES_MAX 32 /* of data, in each direction */
#define REASONS_MAX 32
#define OBLIGATIONS_MAX 32

/* Root's documents first, then those of its units, then the agent's. Made once for an agent. */
struct chain {
	size_t count;
	const struct document *documents[CHAIN_DOCUMENTS_MAX];
	uint8_t levels[CHAIN_DOCUMENTS_MAX];
};

struct detection {
	struct str validation;
	bool detected;
	int64_t score; /* millionths; -1: none */
};

struct evaluation {
	struct request request;
	struct str auth_method, auth_issuer; /* how the user was identified; empty: not at all */
	const struct detection *detections;
	size_t detection_count;
};

enum reason_kind {
	REASON_RULE,
	REASON_OUTSIDE_SCOPE, /* the document names the tool but not for this */
	REASON_OTHERS_DENIED,
	REASON_AMOUNT, /* above what the rule lets pass, or not said */
	REASON_USER_NOT_NAMED,
	REASON_AGENT_NOT_NAMED,
	REASON_NOT_AUTHENTICATED, /* other method or issuer */
	REASON_CONFIDENCE,        /* below the threshold, or not said */
	REASON_TOOL_NOT_ALLOWED,  /* by any level */
	REASON_DATA_NOT_ALLOWED,
	REASON_USER_NOT_ALLOWED,
	REASON_TOO_MANY, /* obligations, or classes of data */
};

struct reason {
	enum reason_kind kind;
	enum verdict verdict;
	uint16_t document; /* in the chain; UINT16_MAX: none */
	const struct rule *rule;
	struct str subject; /* class of data, for REASON_DATA_NOT_ALLOWED */
};

enum obligation_kind {
	OBLIGATION_TOKENIZE,
	OBLIGATION_MASK,
	OBLIGATION_RATE_LIMIT,
	OBLIGATION_VALIDATE,
	OBLIGATION_ALERT,
};

struct obligation {
	enum obligation_kind kind;
	struct str subject; /* a class of data, a tool, a validation */
	struct rate_limit rate;
};

struct outcome {
	enum verdict verdict; /* never VERDICT_SILENT when evaluate returns */
	int64_t amount_max;   /* INT64_MAX: no limit */
	size_t reason_count, obligation_count;
	bool more_reasons; /* than fit; the strictest is always there */
	struct reason reasons[REASONS_MAX];
	struct obligation obligations[OBLIGATIONS_MAX];
	/* what a level allowed so far; a denial elsewhere still denies */
	uint32_t in_allowed, out_allowed;
	bool tool_allowed, user_allowed;
	/* with require_approval: what all rules that ask for it want together; roles 0: nobody */
	struct approvers_said approvers; /* count 0: no rule says */
};

/* No memory, no lock, no clock: `request` carries the time. */
void evaluate(const struct chain *chain, const struct evaluation *evaluation, struct outcome *ret);
/* One document by itself; VERDICT_SILENT is an answer. */
void evaluate_document(const struct document *document, const struct evaluation *evaluation,
		       struct outcome *ret);
/* Does this rule, of a tool-access or temporal document, say yes to the request? */
bool rule_allows(const struct document *document, const struct rule *rule,
		 const struct evaluation *evaluation);
/* What it says, and for a tool what the rules of the same name say with it. Unknown is no match. */
enum verdict rule_verdict(const struct document *document, const struct rule *rule,
			  const struct evaluation *evaluation);

const char *obligation_kind_name(enum obligation_kind kind);
/* "tool bank.transfer is not allowed (root-tools, line 12)" */
struct str reason_words(const struct chain *chain, const struct reason *reason,
			struct arena *arena);

#endif
