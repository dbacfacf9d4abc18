/* offline.c: see offline.h. */
#include "offline.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "clock.h"
#include "service.h"

#define FILES_MAX 512
#define COVERED_MAX (64 * 1024)

struct offline {
	struct policy_service policy; /* for its time zones */
	struct arena arena;
	struct chain chain;
	const struct rule *covered[COVERED_MAX];
	size_t covered_count;
	int passed, failed;
	bool unreadable;
};

static bool file_read(struct arena *arena, const char *folder, const char *name, struct str *ret)
{
	char path[1024];
	char *data = arena_alloc(arena, DOCUMENT_BYTES_MAX + 1);
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "re");
	if (!file || !data) {
		if (file)
			fclose(file);
		return false;
	}
	*ret = (struct str){ data, fread(data, 1, DOCUMENT_BYTES_MAX + 1, file) };
	fclose(file);
	return true;
}

static void complain(struct offline *o, const char *file, const struct problem *problem)
{
	fprintf(stderr, "%s: %s: %s\n", file, problem->pointer, problem->detail);
	o->unreadable = true;
}

static void document_add(struct offline *o, const char *folder, const char *name)
{
	struct problem problem = { 0 };
	struct document *document;
	struct str text = { 0 };

	if (!file_read(&o->arena, folder, name, &text) ||
	    document_read(&o->policy, &o->arena, text, &document, &problem) != ST_OK) {
		complain(o, name, &problem);
		return;
	}
	if (o->chain.count < CHAIN_DOCUMENTS_MAX)
		o->chain.documents[o->chain.count++] = document;
}

static bool value_of(struct offline *o, const struct json *node, enum value_type type,
		     struct value *ret)
{
	*ret = (struct value){ .type = type };
	switch (type) {
	case VALUE_BOOL:
		ret->i64 = node->boolean;
		return node->kind == JSON_BOOL;
	case VALUE_NUMBER:
		return node->kind == JSON_NUMBER && micros_parse(node->text, &ret->i64) == ST_OK;
	case VALUE_STRING:
		ret->text = node->text;
		return node->kind == JSON_STRING;
	case VALUE_TIME:
		return node->kind == JSON_STRING && time_parse(node->text, &ret->i64);
	case VALUE_LIST: {
		struct str *items = ARENA_ARRAY(&o->arena, struct str, node->count);
		for (const struct json *n = node->first; items && n; n = n->next)
			items[ret->count++] = n->text;
		ret->items = items;
		return node->kind == JSON_ARRAY;
	}
	case VALUE_NONE:
	case VALUE_DURATION:
	case VALUE_TYPE_COUNT:
		break;
	}
	return false;
}

static bool context_read(struct offline *o, const struct json *node, struct request *ret)
{
	struct context_value *values = ARENA_ARRAY(&o->arena, struct context_value, node->count);
	size_t count = 0;

	for (const struct json *n = node->first; values && n; n = n->next) {
		enum value_type type = n->kind == JSON_BOOL     ? VALUE_BOOL
				       : n->kind == JSON_NUMBER ? VALUE_NUMBER
				       : n->kind == JSON_ARRAY  ? VALUE_LIST
								: VALUE_STRING;
		values[count].name = n->name;
		if (!value_of(o, n, type, &values[count++].value))
			return false;
	}
	ret->context = values;
	ret->context_count = count;
	return values != NULL;
}

static bool member_read(struct offline *o, const struct json *node, struct evaluation *e)
{
	enum attribute attribute;

	if (str_is(node->name, "auth_method")) {
		e->auth_method = node->text;
		return node->kind == JSON_STRING;
	}
	if (str_is(node->name, "auth_issuer")) {
		e->auth_issuer = node->text;
		return node->kind == JSON_STRING;
	}
	if (str_is(node->name, "context"))
		return context_read(o, node, &e->request);
	return attribute_find(node->name, &attribute) &&
	       value_of(o, node, attribute_type(attribute), &e->request.attributes[attribute]);
}

static bool rule_named(const struct offline *o, const struct outcome *out, struct str wanted)
{
	char name[256];

	for (size_t i = 0; i < out->reason_count; i++) {
		const struct reason *r = &out->reasons[i];
		if (r->verdict != out->verdict || !r->rule || r->document == UINT16_MAX)
			continue;
		snprintf(name, sizeof(name), "%.*s:%u",
			 STR_ARG(o->chain.documents[r->document]->id), r->rule->line);
		if (str_is(wanted, name))
			return true;
	}
	return false;
}

static void cover(struct offline *o, const struct outcome *out)
{
	for (size_t i = 0; i < out->reason_count && o->covered_count < COVERED_MAX; i++)
		if (out->reasons[i].rule)
			o->covered[o->covered_count++] = out->reasons[i].rule;
}

static void test_failed(struct offline *o, const char *file, struct str name,
			const struct outcome *out, const char *why)
{
	o->failed++;
	printf("%s: %.*s: %s\n", file, STR_ARG(name), why);
	for (size_t i = 0; i < out->reason_count; i++)
		printf("    %s: %.*s\n", verdict_name(out->reasons[i].verdict),
		       STR_ARG(reason_words(&o->chain, &out->reasons[i], &o->arena)));
}

static void test_run(struct offline *o, const char *file, const struct yaml_document *yaml,
		     const struct json *test)
{
	const struct json *name = json_member(test, "name"),
			  *request = json_member(test, "request");
	const struct json *expect = json_member(test, "expect"), *rule = json_member(test, "rule");
	struct problem problem = { 0 };
	struct evaluation e = { 0 };
	struct outcome out = { 0 };
	enum verdict wanted;
	char why[256];

	if (!name || !request || !expect || !verdict_find(expect->text, &wanted)) {
		(void)!yaml_refuse(yaml, test, ST_POLICY_INVALID, &problem,
				   "a test has name, request and expect (a verdict)");
		complain(o, file, &problem);
		return;
	}
	for (const struct json *m = request->first; m; m = m->next) {
		if (member_read(o, m, &e))
			continue;
		(void)!yaml_refuse(yaml, m, ST_POLICY_INVALID, &problem,
				   "\"%.*s\" is not an attribute, or not of its type",
				   STR_ARG(m->name));
		complain(o, file, &problem);
		return;
	}
	if (e.request.attributes[ATTRIBUTE_TOOL].type == VALUE_NONE) {
		(void)!yaml_refuse(yaml, request, ST_POLICY_INVALID, &problem,
				   "\"tool\" is missing");
		complain(o, file, &problem);
		return;
	}
	evaluate(&o->chain, &e, &out);
	cover(o, &out);
	if (out.verdict != wanted) {
		snprintf(why, sizeof(why), "%s, not %s", verdict_name(out.verdict),
			 verdict_name(wanted));
		test_failed(o, file, name->text, &out, why);
	} else if (rule && !rule_named(o, &out, rule->text)) {
		snprintf(why, sizeof(why), "rule %.*s did not decide", STR_ARG(rule->text));
		test_failed(o, file, name->text, &out, why);
	} else {
		o->passed++;
	}
}

static void fixture_run(struct offline *o, const char *folder, const char *file)
{
	struct problem problem = { 0 };
	struct yaml_document yaml;
	struct str text = { 0 };

	if (!file_read(&o->arena, folder, file, &text) ||
	    yaml_parse(&o->arena, text, &yaml, &problem) != ST_OK) {
		complain(o, file, &problem);
		return;
	}
	const struct json *tests = json_member(yaml.root, "tests");
	if (!tests || tests->kind != JSON_ARRAY) {
		(void)!yaml_refuse(&yaml, yaml.root, ST_POLICY_INVALID, &problem,
				   "a fixture begins with \"tests:\", a list");
		complain(o, file, &problem);
		return;
	}
	for (const struct json *t = tests->first; t; t = t->next)
		test_run(o, file, &yaml, t);
}

static bool is_covered(const struct offline *o, const struct rule *rule)
{
	for (size_t i = 0; i < o->covered_count; i++)
		if (o->covered[i] == rule)
			return true;
	return false;
}

static void coverage_print(struct offline *o)
{
	size_t rules = 0, covered = 0;

	for (size_t d = 0; d < o->chain.count; d++) {
		const struct document *document = o->chain.documents[d];
		for (size_t i = 0; i < document->rule_count; i++) {
			const struct rule *rule = &document->rules[i];
			rules++;
			if (is_covered(o, rule)) {
				covered++;
				continue;
			}
			printf("not covered: %.*s, %.*s\n", STR_ARG(document->id),
			       STR_ARG(rule_words(document, rule, &o->arena)));
		}
	}
	printf("%zu of %zu rules covered\n", covered, rules);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static size_t files_list(const char *folder, char *names[FILES_MAX])
{
	DIR *dir = opendir(folder);
	size_t count = 0;

	for (struct dirent *e; dir && (e = readdir(dir)) && count < FILES_MAX;)
		if (str_ends(str_of(e->d_name), ".yaml"))
			names[count++] = strdup(e->d_name);
	if (dir)
		closedir(dir);
	qsort(names, count, sizeof(names[0]), compare_names);
	return count;
}

int policy_offline_test(const char *folder)
{
	static struct offline o;
	char *names[FILES_MAX];
	size_t count = files_list(folder, names);

	arena_init(&o.arena, (size_t)512 * 1024 * 1024);
	snprintf(o.policy.zone_folder, sizeof(o.policy.zone_folder), "/usr/share/zoneinfo");
	snprintf(o.policy.business_zone, sizeof(o.policy.business_zone), "Europe/London");
	if (zones_init(&o.policy) != ST_OK) {
		fprintf(stderr, "no time zones: install tzdata\n");
		return 2;
	}
	for (size_t i = 0; i < count; i++)
		if (!str_ends(str_of(names[i]), ".test.yaml"))
			document_add(&o, folder, names[i]);
	for (size_t i = 0; i < count; i++)
		if (str_ends(str_of(names[i]), ".test.yaml"))
			fixture_run(&o, folder, names[i]);
	coverage_print(&o);
	printf("%d passed, %d failed\n", o.passed, o.failed);
	for (size_t i = 0; i < count; i++)
		free(names[i]);
	if (o.unreadable)
		return 2;
	return o.failed > 0;
}
