/* store_people.c: what the registry's events say about agents, people and keys. */
#include <assert.h>

#include "store.h"

#define STATEMENT(name) (&approval_statements[APR_##name])

static_assert(REGISTRY_AGENT_STATE_PENDING == 1 && REGISTRY_AGENT_STATE_TERMINATED == 4,
	      "states are kept by their number");

enum st store_agent_put(struct db_tx *tx, const struct registry_agent *agent, int64_t number)
{
	return db_write(tx, STATEMENT(AGENT_PUT), 1, ST_INTERNAL, DB_I64(number),
			DB_TEXT(agent->identity.name), DB_TEXT(agent->identity.owner),
			DB_TEXT(agent->identity.unit), DB_TEXT(agent->identity.role),
			DB_I32(agent->identity.tier), DB_F64(agent->governance.behaviour_score),
			DB_I32(agent->identity.status));
}

enum st store_agent_state(struct db_tx *tx, int64_t number, enum registry_agent_state state)
{
	return db_write(tx, STATEMENT(AGENT_STATE), 1, ST_APPROVAL_AGENT_UNKNOWN, DB_I64(number),
			DB_I32(state));
}

enum st store_agent_get(struct db_tx *tx, struct arena *arena, int64_t number,
			struct agent_row *ret, bool *ret_found)
{
	struct db_rows rows;

	TRY(db_query(tx, STATEMENT(AGENT_GET), arena, &rows, DB_I64(number)));
	*ret_found = rows.count > 0;
	if (rows.count > 0)
		*ret = (struct agent_row){
			.number = db_i64(&rows, 0, 0),
			.name = db_text(&rows, 0, 1),
			.owner = db_text(&rows, 0, 2),
			.unit = db_text(&rows, 0, 3),
			.role = db_text(&rows, 0, 4),
			.tier = db_i64(&rows, 0, 5),
			.score = db_f64(&rows, 0, 6),
			.state = (enum registry_agent_state)db_i64(&rows, 0, 7),
		};
	return ST_OK;
}

enum st store_person_put(struct db_tx *tx, const struct registry_person *person)
{
	struct db_value removed = DB_I64(person->removed_at_ms);
	uint32_t roles = 0;

	removed.null = !person->has_removed_at_ms;
	for (size_t i = 0; i < person->roles.count; i++)
		roles |= role_bit_of_registry(person->roles.items[i]);
	return db_write(tx, STATEMENT(PERSON_PUT), 1, ST_INTERNAL, DB_TEXT(person->person_id),
			DB_TEXT(person->name), DB_TEXT_OR_NULL(person->email), DB_I32(roles),
			removed);
}

enum st store_person_get(struct db_tx *tx, struct arena *arena, struct str person_id,
			 struct person_row *ret, bool *ret_found)
{
	struct db_rows rows;

	TRY(db_query(tx, STATEMENT(PERSON_GET), arena, &rows, DB_TEXT(person_id)));
	*ret_found = rows.count > 0;
	if (rows.count == 0)
		return ST_OK;
	*ret = (struct person_row){
		.person_id = db_text(&rows, 0, 0),
		.name = db_text(&rows, 0, 1),
		.roles = (uint32_t)db_i64(&rows, 0, 3),
	};
	if (!db_is_null(&rows, 0, 2))
		ret->email = db_text(&rows, 0, 2);
	return ST_OK;
}

enum st store_addresses(struct db_tx *tx, struct arena *arena, const struct group *group,
			struct str **ret, size_t *ret_count)
{
	struct db_rows rows;

	TRY(db_query(tx, STATEMENT(PERSON_ADDRESSES), arena, &rows, DB_I32(group->roles),
		     DB_TEXTS(group->people, group->people_count), DB_I64(NOTIFY_ADDRESSES_MAX)));
	struct str *addresses = ARENA_ARRAY(arena, struct str, rows.count);
	if (!addresses)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < rows.count; i++)
		addresses[i] = db_text(&rows, i, 0);
	*ret = addresses;
	*ret_count = rows.count;
	return ST_OK;
}

enum st store_key_put(struct db_tx *tx, const struct registry_key *key)
{
	uint8_t bytes[PUBLIC_KEY_BYTES];
	struct db_value until = DB_I64(key->valid_until_ms);

	until.null = !key->has_valid_until_ms;
	TRY(base64_decode_exact(key->public_key, bytes, sizeof(bytes)));
	return db_write(tx, STATEMENT(KEY_PUT), 1, ST_INTERNAL, DB_TEXT(key->key_id),
			DB_TEXT(key->person_id),
			DB_BYTES(((struct str){ (const char *)bytes, sizeof(bytes) })),
			DB_I64(key->valid_from_ms), until);
}

enum st store_key_find(void *context, struct str key_id, struct act_key *ret, bool *ret_found)
{
	const struct key_source *source = context;
	struct db_rows rows;

	TRY(db_query(source->tx, STATEMENT(KEY_FIND), source->arena, &rows, DB_TEXT(key_id)));
	*ret_found = rows.count > 0;
	if (rows.count == 0)
		return ST_OK;
	struct str bytes = db_text(&rows, 0, 1);
	struct act_key key = {
		.person_id = db_text(&rows, 0, 0),
		.valid_from_ms = db_i64(&rows, 0, 2),
		.valid_until_ms = db_is_null(&rows, 0, 3) ? INT64_MAX : db_i64(&rows, 0, 3),
		.roles = (uint32_t)db_i64(&rows, 0, 4),
	};
	ASSERT(bytes.size == PUBLIC_KEY_BYTES);
	memcpy(key.public_key, bytes.data, PUBLIC_KEY_BYTES);
	*ret = key;
	return ST_OK;
}
