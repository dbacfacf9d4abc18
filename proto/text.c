/* text.c: memory, output text, names and refusals of the generator. */
#include "compile.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct region_block {
	struct region_block *next;
	max_align_t data[];
};

static struct region_block *region;
static size_t refused;

void *region_alloc(size_t size)
{
	struct region_block *block = calloc(1, sizeof(*block) + size);

	if (!block) {
		fprintf(stderr, "proto-compile: not enough memory\n");
		exit(1);
	}
	block->next = region;
	region = block;
	return block->data;
}

void region_free(void)
{
	while (region) {
		struct region_block *next = region->next;

		free(region);
		region = next;
	}
}

static char *region_vprintf(const char *format, va_list args)
{
	va_list again;
	int size;
	char *s;

	va_copy(again, args);
	size = vsnprintf(NULL, 0, format, again);
	va_end(again);
	s = region_alloc((size_t)size + 1);
	vsnprintf(s, (size_t)size + 1, format, args);
	return s;
}

char *region_printf(const char *format, ...)
{
	va_list args;
	char *s;

	va_start(args, format);
	s = region_vprintf(format, args);
	va_end(args);
	return s;
}

static void text_bytes(struct text *text, const char *data, size_t size)
{
	if (text->size + size + 1 > text->capacity) {
		size_t capacity = (text->size + size + 1) * 2;
		char *grown = region_alloc(capacity);

		if (text->size)
			memcpy(grown, text->data, text->size);
		text->data = grown;
		text->capacity = capacity;
	}
	memcpy(text->data + text->size, data, size);
	text->size += size;
	text->data[text->size] = '\0';
}

void text_add(struct text *text, const char *format, ...)
{
	va_list args;
	char *s;

	va_start(args, format);
	s = region_vprintf(format, args);
	va_end(args);
	text_bytes(text, s, strlen(s));
}

void text_quote(struct text *text, const char *s)
{
	text_bytes(text, "\"", 1);
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			text_bytes(text, "\\", 1);
		text_bytes(text, *s == '\n' ? " " : s, 1);
	}
	text_bytes(text, "\"", 1);
}

void text_json(struct text *text, const cJSON *node)
{
	char *printed = cJSON_Print(node);

	text_bytes(text, printed, strlen(printed));
	text_bytes(text, "\n", 1);
}

static bool text_is_in_file(const struct text *text, const char *path)
{
	FILE *file = fopen(path, "rb");
	char *held;
	size_t size;

	if (!file)
		return false;
	held = region_alloc(text->size + 1);
	size = fread(held, 1, text->size + 1, file);
	fclose(file);
	return size == text->size && (size == 0 || memcmp(held, text->data, size) == 0);
}

bool text_write(const struct text *text, const char *folder, const char *name)
{
	char *path = region_printf("%s/%s", folder, name);
	FILE *file;
	bool written;

	if (text_is_in_file(text, path))
		return true;
	file = fopen(path, "wb");
	if (!file) {
		fprintf(stderr, "proto-compile: cannot write \"%s\": %s\n", path, strerror(errno));
		return false;
	}
	written = fwrite(text->data, 1, text->size, file) == text->size;
	written = fclose(file) == 0 && written;
	if (!written)
		fprintf(stderr, "proto-compile: cannot write \"%s\": %s\n", path, strerror(errno));
	return written;
}

char *name_snake(const char *camel)
{
	char *snake = region_alloc(strlen(camel) * 2 + 1);
	size_t size = 0;

	for (size_t i = 0; camel[i]; i++) {
		bool upper = isupper((unsigned char)camel[i]) != 0;
		bool follows_lower = i > 0 && islower((unsigned char)camel[i - 1]);
		bool follows_digit = i > 0 && isdigit((unsigned char)camel[i - 1]);
		bool ends_run = i > 0 && isupper((unsigned char)camel[i - 1]) &&
				islower((unsigned char)camel[i + 1]);

		if (upper && (follows_lower || follows_digit || ends_run))
			snake[size++] = '_';
		snake[size++] = isalnum((unsigned char)camel[i])
					? (char)tolower((unsigned char)camel[i])
					: '_';
	}
	return snake;
}

char *name_upper(const char *snake)
{
	char *upper = region_printf("%s", snake);

	for (char *c = upper; *c; c++)
		*c = isalnum((unsigned char)*c) ? (char)toupper((unsigned char)*c) : '_';
	return upper;
}

bool name_is_snake(const char *name)
{
	if (!islower((unsigned char)name[0]))
		return false;
	return name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_")] == '\0';
}

bool name_is_camel(const char *name)
{
	if (!isupper((unsigned char)name[0]))
		return false;
	for (const char *c = name; *c; c++) {
		if (!isalnum((unsigned char)*c))
			return false;
	}
	return true;
}

bool name_is_reserved_in_c(const char *name)
{
	static const char *const reserved[] = {
		"asm",      "auto",     "bool",    "break",    "case",     "char",   "const",
		"continue", "default",  "do",      "double",   "else",     "enum",   "errno",
		"extern",   "false",    "float",   "for",      "goto",     "if",     "inline",
		"int",      "linux",    "long",    "register", "restrict", "return", "short",
		"signed",   "sizeof",   "static",  "stderr",   "stdin",    "stdout", "struct",
		"switch",   "true",     "typedef", "typeof",   "union",    "unix",   "unsigned",
		"void",     "volatile", "while",   "i386",     NULL,
	};

	for (const char *const *word = reserved; *word; word++) {
		if (strcmp(*word, name) == 0)
			return true;
	}
	return false;
}

void refuse(const struct document *document, const cJSON *node, const char *format, ...)
{
	va_list args;

	if (++refused > REFUSALS_MAX)
		return;
	va_start(args, format);
	fprintf(stderr, "%s:%d: %s\n", document->path, node ? node->valueint : 1,
		region_vprintf(format, args));
	va_end(args);
}

size_t refusal_count(void)
{
	return refused;
}
