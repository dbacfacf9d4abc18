/* store_price.c: price tables, by version. */
#include "store.h"

enum st store_price_find(struct db_tx *tx, struct arena *arena, struct str code,
			 struct str image_class, int64_t now_ms, struct price_rates *ret,
			 int64_t *ret_version, bool *ret_found)
{
	struct db_rows rows;

	TRY(db_query(tx, STATEMENT(PRICE_FIND), arena, &rows, DB_TEXT(code), DB_TEXT(image_class),
		     DB_I64(now_ms)));
	*ret_found = rows.count > 0;
	if (rows.count == 0)
		return ST_OK;
	*ret_version = db_i64(&rows, 0, 0);
	*ret = (struct price_rates){ .cpu = db_i64(&rows, 0, 1),
				     .ram = db_i64(&rows, 0, 2),
				     .disk = db_i64(&rows, 0, 3),
				     .class = db_i64(&rows, 0, 4) };
	return ST_OK;
}

enum st store_price_insert(struct db_tx *tx, struct arena *arena, int64_t currency,
			   struct meter_price_table *table)
{
	size_t count = table->classes.count;
	struct str *names = ARENA_ARRAY(arena, struct str, count);
	int64_t *minutes = ARENA_ARRAY(arena, int64_t, count);
	struct db_rows rows;

	if (!names || !minutes)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < count; i++) {
		names[i] = table->classes.items[i].image_class;
		minutes[i] = table->classes.items[i].minute.micros;
	}
	TRY(db_query(tx, STATEMENT(PRICE_INSERT), arena, &rows, DB_I64(currency),
		     DB_I64(table->from_ms), DB_I64(table->cpu_minute.micros),
		     DB_I64(table->ram_gb_minute.micros), DB_I64(table->disk_gb_minute.micros),
		     DB_TEXT(table->by)));
	table->version = db_i64(&rows, 0, 0);
	return db_write(tx, STATEMENT(PRICE_CLASSES_INSERT), (int64_t)count, ST_ALREADY_EXISTS,
			DB_I64(table->version), DB_TEXTS(names, count), DB_I64S(minutes, count));
}

static struct money micros_in(int64_t micros, struct str code)
{
	struct money money = { .micros = micros };

	memcpy(money.currency, code.data, code.size < 3 ? code.size : 3);
	return money;
}

static enum st classes_fill(struct db_tx *tx, struct arena *arena, struct meter_price_table *tables,
			    size_t count)
{
	int64_t *versions = ARENA_ARRAY(arena, int64_t, count);
	struct db_rows rows;
	size_t t = 0;

	if (!versions)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < count; i++)
		versions[i] = tables[i].version;
	TRY(db_query(tx, STATEMENT(PRICE_CLASSES), arena, &rows, DB_I64S(versions, count)));
	struct meter_class_price *prices = ARENA_ARRAY(arena, struct meter_class_price, rows.count);
	if (!prices)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < rows.count; i++) {
		while (tables[t].version != db_i64(&rows, i, 0))
			t++;
		prices[i] = (struct meter_class_price){
			.image_class = db_text(&rows, i, 1),
			.minute = micros_in(db_i64(&rows, i, 2), tables[t].currency),
		};
		if (tables[t].classes.count++ == 0)
			tables[t].classes.items = &prices[i];
	}
	return ST_OK;
}

enum st store_price_list(struct db_tx *tx, struct arena *arena, struct str code, int64_t limit,
			 struct meter_price_list_reply *ret)
{
	struct db_rows rows;

	TRY(db_query(tx, STATEMENT(PRICE_LIST), arena, &rows, DB_TEXT(code), DB_I64(limit)));
	struct meter_price_table *tables = ARENA_ARRAY(arena, struct meter_price_table, rows.count);
	if (!tables)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < rows.count; i++)
		tables[i] = (struct meter_price_table){
			.version = db_i64(&rows, i, 0),
			.currency = db_text(&rows, i, 1),
			.from_ms = db_i64(&rows, i, 2),
			.cpu_minute = micros_in(db_i64(&rows, i, 3), db_text(&rows, i, 1)),
			.ram_gb_minute = micros_in(db_i64(&rows, i, 4), db_text(&rows, i, 1)),
			.disk_gb_minute = micros_in(db_i64(&rows, i, 5), db_text(&rows, i, 1)),
			.by = db_text(&rows, i, 6),
		};
	ret->prices.items = tables;
	ret->prices.count = rows.count;
	return classes_fill(tx, arena, tables, rows.count);
}
