/* The product's own contract as it was generated: its tables are whole, each example message passes
 * the decoder, and docs/reference is what the contract says today. [PLT-1] [PLT-2] */
#include "generator.h"

#include "gen/common.h"
#include "gen/contract.h"
#include "json.h"

#define ARENA_BYTES_MAX (64 << 20)

static struct arena arena;

static struct json *examples(void)
{
	char path[4096];
	struct json *root = NULL;
	char *text;

	snprintf(path, sizeof(path), "%s", generator_path());
	strcpy(strstr(path, "/bin/proto-compile"), "/gen/examples.json");
	text = read_text(path);
	assert_int_equal(json_parse(&arena, str_of(text), &root, NULL), ST_OK);
	free(text);
	return root;
}

/* Decodes strictly, encodes, decodes again: the same text twice. */
static void check_example(const struct json *all, const struct proto_type *type)
{
	const struct json *example = json_member(all, type->name);
	void *decoded = arena_alloc(&arena, type->size_bytes);
	struct problem problem = { 0 };
	struct str first, second;

	if (!example)
		fail_msg("\"%s\" has no example", type->name);
	if (proto_decode_node(type, example, PROTO_UNKNOWN_REFUSED, &arena, decoded, &problem) !=
	    ST_OK)
		fail_msg("%s%s: %s (%s)", type->name, problem.pointer, problem.detail,
			 problem.hint);
	assert_int_equal(proto_encode(type, decoded, &arena, &first), ST_OK);
	assert_int_equal(proto_decode(type, first, PROTO_UNKNOWN_REFUSED, &arena, decoded, NULL),
			 ST_OK);
	assert_int_equal(proto_encode(type, decoded, &arena, &second), ST_OK);
	assert_string_equal(first.data, second.data);
}

static void every_example_in_the_reference_passes_the_decoder(void **state)
{
	const struct json *all = examples();

	(void)state;
	for (const struct proto_call *const *call = proto_calls; *call; call++) {
		check_example(all, (*call)->request);
		check_example(all, (*call)->reply);
	}
	for (const struct proto_event *const *event = proto_events; *event; event++)
		check_example(all, (*event)->data);
}

/* Whatever member is taken from a request is missed if it is required, and not if it is not. */
static void a_request_without_a_required_member_is_refused_by_name(void **state)
{
	const struct json *all = examples();

	(void)state;
	for (const struct proto_call *const *call = proto_calls; *call; call++) {
		const struct proto_type *type = (*call)->request;
		void *decoded = arena_alloc(&arena, type->size_bytes);

		for (size_t i = 0; i < type->field_count; i++) {
			struct json *whole = json_member(all, type->name), less = *whole,
				    *kept = NULL;
			struct json *copies = ARENA_ARRAY(&arena, struct json, whole->count);
			struct problem problem = { 0 };
			enum st st;

			less.first = NULL;
			for (const struct json *child = whole->first; child; child = child->next) {
				struct json *copy = copies++;

				if (str_is(child->name, type->fields[i].name))
					continue;
				*copy = *child;
				copy->next = NULL;
				if (kept)
					kept->next = copy;
				else
					less.first = copy;
				kept = copy;
			}
			st = proto_decode_node(type, &less, PROTO_UNKNOWN_REFUSED, &arena, decoded,
					       &problem);
			assert_int_equal(st, type->fields[i].required ? ST_MESSAGE_INVALID : ST_OK);
			if (type->fields[i].required)
				assert_string_equal(problem.pointer + 1, type->fields[i].name);
		}
	}
}

static bool has_call(const char *service, const char *name)
{
	for (const struct proto_call *const *call = proto_calls; *call; call++) {
		if (strcmp((*call)->service, service) == 0 && strcmp((*call)->name, name) == 0)
			return true;
	}
	return false;
}

/* [PLT-8] [PLT-9] */
static void every_service_answers_the_library_calls_under_its_own_name(void **state)
{
	static const char *const names[] = { "outbox_read", "parked_list", "parked_replay",
					     "service_status" };

	(void)state;
	assert_non_null(proto_services[0]);
	for (const char *const *service = proto_services; *service; service++) {
		for (size_t i = 0; i < 4; i++)
			assert_true(has_call(*service, names[i]));
	}
	assert_null(CALL_OUTBOX_READ.service);
	assert_null(EVT_EVIDENCE_RECORDED.service);
	assert_string_equal(EVT_EVIDENCE_RECORDED.type, "evidence.recorded");
}

static void calls_are_complete_and_have_one_route_each(void **state)
{
	(void)state;
	for (const struct proto_call *const *call = proto_calls; *call; call++) {
		assert_true((*call)->callers[0] && (*call)->deadline_ms > 0);
		assert_false((*call)->reads && (*call)->idempotent);
		for (const struct proto_call *const *other = proto_calls; other < call; other++) {
			const struct proto_http *a = (*call)->http, *b = (*other)->http;

			assert_false(strcmp((*call)->service, (*other)->service) == 0 &&
				     strcmp((*call)->name, (*other)->name) == 0);
			assert_false(a && b && strcmp(a->method, b->method) == 0 &&
				     strcmp(a->path, b->path) == 0);
		}
	}
}

static void the_reference_is_what_the_contract_says_today(void **state)
{
	char command[8192], *said;

	(void)state;
	snprintf(command, sizeof(command),
		 "fresh=$(mktemp -d) && '%s' --out \"$fresh/out\" --docs \"$fresh/docs\" "
		 "proto/*.yaml 2>&1 && "
		 "diff -rq docs/reference \"$fresh/docs\" 2>&1; status=$?; rm -rf \"$fresh\"; exit "
		 "$status",
		 generator_path());
	if (run(command, &said) != 0)
		fail_msg("docs/reference is not fresh, run \"make contract\":\n%s", said);
	free(said);
}

/* The dialect's own example, as a reader would copy it. */
static void the_example_in_the_readme_is_accepted(void **state)
{
	char *readme = read_text("proto/README.md"), *common = read_text("proto/common.yaml");
	char *start = strstr(readme, "```yaml\n"), *end = strstr(start, "\n```\n");
	char *folder = make_folder(), *said, *header;

	(void)state;
	end[1] = '\0';
	write_in(folder, "token.yaml", start + strlen("```yaml\n"));
	write_in(folder, "common.yaml", common);
	if (generate(folder, "common.yaml token.yaml", &said) != 0)
		fail_msg("%s", said);
	header = read_in(folder, "out/token.h");
	assert_non_null(
		strstr(header, "enum token_risk {\n\tTOKEN_RISK_NONE = 0,\n\tTOKEN_RISK_LOW,"));
	assert_non_null(strstr(header, "\tbool has_ttl_s;\n\tint64_t ttl_s;\n\tbool has_tools;\n"));
	assert_non_null(strstr(header, "\tint64_t expires_at_ms;\n"));
	assert_non_null(strstr(header, "CALL_TOKEN_ISSUE;"));
	assert_non_null(strstr(header, "EVT_TOKEN_CAPABILITY_ISSUED;"));
	free(header);
	free(said);
	free(common);
	free(readme);
	remove_folder(folder);
}

static int setup(void **state)
{
	(void)state;
	arena_init(&arena, ARENA_BYTES_MAX);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_example_in_the_reference_passes_the_decoder),
		cmocka_unit_test(a_request_without_a_required_member_is_refused_by_name),
		cmocka_unit_test(every_service_answers_the_library_calls_under_its_own_name),
		cmocka_unit_test(calls_are_complete_and_have_one_route_each),
		cmocka_unit_test(the_example_in_the_readme_is_accepted),
		cmocka_unit_test(the_reference_is_what_the_contract_says_today),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
