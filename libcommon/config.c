/* Configuration: environment, file and defaults into structs. Every value is looked up and checked
 * twice, first without storing, so that a refusal leaves the targets as they were. */
#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"

#define RANGE_TEXT_SIZE 256

struct file_line {
	struct str name;
	struct str value;
};

struct config_file {
	char text[CONFIG_FILE_BYTES_MAX + 1];
	struct file_line lines[CONFIG_FILE_LINES_MAX];
	size_t line_count;
};

struct loader {
	const char *service;
	const struct config_section *sections;
	size_t section_count;
	struct config_file *file; /* NULL: none */
	struct problem *problem;
};

/* A value and the name under which it was found. */
struct setting {
	char variable[CONFIG_VARIABLE_SIZE];
	struct str value; /* data NULL: nowhere, not even a default */
};

void config_variable(const char *service, const char *name, char ret[CONFIG_VARIABLE_SIZE])
{
	int size = snprintf(ret, CONFIG_VARIABLE_SIZE, "PIOPL_%s%s%s", service ? service : "",
			    service ? "_" : "", name);

	ASSERT(size > 0 && size < CONFIG_VARIABLE_SIZE);
	for (char *c = ret; *c; c++)
		*c = *c == '-' ? '_' : (char)toupper((unsigned char)*c);
}

/* Reads a whole file of at most `size_max` bytes. -1 with errno; EFBIG when it is larger. */
static ssize_t file_read(int fd, char *ret, size_t size_max)
{
	size_t size = 0;

	for (;;) {
		char beyond;
		bool full = size == size_max;
		ssize_t got = read(fd, full ? &beyond : ret + size, full ? 1 : size_max - size);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (got == 0)
			return (ssize_t)size;
		if (full) {
			errno = EFBIG;
			return -1;
		}
		size += (size_t)got;
	}
}

static bool field_has_variable(const struct loader *loader, const struct config_field *field,
			       struct str variable)
{
	char name[CONFIG_VARIABLE_SIZE];

	config_variable(loader->service, field->name, name);
	if (str_is(variable, name))
		return true;
	config_variable(NULL, field->name, name);
	return str_is(variable, name);
}

static bool variable_known(const struct loader *loader, struct str variable)
{
	for (size_t i = 0; i < loader->section_count; i++) {
		const struct config_field *field = loader->sections[i].fields;

		for (; field && field->name; field++) {
			if (field_has_variable(loader, field, variable))
				return true;
		}
	}
	return false;
}

static struct str trim(struct str s)
{
	while (s.size && (*s.data == ' ' || *s.data == '\t')) {
		s.data++;
		s.size--;
	}
	while (s.size && strchr(" \t\r", s.data[s.size - 1]))
		s.size--;
	return s;
}

static const struct str *file_find(const struct config_file *file, struct str name)
{
	for (size_t i = 0; i < file->line_count; i++) {
		if (str_equal(file->lines[i].name, name))
			return &file->lines[i].value;
	}
	return NULL;
}

static enum st file_line_add(const struct loader *loader, const char *path, size_t number,
			     struct str text)
{
	struct config_file *file = loader->file;
	struct str name, value;
	char place[32];

	snprintf(place, sizeof(place), "line %zu", number);
	text = trim(text);
	if (text.size == 0 || text.data[0] == '#')
		return ST_OK;
	if (!str_cut(text, '=', &name, &value))
		return problem_set(loader->problem, ST_CONFIG_INVALID, place,
				   "\"%s\" line %zu is not NAME=VALUE", path, number);
	name = trim(name);
	if (!variable_known(loader, name))
		return problem_set(loader->problem, ST_CONFIG_INVALID, place,
				   "\"%s\" line %zu: \"%.*s\" is not a name this service knows",
				   path, number, STR_ARG(name));
	if (file_find(file, name))
		return problem_set(loader->problem, ST_CONFIG_INVALID, place,
				   "\"%s\" line %zu: \"%.*s\" is given twice", path, number,
				   STR_ARG(name));
	if (file->line_count == CONFIG_FILE_LINES_MAX)
		return problem_set(loader->problem, ST_CONFIG_INVALID, place,
				   "\"%s\" has more than %d settings", path, CONFIG_FILE_LINES_MAX);
	file->lines[file->line_count++] = (struct file_line){ name, trim(value) };
	return ST_OK;
}

static enum st file_parse(const struct loader *loader, const char *path, struct str text)
{
	size_t number = 0;

	if (memchr(text.data, '\0', text.size))
		return problem_set(loader->problem, ST_CONFIG_INVALID, "",
				   "\"%s\" is not a text file", path);
	while (text.size) {
		struct str line = text, rest = { 0 };

		if (!str_cut(text, '\n', &line, &rest))
			rest = (struct str){ 0 };
		TRY(file_line_add(loader, path, ++number, line));
		text = rest;
	}
	return ST_OK;
}

static const char *environment(const char *service, const char *name)
{
	char variable[CONFIG_VARIABLE_SIZE];
	const char *value;

	config_variable(service, name, variable);
	value = getenv(variable);
	return value && *value ? value : NULL;
}

static enum st file_load(struct loader *loader)
{
	const char *path = environment(loader->service, "config_file");
	ssize_t size = -1;
	int fd;

	if (!path)
		path = environment(NULL, "config_file");
	if (!path)
		return ST_OK;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		size = file_read(fd, loader->file->text, CONFIG_FILE_BYTES_MAX);
		close(fd);
	}
	if (size < 0)
		return problem_set(loader->problem, ST_CONFIG_INVALID, "",
				   "the configuration file \"%s\" cannot be read: %s", path,
				   strerror(errno));
	return file_parse(loader, path, (struct str){ loader->file->text, (size_t)size });
}

/* Sets `ret` when the variable has a value in the file, or in the environment when there is none.
 */
static bool look_up(const struct config_file *file, const char *service, const char *name,
		    struct setting *ret)
{
	const struct str *in_file;

	config_variable(service, name, ret->variable);
	if (!file) {
		ret->value = str_of(environment(service, name));
		return ret->value.data != NULL;
	}
	in_file = file_find(file, str_of(ret->variable));
	if (!in_file || in_file->size == 0)
		return false;
	ret->value = *in_file;
	return true;
}

static void setting_find(const struct loader *loader, const struct config_field *field,
			 struct setting *ret)
{
	const struct config_file *places[] = { NULL, loader->file };

	for (size_t i = 0; i < 2; i++) {
		if (look_up(places[i], loader->service, field->name, ret) ||
		    look_up(places[i], NULL, field->name, ret))
			return;
	}
	ret->value = str_of(field->default_value);
}

static bool limited(const struct config_field *field)
{
	return field->min != 0 || field->max != 0;
}

static void choices_print(const struct config_field *field, char *ret, size_t size)
{
	size_t used = (size_t)snprintf(ret, size, "one of");

	for (size_t i = 0; field->choices[i] && used < size; i++)
		used += (size_t)snprintf(ret + used, size - used, "%s %s", i > 0 ? "," : "",
					 field->choices[i]);
}

/* "a whole number from 1 to 64" */
static void range_print(const struct config_field *field, char ret[RANGE_TEXT_SIZE])
{
	char min[DURATION_TEXT_SIZE], max[DURATION_TEXT_SIZE];
	size_t room = field->size_bytes - 1;

	switch (field->type) {
	case CONFIG_TEXT:
	case CONFIG_PATH:
		if (limited(field) && (size_t)field->max < room)
			room = (size_t)field->max;
		snprintf(ret, RANGE_TEXT_SIZE, "%s of %lld to %zu bytes",
			 field->type == CONFIG_PATH ? "a path" : "a text",
			 field->min > 0 ? (long long)field->min : 1, room);
		break;
	case CONFIG_SECRET_FILE:
		snprintf(ret, RANGE_TEXT_SIZE, "the path of a file that others cannot read");
		break;
	case CONFIG_I64:
		if (limited(field))
			snprintf(ret, RANGE_TEXT_SIZE, "a whole number from %lld to %lld",
				 (long long)field->min, (long long)field->max);
		else
			snprintf(ret, RANGE_TEXT_SIZE, "a whole number");
		break;
	case CONFIG_DURATION_MS:
		duration_format(field->min, min);
		duration_format(limited(field) ? field->max : DURATION_MS_MAX, max);
		snprintf(ret, RANGE_TEXT_SIZE, "a duration from %s to %s (units ms, s, m, h, d)",
			 min, max);
		break;
	case CONFIG_BOOL:
		snprintf(ret, RANGE_TEXT_SIZE, "true or false");
		break;
	case CONFIG_ENUM:
		choices_print(field, ret, RANGE_TEXT_SIZE);
		break;
	}
}

/* "not X (default Y)" */
static enum st refuse(const struct loader *loader, const struct config_field *field,
		      const struct setting *setting)
{
	char range[RANGE_TEXT_SIZE];
	char value[96] = "";
	const char *fallback = field->default_value;

	range_print(field, range);
	if (field->type != CONFIG_SECRET_FILE) {
		struct str shown = setting->value;

		shown.size = utf8_cut(shown, 64);
		snprintf(value, sizeof(value), " is \"%.*s\", which", STR_ARG(shown));
	}
	return problem_set(loader->problem, ST_CONFIG_INVALID, setting->variable,
			   "%s%s is not %s%s%s%s", setting->variable, value, range,
			   fallback && *fallback ? " (default " : "", fallback ? fallback : "",
			   fallback && *fallback ? ")" : "");
}

static bool in_range(const struct config_field *field, int64_t value)
{
	return !limited(field) || (value >= field->min && value <= field->max);
}

static bool text_valid(const struct config_field *field, struct str value)
{
	if (value.size >= field->size_bytes || !in_range(field, (int64_t)value.size) ||
	    !str_is_utf8(value))
		return false;
	for (size_t i = 0; i < value.size; i++) {
		if ((unsigned char)value.data[i] < 0x20 || value.data[i] == 0x7f)
			return false;
	}
	return true;
}

static enum st refuse_secret(const struct loader *loader, const struct setting *setting,
			     const char *why)
{
	return problem_set(loader->problem, ST_CONFIG_INVALID, setting->variable,
			   "the file that %s names %s", setting->variable, why);
}

/* The problem when the file's rights or its content are wrong; NULL when `ret` has the secret. */
static const char *secret_read(const struct config_field *field, int fd, char *ret)
{
	struct stat status;
	ssize_t size;

	if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode))
		return "is not a regular file";
	if (status.st_mode & S_IRWXO)
		return "is open to others; take their rights away (chmod o= FILE)";
	size = file_read(fd, ret, field->size_bytes - 1);
	if (size < 0)
		return errno == EFBIG ? "is too large for a secret" : "cannot be read";
	if (size > 0 && ret[size - 1] == '\n')
		size--;
	ret[size] = '\0';
	if (size == 0)
		return "is empty";
	if (strlen(ret) != (size_t)size)
		return "is not a text file";
	if (!in_range(field, size))
		return "has a secret that is too short or too long";
	return NULL;
}

static enum st secret_load(const struct loader *loader, const struct config_field *field,
			   const struct setting *setting, char *ret)
{
	char path[4096];
	char secret[CONFIG_SECRET_BYTES_MAX + 1];
	const char *why;
	int fd;

	if (!str_copy(setting->value, path, sizeof(path)))
		return refuse(loader, field, setting);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return refuse_secret(loader, setting,
				     errno == ENOENT ? "does not exist" : "cannot be read");
	why = secret_read(field, fd, secret);
	close(fd);
	if (!why && ret)
		memcpy(ret, secret, strlen(secret) + 1);
	explicit_bzero(secret, sizeof(secret));
	return why ? refuse_secret(loader, setting, why) : ST_OK;
}

static bool choice_find(const struct config_field *field, struct str value, int *ret)
{
	for (int i = 0; field->choices[i]; i++) {
		if (str_is(value, field->choices[i])) {
			*ret = i;
			return true;
		}
	}
	return false;
}

/* Checks the value; stores it when `member` is not NULL. */
static enum st value_load(const struct loader *loader, const struct config_field *field,
			  const struct setting *setting, void *member)
{
	struct str value = setting->value;
	bool boolean = str_is(value, "true");
	int64_t number = 0;
	int choice = 0;
	bool good = false;

	switch (field->type) {
	case CONFIG_SECRET_FILE:
		return secret_load(loader, field, setting, member);
	case CONFIG_TEXT:
	case CONFIG_PATH:
		good = text_valid(field, value);
		if (good && member)
			str_copy(value, member, field->size_bytes);
		break;
	case CONFIG_I64:
		good = str_to_i64(value, &number) && in_range(field, number);
		break;
	case CONFIG_DURATION_MS:
		good = duration_parse(value, &number) && in_range(field, number);
		break;
	case CONFIG_BOOL:
		good = boolean || str_is(value, "false");
		if (good && member)
			memcpy(member, &boolean, sizeof(boolean));
		break;
	case CONFIG_ENUM:
		good = choice_find(field, value, &choice);
		if (good && member)
			memcpy(member, &choice, sizeof(choice));
		break;
	}
	if (!good)
		return refuse(loader, field, setting);
	if (member && (field->type == CONFIG_I64 || field->type == CONFIG_DURATION_MS))
		memcpy(member, &number, sizeof(number));
	return ST_OK;
}

static void field_check(const struct config_field *field)
{
	switch (field->type) {
	case CONFIG_TEXT:
	case CONFIG_PATH:
		ASSERT(field->size_bytes > 1);
		break;
	case CONFIG_SECRET_FILE:
		ASSERT(field->size_bytes > 1 && field->size_bytes <= CONFIG_SECRET_BYTES_MAX + 1);
		break;
	case CONFIG_I64:
	case CONFIG_DURATION_MS:
		ASSERT(field->size_bytes == sizeof(int64_t));
		break;
	case CONFIG_BOOL:
		ASSERT(field->size_bytes == sizeof(bool));
		break;
	case CONFIG_ENUM:
		ASSERT(field->size_bytes == sizeof(int) && field->choices);
		break;
	}
	ASSERT(field->min <= field->max);
}

static enum st field_load(const struct loader *loader, const struct config_field *field,
			  char *target)
{
	struct setting setting;
	char *member = target ? target + field->offset : NULL;
	char range[RANGE_TEXT_SIZE];

	field_check(field);
	setting_find(loader, field, &setting);
	if (!setting.value.data) {
		range_print(field, range);
		return problem_set(loader->problem, ST_CONFIG_INVALID, setting.variable,
				   "%s is not set; it must be %s", setting.variable, range);
	}
	if (setting.value.size > 0)
		return value_load(loader, field, &setting, member);
	if (member)
		memset(member, 0, field->size_bytes);
	return ST_OK;
}

/* How to go through all fields. */
enum pass { PASS_CHECK, PASS_STORE };

static enum st all_load(const struct loader *loader, enum pass pass)
{
	for (size_t i = 0; i < loader->section_count; i++) {
		const struct config_section *section = &loader->sections[i];

		for (const struct config_field *field = section->fields; field && field->name;
		     field++)
			TRY(field_load(loader, field, pass == PASS_STORE ? section->target : NULL));
	}
	return ST_OK;
}

enum st config_load(const char *service, const struct config_section *sections,
		    size_t section_count, struct problem *problem)
{
	/* Large, and needed once in the life of a process. */
	static struct config_file file;
	struct loader loader = {
		.service = service,
		.sections = sections,
		.section_count = section_count,
		.file = &file,
		.problem = problem,
	};

	file.line_count = 0;
	TRY(file_load(&loader));
	TRY(all_load(&loader, PASS_CHECK));
	return all_load(&loader, PASS_STORE);
}

static void field_help(const char *service, const struct config_field *field, FILE *out)
{
	char variable[CONFIG_VARIABLE_SIZE], range[RANGE_TEXT_SIZE];

	config_variable(service, field->name, variable);
	range_print(field, range);
	fprintf(out, "  %s\n      %s\n      %s", variable, field->doc, range);
	if (!field->default_value)
		fprintf(out, "; must be set\n");
	else if (!*field->default_value)
		fprintf(out, "; may be left out\n");
	else
		fprintf(out, "; default %s\n", field->default_value);
}

void config_help(const char *service, const struct config_section *sections, size_t section_count,
		 FILE *out)
{
	char specific[CONFIG_VARIABLE_SIZE], general[CONFIG_VARIABLE_SIZE];

	config_variable(service, "name", specific);
	config_variable(service, "config_file", general);
	fprintf(out,
		"Configuration, from the environment. Each variable may also be given for all\n"
		"services, as PIOPL_NAME instead of %s, and both as lines of the\n"
		"file that %s or PIOPL_CONFIG_FILE names.\n\n",
		specific, general);
	for (size_t i = 0; i < section_count; i++) {
		for (const struct config_field *field = sections[i].fields; field && field->name;
		     field++)
			field_help(service, field, out);
	}
}
