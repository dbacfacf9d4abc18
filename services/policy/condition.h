/* condition.h: the language of conditions. One line of text is read, typed and compiled when its
 * document is loaded; a mistake is refused there with its place. What is compiled has no loops and
 * no jumps, so it always ends. All numbers are integers of a millionth: no float is involved.
 *
 * A missing attribute, a division by zero and an overflow give UNKNOWN, which NOT, AND and OR carry
 * on (Kleene). Who asks decides what unknown means: always the stricter outcome. */
#ifndef PIOPL_POLICY_CONDITION_H
#define PIOPL_POLICY_CONDITION_H

#include "arena.h"
#include "st.h"

#define CONDITION_BYTES_MAX 2048
#define CONDITION_DEPTH_MAX 32 /* brackets, NOT and minus inside each other */
#define CONDITION_INSTRUCTIONS_MAX 256
#define CONDITION_STACK_MAX 64
#define CONDITION_LIST_MAX 256   /* values of one list or set */
#define CONDITION_CONTEXT_MAX 32 /* attributes a document declares for itself */
#define CALENDAR_RANGES_MAX 8
#define CALENDAR_HOLIDAYS_MAX 512
#define NUMBER_ONE INT64_C(1000000)

enum value_type {
	VALUE_NONE,
	VALUE_BOOL,
	VALUE_NUMBER, /* millionths */
	VALUE_STRING,
	VALUE_LIST,     /* of strings */
	VALUE_TIME,     /* ms since 1970, UTC */
	VALUE_DURATION, /* ms */
	VALUE_TYPE_COUNT,
};

/* What a request can say of itself; names and types are in core_attribute.c. */
enum attribute {
	ATTRIBUTE_TOOL,
	ATTRIBUTE_OPERATION,
	ATTRIBUTE_RESOURCE,
	ATTRIBUTE_AMOUNT,
	ATTRIBUTE_CURRENCY,
	ATTRIBUTE_DATA_IN,
	ATTRIBUTE_DATA_OUT,
	ATTRIBUTE_ENDPOINT,
	ATTRIBUTE_CONFIDENCE,
	ATTRIBUTE_TIME,
	ATTRIBUTE_LOCATION,
	ATTRIBUTE_URGENCY,
	ATTRIBUTE_USER,
	ATTRIBUTE_REVERSIBLE,
	ATTRIBUTE_AGENT_ID,
	ATTRIBUTE_AGENT_NAME,
	ATTRIBUTE_AGENT_ROLE,
	ATTRIBUTE_AGENT_TIER,
	ATTRIBUTE_AGENT_UNIT,
	ATTRIBUTE_AGENT_OWNER,
	ATTRIBUTE_AGENT_SCORE,
	ATTRIBUTE_AGENT_SINCE,
	ATTRIBUTE_COUNT,
};
/* In masks of attributes: everything a document declared for itself. */
#define ATTRIBUTE_CONTEXT_BIT ATTRIBUTE_COUNT

struct value {
	enum value_type type; /* VALUE_NONE: missing */
	int64_t i64;          /* bool, number, time, duration */
	struct str text;
	const struct str *items;
	size_t count;
};

/* An attribute beyond the fixed ones, by name: {"case": "C-17"} is context.case. */
struct context_value {
	struct str name;
	struct value value;
};

struct request {
	struct value attributes[ATTRIBUTE_COUNT];
	const struct context_value *context;
	size_t context_count;
};

const char *attribute_name(enum attribute attribute);
enum value_type attribute_type(enum attribute attribute);
bool attribute_find(struct str name, enum attribute *ret);
const char *value_type_name(enum value_type type);

/* -- time zones and calendars (core_zone.c, core_calendar.c) -- */

struct zone; /* read from the bytes of a TZif file (RFC 8536); lives in its arena */

/* ST_POLICY_INVALID when the bytes are not a TZif file of version 2 or later. */
MUST_CHECK enum st zone_parse(struct arena *arena, struct str name, struct str bytes,
			      struct zone **ret);
/* Seconds east of UTC at that second. */
int32_t zone_offset_s(const struct zone *zone, int64_t utc_s);
struct str zone_name(const struct zone *zone);

struct calendar_range { /* minutes of a day, the end outside */
	int16_t begin_minute, end_minute;
};

struct calendar {
	struct str name;
	const struct zone *zone;
	uint8_t days; /* bit 0: Monday */
	size_t range_count;
	struct calendar_range ranges[CALENDAR_RANGES_MAX];
	size_t holiday_count;
	const int32_t *holidays; /* days since 1970 in the zone, growing */
};

bool calendar_holds(const struct calendar *calendar, int64_t time_ms);
/* "2026-12-25" as days since 1970. */
bool calendar_day_parse(struct str s, int32_t *ret);

/* -- patterns (core_pattern.c) -- */

/* Names have parts separated by ".", "/" or ":". A "*" stands for any characters of its part; as
 * the whole last part it stands for everything below, and alone for everything. */
#define PATTERN_BYTES_MAX 256
bool pattern_valid(struct str pattern);
bool pattern_is_literal(struct str pattern);
bool pattern_matches(struct str pattern, struct str name);
/* A name that both match; false when there is none (or it would be longer than the buffer). */
bool pattern_common(struct str a, struct str b, char *ret, size_t ret_size, size_t *ret_length);

/* -- what names in a condition may mean -- */

struct named_set {
	struct str name;
	const struct str *items;
	size_t count;
};

struct context_declaration {
	struct str name;
	enum value_type type;
};

struct condition_names {
	const struct calendar *const *calendars;
	size_t calendar_count;
	const struct named_set *sets;
	size_t set_count;
	const struct context_declaration *context;
	size_t context_count;
	const struct condition_names *outer; /* of the installation; NULL: none */
};

/* -- compiling -- */

enum comparison { COMPARE_EQ, COMPARE_NE, COMPARE_LT, COMPARE_LE, COMPARE_GT, COMPARE_GE };

enum node_kind {
	NODE_CONSTANT,
	NODE_ATTRIBUTE,
	NODE_CONTEXT,
	NODE_NEGATE, /* minus */
	NODE_ADD,
	NODE_SUBTRACT,
	NODE_MULTIPLY,
	NODE_DIVIDE,
	NODE_COMPARE,
	NODE_IN,          /* left in the list `right` */
	NODE_IN_CALENDAR, /* left, a time */
	NODE_LIKE,        /* left a string or a list, right a constant pattern */
	NODE_NOT,
	NODE_AND,
	NODE_OR,
};

/* The tree, kept for explaining, for looking for boundary values and for the tests' evaluator. */
struct node {
	enum node_kind kind;
	enum value_type type;
	enum comparison comparison;
	enum attribute attribute;
	struct value constant; /* also the name of a NODE_CONTEXT, in text */
	const struct calendar *calendar;
	const struct node *left, *right;
	size_t place; /* byte in the condition's text */
};

struct instruction {
	uint8_t code;
	uint8_t comparison;
	uint16_t attribute;
	uint32_t operand; /* into constants or calendars */
	int64_t i64;
};

struct condition {
	const struct instruction *instructions;
	const struct value *constants;
	const struct calendar *const *calendars;
	uint32_t instruction_count;
	uint32_t constant_count;
	uint32_t calendar_count;
	uint64_t attributes; /* mask of what it reads */
	struct str text;
	const struct node *tree;
};

/* Everything lives in `arena` and points into `text` and `names`. ST_POLICY_INVALID with a
 * sentence;
 * `*ret_place` is then the byte in `text` where it went wrong. */
MUST_CHECK enum st condition_compile(struct arena *arena, struct str text,
				     const struct condition_names *names, struct condition *ret,
				     size_t *ret_place, struct problem *problem);

enum truth { TRUTH_FALSE, TRUTH_TRUE, TRUTH_UNKNOWN };

enum truth condition_test(const struct condition *condition, const struct request *request);

/* The parser alone, for who wants the tree. */
MUST_CHECK enum st condition_parse(struct arena *arena, struct str text,
				   const struct condition_names *names, const struct node **ret,
				   size_t *ret_place, struct problem *problem);

#endif
