/* node.c: reading members of a loaded document, with the refusal of what is not there. */
#include "compile.h"

#include <math.h>
#include <string.h>

const cJSON *node_member(const cJSON *object, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(object, name);
}

void node_only(const struct document *document, const cJSON *object, const char *what,
	       const char *const *names)
{
	const cJSON *member;

	cJSON_ArrayForEach(member, object)
	{
		const char *const *name = names;

		while (*name && strcmp(*name, member->string) != 0)
			name++;
		if (!*name)
			refuse(document, member, "unknown key '%s' in %s", member->string, what);
	}
}

const char *node_string_optional(const struct document *document, const cJSON *object,
				 const char *name)
{
	const cJSON *member = node_member(object, name);

	if (!member)
		return NULL;
	if (!cJSON_IsString(member) || !member->valuestring[0]) {
		refuse(document, member, "'%s' is not a string with something in it", name);
		return NULL;
	}
	return member->valuestring;
}

const char *node_string(const struct document *document, const cJSON *object, const char *what,
			const char *name)
{
	if (!node_member(object, name)) {
		refuse(document, object, "%s has no '%s'", what, name);
		return NULL;
	}
	return node_string_optional(document, object, name);
}

bool node_true(const struct document *document, const cJSON *object, const char *name)
{
	const cJSON *member = node_member(object, name);

	if (member && !cJSON_IsTrue(member))
		refuse(document, member, "'%s' is true or left out", name);
	return cJSON_IsTrue(member);
}

const cJSON *node_object(const struct document *document, const cJSON *object, const char *what,
			 const char *name)
{
	const cJSON *member = node_member(object, name);

	if (!member) {
		refuse(document, object, "%s has no '%s'", what, name);
		return NULL;
	}
	if (!cJSON_IsObject(member)) {
		refuse(document, member, "'%s' is not a mapping", name);
		return NULL;
	}
	return member;
}

bool node_is_integer(const cJSON *node)
{
	return cJSON_IsNumber(node) && node->valuedouble == floor(node->valuedouble) &&
	       fabs(node->valuedouble) <= (double)INTEGER_MAX;
}

size_t node_count(const cJSON *node)
{
	return node ? (size_t)cJSON_GetArraySize(node) : 0;
}
