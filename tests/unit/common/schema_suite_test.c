/* The official JSON Schema test suite, draft 2020-12, as Debian's
 * libtest-json-schema-acceptance-perl brings it ($JSON_SCHEMA_SUITE names another copy: a folder
 * with tests/draft2020-12 and remotes). */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "schema.h"

#define SUITE_DEFAULT "/usr/share/perl5/auto/share/dist/Test-JSON-Schema-Acceptance"
#define FILES_MAX 200
#define ARENA_BYTES_MAX (64 * 1024 * 1024)

static struct arena documents_arena, arena;
static struct schema_document documents[FILES_MAX];
static size_t document_count;

struct tally {
	size_t passed, failed, skipped;
};

/* Optional files that are not for us. */
static const char *const skipped[] = {
	/* older drafts are refused, not processed */
	"cross-draft.json",
	/* "dependencies" has no meaning in 2020-12 but in this file */
	"dependencies-compatibility.json",
	/* a format that is an annotation always */
	"idn-hostname.json",
};

static const char *suite(void)
{
	const char *folder = getenv("JSON_SCHEMA_SUITE");

	return folder ? folder : SUITE_DEFAULT;
}

static bool is_skipped(const char *file)
{
	for (size_t i = 0; i < sizeof(skipped) / sizeof(skipped[0]); i++) {
		if (strcmp(file, skipped[i]) == 0)
			return true;
	}
	return false;
}

static struct json *file_read(struct arena *into, const char *path)
{
	struct problem problem = { 0 };
	struct json *root;
	char *text;
	FILE *file = fopen(path, "r");
	size_t size;

	if (!file)
		fail_msg("cannot read \"%s\": install libtest-json-schema-acceptance-perl", path);
	text = arena_alloc(into, JSON_BYTES_MAX);
	assert_non_null(text);
	size = fread(text, 1, JSON_BYTES_MAX, file);
	fclose(file);
	if (json_parse(into, (struct str){ .data = text, .size = size }, &root, &problem) != ST_OK)
		fail_msg("%s: %s: %s", path, problem.pointer, problem.detail);
	return root;
}

static int is_json_file(const struct dirent *entry)
{
	return str_ends(str_of(entry->d_name), ".json");
}

static void documents_read(const char *folder, const char *uri)
{
	struct dirent **entries;
	char path[1024], name[1024];
	int count;

	snprintf(path, sizeof(path), "%s/remotes/%s", suite(), folder);
	count = scandir(path, &entries, is_json_file, alphasort);
	if (count < 0)
		fail_msg("no \"%s\": install libtest-json-schema-acceptance-perl", path);
	for (int i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "%s/remotes/%s/%s", suite(), folder,
			 entries[i]->d_name);
		snprintf(name, sizeof(name), "%s%s", uri, entries[i]->d_name);
		assert_true(document_count < FILES_MAX);
		documents[document_count++] = (struct schema_document){
			.uri = arena_copy(&documents_arena, str_of(name)),
			.root = file_read(&documents_arena, path),
		};
		free(entries[i]);
	}
	free(entries);
}

static int setup(void **state)
{
	const char *const at = "http://localhost:1234/draft2020-12/";
	static const char *const folders[] = { "", "nested/", "baseUriChange/",
					       "baseUriChangeFolder/",
					       "baseUriChangeFolderInSubschema/" };
	char folder[128], uri[128];

	(void)state;
	arena_init(&documents_arena, ARENA_BYTES_MAX * 4);
	arena_init(&arena, ARENA_BYTES_MAX);
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		snprintf(folder, sizeof(folder), "draft2020-12/%s", folders[i]);
		snprintf(uri, sizeof(uri), "%s%s", at, folders[i]);
		documents_read(folder, uri);
	}
	documents_read("", "http://localhost:1234/");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_free(&arena);
	arena_free(&documents_arena);
	return 0;
}

static void run_group(const char *file, const struct json *group, enum schema_formats formats,
		      struct tally *tally)
{
	const struct schema_options options = { .formats = formats,
						.documents = documents,
						.document_count = document_count };
	const struct json *test = json_member(group, "tests")->first;
	struct problem problem = { 0 };
	struct schema *schema;
	enum st st =
		schema_compile(&arena, json_member(group, "schema"), &options, &schema, &problem);

	for (; test; test = test->next) {
		struct schema_result result = { 0 };
		bool expected = json_member(test, "valid")->boolean;
		enum st answer = st == ST_OK ? schema_validate(schema, json_member(test, "data"),
							       &arena, &result)
					     : st;
		if (answer == ST_OK && result.valid == expected) {
			tally->passed++;
			continue;
		}
		tally->failed++;
		print_error("%s: %s: %s: wanted %s, got %s %s %s\n", file,
			    json_member(group, "description")->text.data,
			    json_member(test, "description")->text.data,
			    expected ? "valid" : "invalid", st_info(answer)->code, problem.pointer,
			    problem.detail);
	}
}

/* This file asks, by "format": "regex", whether patterns are refused. */
static enum schema_formats file_formats(const char *file, enum schema_formats formats)
{
	return strcmp(file, "ecmascript-regex.json") == 0 ? SCHEMA_FORMATS_ASSERTED : formats;
}

static void run_folder(const char *folder, enum schema_formats formats, struct tally *tally)
{
	struct dirent **entries;
	char path[1024];
	int count;

	snprintf(path, sizeof(path), "%s/tests/draft2020-12%s", suite(), folder);
	count = scandir(path, &entries, is_json_file, alphasort);
	if (count < 0)
		fail_msg("no \"%s\": install libtest-json-schema-acceptance-perl", path);
	for (int i = 0; i < count; i++) {
		const struct json *root;
		snprintf(path, sizeof(path), "%s/tests/draft2020-12%s/%s", suite(), folder,
			 entries[i]->d_name);
		arena_reset(&arena);
		root = file_read(&arena, path);
		for (const struct json *group = root->first; group; group = group->next) {
			if (is_skipped(entries[i]->d_name))
				tally->skipped += json_member(group, "tests")->count;
			else
				run_group(entries[i]->d_name, group,
					  file_formats(entries[i]->d_name, formats), tally);
		}
		free(entries[i]);
	}
	free(entries);
	print_message("%s: %zu passed, %zu failed, %zu skipped\n", *folder ? folder : "required",
		      tally->passed, tally->failed, tally->skipped);
}

/* [VAL-1] */
static void every_required_test_passes(void **state)
{
	struct tally tally = { 0 };

	(void)state;
	run_folder("", SCHEMA_FORMATS_ANNOTATED, &tally);
	assert_true(tally.passed > 1000);
	assert_int_equal(tally.failed, 0);
}

static void every_optional_test_passes(void **state)
{
	struct tally tally = { 0 };

	(void)state;
	run_folder("/optional", SCHEMA_FORMATS_ANNOTATED, &tally);
	assert_true(tally.passed > 50);
	assert_int_equal(tally.failed, 0);
}

static void every_format_passes_when_asserted(void **state)
{
	struct tally tally = { 0 };

	(void)state;
	run_folder("/optional/format", SCHEMA_FORMATS_ASSERTED, &tally);
	assert_true(tally.passed > 400);
	assert_int_equal(tally.failed, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_required_test_passes),
		cmocka_unit_test(every_optional_test_passes),
		cmocka_unit_test(every_format_passes_when_asserted),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
