/* What YAML gives is JSON: written and read again it is the same, and every node has a place. */
#include "yaml_document.h"

#define ARENA_BYTES_MAX (128 * 1024 * 1024)

static struct arena arena;

static void check_places(const struct yaml_document *document, const struct json *node)
{
	size_t line = 0, column = 0;

	ASSERT(node->offset_bytes <= document->text.size);
	if (document->text.size < 1000) {
		yaml_position(document, node, &line, &column);
		ASSERT(line > 0 && column > 0);
	}
	for (const struct json *child = node->first; child; child = child->next)
		check_places(document, child);
}

static void check(const struct yaml_document *document)
{
	struct buf buf;
	struct str text;
	struct json *again;
	enum st st;

	check_places(document, document->root);
	buf_init(&buf, &arena, 4096);
	json_write(&buf, document->root);
	text = buf_str(&buf);
	if (!text.data || text.size > JSON_BYTES_MAX)
		return;
	st = json_parse(&arena, text, &again, NULL);
	ASSERT(st == ST_OK || arena.failed);
	if (st == ST_OK && text.size < 10000)
		ASSERT(json_equal(document->root, again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = { .data = (const char *)data, .size = size };
	struct yaml_document document;
	struct yaml_documents documents;
	struct problem problem = { 0 };

	if (arena.used_bytes_max == 0)
		arena_init(&arena, ARENA_BYTES_MAX);
	arena_reset(&arena);
	if (yaml_parse(&arena, text, &document, &problem) == ST_OK)
		check(&document);
	else
		ASSERT(problem.detail[0] != '\0');
	arena_reset(&arena);
	if (yaml_parse_many(&arena, text, &documents, NULL) == ST_OK) {
		for (size_t i = 0; i < documents.count; i++)
			check(&documents.items[i]);
	}
	return 0;
}
