/* replay.c: the main of a fuzz target without a fuzzer. It gives the target the empty input, then
 * every file of the folders named, in order of their names. The name of an input stands on the last
 * line when the target aborts on it. No files: a failure, since nothing was tried. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t replayed;

/* A copy of exactly that size, so that sanitizers see one byte past it. */
static void try_bytes(const char *name, const char *bytes, size_t size)
{
	uint8_t *data = malloc(size > 0 ? size : 1);

	if (!data)
		abort();
	memcpy(data, bytes, size);
	printf("%s\n", name);
	fflush(stdout);
	LLVMFuzzerTestOneInput(data, size);
	free(data);
	replayed++;
}

static void try_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	char *text = NULL;
	size_t size = 0;
	int byte;

	if (!file) {
		fprintf(stderr, "replay: cannot read '%s'\n", path);
		exit(1);
	}
	FILE *memory = open_memstream(&text, &size);
	if (!memory)
		abort();
	while ((byte = getc(file)) != EOF)
		putc(byte, memory);
	fclose(memory);
	fclose(file);
	try_bytes(path, text, size);
	free(text);
}

static int is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static void try_folder(const char *folder)
{
	struct dirent **entries;
	char path[4096];
	int count = scandir(folder, &entries, is_visible, alphasort);

	if (count <= 0) {
		fprintf(stderr, "replay: no inputs in '%s'\n", folder);
		exit(1);
	}
	for (int i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
		try_file(path);
		free(entries[i]);
	}
	free(entries);
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		fprintf(stderr, "usage: %s FOLDER...\n", argv[0]);
		return 2;
	}
	try_bytes("(empty input)", "", 0);
	for (int i = 1; i < argc; i++)
		try_folder(argv[i]);
	printf("%zu passed, 0 failed\n", replayed);
	return 0;
}
