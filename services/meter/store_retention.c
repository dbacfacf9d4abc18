/* store_retention.c: months of the ledger: which there are, reading one out, cutting one. */
#include "store.h"

#define ROWS_BYTES_MAX 900000 /* a message holds 1 MiB */

enum st store_ledger_begins(struct db_tx *tx, struct arena *arena, int64_t *ret_ms,
			    int64_t *ret_last)
{
	struct db_rows rows;

	TRY(db_query0(tx, STATEMENT(LEDGER_BEGINS), arena, &rows));
	*ret_ms = db_i64(&rows, 0, 0);
	*ret_last = db_i64(&rows, 0, 1);
	return ST_OK;
}

enum st store_ledger_months(struct db_tx *tx, struct arena *arena, struct month_row **ret,
			    size_t *ret_count)
{
	struct db_rows rows;

	TRY(db_query0(tx, STATEMENT(LEDGER_MONTHS), arena, &rows));
	struct month_row *out = ARENA_ARRAY(arena, struct month_row, rows.count);
	if (!out)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < rows.count; i++)
		out[i] = (struct month_row){ db_i64(&rows, i, 0), db_i64(&rows, i, 1) };
	*ret = out;
	*ret_count = rows.count;
	return ST_OK;
}

enum st store_ledger_cuts(struct db_tx *tx, struct arena *arena, int64_t limit,
			  struct cut_row **ret, size_t *ret_count)
{
	struct db_rows rows;

	TRY(db_query(tx, STATEMENT(LEDGER_CUTS), arena, &rows, DB_I64(limit)));
	struct cut_row *out = ARENA_ARRAY(arena, struct cut_row, rows.count);
	if (!out)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < rows.count; i++)
		out[i] = (struct cut_row){ .month = db_i64(&rows, i, 0),
					   .transfers = db_i64(&rows, i, 1),
					   .last = db_i64(&rows, i, 2),
					   .at_ms = db_i64(&rows, i, 3),
					   .file = db_text(&rows, i, 4),
					   .by = db_text(&rows, i, 5) };
	*ret = out;
	*ret_count = rows.count;
	return ST_OK;
}

enum st store_ledger_extent(struct db_tx *tx, struct arena *arena, int64_t month, int64_t after,
			    int64_t numbers, struct month_extent *ret)
{
	struct db_rows rows;

	TRY(db_query0(tx, STATEMENT(TRANSFER_LAST), arena, &rows));
	int64_t last = db_i64(&rows, 0, 0);
	bool more = after < last && numbers < last - after;
	int64_t until = more ? after + numbers : INT64_MAX;
	TRY(db_query(tx, STATEMENT(LEDGER_EXTENT), arena, &rows, DB_I64(month_first_ms(month)),
		     DB_I64(month_first_ms(month_after(month))), DB_I64(after), DB_I64(until)));
	*ret = (struct month_extent){ db_i64(&rows, 0, 0), db_i64(&rows, 0, 1), db_i64(&rows, 0, 2),
				      more ? until : 0 };
	return ST_OK;
}

/* A row as JSON, at most: its names and numbers, and texts of which each byte is escaped. */
static size_t row_bytes_max(const struct db_rows *rows, size_t i)
{
	return 420 + 6 * (text_or_none(rows, i, 8).size + text_or_none(rows, i, 9).size);
}

/* How many rows fit in a message. */
static size_t rows_fit(const struct db_rows *rows)
{
	size_t bytes = 0, i = 0;

	while (i < rows->count && (bytes += row_bytes_max(rows, i)) <= ROWS_BYTES_MAX)
		i++;
	return i;
}

enum st store_ledger_rows(struct db_tx *tx, struct arena *arena, int64_t month, int64_t from,
			  int64_t to, struct meter_ledger_export_reply *ret)
{
	struct db_rows rows;

	TRY(db_query(tx, STATEMENT(LEDGER_ROWS), arena, &rows, DB_I64(month_first_ms(month)),
		     DB_I64(month_first_ms(month_after(month))), DB_I64(from), DB_I64(to)));
	size_t count = rows_fit(&rows);
	struct meter_ledger_row *out = ARENA_ARRAY(arena, struct meter_ledger_row, count);
	if (!out)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < count; i++)
		out[i] = (struct meter_ledger_row){
			.number = db_i64(&rows, i, 0),
			.at_ms = db_i64(&rows, i, 1),
			.kind = (enum meter_transfer_kind)db_i64(&rows, i, 2),
			.from_account = db_i64(&rows, i, 3),
			.to_account = db_i64(&rows, i, 4),
			.amount = db_i64(&rows, i, 5),
			.has_from_balance = db_i64(&rows, i, 6) >= 0,
			.from_balance = db_i64(&rows, i, 6),
			.has_to_balance = db_i64(&rows, i, 7) >= 0,
			.to_balance = db_i64(&rows, i, 7),
			.reference = text_or_none(&rows, i, 8),
			.by = text_or_none(&rows, i, 9),
			.has_reverses = db_i64(&rows, i, 10) > 0,
			.reverses = db_i64(&rows, i, 10),
		};
	ret->rows.items = out;
	ret->rows.count = count;
	ret->next = count < rows.count ? db_i64(&rows, count, 0) : to;
	return ST_OK;
}

enum st store_ledger_cut(struct db_tx *tx, struct arena *arena, const struct cut_row *cut)
{
	struct db_rows rows;

	TRY(db_query(tx, STATEMENT(LEDGER_CUT), arena, &rows, DB_I64(cut->month),
		     DB_I64(cut->transfers), DB_I64(cut->last), DB_TEXT(cut->file),
		     DB_TEXT(cut->by), DB_I64(cut->at_ms)));
	struct str why = db_text(&rows, 0, 0);
	if (why.size == 0)
		return ST_OK;
	if (str_is(why, "unknown"))
		return ST_LEDGER_MONTH_UNKNOWN;
	if (str_is(why, "order"))
		return ST_LEDGER_NOT_OLDEST;
	if (str_is(why, "young"))
		return ST_LEDGER_RETAINED;
	return str_is(why, "differs") ? ST_LEDGER_EXPORT_DIFFERS : ST_INTERNAL;
}
