/* registry.h: agents, roles, constitutions, units, people and their keys. The agent itself is the
 * contract's own struct registry_agent; what is decided about it is in core_*.c (pure), what is
 * kept in store_*.c, what is answered in handlers_*.c. */
#ifndef PIOPL_REGISTRY_H
#define PIOPL_REGISTRY_H

#include "arena.h"
#include "gen/common.h"
#include "gen/registry.h"
#include "st.h"

#define REGISTRY_SCHEMA_VERSION 1
#define BATCH_AGENTS_MAX 25000
#define BATCH_CHUNK 1000    /* agents in one transaction of a batch creation */
#define BATCH_PERIOD_MS 100 /* how often a waiting batch is looked for */
#define UNIT_DEPTH_MAX 8
#define UNIT_PATH_BYTES_MAX 256
#define PAGE_DEFAULT 100
#define PAGE_MAX 1000
#define PAGE_BYTES_MAX 700000    /* of summaries; a page ends early rather than not fit */
#define EXPORT_BYTES_MAX 400000  /* of text, which grows when it is quoted into the reply */
#define CURSOR_KEY_BYTES_MAX 768 /* a name of 128 code points, or a number */
#define CURSOR_BYTES_MAX 1000    /* before it is written as hex */
#define VERSION_PART_MAX 999999999
#define VERSION_TEXT_SIZE 30 /* three parts, two points, a NUL */
#define AGENT_NAME_CODE_POINTS_MAX 128
#define BATCH_NAME_DIGITS 6                       /* "_" and five digits */
#define KILL_ARENA_BYTES_MAX (512u * 1024 * 1024) /* the events of a whole fleet's end */
#define KILL_CHUNK 500                            /* agents whose events are built at a time */

#define HASH_ZERO_TEXT "sha256:0000000000000000000000000000000000000000000000000000000000000000"
#define AGENT_CURRENCY_DEFAULT "GBP"
#define AGENT_SCORE_START 100.0

/* Arrays of the contract are structs without a name; these copy one into another. */
#define LIST_COPY(to, from) ((to).items = (from).items, (to).count = (from).count)
#define LIST_VIEW(list) ((struct str_list){ (list).items, (list).count })

struct str_list {
	const struct str *items;
	size_t count;
};
bool str_list_has(struct str_list list, struct str item);
bool str_list_equal(struct str_list a, struct str_list b); /* in the same order */

/* -- profile (core_profile.c) -- */

/* What a profile is judged against. */
struct profile_rules {
	const struct registry_role *role; /* NULL: there is no such role */
	bool unit_known;
	struct str constitution_hash;  /* in force; .data NULL: none */
	struct str_list invariant_ids; /* of that constitution */
};

/* The profile of a new agent: what was asked for, the rest from its role. Pending, version 1.0.0,
 * without an id. Lists are shared with `in` and `rules`, not copied. Does not judge: a profile
 * whose role is unknown is left without what a role gives. */
void profile_complete(const struct registry_profile_input *in, struct str name,
		      const struct profile_rules *rules, int64_t now_ms,
		      struct registry_agent *ret);
/* All rules of all four blocks; the problem's pointer is `prefix` and the member's place in the
 * request ("/profile" + "/capability/max_spend_per_day"). */
MUST_CHECK enum st profile_validate(const struct registry_agent *agent,
				    const struct profile_rules *rules, const char *prefix,
				    struct problem *problem);
/* `rules` are those of the profile after the change. Tier, and lists that are not given, follow a
 * new role. Does not judge, does not raise the version. */
void profile_apply(const struct registry_agent *old, const struct registry_profile_change *change,
		   const struct profile_rules *rules, struct registry_agent *ret);
/* How far two profiles of one agent differ; 0 when they do not. */
enum registry_change_level profile_change_level(const struct registry_agent *old,
						const struct registry_agent *new);
/* `text` is valid SemVer of the contract. ST_TOO_LARGE past VERSION_PART_MAX. */
MUST_CHECK enum st version_raise(struct str text, enum registry_change_level level,
				 char ret[VERSION_TEXT_SIZE]);

/* -- lifecycle (core_lifecycle.c) -- */

enum agent_act {
	AGENT_ACTIVATE,
	AGENT_PAUSE,
	AGENT_RESUME,
	AGENT_THROTTLE,
	AGENT_UNTHROTTLE,
	AGENT_TERMINATE,
	AGENT_ACT_COUNT,
};

struct agent_condition {
	enum registry_agent_state state;
	bool throttled;
	bool paused_automatically;
};

/* The table of states. ST_AGENT_TERMINATED, ST_TRANSITION_ILLEGAL, both naming state and act. */
MUST_CHECK enum st lifecycle_decide(const struct agent_condition *from, enum agent_act act,
				    bool automatic, struct agent_condition *ret,
				    struct problem *problem);
/* Does resuming from here take a steward? */
bool lifecycle_resume_needs_steward(const struct agent_condition *from);

struct check_in {
	bool accepted;
	enum registry_check_in_reason reason; /* 0 when accepted */
	bool rebind; /* its profile still names an older constitution and has to follow */
};
/* `in_force.data` NULL: no constitution is in force, and nothing starts. */
struct check_in check_in_decide(enum registry_agent_state state, struct str bound,
				struct str presented, struct str in_force);

/* -- kill (core_lifecycle.c) -- */

struct kill_scope {
	enum registry_kill_scope_kind kind;
	int64_t number; /* agent */
	int64_t tier;
	struct str text; /* role, unit; "" otherwise */
};
/* ST_KILL_SCOPE_INVALID: a value where none belongs, none where one does, or a malformed one. */
MUST_CHECK enum st kill_scope_parse(const struct registry_kill_scope *in, struct kill_scope *ret,
				    struct problem *problem);

/* -- units, constitutions, names (core_text.c) -- */

/* ST_UNIT_TOO_DEEP past UNIT_DEPTH_MAX; ST_MESSAGE_INVALID for a malformed label. The parent is a
 * view into `path`, "" at the top. */
MUST_CHECK enum st unit_path_check(struct str path, struct str *ret_parent,
				   struct problem *problem);
/* Is `path` the unit `under` or below it? */
bool unit_is_under(struct str path, struct str under);
/* Ids are unique, each text stands word for word in the constitution. ST_INVARIANT_NOT_IN_TEXT,
 * ST_ALREADY_EXISTS, with the place of the invariant. */
MUST_CHECK enum st constitution_check(const struct registry_constitution_add_request *in,
				      struct problem *problem);
/* ST_BATCH_NAME_TOO_LONG when the last name of the batch would pass the limit of names. */
MUST_CHECK enum st batch_name_check(struct str prefix, struct problem *problem);
/* "prefix_00001"; `ordinal` from 1 to BATCH_AGENTS_MAX. NULL data: no memory. */
struct str batch_name(struct str prefix, int64_t ordinal, struct arena *arena);

/* -- people (core_people.c) -- */

#define ROLE_BIT(role) (1u << (unsigned)(role))
#define ROLE_BITS_STEWARD ROLE_BIT(REGISTRY_PERSON_ROLE_STEWARD)

/* One key of someone who is a steward and was not removed. */
struct steward_key {
	struct str person_id;
	struct str key_id;
	bool ends; /* has an end, today's or a later one */
};
/* May this person, or this key (the other is ""), go? ST_LAST_STEWARD when nobody would be left
 * whose key does not end by itself. */
MUST_CHECK enum st steward_stays(const struct steward_key *keys, size_t count,
				 struct str person_gone, struct str key_gone,
				 struct problem *problem);
/* 0 for a name that is no role. */
enum registry_person_role person_role_of(struct str name);
struct str person_role_name(enum registry_person_role role);

/* -- inventory (core_inventory.c) -- */

struct agent_filter {
	struct str role, unit, owner, capability; /* "" is any */
	int64_t tier;                             /* -1 is any */
	enum registry_agent_state state;          /* 0 is any */
	double score_min, score_max;
	bool must_restart;
};

/* List, count and export requests have these members alike. */
#define AGENT_FILTER_OF(in)                                                                        \
	((struct agent_filter){                                                                    \
		.role = str_or_empty((in)->role),                                                  \
		.unit = str_or_empty((in)->unit),                                                  \
		.owner = str_or_empty((in)->owner),                                                \
		.capability = str_or_empty((in)->capability),                                      \
		.tier = (in)->has_tier ? (in)->tier : -1,                                          \
		.state = (in)->state,                                                              \
		.score_min = (in)->has_score_min ? (in)->score_min : 0,                            \
		.score_max = (in)->has_score_max ? (in)->score_max : 100,                          \
		.must_restart = (in)->has_must_restart && (in)->must_restart,                      \
	})

struct cursor {
	enum registry_agent_sort sort;
	enum registry_sort_order order;
	int64_t number;  /* of the last agent of the page before; 0: first page */
	struct str name; /* its sort key, by sort */
	double score;
	int64_t created_ms;
};

/* Opaque text that only fits the listing it came from. NULL data: no memory. */
struct str cursor_write(const struct cursor *cursor, const struct agent_filter *filter,
			struct arena *arena);
/* `text` .data NULL: the first page. ST_CURSOR_INVALID for another sort, order or filter, and for
 * what is malformed. */
MUST_CHECK enum st cursor_read(struct str text, enum registry_agent_sort sort,
			       enum registry_sort_order order, const struct agent_filter *filter,
			       struct arena *arena, struct cursor *ret, struct problem *problem);
/* The cursor behind this agent. */
struct cursor cursor_behind(const struct registry_agent_summary *last, int64_t number,
			    enum registry_agent_sort sort, enum registry_sort_order order);

/* An upper bound of a summary's JSON text, so that a page can end before it is too large. */
size_t summary_bytes_max(const struct registry_agent_summary *summary);
void csv_header(struct buf *buf);
void csv_row(struct buf *buf, const struct registry_agent_summary *summary);
void csv_field(struct buf *buf, struct str value);

#endif
