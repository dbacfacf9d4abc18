/* generate.h: random documents and requests over a small world, so that they meet. */
#ifndef PIOPL_POLICY_GENERATE_H
#define PIOPL_POLICY_GENERATE_H

#include <time.h>

#include "policy_test.h"

static uint64_t random_state;

static inline uint64_t random_below(uint64_t bound)
{
	uint64_t z = (random_state += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return (z ^ (z >> 31)) % bound;
}

static inline bool chance(unsigned percent)
{
	return random_below(100) < percent;
}

#define PICK(list) ((list)[random_below(sizeof(list) / sizeof((list)[0]))])

static const char *const tool_words_[] = {
	"a.x", "a.y", "b.x", "b.y", "a.*", "b.*", "*", "*.x", "c"
};
static const char *const tools_[] = { "a.x", "a.y", "b.x", "b.y", "c", "d" };
static const char *const resource_words_[] = { "r1", "r2", "r*", "s.t", "s.*" };
static const char *const resources_[] = { "r1", "r2", "r3", "s.t", "s.u" };
static const char *const class_words_[] = {
	"pii.name", "pii.*", "fin.*", "fin.card", "*", "pub.x"
};
static const char *const classes_[] = { "pii.name", "pii.ssn", "fin.card", "pub.x" };
static const char *const users_[] = { "u1", "u2", "u3" };
static const char *const user_words_[] = { "u1", "u2", "u*" };

static inline void generate_atom(struct buf *b)
{
	static const char *const signs[] = { "<", "<=", ">", ">=", "=", "!=" };

	switch (random_below(8)) {
	case 0:
	case 1:
		buf_printf(b, "amount %s %d", PICK(signs), (int)random_below(4) * 10);
		return;
	case 2:
		buf_printf(b, "amount * %d - 1 %s %d", (int)random_below(3) + 1, PICK(signs),
			   (int)random_below(40));
		return;
	case 3:
		buf_printf(b, "time %sIN business_hours", chance(50) ? "NOT " : "");
		return;
	case 4:
		buf_printf(b, "resource %sIN ['r1', 's.t']", chance(50) ? "NOT " : "");
		return;
	case 5:
		buf_printf(b, "data_out LIKE '%s'", PICK(class_words_));
		return;
	case 6:
		buf_printf(b, "tool = '%s'", PICK(tools_));
		return;
	default:
		buf_printf(b, "confidence %s 0.%d", PICK(signs), (int)random_below(9) + 1);
	}
}

static inline void generate_condition(struct buf *b, int depth)
{
	if (depth == 0 || chance(50)) {
		generate_atom(b);
		return;
	}
	if (chance(20))
		buf_add_c(b, "NOT ");
	buf_add_c(b, "(");
	generate_condition(b, depth - 1);
	buf_add_c(b, chance(50) ? " AND " : " OR ");
	generate_condition(b, depth - 1);
	buf_add_c(b, ")");
}

static inline void generate_tools(struct buf *b)
{
	if (chance(15))
		buf_add_c(b, "  others: deny\n");
	buf_add_c(b, "  tools:\n");
	for (uint64_t n = random_below(6) + 1; n > 0; n--) {
		bool allow = chance(75);
		buf_printf(b, "    - name: \"%s\"\n      allow: %s\n", PICK(tool_words_),
			   allow ? "true" : "false");
		if (chance(30))
			buf_printf(b, "      scope: [\"%s\", \"%s\"]\n", PICK(resource_words_),
				   PICK(resource_words_));
		if (allow && chance(25))
			buf_printf(b, "      require_approval: %s\n",
				   chance(70) ? "true" : "false");
		if (allow && chance(20))
			buf_printf(b, "      amount_max: %d\n", (int)random_below(4) * 10);
		if (chance(25)) {
			buf_add_c(b, "      when: \"");
			generate_condition(b, 1);
			buf_add_c(b, "\"\n");
		}
	}
}

static inline void generate_data(struct buf *b)
{
	static const char *const allow[] = { "read", "write", "read-write", "false" };

	if (chance(15))
		buf_add_c(b, "  others: deny\n");
	buf_add_c(b, "  data_classes:\n");
	for (uint64_t n = random_below(4) + 1; n > 0; n--) {
		const char *word = PICK(allow);
		buf_printf(b, "    - class: \"%s\"\n      allow: %s\n", PICK(class_words_), word);
		if (chance(30) && word[0] != 'f')
			buf_printf(b, "      require_tokenization: %s\n",
				   chance(70) ? "true" : "false");
	}
}

static inline void generate_temporal(struct buf *b)
{
	buf_add_c(b, "  rules:\n");
	for (uint64_t n = random_below(4) + 1; n > 0; n--) {
		buf_add_c(b, "    - condition: \"");
		generate_condition(b, 2);
		buf_add_c(b, "\"\n");
		switch (random_below(4)) {
		case 0:
			buf_add_c(b, "      allow: false\n");
			break;
		case 1:
			buf_add_c(b, "      require_approval: true\n");
			break;
		case 2:
			buf_add_c(b, "      defer: true\n");
			break;
		default:
			buf_printf(b, "      allow: true\n      amount_max: %d\n",
				   (int)random_below(4) * 10);
		}
		if (chance(30))
			buf_printf(b, "      tools: [\"%s\"]\n", PICK(tool_words_));
	}
}

static inline void generate_identity(struct buf *b)
{
	if (chance(50))
		buf_add_c(b, "  authentication: {method: key}\n");
	buf_printf(b, "  delegation:\n    on_behalf_of: [\"%s\", \"%s\"]\n", PICK(user_words_),
		   PICK(user_words_));
	if (chance(20))
		buf_add_c(b, "    scope_limited_to: [agent-1]\n");
}

static inline void generate_validation(struct buf *b)
{
	static const char *const actions[] = { "block", "tokenize", "mask", "escalate" };

	buf_add_c(b, "  rules:\n");
	if (chance(50))
		buf_printf(b, "    - {validation: hallucination-check, threshold: 0.%d}\n",
			   (int)random_below(9) + 1);
	buf_printf(
		b,
		"    - {validation: dlp-scan, data_classes: [\"%s\"], action_on_detection: %s}\n",
		PICK(class_words_), PICK(actions));
}

/* A document of a random type, mostly tool-access. */
static inline struct document *generate_document(struct arena *arena, size_t number)
{
	static void (*const makers[])(struct buf *) = { generate_tools,    generate_tools,
							generate_temporal, generate_data,
							generate_identity, generate_validation };
	static const char *const types[] = {
		"tool-access", "tool-access", "temporal-and-thresholds",
		"data-access", "identity",    "validation"
	};
	size_t kind = (size_t)random_below(6);
	struct buf b;

	buf_init(&b, arena, 1024);
	buf_printf(&b, "policy:\n  id: d%zu\n  type: %s\n  root: true\n", number, types[kind]);
	makers[kind](&b);
	return test_document(arena, buf_str(&b).data);
}

struct generated_request {
	struct evaluation e;
	struct str in[3], out[3];
};

static inline void generate_request(struct generated_request *g)
{
	struct value *a = g->e.request.attributes;

	memset(g, 0, sizeof(*g));
	a[ATTRIBUTE_TOOL] = text_value(PICK(tools_));
	a[ATTRIBUTE_AGENT_ID] = text_value(chance(50) ? "agent-1" : "agent-2");
	a[ATTRIBUTE_OPERATION] = text_value(chance(50) ? "read" : "execute");
	a[ATTRIBUTE_TIME] =
		time_value(INT64_C(1767571200000) + (int64_t)random_below(7 * 24 * 4) * 900000);
	if (chance(80))
		a[ATTRIBUTE_RESOURCE] = text_value(PICK(resources_));
	if (chance(80))
		a[ATTRIBUTE_AMOUNT] = number_value((int64_t)random_below(40) * NUMBER_ONE +
						   (int64_t)random_below(3) - 1);
	if (chance(80))
		a[ATTRIBUTE_CONFIDENCE] = number_value((int64_t)random_below(11) * 100000);
	size_t in = (size_t)random_below(3), out = (size_t)random_below(3);
	for (size_t i = 0; i < 3; i++) {
		g->in[i] = str_of(PICK(classes_));
		g->out[i] = str_of(PICK(classes_));
	}
	if (in > 0)
		a[ATTRIBUTE_DATA_IN] =
			(struct value){ .type = VALUE_LIST, .items = g->in, .count = in };
	if (out > 0)
		a[ATTRIBUTE_DATA_OUT] =
			(struct value){ .type = VALUE_LIST, .items = g->out, .count = out };
	if (chance(40)) {
		a[ATTRIBUTE_USER] = text_value(PICK(users_));
		g->e.auth_method = chance(80) ? STR("key") : STR("");
	}
}

static inline void random_seed(const char *test)
{
	const char *given = getenv("PIOPL_SEED");

	random_state = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
	printf("%s: PIOPL_SEED=%llu\n", test, (unsigned long long)random_state);
}

#endif
