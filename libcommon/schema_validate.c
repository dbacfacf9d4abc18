/* The engine: evaluates a node on an instance, keeps the account of steps and depth, the marks of
 * what was evaluated, and the errors. */
#include "schema_internal.h"

#include <stdio.h>

#define SCRATCH_WORDS 1024
#define MARK_BITS 64

enum st schema_spend(struct schema_validation *v, uint64_t steps)
{
	if (steps > v->steps_left) {
		v->steps_left = 0;
		return ST_SCHEMA_TOO_COSTLY;
	}
	v->steps_left -= steps;
	return ST_OK;
}

static struct str pointer_write(struct arena *arena, const struct schema_path *path)
{
	const struct schema_path *steps[SCHEMA_DEPTH_MAX];
	struct str place = STR("");
	char index[24];
	size_t count = 0;

	for (; path && count < SCHEMA_DEPTH_MAX; path = path->up)
		steps[count++] = path;
	while (count-- > 0 && place.data) {
		snprintf(index, sizeof(index), "%zu", steps[count]->index);
		place = schema_place_add(arena, place,
					 steps[count]->member ? steps[count]->member->name
							      : str_of(index));
	}
	return place;
}

__attribute__((format(printf, 4, 0))) static enum st error_add(struct schema_validation *v,
							       const char *keyword,
							       const struct schema_frame *frame,
							       const char *format, va_list args)
{
	struct schema_error *error;
	struct arena *arena = v->arena;
	struct str place = frame->node->place;

	if (v->quiet || v->error_count == SCHEMA_ERRORS_MAX)
		return ST_OK;
	error = &v->errors[v->error_count];
	error->instance = pointer_write(arena, frame->path);
	error->schema = keyword ? schema_place_add(arena, place, str_of(keyword)) : place;
	error->sentence = arena_vprintf(arena, format, args);
	if (!error->instance.data || !error->schema.data || !error->sentence.data)
		return ST_TOO_LARGE;
	v->error_count++;
	return ST_OK;
}

enum st schema_fail(struct schema_validation *v, const struct schema_rule *rule,
		    struct schema_frame *frame, const char *format, ...)
{
	va_list args;
	enum st st;

	frame->valid = false;
	va_start(args, format);
	st = error_add(v, rule ? rule->keyword->name : NULL, frame, format, args);
	va_end(args);
	return st;
}

/* A stack: what is taken last is given back first. Zeroed. */
static uint64_t *scratch_take(struct schema_validation *v, size_t words)
{
	struct schema_scratch *top = v->scratch;
	uint64_t *taken;

	while (!top || top->capacity - top->used < words) {
		size_t capacity = words > SCRATCH_WORDS ? words : SCRATCH_WORDS;
		struct schema_scratch *next = top ? top->above : NULL;
		if (!next || next->capacity < words) {
			next = arena_alloc(v->arena, sizeof(*next) + capacity * sizeof(uint64_t));
			if (!next)
				return NULL;
			next->capacity = capacity;
			next->below = top;
			if (top)
				top->above = next;
		}
		next->used = 0;
		v->scratch = top = next;
	}
	taken = top->words + top->used;
	top->used += words;
	memset(taken, 0, words * sizeof(uint64_t));
	return taken;
}

static void scratch_give(struct schema_validation *v, size_t words)
{
	ASSERT(v->scratch->used >= words);
	v->scratch->used -= words;
	while (v->scratch->used == 0 && v->scratch->below)
		v->scratch = v->scratch->below;
}

static size_t mark_words(const struct schema_frame *frame)
{
	return (frame->instance->count + MARK_BITS - 1) / MARK_BITS;
}

void schema_mark(struct schema_frame *frame, size_t index)
{
	ASSERT(index < frame->instance->count);
	if (frame->marks)
		frame->marks[index / MARK_BITS] |= (uint64_t)1 << index % MARK_BITS;
}

void schema_mark_all(struct schema_frame *frame)
{
	if (frame->marks)
		memset(frame->marks, 0xff, mark_words(frame) * sizeof(uint64_t));
}

bool schema_is_marked(const struct schema_frame *frame, size_t index)
{
	return frame->marks && (frame->marks[index / MARK_BITS] >> index % MARK_BITS & 1);
}

const struct schema_rule *schema_rule_of(const struct schema_node *node, const char *keyword)
{
	for (size_t i = 0; i < node->rule_count; i++) {
		if (strcmp(node->rules[i].keyword->name, keyword) == 0)
			return &node->rules[i];
	}
	return NULL;
}

const struct schema_member *schema_member_of(const struct schema_rule *rule, struct str name)
{
	size_t low = 0, high = rule ? rule->member_count : 0;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = str_compare(rule->members[middle].name, name);
		if (order == 0)
			return &rule->members[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

static enum st run_rules(struct schema_validation *v, struct schema_frame *frame)
{
	for (size_t i = 0; i < frame->node->rule_count; i++) {
		const struct schema_rule *rule = &frame->node->rules[i];

		if (!rule->keyword->check)
			continue;
		/* One failure is enough where nobody reads them, and it takes back the marks, so
		 * what reads marks could only add misleading ones. */
		if (!frame->valid && (v->quiet || v->error_count == SCHEMA_ERRORS_MAX ||
				      rule->keyword->vocabulary == VOCABULARY_UNEVALUATED))
			break;
		TRY(schema_spend(v, 1));
		TRY(rule->keyword->check(v, rule, frame));
	}
	return ST_OK;
}

static enum st run_node(struct schema_validation *v, struct schema_frame *frame)
{
	struct schema_scope scope = { .outer = frame->scope, .resource = frame->node->resource };

	if (frame->node->json->kind == JSON_BOOL) {
		if (frame->node->json->boolean)
			return ST_OK;
		return schema_fail(v, NULL, frame, "nothing is allowed here");
	}
	if (!frame->scope || frame->scope->resource != scope.resource)
		frame->scope = &scope;
	return run_rules(v, frame);
}

/* `parent_marks` gets the node's marks when it is valid. */
static enum st evaluate(struct schema_validation *v, struct schema_frame *frame,
			uint64_t *parent_marks, bool *ret_valid)
{
	size_t words = 0;

	frame->valid = true;
	if (parent_marks || frame->node->reads_marks)
		words = mark_words(frame);
	TRY(schema_spend(v, 1 + words / 8));
	if (v->depth == SCHEMA_DEPTH_MAX)
		return ST_SCHEMA_TOO_COSTLY;
	if (words > 0) {
		frame->marks = scratch_take(v, words);
		if (!frame->marks)
			return ST_TOO_LARGE;
	}
	v->depth++;
	TRY(run_node(v, frame));
	v->depth--;
	if (words > 0) {
		for (size_t i = 0; parent_marks && frame->valid && i < words; i++)
			parent_marks[i] |= frame->marks[i];
		scratch_give(v, words);
	}
	*ret_valid = frame->valid;
	return ST_OK;
}

enum st schema_apply(struct schema_validation *v, const struct schema_node *node,
		     struct schema_frame *frame, bool *ret_valid)
{
	struct schema_frame inner = { .node = node,
				      .instance = frame->instance,
				      .path = frame->path,
				      .scope = frame->scope };

	return evaluate(v, &inner, frame->marks, ret_valid);
}

enum st schema_try(struct schema_validation *v, const struct schema_node *node,
		   struct schema_frame *frame, bool *ret_valid)
{
	enum st st;

	v->quiet++;
	st = schema_apply(v, node, frame, ret_valid);
	v->quiet--;
	return st;
}

enum st schema_apply_child(struct schema_validation *v, const struct schema_node *node,
			   struct schema_frame *frame, const struct json *child, size_t index,
			   bool *ret_valid)
{
	struct schema_path path = {
		.up = frame->path,
		.member = frame->instance->kind == JSON_OBJECT ? child : NULL,
		.index = index,
	};
	struct schema_frame inner = {
		.node = node, .instance = child, .path = &path, .scope = frame->scope
	};

	return evaluate(v, &inner, NULL, ret_valid);
}

enum st schema_try_child(struct schema_validation *v, const struct schema_node *node,
			 struct schema_frame *frame, const struct json *child, size_t index,
			 bool *ret_valid)
{
	enum st st;

	v->quiet++;
	st = schema_apply_child(v, node, frame, child, index, ret_valid);
	v->quiet--;
	return st;
}

enum st schema_try_value(struct schema_validation *v, const struct schema_node *node,
			 struct schema_frame *frame, const struct json *value, bool *ret_valid)
{
	struct schema_frame inner = {
		.node = node, .instance = value, .path = frame->path, .scope = frame->scope
	};
	enum st st;

	v->quiet++;
	st = evaluate(v, &inner, NULL, ret_valid);
	v->quiet--;
	return st;
}

enum st schema_validate(const struct schema *schema, const struct json *instance,
			struct arena *arena, struct schema_result *ret)
{
	struct schema_validation v = { .arena = arena, .steps_left = SCHEMA_STEPS_MAX };
	struct schema_frame frame = { .node = schema->root, .instance = instance };
	bool valid;

	v.errors = ARENA_ARRAY(arena, struct schema_error, SCHEMA_ERRORS_MAX);
	if (!v.errors)
		return ST_TOO_LARGE;
	TRY(evaluate(&v, &frame, NULL, &valid));
	ASSERT(valid == (v.error_count == 0));
	*ret = (struct schema_result){
		.valid = valid,
		.errors = v.errors,
		.error_count = v.error_count,
		.steps = SCHEMA_STEPS_MAX - v.steps_left,
	};
	return ST_OK;
}

enum st schema_check(const struct schema *schema, const struct json *instance, struct arena *arena,
		     struct problem *problem)
{
	struct schema_result result;
	const struct schema_error *error;
	char pointer[sizeof(problem->pointer)];
	enum st st = schema_validate(schema, instance, arena, &result);

	if (st != ST_OK)
		return problem_set(problem, st, "", "%s", st_info(st)->title);
	if (result.valid)
		return ST_OK;
	error = &result.errors[0];
	snprintf(pointer, sizeof(pointer), "%.*s", STR_ARG(error->instance));
	problem_set(problem, ST_MESSAGE_INVALID, pointer, "%.*s", STR_ARG(error->sentence));
	problem_hint(problem, "see the schema at \"%.*s\"", STR_ARG(error->schema));
	return ST_MESSAGE_INVALID;
}
