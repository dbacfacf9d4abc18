/* compile.c: the generator's command line and the order of its stages. */
#include "compile.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define DOCUMENTS_MAX 64

struct options {
	const char *out;
	const char *docs;
	size_t path_count;
	const char *paths[DOCUMENTS_MAX];
};

static void region_ignore(void *block)
{
	(void)block;
}

static bool parse_options(int argc, char **argv, struct options *ret)
{
	struct options options = { 0 };

	for (int i = 1; i < argc; i++) {
		const char **value = strcmp(argv[i], "--out") == 0    ? &options.out
				     : strcmp(argv[i], "--docs") == 0 ? &options.docs
								      : NULL;

		if (value && i + 1 == argc)
			return false;
		if (value)
			*value = argv[++i];
		else if (argv[i][0] == '-' || options.path_count == DOCUMENTS_MAX)
			return false;
		else
			options.paths[options.path_count++] = argv[i];
	}
	*ret = options;
	return options.out && options.path_count > 0;
}

static bool make_folder(const char *path)
{
	char *copy = region_printf("%s", path);

	for (char *slash = strchr(copy + 1, '/');; slash = strchr(slash + 1, '/')) {
		if (slash)
			*slash = '\0';
		if (mkdir(copy, 0777) != 0 && errno != EEXIST) {
			fprintf(stderr, "proto-compile: cannot make \"%s\": %s\n", copy,
				strerror(errno));
			return false;
		}
		if (!slash)
			return true;
		*slash = '/';
	}
}

static void document_name(struct document *document)
{
	const char *slash = strrchr(document->path, '/');
	char *name = region_printf("%s", slash ? slash + 1 : document->path);
	char *dot = strrchr(name, '.');

	if (!dot || strcmp(dot, ".yaml") != 0)
		refuse(document, NULL, "a document's name ends in '.yaml'");
	else
		*dot = '\0';
	if (name[strspn(name, "abcdefghijklmnopqrstuvwxyz-")] || name[0] == '-')
		refuse(document, NULL, "a service's name is of small letters and hyphens, not '%s'",
		       name);
	document->name = name;
	document->common = strcmp(name, "common") == 0;
	document->ident = name_snake(name);
	document->prefix = document->common ? "" : region_printf("%s_", name_upper(name));
}

static int compare_documents(const void *a, const void *b)
{
	const struct document *x = a, *y = b;

	if (x->common != y->common)
		return x->common ? -1 : 1;
	return strcmp(x->name, y->name);
}

static void check_head(struct document *document)
{
	static const char *const keys[] = { "asyncapi", "info",       "defaultContentType",
					    "channels", "operations", "components",
					    "x-status", NULL };
	static const char *const common_keys[] = { "asyncapi",     "info",     "defaultContentType",
						   "components",   "x-status", "x-every-service",
						   "x-identities", NULL };
	static const char *const info_keys[] = { "title", "version", "description", NULL };
	const char *version = node_string(document, document->root, "the document", "asyncapi");
	const char *content = node_string_optional(document, document->root, "defaultContentType");
	const cJSON *info = node_object(document, document->root, "the document", "info");

	node_only(document, document->root, "the document", document->common ? common_keys : keys);
	if (version && strcmp(version, "3.0.0") != 0)
		refuse(document, node_member(document->root, "asyncapi"),
		       "'asyncapi' is 3.0.0, not '%s'", version);
	if (content && strcmp(content, "application/json") != 0)
		refuse(document, node_member(document->root, "defaultContentType"),
		       "'defaultContentType' is application/json");
	if (!info)
		return;
	node_only(document, info, "'info'", info_keys);
	document->title = node_string(document, info, "'info'", "title");
	document->version = node_string(document, info, "'info'", "version");
	document->description = node_string(document, info, "'info'", "description");
}

static void load_documents(struct contract *contract, const struct options *options)
{
	contract->documents = region_alloc(options->path_count * sizeof(struct document));
	contract->document_count = options->path_count;
	for (size_t i = 0; i < options->path_count; i++) {
		contract->documents[i].path = options->paths[i];
		document_name(&contract->documents[i]);
	}
	qsort(contract->documents, contract->document_count, sizeof(struct document),
	      compare_documents);
	if (contract->documents[0].common)
		contract->common = &contract->documents[0];
	else
		refuse(&contract->documents[0], NULL, "'common.yaml' is not among the documents");
	for (size_t i = 0; i < contract->document_count; i++) {
		struct document *document = &contract->documents[i];

		if (i > 0 && strcmp(document->name, document[-1].name) == 0)
			refuse(document, NULL, "the service '%s' has two documents",
			       document->name);
		document->root = load_yaml(document);
		if (document->root)
			check_head(document);
	}
}

/* Each stage relies on the one before, so the first that refuses is the last that runs. */
static bool understand(struct contract *contract, const struct options *options)
{
	load_documents(contract, options);
	if (refusal_count() > 0)
		return false;
	gather_identities(contract);
	gather_statuses(contract);
	gather_schemas(contract);
	if (refusal_count() > 0)
		return false;
	gather_channels(contract);
	shape_schemas(contract);
	if (refusal_count() > 0)
		return false;
	check_contract(contract);
	return refusal_count() == 0;
}

static bool emit(const struct contract *contract, const struct options *options)
{
	if (!make_folder(options->out) || !make_folder(region_printf("%s/asyncapi", options->out)))
		return false;
	if (!emit_status(contract, options->out) || !emit_c(contract, options->out) ||
	    !emit_contract_c(contract, options->out) || !emit_nats(contract, options->out) ||
	    !emit_openapi(contract, options->out) || !emit_asyncapi(contract, options->out) ||
	    !emit_examples(contract, options->out))
		return false;
	return !options->docs || (make_folder(options->docs) && emit_docs(contract, options->docs));
}

int main(int argc, char **argv)
{
	cJSON_Hooks hooks = { .malloc_fn = region_alloc, .free_fn = region_ignore };
	struct contract contract = { 0 };
	struct options options;
	bool done;

	if (!parse_options(argc, argv, &options)) {
		fprintf(stderr, "usage: proto-compile --out FOLDER [--docs FOLDER] FILE.yaml...\n");
		return 2;
	}
	cJSON_InitHooks(&hooks);
	done = understand(&contract, &options) && emit(&contract, &options);
	if (refusal_count() > REFUSALS_MAX)
		fprintf(stderr, "proto-compile: %zu more refusals\n",
			refusal_count() - REFUSALS_MAX);
	region_free();
	return done ? 0 : 1;
}
