/* store_wallet.c: wallets as they are kept. */
#include "store.h"

struct str text_or_none(const struct db_rows *rows, size_t row, size_t column)
{
	return db_is_null(rows, row, column) ? (struct str){ 0 } : db_text(rows, row, column);
}

static struct wallet_view view_at(const struct db_rows *rows, size_t i)
{
	struct wallet_view view = {
		.number = db_i64(rows, i, 0),
		.wallet_id = db_text(rows, i, 1),
		.owner = db_text(rows, i, 2),
		.currency = db_i64(rows, i, 3),
		.code = db_text(rows, i, 4),
		.tier = db_i64(rows, i, 5),
		.reserve = db_i64(rows, i, 6),
		.reserve_minutes = db_i64(rows, i, 7),
		.title = text_or_none(rows, i, 8),
		.caps = text_or_none(rows, i, 9),
		.created_ms = db_i64(rows, i, 10),
	};

	if (rows->columns > 11) {
		view.available = db_i64(rows, i, 11);
		view.held = db_i64(rows, i, 12);
		view.burn = db_i64(rows, i, 13);
		view.running = db_i64(rows, i, 14);
	}
	return view;
}

static enum st views_of(const struct db_rows *rows, struct arena *arena, struct wallet_views *ret)
{
	struct wallet_view *items = ARENA_ARRAY(arena, struct wallet_view, rows->count);

	if (!items)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < rows->count; i++)
		items[i] = view_at(rows, i);
	*ret = (struct wallet_views){ items, rows->count };
	return ST_OK;
}

enum st store_currency_find(struct db_tx *tx, struct arena *arena, struct str code, int64_t *ret,
			    bool *ret_found)
{
	struct db_rows rows;

	TRY(db_query(tx, STATEMENT(CURRENCY_FIND), arena, &rows, DB_TEXT(code)));
	*ret_found = rows.count > 0;
	if (rows.count > 0)
		*ret = db_i64(&rows, 0, 0);
	return ST_OK;
}

enum st store_wallet_owned(struct db_tx *tx, struct arena *arena, struct str owner,
			   int64_t currency, bool *ret)
{
	struct db_rows rows;

	TRY(db_query(tx, STATEMENT(WALLET_OWNED), arena, &rows, DB_TEXT(owner), DB_I64(currency)));
	*ret = db_bool(&rows, 0, 0);
	return ST_OK;
}

enum st store_wallet_insert(struct db_tx *tx, struct arena *arena, struct wallet_view *wallet,
			    int64_t now_ms)
{
	struct db_rows rows;

	TRY(db_query(tx, STATEMENT(WALLET_INSERT), arena, &rows, DB_TEXT(wallet->wallet_id),
		     DB_TEXT(wallet->owner), DB_TEXT_OR_NULL(wallet->title),
		     DB_I64(wallet->currency), DB_I64(wallet->tier), DB_I64(now_ms)));
	wallet->number = db_i64(&rows, 0, 0);
	return db_write(tx, STATEMENT(WALLET_ACCOUNTS_INSERT), 2, ST_INTERNAL,
			DB_I64(wallet->number), DB_I64(wallet_partition(wallet->number)),
			DB_I64(wallet->currency));
}

enum st store_wallets_find(struct db_tx *tx, struct arena *arena, const struct str *ids,
			   size_t count, struct wallet_views *ret)
{
	struct db_rows rows;

	TRY(db_query(tx, STATEMENT(WALLETS_FIND), arena, &rows, DB_TEXTS(ids, count)));
	return views_of(&rows, arena, ret);
}

enum st store_wallet_load(struct db_tx *tx, struct arena *arena, struct str wallet_id,
			  struct wallet_view *ret, bool *ret_found)
{
	struct db_rows rows;

	TRY(db_query(tx, STATEMENT(WALLET_LOAD), arena, &rows, DB_TEXT(wallet_id)));
	*ret_found = rows.count > 0;
	if (rows.count > 0)
		*ret = view_at(&rows, 0);
	return ST_OK;
}

enum st store_wallet_list(struct db_tx *tx, struct arena *arena, struct str owner, struct str after,
			  int64_t limit, struct wallet_views *ret)
{
	struct db_rows rows;

	TRY(db_query(tx, STATEMENT(WALLET_LIST), arena, &rows, DB_TEXT(owner), DB_TEXT(after),
		     DB_I64(limit)));
	return views_of(&rows, arena, ret);
}

enum st store_wallet_update(struct db_tx *tx, const struct wallet_view *wallet)
{
	struct db_value caps = DB_JSON(wallet->caps);

	caps.null = !wallet->caps.data;
	return db_write(tx, STATEMENT(WALLET_UPDATE), 1, ST_INTERNAL, DB_I64(wallet->number),
			DB_I64(wallet->tier), DB_I64(wallet->reserve),
			DB_I64(wallet->reserve_minutes), caps);
}

enum st store_wallet_ids(struct db_tx *tx, struct arena *arena, const int64_t *numbers,
			 size_t count, struct str *ret)
{
	struct db_rows rows;

	TRY(db_query(tx, STATEMENT(WALLET_IDS), arena, &rows, DB_I64S(numbers, count)));
	if (rows.count != count)
		return ST_INTERNAL;
	for (size_t i = 0; i < count; i++)
		ret[i] = db_text(&rows, i, 0);
	return ST_OK;
}

enum st store_wallets_by_number(struct db_tx *tx, struct arena *arena, const int64_t *numbers,
				size_t count, struct wallet_views *ret)
{
	struct db_rows rows;

	TRY(db_query(tx, STATEMENT(WALLETS_BY_NUMBER), arena, &rows, DB_I64S(numbers, count)));
	return views_of(&rows, arena, ret);
}
