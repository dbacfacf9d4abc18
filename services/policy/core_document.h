/* core_document.h: what the sources that read documents share; not for others. */
#ifndef PIOPL_POLICY_CORE_DOCUMENT_H
#define PIOPL_POLICY_CORE_DOCUMENT_H

#include "document.h"

struct reader {
	struct arena *arena;
	struct yaml_document yaml;
	const struct document_environment *environment;
	struct document *document;
	struct problem *problem;
};

enum st read_refuse(struct reader *r, const struct json *node, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Each names what it wants when it refuses. `what` is the member's name. */
MUST_CHECK enum st read_text(struct reader *r, const struct json *node, const char *what,
			     size_t bytes_max, struct str *ret);
MUST_CHECK enum st read_bool(struct reader *r, const struct json *node, const char *what,
			     bool *ret);
MUST_CHECK enum st read_choice(struct reader *r, const struct json *node, const char *what,
			       enum choice *ret);
/* A decimal number as millionths, between the two. */
MUST_CHECK enum st read_number(struct reader *r, const struct json *node, const char *what,
			       int64_t min, int64_t max, int64_t *ret);
MUST_CHECK enum st read_pattern(struct reader *r, const struct json *node, const char *what,
				struct str *ret);
/* One pattern, or a list of at least one. */
MUST_CHECK enum st read_patterns(struct reader *r, const struct json *node, const char *what,
				 struct str_list *ret);
MUST_CHECK enum st read_texts(struct reader *r, const struct json *node, const char *what,
			      struct str_list *ret);
/* "10 per 1m" */
MUST_CHECK enum st read_rate(struct reader *r, const struct json *node, struct rate_limit *ret);
MUST_CHECK enum st read_condition(struct reader *r, const struct json *node, struct condition *ret);
/* A list of at least one object. */
MUST_CHECK enum st read_list(struct reader *r, const struct json *node, const char *what,
			     size_t count_max);
/* Members of `object` are among `names` ("a, b or c" in the refusal). NULL ends. */
MUST_CHECK enum st read_members(struct reader *r, const struct json *object, const char *what,
				const char *const *names);
/* One of `names`; its place. NULL ends. */
MUST_CHECK enum st read_word(struct reader *r, const struct json *node, const char *what,
			     const char *const *names, size_t *ret);
MUST_CHECK enum st need(struct reader *r, const struct json *object, const char *name,
			const struct json **ret);
MUST_CHECK enum st read_approvers(struct reader *r, const struct json *node,
				  struct approvers_said *ret);
MUST_CHECK enum st read_activation(struct reader *r, const struct json *body);
uint32_t line_of(struct reader *r, const struct json *node);

MUST_CHECK enum st read_names(struct reader *r, const struct json *body);
MUST_CHECK enum st read_tools(struct reader *r, const struct json *body);
MUST_CHECK enum st read_data(struct reader *r, const struct json *body);
MUST_CHECK enum st read_temporal(struct reader *r, const struct json *body);
MUST_CHECK enum st read_identity(struct reader *r, const struct json *body);
MUST_CHECK enum st read_validation(struct reader *r, const struct json *body);
MUST_CHECK enum st read_crudlex(struct reader *r, const struct json *body);

/* Rules are read: sorts them into groups and makes the index of tools. */
MUST_CHECK enum st document_index(struct reader *r);

/* A copy whose parts lie side by side, for deciding. NULL, or arena->failed: no memory. */
struct document *document_pack(struct arena *arena, const struct document *document);

#endif
