/* core_people.c: who has to stay. */
#include "registry.h"

static bool key_stays(const struct steward_key *key, struct str person_gone, struct str key_gone)
{
	return !key->ends && !str_equal(key->person_id, person_gone) &&
	       !str_equal(key->key_id, key_gone);
}

enum st steward_stays(const struct steward_key *keys, size_t count, struct str person_gone,
		      struct str key_gone, struct problem *problem)
{
	bool steward_goes = false;

	for (size_t i = 0; i < count; i++) {
		if (key_stays(&keys[i], person_gone, key_gone))
			return ST_OK;
		steward_goes |= str_equal(keys[i].person_id, person_gone) ||
				str_equal(keys[i].key_id, key_gone);
	}
	/* Nobody of them is a steward's: their going changes nothing about who can act. */
	if (!steward_goes)
		return ST_OK;
	return problem_set(problem, ST_LAST_STEWARD, "/act/payload",
			   "nobody else could sign; add another steward with a key first");
}

enum registry_person_role person_role_of(struct str name)
{
	for (int i = 0; registry_person_role_names[i]; i++)
		if (str_is(name, registry_person_role_names[i]))
			return (enum registry_person_role)(i + 1);
	return REGISTRY_PERSON_ROLE_NONE;
}

struct str person_role_name(enum registry_person_role role)
{
	ASSERT(role != REGISTRY_PERSON_ROLE_NONE);
	return str_of(registry_person_role_names[role - 1]);
}
