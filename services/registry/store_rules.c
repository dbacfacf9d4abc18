/* store_rules.c: roles, constitutions and units: what profiles are judged against. */
#include "store.h"

#define STATEMENT(name) (&registry_statements[REG_##name])

#define LIST_AT(list, rows, row, column)                                                           \
	((list).items = (struct str *)db_at((rows), (row), (column))->items,                       \
	 (list).count = db_at((rows), (row), (column))->count)

/* Roles */

static void role_read(const struct db_rows *rows, size_t row, struct registry_role *ret)
{
	struct registry_role role = {
		.name = db_text(rows, row, 0),
		.title = db_text(rows, row, 1),
		.revision = db_i64(rows, row, 12),
		.updated_at_ms = db_i64(rows, row, 13),
	};

	role.template.tier = db_i64(rows, row, 2);
	LIST_AT(role.template.capability_scopes, rows, row, 3);
	LIST_AT(role.template.can_send_to, rows, row, 4);
	role.template.output_confidence_floor = db_f64(rows, row, 5);
	role.template.earning_model = (enum registry_earning_model)db_i64(rows, row, 6);
	role.template.revenue_share_pct = db_i64(rows, row, 7);
	role.template.sandbox = (struct registry_sandbox_shape){
		.image = db_text(rows, row, 8),
		.cpu_millis = db_i64(rows, row, 9),
		.memory_mib = db_i64(rows, row, 10),
		.disk_mib = db_i64(rows, row, 11),
	};
	*ret = role;
}

enum st store_role_get(struct db_tx *tx, struct arena *arena, struct str name,
		       struct registry_role *ret, bool *ret_found)
{
	struct db_rows rows;

	TRY(db_query(tx, STATEMENT(ROLE_GET), arena, &rows, DB_TEXT(name)));
	if (rows.count > 0)
		role_read(&rows, 0, ret);
	*ret_found = rows.count > 0;
	return ST_OK;
}

enum st store_role_list(struct db_tx *tx, struct arena *arena, struct str after, int64_t limit,
			struct registry_role_list_reply *ret)
{
	struct db_rows rows;

	TRY(db_query(tx, STATEMENT(ROLE_LIST), arena, &rows, DB_TEXT(after), DB_I64(limit)));
	ret->roles.items = arena_array(arena, rows.count, sizeof(*ret->roles.items));
	if (!ret->roles.items)
		return ST_TOO_LARGE;
	ret->roles.count = rows.count;
	for (size_t i = 0; i < rows.count; i++)
		role_read(&rows, i, &ret->roles.items[i]);
	return ST_OK;
}

static enum st role_write(struct db_tx *tx, const struct db_statement *statement,
			  const struct registry_role *role, enum st otherwise)
{
	const struct registry_role_template *template = &role->template;
	const struct registry_sandbox_shape *sandbox = &template->sandbox;

	return db_write(
		tx, statement, 1, otherwise, DB_TEXT(role->name), DB_TEXT(role->title),
		DB_I32(template->tier),
		DB_TEXTS(template->capability_scopes.items, template->capability_scopes.count),
		DB_TEXTS(template->can_send_to.items, template->can_send_to.count),
		DB_F64(template->output_confidence_floor), DB_I32(template->earning_model),
		DB_I64(template->revenue_share_pct), DB_TEXT(sandbox->image),
		DB_I64(sandbox->cpu_millis), DB_I64(sandbox->memory_mib), DB_I64(sandbox->disk_mib),
		DB_I64(role->revision), DB_I64(role->updated_at_ms));
}

enum st store_role_insert(struct db_tx *tx, const struct registry_role *role)
{
	ASSERT(role->revision == 1);
	return role_write(tx, STATEMENT(ROLE_INSERT), role, ST_ALREADY_EXISTS);
}

enum st store_role_update(struct db_tx *tx, const struct registry_role *role)
{
	ASSERT(role->revision > 1);
	return role_write(tx, STATEMENT(ROLE_UPDATE), role, ST_VERSION_CONFLICT);
}

/* Constitutions */

enum st store_constitution_insert(struct db_tx *tx, const struct registry_constitution *in)
{
	struct str ids[200], texts[200];
	size_t count = in->invariants.count;

	ASSERT(count <= sizeof(ids) / sizeof(ids[0]));
	for (size_t i = 0; i < count; i++) {
		ids[i] = in->invariants.items[i].invariant_id;
		texts[i] = in->invariants.items[i].text;
	}
	return db_write(tx, STATEMENT(CONSTITUTION_INSERT), 1, ST_ALREADY_EXISTS, DB_TEXT(in->hash),
			DB_TEXT(in->title), DB_BYTES(in->text), DB_TEXTS(ids, count),
			DB_TEXTS(texts, count), DB_I64(in->added_at_ms));
}

static enum st invariants_read(const struct db_rows *rows, size_t row, struct arena *arena,
			       struct registry_constitution *ret)
{
	const struct db_value *ids = db_at(rows, row, 7), *texts = db_at(rows, row, 8);
	struct registry_invariant *items =
		ARENA_ARRAY(arena, struct registry_invariant, ids->count);

	ASSERT(ids->count == texts->count);
	if (!items)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < ids->count; i++) {
		items[i].invariant_id = ((const struct str *)ids->items)[i];
		items[i].text = ((const struct str *)texts->items)[i];
	}
	ret->invariants.items = items;
	ret->invariants.count = ids->count;
	return ST_OK;
}

enum st store_constitution_get(struct db_tx *tx, struct arena *arena, struct str hash,
			       struct registry_constitution *ret, bool *ret_found)
{
	struct db_rows rows;

	TRY(db_query(tx, STATEMENT(CONSTITUTION_GET), arena, &rows, DB_TEXT(hash)));
	*ret_found = rows.count > 0;
	if (rows.count == 0)
		return ST_OK;
	struct registry_constitution constitution = {
		.hash = db_text(&rows, 0, 0),
		.title = db_text(&rows, 0, 1),
		.size_bytes = db_i64(&rows, 0, 2),
		.in_force = db_bool(&rows, 0, 3),
		.added_at_ms = db_i64(&rows, 0, 4),
		.has_activated_at_ms = !db_is_null(&rows, 0, 5),
		.activated_at_ms = db_i64(&rows, 0, 5),
		.text = db_text(&rows, 0, 9),
	};
	if (!db_is_null(&rows, 0, 6))
		constitution.activated_by = db_text(&rows, 0, 6);
	TRY(invariants_read(&rows, 0, arena, &constitution));
	*ret = constitution;
	return ST_OK;
}

enum st store_constitution_in_force(struct db_tx *tx, struct arena *arena, struct in_force *ret)
{
	struct db_rows rows;

	TRY(db_query0(tx, STATEMENT(CONSTITUTION_IN_FORCE), arena, &rows));
	*ret = (struct in_force){ 0 };
	if (rows.count > 0) {
		ret->hash = db_text(&rows, 0, 0);
		LIST_AT(ret->invariant_ids, &rows, 0, 1);
	}
	return ST_OK;
}

enum st store_constitution_list(struct db_tx *tx, struct arena *arena, int64_t limit,
				struct registry_constitution_list_reply *ret)
{
	struct db_rows rows;

	TRY(db_query(tx, STATEMENT(CONSTITUTION_LIST), arena, &rows, DB_I64(limit)));
	struct registry_constitution_summary *items =
		ARENA_ARRAY(arena, struct registry_constitution_summary, rows.count);
	if (!items)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < rows.count; i++) {
		items[i] = (struct registry_constitution_summary){
			.hash = db_text(&rows, i, 0),
			.title = db_text(&rows, i, 1),
			.size_bytes = db_i64(&rows, i, 2),
			.in_force = db_bool(&rows, i, 3),
			.added_at_ms = db_i64(&rows, i, 4),
			.has_activated_at_ms = !db_is_null(&rows, i, 5),
			.activated_at_ms = db_i64(&rows, i, 5),
		};
		if (!db_is_null(&rows, i, 6))
			items[i].activated_by = db_text(&rows, i, 6);
	}
	ret->constitutions.items = items;
	ret->constitutions.count = rows.count;
	return ST_OK;
}

enum st store_constitution_activate(struct db_tx *tx, struct str hash, struct str previous,
				    struct str by, int64_t now_ms, struct str reason)
{
	if (previous.data)
		TRY(db_write(tx, STATEMENT(CONSTITUTION_LEAVE), 1, ST_CONFLICT, DB_TEXT(previous)));
	TRY(db_write(tx, STATEMENT(CONSTITUTION_ENTER), 1, ST_CONFLICT, DB_TEXT(hash),
		     DB_I64(now_ms), DB_TEXT(by)));
	return db_write(tx, STATEMENT(CONSTITUTION_ACTIVATION_ADD), 1, ST_INTERNAL, DB_TEXT(hash),
			DB_TEXT_OR_NULL(previous), DB_TEXT(by), DB_I64(now_ms), DB_TEXT(reason));
}

/* Units */

enum st store_unit_insert(struct db_tx *tx, const struct registry_unit *unit)
{
	return db_write(tx, STATEMENT(UNIT_INSERT), 1, ST_ALREADY_EXISTS, DB_TEXT(unit->path),
			DB_TEXT(unit->title), DB_I64(unit->created_at_ms));
}

enum st store_unit_exists(struct db_tx *tx, struct arena *arena, struct str path, bool *ret)
{
	struct db_rows rows;

	TRY(db_query(tx, STATEMENT(UNIT_GET), arena, &rows, DB_TEXT(path)));
	*ret = rows.count > 0;
	return ST_OK;
}

enum st store_unit_list(struct db_tx *tx, struct arena *arena, struct str under, struct str after,
			int64_t limit, struct registry_unit_list_reply *ret)
{
	struct db_rows rows;

	TRY(db_query(tx, STATEMENT(UNIT_LIST), arena, &rows, DB_TEXT(under), DB_TEXT(after),
		     DB_I64(limit)));
	ret->units.items = arena_array(arena, rows.count, sizeof(*ret->units.items));
	if (!ret->units.items)
		return ST_TOO_LARGE;
	ret->units.count = rows.count;
	for (size_t i = 0; i < rows.count; i++)
		ret->units.items[i] = (struct registry_unit){
			.path = db_text(&rows, i, 0),
			.title = db_text(&rows, i, 1),
			.created_at_ms = db_i64(&rows, i, 2),
		};
	return ST_OK;
}
