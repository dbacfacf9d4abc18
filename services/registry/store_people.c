/* store_people.c: people and their keys. Nothing here is ever deleted. */
#include "store.h"

#define STATEMENT(name) (&registry_statements[REG_##name])
#define PERSON_ROLES_MAX 5

enum st store_person_any(struct db_tx *tx, struct arena *arena, bool *ret)
{
	struct db_rows rows;

	TRY(db_query0(tx, STATEMENT(PERSON_ANY), arena, &rows));
	*ret = rows.count > 0;
	return ST_OK;
}

enum st store_person_insert(struct db_tx *tx, const struct registry_person *person)
{
	struct str roles[PERSON_ROLES_MAX];
	size_t count = person->roles.count;

	ASSERT(count > 0 && count <= PERSON_ROLES_MAX && !person->has_removed_at_ms);
	for (size_t i = 0; i < count; i++)
		roles[i] = person_role_name(person->roles.items[i]);
	return db_write(tx, STATEMENT(PERSON_INSERT), 1, ST_INTERNAL, DB_TEXT(person->person_id),
			DB_TEXT(person->name), DB_TEXT_OR_NULL(person->email),
			DB_TEXTS(roles, count), DB_I64(person->added_at_ms), DB_NULL('i'));
}

static enum st person_read(const struct db_rows *rows, size_t row, struct arena *arena,
			   struct registry_person *ret)
{
	const struct db_value *roles = db_at(rows, row, 3);
	struct registry_person person = {
		.person_id = db_text(rows, row, 0),
		.name = db_text(rows, row, 1),
		.added_at_ms = db_i64(rows, row, 4),
		.has_removed_at_ms = !db_is_null(rows, row, 5),
		.removed_at_ms = db_i64(rows, row, 5),
	};

	if (!db_is_null(rows, row, 2))
		person.email = db_text(rows, row, 2);
	person.roles.items = arena_array(arena, roles->count, sizeof(*person.roles.items));
	if (!person.roles.items)
		return ST_TOO_LARGE;
	person.roles.count = roles->count;
	for (size_t i = 0; i < roles->count; i++) {
		person.roles.items[i] = person_role_of(((const struct str *)roles->items)[i]);
		ASSERT(person.roles.items[i] != REGISTRY_PERSON_ROLE_NONE);
	}
	*ret = person;
	return ST_OK;
}

enum st store_person_get(struct db_tx *tx, struct arena *arena, struct str person_id,
			 struct registry_person *ret, bool *ret_found)
{
	struct db_rows rows;

	TRY(db_query(tx, STATEMENT(PERSON_GET), arena, &rows, DB_TEXT(person_id)));
	if (rows.count > 0)
		TRY(person_read(&rows, 0, arena, ret));
	*ret_found = rows.count > 0;
	return ST_OK;
}

enum st store_person_list(struct db_tx *tx, struct arena *arena, struct str role, bool removed,
			  struct str after, int64_t limit, struct registry_person_list_reply *ret)
{
	struct db_rows rows;

	TRY(db_query(tx, STATEMENT(PERSON_LIST), arena, &rows, DB_TEXT(role), DB_BOOL(removed),
		     DB_TEXT(after), DB_I64(limit)));
	struct registry_person *people = ARENA_ARRAY(arena, struct registry_person, rows.count);
	if (!people)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < rows.count; i++)
		TRY(person_read(&rows, i, arena, &people[i]));
	ret->people.items = people;
	ret->people.count = rows.count;
	return ST_OK;
}

enum st store_person_remove(struct db_tx *tx, struct str person_id, int64_t now_ms)
{
	return db_write(tx, STATEMENT(PERSON_REMOVE), 1, ST_CONFLICT, DB_TEXT(person_id),
			DB_I64(now_ms));
}

/* Keys */

enum st store_key_insert(struct db_tx *tx, const struct registry_key *key)
{
	uint8_t bytes[PUBLIC_KEY_BYTES];
	struct db_value until = DB_I64(key->valid_until_ms);

	until.null = !key->has_valid_until_ms;
	TRY(base64_decode_exact(key->public_key, bytes, sizeof(bytes)));
	return db_write(tx, STATEMENT(KEY_INSERT), 1, ST_ALREADY_EXISTS, DB_TEXT(key->key_id),
			DB_TEXT(key->person_id),
			DB_BYTES(((struct str){ (const char *)bytes, sizeof(bytes) })),
			DB_I64(key->valid_from_ms), until);
}

static enum st key_read(const struct db_rows *rows, size_t row, struct arena *arena,
			struct registry_key *ret)
{
	struct str bytes = db_text(rows, row, 2);
	char text[PUBLIC_KEY_TEXT_SIZE];

	ASSERT(bytes.size == PUBLIC_KEY_BYTES);
	base64_encode(bytes.data, bytes.size, text);
	struct registry_key key = {
		.key_id = db_text(rows, row, 0),
		.person_id = db_text(rows, row, 1),
		.public_key = arena_copy(arena, str_of(text)),
		.valid_from_ms = db_i64(rows, row, 3),
		.has_valid_until_ms = !db_is_null(rows, row, 4),
		.valid_until_ms = db_i64(rows, row, 4),
	};
	if (!key.public_key.data)
		return ST_TOO_LARGE;
	*ret = key;
	return ST_OK;
}

enum st store_key_get(struct db_tx *tx, struct arena *arena, struct str key_id,
		      struct registry_key *ret, bool *ret_found)
{
	struct db_rows rows;

	TRY(db_query(tx, STATEMENT(KEY_GET), arena, &rows, DB_TEXT(key_id)));
	if (rows.count > 0)
		TRY(key_read(&rows, 0, arena, ret));
	*ret_found = rows.count > 0;
	return ST_OK;
}

enum st store_key_list(struct db_tx *tx, struct arena *arena, struct str person_id,
		       struct str after, int64_t limit, struct registry_key_list_reply *ret)
{
	struct db_rows rows;

	TRY(db_query(tx, STATEMENT(KEY_LIST), arena, &rows, DB_TEXT(person_id), DB_TEXT(after),
		     DB_I64(limit)));
	struct registry_key *keys = ARENA_ARRAY(arena, struct registry_key, rows.count);
	if (!keys)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < rows.count; i++)
		TRY(key_read(&rows, i, arena, &keys[i]));
	ret->keys.items = keys;
	ret->keys.count = rows.count;
	return ST_OK;
}

enum st store_key_end(struct db_tx *tx, struct str key_id, int64_t now_ms)
{
	return db_write(tx, STATEMENT(KEY_END), 1, ST_CONFLICT, DB_TEXT(key_id), DB_I64(now_ms));
}

enum st store_steward_keys(struct db_tx *tx, struct arena *arena, int64_t now_ms,
			   struct steward_key **ret, size_t *ret_count)
{
	struct db_rows rows;

	TRY(db_query(tx, STATEMENT(STEWARD_KEYS), arena, &rows, DB_I64(now_ms)));
	struct steward_key *keys = ARENA_ARRAY(arena, struct steward_key, rows.count);
	if (!keys)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < rows.count; i++)
		keys[i] = (struct steward_key){
			.person_id = db_text(&rows, i, 0),
			.key_id = db_text(&rows, i, 1),
			.ends = db_bool(&rows, i, 2),
		};
	*ret = keys;
	*ret_count = rows.count;
	return ST_OK;
}

enum st store_key_find(void *context, struct str key_id, struct act_key *ret, bool *ret_found)
{
	const struct key_source *source = context;
	struct db_rows rows;

	TRY(db_query(source->tx, STATEMENT(KEY_FIND), source->arena, &rows, DB_TEXT(key_id)));
	*ret_found = rows.count > 0;
	if (rows.count == 0)
		return ST_OK;
	const struct db_value *roles = db_at(&rows, 0, 4);
	struct str bytes = db_text(&rows, 0, 1);
	struct act_key key = {
		.person_id = db_text(&rows, 0, 0),
		.valid_from_ms = db_i64(&rows, 0, 2),
		.valid_until_ms = db_is_null(&rows, 0, 3) ? INT64_MAX : db_i64(&rows, 0, 3),
	};
	ASSERT(bytes.size == PUBLIC_KEY_BYTES);
	memcpy(key.public_key, bytes.data, PUBLIC_KEY_BYTES);
	for (size_t i = 0; i < roles->count; i++)
		key.roles |= ROLE_BIT(person_role_of(((const struct str *)roles->items)[i]));
	*ret = key;
	return ST_OK;
}
