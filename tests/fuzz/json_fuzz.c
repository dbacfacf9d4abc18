/* Any bytes: the parser refuses them with a place and a sentence, or what it read survives being
 * written in each form and read again. */
#include "json.h"

#define CAP ((size_t)64 * 1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct json *parse_own(struct arena *arena, struct str text)
{
	struct json *root = NULL;
	struct problem problem;
	enum st st = json_parse(arena, text, &root, &problem);

	/* What we wrote may pass the size limit, because escapes are longer than what they stand
	 * for. */
	if (st == ST_MESSAGE_TOO_LARGE)
		return NULL;
	ASSERT(st == ST_OK);
	return root;
}

static struct str write_as(struct arena *arena, const struct json *root,
			   void (*write)(struct buf *, const struct json *))
{
	struct buf buf;

	buf_init(&buf, arena, 64);
	write(&buf, root);
	ASSERT(!buf.failed);
	return buf_str(&buf);
}

static void check_tree(struct arena *arena, struct str text, struct json *root)
{
	struct str forms[] = {
		write_as(arena, root, json_write),
		write_as(arena, root, json_write_pretty),
		write_as(arena, root, json_write_canonical),
	};
	struct str again;

	for (size_t i = 0; i < 3; i++) {
		struct json *back = parse_own(arena, forms[i]);

		if (!back)
			return;
		ASSERT(str_is_utf8(forms[i]));
		ASSERT(json_equal(root, back));
		again = write_as(arena, back, json_write_canonical);
		ASSERT(str_equal(again, forms[2]));
	}
	ASSERT(json_at(root, STR("")) == root);
	(void)json_at(root, text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = { (const char *)data, size };
	struct problem problem = { .st = ST_OK };
	struct json *root = NULL;
	struct arena arena;

	arena_init(&arena, CAP);
	if (json_parse(&arena, text, &root, &problem) == ST_OK) {
		ASSERT(str_is_utf8(text));
		check_tree(&arena, text, root);
	} else {
		ASSERT(problem.detail[0]);
		ASSERT(str_is_utf8(str_of(problem.detail)));
		ASSERT(!root);
	}
	arena_free(&arena);
	return 0;
}
