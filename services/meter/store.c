/* store.c: every statement of the meter. */
#include "store.h"

#define WALLET                                                                                     \
	"w.number, w.wallet_id, w.owner, w.currency::bigint, c.code, w.tier::bigint, w.reserve, "  \
	"w.reserve_minutes, w.title, w.caps, w.created_ms"
#define WALLET_OUT "ittitiiitji"

/* Balances, burn and how many sandboxes run. */
#define WALLET_NOW                                                                                 \
	", a.balance, h.balance, coalesce(r.burn, 0)::bigint, coalesce(r.running, 0)::bigint "     \
	"FROM wallet w JOIN currency c ON c.number = w.currency "                                  \
	"JOIN account a ON a.id = w.number * 2 JOIN account h ON h.id = w.number * 2 + 1 "         \
	"LEFT JOIN LATERAL (SELECT sum(price) AS burn, count(*) AS running FROM run "              \
	"WHERE run.wallet = w.number) AS r ON true "

#define ACCOUNTS                                                                                   \
	"SELECT id, balance, last_ms, currency::bigint FROM account WHERE id = ANY ($1) ORDER BY " \
	"id FOR NO KEY UPDATE"

/* Minutes paid by `r`, of partition `p`; as run_minutes in core_lease.c. */
#define RUN_MINUTES                                                                                \
	"(CASE WHEN r.joined THEN 1 + greatest((p.paid_through_ms - r.from_ms - 1) / 60000, 0) "   \
	"ELSE 1 END)"

/* Legs of account $1 as a bookkeeper reads them, in [$2, $3). */
#define LEGS                                                                                       \
	"(SELECT id, at_ms, -amount AS amount, from_balance AS balance, to_account AS counter, "   \
	"kind FROM transfer WHERE from_account = $1 AND from_account > 0 AND at_ms >= $2 AND "     \
	"at_ms < $3 UNION ALL "                                                                    \
	"SELECT id, at_ms, amount, to_balance, from_account, kind FROM transfer "                  \
	"WHERE to_account = $1 AND to_account > 0 AND at_ms >= $2 AND at_ms < $3) AS l "

const struct db_statement meter_statements[MTR_STATEMENT_COUNT + 1] = {
	[MTR_MONTH_ENSURE] = { "meter_month_ensure", "SELECT ledger_month_ensure($1)", "i", "b" },
	[MTR_CURRENCY_FIND] = { "meter_currency_find",
				"SELECT number::bigint FROM currency WHERE code = $1", "t", "i" },
	[MTR_WALLET_INSERT] = { "meter_wallet_insert",
				"INSERT INTO wallet (wallet_id, owner, title, currency, tier, "
				"created_ms) VALUES ($1, $2, $3, $4::bigint, $5::bigint, $6) "
				"RETURNING number",
				"tttiii", "i" },
	[MTR_WALLET_ACCOUNTS_INSERT] = { "meter_wallet_accounts_insert",
					 "INSERT INTO account (id, part, currency, floor) SELECT "
					 "$1::bigint * 2 + k, $2::bigint, $3::bigint, 0 FROM "
					 "generate_series(0, 1) AS k",
					 "iii", "" },
	[MTR_WALLETS_FIND] = { "meter_wallets_find",
			       "SELECT " WALLET " FROM wallet w JOIN currency c ON c.number = "
			       "w.currency WHERE w.wallet_id = ANY ($1) ORDER BY w.wallet_id",
			       "T", WALLET_OUT },
	[MTR_WALLET_OWNED] = { "meter_wallet_owned",
			       "SELECT EXISTS (SELECT FROM wallet WHERE owner = $1 AND currency = "
			       "$2::bigint)",
			       "ti", "b" },
	[MTR_WALLET_LOAD] = { "meter_wallet_load",
			      "SELECT " WALLET WALLET_NOW "WHERE w.wallet_id = $1", "t",
			      WALLET_OUT "iiii" },
	[MTR_WALLET_LIST] = { "meter_wallet_list",
			      "SELECT " WALLET WALLET_NOW
			      "WHERE ($1 = '' OR w.owner = $1) AND w.wallet_id > $2 ORDER BY "
			      "w.wallet_id LIMIT $3",
			      "tti", WALLET_OUT "iiii" },
	[MTR_WALLET_UPDATE] = { "meter_wallet_update",
				"UPDATE wallet SET tier = $2::bigint, reserve = $3, "
				"reserve_minutes = $4, caps = $5 WHERE number = $1",
				"iiiij", "" },
	[MTR_WALLET_IDS] = { "meter_wallet_ids",
			     "SELECT coalesce(w.wallet_id, '') FROM unnest($1::bigint[]) WITH "
			     "ORDINALITY AS u (number, place) LEFT JOIN wallet w ON w.number = "
			     "u.number ORDER BY u.place",
			     "I", "t" },
	[MTR_ACCOUNTS_LOCK] = { "meter_accounts_lock", ACCOUNTS, "I", "iiii" },
	[MTR_ACCOUNTS_LOCK_NOWAIT] = { "meter_accounts_lock_nowait", ACCOUNTS " NOWAIT", "I",
				       "iiii" },
	[MTR_ACCOUNTS_MOVE] = { "meter_accounts_move",
				"UPDATE account a SET balance = u.balance, last_ms = u.last_ms "
				"FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS u (id, "
				"balance, last_ms) WHERE a.id = u.id",
				"III", "" },
	[MTR_SYSTEM_MOVE] = { "meter_system_move",
			      "WITH l AS (SELECT id FROM account WHERE id = ANY ($1::bigint[]) "
			      "ORDER BY id FOR NO KEY UPDATE) UPDATE account a SET balance = "
			      "a.balance + u.amount FROM l JOIN unnest($1::bigint[], "
			      "$2::bigint[]) AS u (id, amount) ON u.id = l.id WHERE a.id = l.id",
			      "II", "" },
	[MTR_TRANSFERS_INSERT] = { "meter_transfers_insert",
				   "INSERT INTO transfer (at_ms, from_account, to_account, amount, "
				   "from_balance, to_balance, kind) SELECT m, f, t, a, CASE WHEN f "
				   "> 0 THEN fb END, CASE WHEN t > 0 THEN tb END, k FROM "
				   "unnest($1::bigint[], $2::bigint[], $3::bigint[], "
				   "$4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[]) AS u "
				   "(m, f, t, a, fb, tb, k) RETURNING id",
				   "IIIIIII", "i" },
	[MTR_NOTES_INSERT] = { "meter_notes_insert",
			       "INSERT INTO transfer_note (transfer, reference, reverses, said_by) "
			       "SELECT t, nullif(r, ''), nullif(v, 0), b FROM "
			       "unnest($1::bigint[], $2::text[], $3::bigint[], $4::text[]) AS u "
			       "(t, r, v, b)",
			       "ITIT", "" },
	[MTR_TRANSFER_LOAD] = { "meter_transfer_load",
				"SELECT t.id, t.at_ms, t.from_account, t.to_account, t.amount, "
				"t.kind::bigint, n.reference, n.said_by, n.reverses, c.code, "
				"(SELECT r.transfer FROM transfer_note r WHERE r.reverses = t.id) "
				"FROM transfer t LEFT JOIN transfer_note n ON n.transfer = t.id "
				"JOIN account a ON a.id = greatest(t.from_account, t.to_account) "
				"JOIN currency c ON c.number = a.currency WHERE t.id = $1",
				"i", "iiiiiittiti" },
	[MTR_BALANCE_AT] = { "meter_balance_at",
			     "SELECT l.balance FROM ((SELECT id, at_ms, from_balance AS balance "
			     "FROM transfer WHERE from_account = $1 AND from_account > 0 AND at_ms "
			     "<= $2 AND at_ms = "
			     "(SELECT at_ms FROM transfer WHERE from_account = $1 AND from_account "
			     "> 0 AND at_ms <= $2 "
			     "ORDER BY at_ms DESC LIMIT 1)) UNION ALL (SELECT id, at_ms, "
			     "to_balance FROM transfer WHERE to_account = $1 AND to_account > 0 "
			     "AND at_ms <= $2 AND "
			     "at_ms = (SELECT at_ms FROM transfer WHERE to_account = $1 AND "
			     "to_account > 0 AND at_ms "
			     "<= $2 ORDER BY at_ms DESC LIMIT 1))) AS l ORDER BY l.at_ms DESC, "
			     "l.id DESC LIMIT 1",
			     "ii", "i" },
	[MTR_STATEMENT] = { "meter_statement",
			    "SELECT l.id, l.at_ms, l.amount, l.balance, l.counter, "
			    "l.kind::bigint, n.reference, coalesce(n.reverses, 0) FROM " LEGS
			    "LEFT JOIN transfer_note n ON n.transfer = l.id WHERE $4::bigint = 0 "
			    "OR "
			    "(l.at_ms, l.id) > (SELECT t.at_ms, t.id FROM transfer t WHERE t.id = "
			    "$4) ORDER BY l.at_ms, l.id LIMIT $5",
			    "iiiii", "iiiiiiti" },
	/* One statement is one snapshot: whatever commits meanwhile is in all of it or in none. */
	[MTR_AUDIT_SUMS] = { "meter_audit_sums",
			     "SELECT c.code, sum(a.balance)::bigint, coalesce(sum(a.balance) "
			     "FILTER (WHERE a.id > 0), 0)::bigint, coalesce(sum(a.balance) FILTER "
			     "(WHERE a.id < 0 AND (-a.id % 1000) / 100 = 0), 0)::bigint, "
			     "coalesce(sum(a.balance) FILTER (WHERE a.id < 0 AND (-a.id % 1000) / "
			     "100 = 1), 0)::bigint FROM account a JOIN currency c ON c.number = "
			     "a.currency GROUP BY c.code ORDER BY c.code",
			     "", "tiiii" },
	[MTR_AUDIT_ACCOUNTS] = { "meter_audit_accounts",
				 "WITH e AS (SELECT account, sum(amount) AS amount, count(*) AS n "
				 "FROM entry WHERE $1::bigint = 0 OR account IN ($1 * 2, $1 * 2 + "
				 "1) GROUP "
				 "BY account), h AS (SELECT wallet * 2 + 1 AS account, sum(amount) "
				 "AS amount FROM hold WHERE state = 1 AND ($1 = 0 OR wallet = $1) "
				 "GROUP BY wallet), x AS (SELECT a.id, a.balance, a.floor, "
				 "coalesce(e.amount, 0) AS entries, coalesce(e.n, 0) AS n, "
				 "coalesce(h.amount, 0) AS holds FROM account a LEFT JOIN e ON "
				 "e.account = a.id LEFT JOIN h ON h.account = a.id WHERE $1 = 0 OR "
				 "a.id IN ($1 * 2, $1 * 2 + 1)) SELECT 0, 0, count(*), "
				 "(sum(n) / 2)::bigint FROM x UNION ALL SELECT * FROM (SELECT id, "
				 "1, "
				 "entries::bigint, balance FROM x WHERE balance <> entries UNION "
				 "ALL SELECT id, 2, floor, balance FROM x WHERE balance < floor "
				 "UNION ALL SELECT id, 4, holds::bigint, balance FROM x WHERE id > "
				 "0 AND id % 2 = 1 AND balance <> holds LIMIT 100) AS f",
				 "i", "inii" },
	[MTR_AUDIT_CHARGES] = { "meter_audit_charges",
				"WITH c AS (SELECT from_account / 2 AS wallet, sum(amount) AS "
				"amount FROM transfer WHERE "
				"kind = 7 AND ($1::bigint = 0 OR from_account = $1 * 2) GROUP BY "
				"1), h AS (SELECT wallet, "
				"sum(captured) AS amount FROM hold WHERE sandbox IS NOT NULL AND "
				"captured > 0 AND ($1 = 0 "
				"OR wallet = $1) GROUP BY 1), m AS (SELECT wallet, sum(amount) AS "
				"amount FROM (SELECT "
				"wallet, minutes * price AS amount FROM activity WHERE $1 = 0 OR "
				"wallet = $1 UNION ALL "
				"SELECT r.wallet, r.price * " RUN_MINUTES
				" FROM run r JOIN partition p ON p.id = r.part "
				"WHERE $1 = 0 OR r.wallet = $1) AS s GROUP BY 1) SELECT w.number * "
				"2, 3, "
				"coalesce(m.amount, 0)::bigint, (coalesce(c.amount, 0) + "
				"coalesce(h.amount, 0))::bigint "
				"FROM wallet w LEFT JOIN c ON c.wallet = w.number LEFT JOIN h ON "
				"h.wallet = w.number LEFT "
				"JOIN m ON m.wallet = w.number WHERE coalesce(m.amount, 0) <> "
				"coalesce(c.amount, 0) + "
				"coalesce(h.amount, 0) LIMIT 100",
				"i", "inii" },
};
