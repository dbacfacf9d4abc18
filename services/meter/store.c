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
	"WHERE run.part = w.number % 32 AND run.wallet = w.number) AS r ON true "

#define ACCOUNTS                                                                                   \
	"SELECT id, balance, last_ms, currency::bigint, kept FROM account WHERE id = ANY ($1) "    \
	"ORDER BY id FOR NO KEY UPDATE"

/* Minutes paid by `r`, of partition `p`; as run_minutes in core_lease.c. */
#define RUN_MINUTES                                                                                \
	"(CASE WHEN r.joined THEN 1 + greatest((p.paid_through_ms - r.from_ms - 1) / 60000, 0) "   \
	"ELSE 1 END)"

/* Legs of account $1 as a bookkeeper reads them, in [$2, $3). */
#define LEGS                                                                                       \
	"(SELECT id, at_ms, -amount AS amount, from_balance AS balance, to_account AS counter, "   \
	"kind, reference, reverses FROM transfer WHERE from_account = $1 AND from_account > 0 "    \
	"AND at_ms >= $2 AND at_ms < $3 UNION ALL SELECT id, at_ms, amount, to_balance, "          \
	"from_account, kind, reference, reverses FROM transfer WHERE to_account = $1 AND "         \
	"to_account > 0 AND at_ms >= $2 AND at_ms < $3) AS l "

#define JOB                                                                                        \
	"j.number, j.job_id, j.wallet, w.wallet_id, c.code, j.is_primary, j.purpose, "             \
	"j.state::bigint, coalesce(j.reason, 0)::bigint, j.budget, j.closed, j.held, j.idle_ms, "  \
	"j.created_ms, j.expires_ms, greatest(j.activity_ms, r.activity), coalesce(j.ended_ms, "   \
	"0), coalesce(r.spent, 0)::bigint, coalesce(r.burn, 0)::bigint, coalesce(r.n, 0) FROM "    \
	"job j JOIN wallet w ON w.number = j.wallet JOIN currency c ON c.number = w.currency "     \
	"LEFT JOIN LATERAL (SELECT sum(r.price * " RUN_MINUTES ") AS spent, sum(r.price) AS "      \
	"burn, count(*) AS n, max(r.activity_ms) AS activity FROM run r JOIN partition p ON "      \
	"p.id = r.part WHERE r.part = j.part AND r.wallet = j.wallet AND r.job = j.number) AS r "  \
	"ON true"
#define JOB_OUT "itittbtiiiiiiiiiiiii"

#define RUN                                                                                        \
	"r.sandbox, r.wallet, r.job, r.price, r.cap, r.from_ms, r.expires_ms, r.activity_ms, "     \
	"r.idle_ms, r.joined"
#define RUN_OUT "iiiiiiiiib"

/* Of one that runs, minutes and lease are what its partition says. */
#define SANDBOX                                                                                    \
	"s.number, s.wallet, s.job, s.hold, s.sandbox_id, w.wallet_id, j.job_id, s.runner, "       \
	"s.agent_id, s.image_class, c.code, s.note, s.cpu_milli, s.ram_mb, s.disk_mb, s.price, "   \
	"s.price_version, s.cap, s.idle_ms, s.expires_ms, s.state::bigint, coalesce(s.reason, "    \
	"0)::bigint, s.admitted_ms, s.begin_by_ms, coalesce(s.began_ms, 0), "                      \
	"coalesce(r.activity_ms, s.activity_ms, 0), CASE WHEN r.sandbox IS NULL THEN s.minutes "   \
	"ELSE " RUN_MINUTES " END, CASE WHEN r.sandbox IS NULL THEN coalesce(s.paid_until_ms, 0) " \
	"ELSE r.from_ms + 60000 * " RUN_MINUTES " END, coalesce(s.stop_at_ms, 0), "                \
	"coalesce(s.ended_ms, 0) FROM sandbox s JOIN wallet w ON w.number = s.wallet JOIN job j "  \
	"ON j.number = s.job JOIN currency c ON c.number = w.currency JOIN partition p ON p.id = " \
	"s.part LEFT JOIN run r ON r.part = s.part AND r.sandbox = s.number"
#define SANDBOX_OUT "iiiittttttttiiiiiiiiiiiiiiiiii"

#define ACTIVITY_MOVE(wait)                                                                        \
	"WITH l AS (SELECT r.part, r.sandbox, u.at_ms FROM unnest($1::text[], $2::bigint[]) AS u " \
	"(id, at_ms) JOIN sandbox s ON s.sandbox_id = u.id JOIN run r ON r.part = s.part AND "     \
	"r.sandbox = s.number ORDER BY r.sandbox FOR NO KEY UPDATE OF r " wait                     \
	"), m AS (UPDATE run r SET activity_ms = l.at_ms FROM (SELECT part, sandbox, max(at_ms) "  \
	"AS "                                                                                      \
	"at_ms FROM l GROUP BY part, sandbox) AS l WHERE r.part = l.part AND r.sandbox = "         \
	"l.sandbox AND r.activity_ms < l.at_ms RETURNING 1) SELECT count(*) FROM m"

/* Paid minutes of a wallet ($1), a job ($2) or a sandbox ($3), ended or running. */
#define USAGE_MINUTES                                                                              \
	"(SELECT sandbox, wallet, job, from_ms, minutes, price FROM activity WHERE ($1::bigint > " \
	"0 AND wallet = $1) OR ($2::bigint > 0 AND job = $2) OR ($3::bigint > 0 AND sandbox = $3)" \
	" UNION ALL SELECT r.sandbox, r.wallet, r.job, r.from_ms, " RUN_MINUTES ", r.price FROM "  \
	"run r JOIN partition p ON p.id = r.part WHERE ($1 > 0 AND r.wallet = $1) OR ($2 > 0 AND " \
	"r.job = $2) OR ($3 > 0 AND r.sandbox = $3)) AS m "
/* Minutes that begin in [from, to): minute i begins at from_ms + 60000 i. */
#define USAGE_UNTIL(time) "least(greatest((" time " - m.from_ms + 59999) / 60000, 0), m.minutes)"
#define USAGE_BETWEEN(from, to) "(" USAGE_UNTIL(to) " - " USAGE_UNTIL(from) ")"

/* What of the accounts `x` is not as it should be, and before it how many there are. */
#define AUDIT_FAULTS(transfers)                                                                    \
	"SELECT 0, 0, count(*), " transfers " FROM x UNION ALL SELECT * FROM (SELECT id, 1, "      \
	"entries::bigint, balance FROM x WHERE balance <> entries UNION ALL SELECT id, 2, floor, " \
	"balance FROM x WHERE balance < floor UNION ALL SELECT id, 4, holds::bigint, balance "     \
	"FROM x WHERE id > 0 AND id % 2 = 1 AND balance <> holds LIMIT 100) AS f"
/* Wallets whose charges `c` and captures `h` are not what their paid minutes `m` cost. */
#define AUDIT_UNPAID                                                                               \
	"SELECT w.number * 2, 3, (coalesce(m.amount, 0) + coalesce(o.used, 0))::bigint, "          \
	"(coalesce(c.amount, 0) + coalesce(h.amount, 0) + coalesce(o.charged, 0))::bigint FROM "   \
	"wallet w LEFT JOIN c ON c.wallet = w.number LEFT JOIN h ON h.wallet = w.number LEFT "     \
	"JOIN m ON m.wallet = w.number LEFT JOIN opening o ON o.account = w.number * 2 WHERE "     \
	"coalesce(m.amount, 0) + coalesce(o.used, 0) <> coalesce(c.amount, 0) + "                  \
	"coalesce(h.amount, 0) + coalesce(o.charged, 0) "

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
	[MTR_ACCOUNTS_LOCK] = { "meter_accounts_lock", ACCOUNTS, "I", "iiiib" },
	[MTR_ACCOUNTS_LOCK_NOWAIT] = { "meter_accounts_lock_nowait", ACCOUNTS " NOWAIT", "I",
				       "iiiib" },
#ifdef PIOPL_FAULTS
	[MTR_ACCOUNTS_READ] = { "meter_accounts_read",
				"SELECT id, balance, last_ms, currency::bigint, kept FROM account "
				"WHERE id = ANY ($1::bigint[]) ORDER BY id",
				"I", "iiiib" },
#endif
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
				   "from_balance, to_balance, kind, reference, said_by, reverses) "
				   "SELECT m, f, t, a, CASE WHEN f > 0 THEN fb END, CASE WHEN t "
				   "> 0 THEN tb END, k, nullif(r, ''), nullif(b, ''), "
				   "nullif(v, 0) FROM unnest($1::bigint[], $2::bigint[], "
				   "$3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], "
				   "$7::bigint[], $8::text[], $9::text[], $10::bigint[]) AS u "
				   "(m, f, t, a, fb, tb, k, r, b, v) RETURNING id",
				   "IIIIIIITTI", "i" },
	[MTR_REVERSALS_INSERT] = { "meter_reversals_insert",
				   "INSERT INTO reversal (reversed, transfer) SELECT * FROM "
				   "unnest($1::bigint[], $2::bigint[])",
				   "II", "" },
	[MTR_TRANSFER_LOAD] = { "meter_transfer_load",
				"SELECT t.id, t.at_ms, t.from_account, t.to_account, t.amount, "
				"t.kind::bigint, t.reference, t.said_by, t.reverses, c.code, "
				"(SELECT r.transfer FROM reversal r WHERE r.reversed = t.id) FROM "
				"transfer t JOIN account a ON a.id = greatest(t.from_account, "
				"t.to_account) JOIN currency c ON c.number = a.currency "
				"WHERE t.id = $1",
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
			     "<= $2 ORDER BY at_ms DESC LIMIT 1)) UNION ALL SELECT 0, -1, "
			     "balance FROM opening WHERE account = $1) AS l ORDER BY l.at_ms "
			     "DESC, l.id DESC LIMIT 1",
			     "ii", "i" },
	[MTR_STATEMENT] = { "meter_statement",
			    "SELECT l.id, l.at_ms, l.amount, l.balance, l.counter, "
			    "l.kind::bigint, l.reference, coalesce(l.reverses, 0) FROM " LEGS
			    "WHERE $4::bigint = 0 OR (l.at_ms, l.id) > (SELECT t.at_ms, t.id FROM "
			    "transfer t WHERE t.id = $4) ORDER BY l.at_ms, l.id LIMIT $5",
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
				 "coalesce(e.amount, 0) + coalesce(o.balance, 0) AS entries, "
				 "coalesce(e.n, 0) AS n, "
				 "coalesce(h.amount, 0) AS holds FROM account a LEFT JOIN e ON "
				 "e.account = a.id LEFT JOIN h ON h.account = a.id LEFT JOIN "
				 "opening o ON o.account = a.id WHERE $1 = 0 OR "
				 "a.id IN ($1 * 2, $1 * 2 + 1)) " AUDIT_FAULTS(
					 "(sum(n) / 2)::bigint"),
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
				"WHERE $1 = 0 OR r.wallet = $1) AS s GROUP BY 1) " AUDIT_UNPAID
				"AND ($1 = 0 OR w.number = $1) ORDER BY w.number LIMIT 100",
				"i", "inii" },

	[MTR_AUDIT_PAGE] = { "meter_audit_page",
			     "SELECT coalesce(max(number), 0), count(*) FROM (SELECT number FROM "
			     "wallet WHERE number > $1 ORDER BY number LIMIT $2) AS w",
			     "ii", "ii" },
	[MTR_AUDIT_ACCOUNTS_PAGE] = { "meter_audit_accounts_page",
				      "WITH e AS (SELECT account, sum(amount) AS amount, sum(n) AS "
				      "n FROM (SELECT from_account AS account, -amount AS amount, "
				      "1 AS n FROM transfer WHERE from_account > 0 AND "
				      "from_account > $1::bigint * 2 + 1 AND from_account <= "
				      "$2::bigint * 2 + 1 "
				      "UNION ALL SELECT to_account, amount, (from_account < "
				      "0)::int FROM transfer WHERE to_account > 0 AND to_account > "
				      "$1::bigint * 2 + 1 AND to_account <= $2::bigint * 2 + 1) AS "
				      "l GROUP BY "
				      "account), h AS (SELECT wallet * 2 + 1 AS account, "
				      "sum(amount) AS amount FROM hold WHERE state = 1 AND wallet "
				      "> $1::bigint AND wallet <= $2::bigint GROUP BY wallet), x "
				      "AS (SELECT a.id, "
				      "a.balance, a.floor, coalesce(e.amount, 0) + "
				      "coalesce(o.balance, 0) AS entries, coalesce(e.n, 0) AS n, "
				      "coalesce(h.amount, 0) AS holds FROM account a LEFT JOIN e "
				      "ON e.account = a.id LEFT JOIN h ON h.account = a.id LEFT "
				      "JOIN opening o ON o.account = a.id WHERE a.id > $1::bigint "
				      "* 2 + 1 "
				      "AND a.id <= $2::bigint * 2 + 1) " AUDIT_FAULTS(
					      "sum(n)::bigint"),
				      "ii", "inii" },
	[MTR_AUDIT_CHARGES_PAGE] = { "meter_audit_charges_page",
				     "WITH c AS (SELECT from_account / 2 AS wallet, sum(amount) AS "
				     "amount FROM transfer WHERE kind = 7 AND from_account > 0 AND "
				     "from_account > $1::bigint * 2 + 1 AND from_account <= "
				     "$2::bigint * 2 GROUP "
				     "BY 1), h AS (SELECT wallet, sum(captured) AS amount FROM "
				     "hold WHERE sandbox IS NOT NULL AND captured > 0 AND wallet > "
				     "$1::bigint AND wallet <= $2::bigint GROUP BY 1), m AS "
				     "(SELECT wallet, "
				     "sum(amount) AS amount FROM (SELECT wallet, minutes * price "
				     "AS amount FROM activity WHERE wallet > $1::bigint AND wallet "
				     "<= $2::bigint "
				     "UNION ALL SELECT r.wallet, r.price * " RUN_MINUTES
				     " FROM run r JOIN partition p ON p.id = r.part WHERE r.wallet "
				     "> $1::bigint AND r.wallet <= $2) AS s GROUP BY "
				     "1) " AUDIT_UNPAID
				     "AND w.number > $1::bigint AND w.number <= $2::bigint ORDER "
				     "BY w.number LIMIT 100",
				     "ii", "inii" },
	[MTR_AUDIT_OWN] = { "meter_audit_own",
			    "WITH e AS (SELECT account, sum(amount) AS amount FROM (SELECT "
			    "from_account AS "
			    "account, -amount AS amount FROM transfer WHERE id > $1 AND id <= $2 "
			    "AND "
			    "from_account < 0 UNION ALL SELECT to_account, amount FROM transfer "
			    "WHERE id > $1 "
			    "AND id <= $2 AND to_account < 0) AS l GROUP BY account) SELECT a.id, "
			    "coalesce(e.amount, 0)::bigint, coalesce(o.balance, 0), a.balance FROM "
			    "account a "
			    "LEFT JOIN e ON e.account = a.id LEFT JOIN opening o ON o.account = "
			    "a.id WHERE "
			    "a.id < 0 ORDER BY a.id DESC",
			    "ii", "iiii" },
	[MTR_TRANSFER_LAST] = { "meter_transfer_last", "SELECT last_value FROM transfer_number", "",
				"i" },

	/* months of the ledger */
	[MTR_LEDGER_BEGINS] = { "meter_ledger_begins",
				"SELECT coalesce(max(until_ms), 0), coalesce(max(last_id), 0) FROM "
				"ledger_cut",
				"", "ii" },
	[MTR_LEDGER_MONTHS] = { "meter_ledger_months",
				"SELECT substr(c.relname, 10)::bigint, "
				"pg_total_relation_size(c.oid) FROM pg_inherits i JOIN pg_class c "
				"ON c.oid = i.inhrelid WHERE i.inhparent = 'transfer'::regclass "
				"ORDER BY c.relname",
				"", "ii" },
	[MTR_LEDGER_CUTS] = { "meter_ledger_cuts",
			      "SELECT month, transfers, last_id, at_ms, file_sha256, said_by FROM "
			      "ledger_cut ORDER BY month DESC LIMIT $1",
			      "i", "iiiitt" },
	[MTR_LEDGER_EXTENT] = { "meter_ledger_extent",
				"SELECT count(*), coalesce(min(id), 0), coalesce(max(id), 0) FROM "
				"transfer WHERE at_ms >= $1 AND at_ms < $2 AND id > $3 AND id <= "
				"$4",
				"iiii", "iii" },
	[MTR_LEDGER_ROWS] = { "meter_ledger_rows",
			      "SELECT t.id, t.at_ms, t.kind::bigint, t.from_account, "
			      "t.to_account, t.amount, coalesce(t.from_balance, -1), "
			      "coalesce(t.to_balance, -1), t.reference, t.said_by, "
			      "coalesce(t.reverses, 0) FROM transfer t WHERE t.at_ms >= $1 AND "
			      "t.at_ms < $2 AND t.id >= $3 AND t.id < $4 ORDER BY t.id",
			      "iiii", "iiiiiiiitti" },
	[MTR_LEDGER_CUT] = { "meter_ledger_cut", "SELECT ledger_cut_month($1, $2, $3, $4, $5, $6)",
			     "iiitti", "t" },

	/* holds */
	[MTR_HOLD_INSERT] = { "meter_hold_insert",
			      "INSERT INTO hold (hold_id, wallet, amount, created_ms, expires_ms, "
			      "reference, sandbox) VALUES ($1, $2, $3, $4, $5, $6, "
			      "nullif($7::bigint, 0)) "
			      "RETURNING number",
			      "tiiiiti", "i" },
	[MTR_HOLD_LOAD] = { "meter_hold_load",
			    "SELECT h.number, h.hold_id, h.wallet, w.wallet_id, c.code, "
			    "w.currency::bigint, h.amount, h.captured, h.state::bigint, "
			    "h.created_ms, h.expires_ms, coalesce(h.closed_ms, 0), h.reference, "
			    "coalesce(h.sandbox, 0), s.sandbox_id FROM hold h JOIN wallet w ON "
			    "w.number = h.wallet JOIN currency c ON c.number = w.currency LEFT "
			    "JOIN sandbox s ON s.number = h.sandbox WHERE h.hold_id = $1 OR "
			    "($1 = '' AND h.number = $2)",
			    "ti", "itittiiiiiiitit" },
	[MTR_HOLD_CLOSE] = { "meter_hold_close",
			     "UPDATE hold SET state = $2::bigint, captured = $3, closed_ms = $4 "
			     "WHERE number = $1 AND state = 1",
			     "iiii", "" },
	[MTR_HOLDS_DUE] = { "meter_holds_due",
			    "SELECT number, wallet FROM hold WHERE state = 1 AND expires_ms <= $1 "
			    "AND sandbox IS NULL ORDER BY expires_ms LIMIT $2",
			    "ii", "ii" },

	/* jobs */
	[MTR_JOB_INSERT] = { "meter_job_insert",
			     "INSERT INTO job (job_id, wallet, part, is_primary, purpose, budget, "
			     "idle_ms, created_ms, expires_ms, activity_ms) VALUES ($1, $2, "
			     "$3::bigint, $4, $5, $6, $7, $8, $9, $8) RETURNING number",
			     "tiibtiiii", "i" },
	[MTR_JOB_LOAD] = { "meter_job_load", "SELECT " JOB " WHERE j.number = $1", "i", JOB_OUT },
	[MTR_JOB_FIND] = { "meter_job_find", "SELECT number, wallet FROM job WHERE job_id = $1",
			   "t", "ii" },
	[MTR_JOB_COUNT] = { "meter_job_count",
			    "SELECT count(*), coalesce(bool_or(is_primary), false) FROM job WHERE "
			    "wallet = $1 AND state = 1",
			    "i", "ib" },
	[MTR_JOB_LIST] = { "meter_job_list",
			   "SELECT " JOB " WHERE ($1 = '' OR w.wallet_id = $1) AND ($2::bigint = 0 "
			   "OR j.state = $2) AND j.job_id > $3 ORDER BY j.job_id LIMIT $4",
			   "titi", JOB_OUT },
	[MTR_JOB_UPDATE] = { "meter_job_update",
			     "UPDATE job SET budget = $2, idle_ms = $3, expires_ms = $4, "
			     "activity_ms = greatest(activity_ms, $5), state = $6::bigint, reason "
			     "= nullif($7::bigint, 0), ended_ms = nullif($8::bigint, 0) WHERE "
			     "number = $1",
			     "iiiiiiii", "" },
	[MTR_JOB_HELD] = { "meter_job_held",
			   "UPDATE job SET held = held + $2, activity_ms = greatest(activity_ms, "
			   "$3) WHERE number = $1",
			   "iii", "" },
	[MTR_JOBS_CLOSED] = { "meter_jobs_closed",
			      "UPDATE job j SET closed = j.closed + u.spent, activity_ms = "
			      "greatest(j.activity_ms, u.activity_ms) FROM (SELECT job, "
			      "sum(spent)::"
			      "bigint AS spent, max(activity_ms) AS activity_ms FROM "
			      "unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS v (job, spent, "
			      "activity_ms) GROUP BY job) AS u WHERE j.number = u.job",
			      "III", "" },
	[MTR_JOBS_DUE] = { "meter_jobs_due",
			   "SELECT j.number, j.wallet FROM job j WHERE j.state = 1 AND "
			   "least(j.expires_ms, j.activity_ms + j.idle_ms) <= $1 AND (j.expires_ms "
			   "<= $1 OR NOT EXISTS (SELECT FROM run r WHERE r.part = j.part AND "
			   "r.wallet = j.wallet AND r.job = j.number AND r.activity_ms + j.idle_ms "
			   "> $1)) LIMIT $2",
			   "ii", "ii" },

	/* prices */
	[MTR_PRICE_FIND] = { "meter_price_find",
			     "SELECT t.version, t.cpu, t.ram, t.disk, k.minute FROM (SELECT p.* "
			     "FROM price_table p JOIN currency c ON c.number = p.currency WHERE "
			     "c.code = $1 AND p.from_ms <= $3 ORDER BY p.from_ms DESC, p.version "
			     "DESC LIMIT 1) AS t JOIN price_class k ON k.version = t.version AND "
			     "k.image_class = $2",
			     "tti", "iiiii" },
	[MTR_PRICE_INSERT] = { "meter_price_insert",
			       "INSERT INTO price_table (currency, from_ms, cpu, ram, disk, "
			       "said_by) VALUES ($1::bigint, $2, $3, $4, $5, $6) RETURNING version",
			       "iiiiit", "i" },
	[MTR_PRICE_CLASSES_INSERT] = { "meter_price_classes_insert",
				       "INSERT INTO price_class (version, image_class, minute) "
				       "SELECT $1, k, m FROM unnest($2::text[], $3::bigint[]) AS u "
				       "(k, m)",
				       "iTI", "" },
	[MTR_PRICE_LIST] = { "meter_price_list",
			     "SELECT p.version, c.code, p.from_ms, p.cpu, p.ram, p.disk, p.said_by "
			     "FROM price_table p JOIN currency c ON c.number = p.currency WHERE $1 "
			     "= '' OR c.code = $1 ORDER BY p.version DESC LIMIT $2",
			     "ti", "itiiiit" },
	[MTR_PRICE_CLASSES] = { "meter_price_classes",
				"SELECT version, image_class, minute FROM price_class WHERE "
				"version "
				"= ANY ($1) ORDER BY version DESC, image_class",
				"I", "iti" },

	/* sandboxes */
	[MTR_SANDBOX_INSERT] = { "meter_sandbox_insert",
				 "INSERT INTO sandbox (sandbox_id, wallet, job, part, runner, "
				 "agent_id, image_class, cpu_milli, ram_mb, disk_mb, price, "
				 "price_version, cap, idle_ms, expires_ms, hold, admitted_ms, "
				 "begin_by_ms) VALUES ($1, $2, $3, $4::bigint, $5, $6, $7, $8, $9, "
				 "$10, $11, $12, $13, $14, $15, 0, $16, $17) RETURNING number",
				 "tiiitttiiiiiiiiii", "i" },
	[MTR_SANDBOX_FIND] = { "meter_sandbox_find",
			       "SELECT number, wallet, job FROM sandbox WHERE sandbox_id = $1", "t",
			       "iii" },
	[MTR_SANDBOXES_LOAD] = { "meter_sandboxes_load",
				 "SELECT " SANDBOX " WHERE s.number = ANY ($1) ORDER BY s.number",
				 "I", SANDBOX_OUT },
	[MTR_SANDBOX_LIST] = { "meter_sandbox_list",
			       "SELECT " SANDBOX " WHERE ($1 = '' OR s.wallet = (SELECT number "
			       "FROM wallet WHERE wallet_id = $1)) AND ($2 = '' OR s.job = (SELECT "
			       "number FROM job WHERE job_id = $2)) AND ($3 = '' OR s.runner = $3) "
			       "AND ($4::bigint = 0 OR s.state = $4) AND s.sandbox_id > $5 ORDER "
			       "BY s.sandbox_id LIMIT $6",
			       "tttiti", SANDBOX_OUT },
	[MTR_SANDBOX_COUNT] = { "meter_sandbox_count",
				"SELECT (SELECT count(*) FROM run WHERE wallet = $1) + (SELECT "
				"count(*) FROM hold WHERE wallet = $1 AND state = 1 AND sandbox IS "
				"NOT NULL)",
				"i", "i" },
	[MTR_SANDBOX_BEGIN] = { "meter_sandbox_begin",
				"UPDATE sandbox SET state = 2, began_ms = $2, activity_ms = $2 "
				"WHERE number = $1 AND state = 1",
				"ii", "" },
	[MTR_SANDBOX_FAIL] = { "meter_sandbox_fail",
			       "UPDATE sandbox SET state = 5, reason = $2::bigint, note = "
			       "coalesce($3, note), ended_ms = $4 WHERE number = $1 AND state = 1",
			       "iiti", "" },
	[MTR_SANDBOX_LEAVE] = { "meter_sandbox_leave",
				"UPDATE sandbox SET stop_at_ms = least(stop_at_ms, $2) WHERE "
				"number "
				"= $1 AND state = 3",
				"ii", "" },
	[MTR_SANDBOX_GONE] = { "meter_sandbox_gone",
			       "UPDATE sandbox SET state = 4, note = coalesce($2, note), ended_ms "
			       "= "
			       "$3 WHERE number = $1 AND state = 3",
			       "iti", "" },
	[MTR_SANDBOX_LIMITS] = { "meter_sandbox_limits",
				 "UPDATE sandbox SET cap = $2, expires_ms = $3, idle_ms = $4 WHERE "
				 "number = $1",
				 "iiii", "" },
	[MTR_SILENT_GONE] = { "meter_silent_gone",
			      "UPDATE sandbox SET state = 4, note = coalesce(note, 'its runner "
			      "said "
			      "nothing'), ended_ms = $3 WHERE number IN (SELECT number FROM "
			      "sandbox "
			      "WHERE state = 3 AND stop_at_ms <= $1 ORDER BY stop_at_ms LIMIT $2 "
			      "FOR "
			      "UPDATE SKIP LOCKED) RETURNING number",
			      "iii", "i" },
	[MTR_SANDBOX_HOLD] = { "meter_sandbox_hold",
			       "UPDATE sandbox SET hold = $2 WHERE number = $1", "ii", "" },
	[MTR_RUN_INSERT] = { "meter_run_insert",
			     "INSERT INTO run (sandbox, wallet, job, price, cap, from_ms, "
			     "expires_ms, activity_ms, idle_ms, part) VALUES ($1, $2, $3, $4, $5, "
			     "$6, $7, $6, $8, $9::bigint)",
			     "iiiiiiiii", "" },
	[MTR_RUN_LIMITS] = { "meter_run_limits",
			     "UPDATE run SET cap = $3, expires_ms = $4, idle_ms = $5 WHERE part = "
			     "$1::bigint AND sandbox = $2",
			     "iiiii", "" },
	[MTR_RUNS_OF] = { "meter_runs_of",
			  "SELECT " RUN ", p.paid_through_ms FROM partition p LEFT JOIN run r ON "
			  "r.part = p.id AND r.wallet = $1 AND ($2::bigint = 0 OR r.job = $2) "
			  "WHERE "
			  "p.id = $3::bigint ORDER BY r.from_ms, r.sandbox",
			  "iii", RUN_OUT "i" },
	[MTR_WAITING_OF] = { "meter_waiting_of",
			     "SELECT number, wallet, job, hold, price FROM sandbox WHERE job = $1 "
			     "AND state = 1",
			     "i", "iiiii" },
	[MTR_WAITING_DUE] = { "meter_waiting_due",
			      "SELECT number, wallet, job, hold, price FROM sandbox WHERE state = "
			      "1 AND begin_by_ms <= $1 ORDER BY begin_by_ms LIMIT $2",
			      "ii", "iiiii" },
	[MTR_RUNS_DELETE] = { "meter_runs_delete",
			      "DELETE FROM run WHERE part = $1::bigint AND sandbox = ANY ($2)",
			      "iI", "" },
	[MTR_ACTIVITY_INSERT] = { "meter_activity_insert",
				  "INSERT INTO activity (sandbox, wallet, job, from_ms, minutes, "
				  "price) SELECT * FROM unnest($1::bigint[], $2::bigint[], "
				  "$3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[])",
				  "IIIIII", "" },
	[MTR_SANDBOXES_STOP] = { "meter_sandboxes_stop",
				 "UPDATE sandbox s SET state = 3, reason = u.reason, minutes = "
				 "u.minutes, paid_until_ms = u.until, stop_at_ms = u.stop, "
				 "activity_ms = u.activity FROM unnest($1::bigint[], $2::bigint[], "
				 "$3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[]) AS u "
				 "(number, reason, minutes, until, stop, activity) WHERE s.number "
				 "= "
				 "u.number AND s.state = 2",
				 "IIIIII", "" },
	[MTR_ACTIVITY_MOVE] = { "meter_activity_move", ACTIVITY_MOVE(""), "TI", "i" },
	[MTR_ACTIVITY_MOVE_NOWAIT] = { "meter_activity_move_nowait", ACTIVITY_MOVE("NOWAIT"), "TI",
				       "i" },
	[MTR_LEASES] = { "meter_leases",
			 "SELECT s.sandbox_id, s.state::bigint, coalesce(s.reason, 0)::bigint, "
			 "coalesce(s.stop_at_ms, 0), CASE WHEN r.sandbox IS NULL THEN "
			 "coalesce(s.paid_until_ms, 0) ELSE r.from_ms + 60000 * " RUN_MINUTES
			 " END FROM sandbox s JOIN partition p ON p.id = s.part LEFT JOIN run r ON "
			 "r.part = s.part AND r.sandbox = s.number WHERE s.sandbox_id = ANY ($1)",
			 "T", "tiiii" },

	/* the tick */
	[MTR_TICK_DUE] = { "meter_tick_due",
			   "SELECT p.id::bigint FROM partition p WHERE p.paid_through_ms < $1 OR "
			   "(p.join_ms <= $2 AND EXISTS (SELECT FROM run r WHERE r.part = p.id AND "
			   "NOT "
			   "r.joined)) ORDER BY p.paid_through_ms, p.id",
			   "ii", "i" },
	[MTR_TICK_LEAD] = { "meter_tick_lead",
			    "SELECT p.paid_through_ms, p.join_ms, EXISTS (SELECT FROM run r WHERE "
			    "r.part = p.id AND NOT r.joined) FROM partition p WHERE p.id = "
			    "$1::bigint AND pg_try_advisory_xact_lock(hashtext('piopl/meter/"
			    "partition'), $1::int)",
			    "i", "iib" },
	[MTR_TICK_LOCK] = { "meter_tick_lock",
			    "SELECT id, balance, last_ms, currency::bigint FROM account WHERE id "
			    "IN "
			    "(SELECT r.wallet * 2 FROM run r WHERE r.part = $1::bigint) ORDER BY "
			    "id "
			    "FOR NO KEY UPDATE",
			    "i", "iiii" },
	[MTR_TICK_LOCK_NEW] = { "meter_tick_lock_new",
				"SELECT id, balance, last_ms, currency::bigint FROM account WHERE "
				"id IN (SELECT r.wallet * 2 FROM run r WHERE r.part = $1::bigint "
				"AND NOT r.joined) ORDER BY id FOR NO KEY UPDATE",
				"i", "iiii" },
	[MTR_TICK_GROUPS] = { "meter_tick_groups",
			      "SELECT g.wallet, g.job, g.n, g.burn, g.cost, g.spent, g.until_ms, "
			      "g.odd, j.budget, "
			      "j.closed, j.held, j.expires_ms, j.idle_ms, g.more FROM (SELECT "
			      "wallet, job, count(*) AS n, sum(new - old)::bigint AS more, "
			      "sum(price)::bigint AS burn, sum(price * (new - old))::bigint AS "
			      "cost, sum(price * "
			      "old)::bigint AS spent, max(from_ms + 60000 * new) AS until_ms, "
			      "bool_or(NOT joined "
			      "OR from_ms + 60000 * old <= $4 OR price * new > cap OR from_ms + "
			      "60000 * new > "
			      "expires_ms OR activity_ms + idle_ms <= $4) AS odd FROM (SELECT "
			      "r.wallet, r.job, "
			      "r.price, r.cap, r.from_ms, r.expires_ms, r.activity_ms, r.idle_ms, "
			      "r.joined, CASE "
			      "WHEN r.joined THEN 1 + greatest(($2 - r.from_ms - 1) / 60000, 0) "
			      "ELSE 1 END AS "
			      "old, 1 + greatest(($3 - r.from_ms - 1) / 60000, 0) AS new FROM run "
			      "r WHERE r.part "
			      "= $1::bigint OFFSET 0) AS m WHERE NOT $5 OR wallet IN (SELECT "
			      "r.wallet FROM run r "
			      "WHERE r.part = $1::bigint AND NOT r.joined) GROUP BY wallet, job) "
			      "AS g JOIN job j "
			      "ON j.number = g.job ORDER BY g.wallet, g.job",
			      "iiiib", "iiiiiiibiiiiii" },
	[MTR_TICK_RUNS] = { "meter_tick_runs",
			    "SELECT " RUN
			    " FROM run r WHERE r.part = $1::bigint AND r.wallet = ANY "
			    "($2) ORDER BY r.wallet, r.from_ms, r.sandbox",
			    "iI", RUN_OUT },
	[MTR_TICK_JOIN] = { "meter_tick_join",
			    "UPDATE run SET joined = true WHERE part = $1::bigint AND NOT joined "
			    "AND wallet = ANY ($2)",
			    "iI", "" },
	[MTR_TICK_CHARGE] = { "meter_tick_charge",
			      "INSERT INTO transfer (at_ms, from_account, to_account, amount, "
			      "from_balance, kind) SELECT m, f, $1, a, b, 7 FROM "
			      "unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[]) AS u "
			      "(m, f, a, b)",
			      "iIIII", "" },
	[MTR_TICK_ADVANCE] = { "meter_tick_advance",
			       "UPDATE partition SET paid_through_ms = $3, next_ms = $4, join_ms = "
			       "$5 WHERE id = $1::bigint AND paid_through_ms = $2",
			       "iiiii", "" },
	[MTR_METER_SHOW] = { "meter_meter_show",
			     "SELECT p.id::bigint, p.paid_through_ms, p.next_ms, count(r.sandbox), "
			     "count(DISTINCT r.wallet) FROM partition p LEFT JOIN run r ON r.part "
			     "= "
			     "p.id GROUP BY p.id, p.paid_through_ms, p.next_ms ORDER BY p.id",
			     "", "iiiii" },

	/* usage */
	[MTR_USAGE] = { "meter_usage",
			"SELECT k, sum(n)::bigint, sum(n * price)::bigint FROM (SELECT CASE $6::"
			"bigint WHEN 3 THEN j.job_id WHEN 4 THEN s.sandbox_id ELSE 'total' END AS "
			"k, m.price, " USAGE_BETWEEN(
				"$4", "$5") " AS n FROM " USAGE_MINUTES
					    "JOIN sandbox s ON s.number = m.sandbox JOIN job j ON "
					    "j.number = m.job) AS "
					    "x WHERE n > 0 GROUP BY k ORDER BY k LIMIT $7",
			"iiiiiii", "tii" },
	[MTR_USAGE_HOURS] = { "meter_usage_hours",
			      "SELECT h::text, sum(n)::bigint, sum(n * price)::bigint FROM (SELECT "
			      "h, m.price, " USAGE_BETWEEN(
				      "greatest(h, $4)",
				      "least(h + 3600000, $5)") " AS n FROM " USAGE_MINUTES
								"CROSS JOIN LATERAL "
								"generate_series(greatest(m.from_"
								"ms, $4) / 3600000 "
								"* 3600000, least(m.from_ms + "
								"60000 * m.minutes, $5) - 1, "
								"3600000) AS "
								"h) AS x WHERE n > 0 AND "
								"$6::bigint = 2 GROUP BY h ORDER "
								"BY h LIMIT $7",
			      "iiiiiii", "tii" },

	/* the horizon */
	[MTR_HORIZON_OF] = { "meter_horizon_of",
			     "SELECT wallet, state::bigint, binding::bigint, minutes, burn, at_ms, "
			     "forecast_ms FROM horizon WHERE part = $1::bigint AND state <> 5 "
			     "ORDER "
			     "BY wallet",
			     "i", "iiiiiii" },
	[MTR_HORIZON_PUT] = { "meter_horizon_put",
			      "INSERT INTO horizon (wallet, part, state, binding, minutes, burn, "
			      "balance_minutes, job_minutes, job_time_minutes, at_ms, forecast_ms) "
			      "SELECT w, $1::bigint, s, b, m, r, nullif(x, -1), nullif(y, -1), "
			      "nullif(z, -1), $2, f FROM unnest($3::bigint[], $4::bigint[], "
			      "$5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], "
			      "$9::bigint[], $10::bigint[], $11::bigint[]) AS u (w, s, b, m, r, x, "
			      "y, z, f) ON CONFLICT (wallet) DO UPDATE SET state = excluded.state, "
			      "binding = excluded.binding, minutes = excluded.minutes, burn = "
			      "excluded.burn, balance_minutes = excluded.balance_minutes, "
			      "job_minutes = excluded.job_minutes, job_time_minutes = "
			      "excluded.job_time_minutes, at_ms = excluded.at_ms, forecast_ms = "
			      "excluded.forecast_ms",
			      "iiIIIIIIIII", "" },
	[MTR_HORIZON_JOBS] = { "meter_horizon_jobs",
			       "SELECT j.wallet, j.budget - j.closed - j.held, j.expires_ms, "
			       "a.balance FROM job j JOIN account a ON a.id = j.wallet * 2 WHERE "
			       "j.wallet = ANY ($1) AND j.state = 1 ORDER BY j.wallet",
			       "I", "iiii" },
	[MTR_HORIZON_LIST] = { "meter_horizon_list",
			       "SELECT w.wallet_id, c.code, h.state::bigint, h.binding::bigint, "
			       "h.minutes, h.burn, coalesce(h.balance_minutes, -1), "
			       "coalesce(h.job_minutes, -1), coalesce(h.job_time_minutes, -1), "
			       "h.at_ms FROM horizon h JOIN wallet w ON w.number = h.wallet JOIN "
			       "currency c ON c.number = w.currency WHERE ($1::bigint = 0 OR "
			       "h.state = $1) AND w.wallet_id > $2 ORDER BY w.wallet_id LIMIT $3",
			       "iti", "ttiiiiiiii" },
	[MTR_FORECAST_INSERT] = { "meter_forecast_insert",
				  "INSERT INTO forecast (wallet, made_ms, ends_ms, minutes, "
				  "binding) "
				  "SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], "
				  "$4::bigint[], $5::bigint[]) ON CONFLICT DO NOTHING",
				  "IIIII", "" },
	[MTR_FORECAST_SETTLE] = { "meter_forecast_settle",
				  "UPDATE forecast SET ended_ms = $2, error_minutes = ($2 - "
				  "ends_ms) "
				  "/ 60000 WHERE wallet = ANY ($1) AND ended_ms IS NULL RETURNING "
				  "error_minutes",
				  "Ii", "i" },
	[MTR_FORECAST_LIST] = { "meter_forecast_list",
				"SELECT made_ms, ends_ms, minutes, binding::bigint, "
				"coalesce(ended_ms, 0), coalesce(error_minutes, 0) FROM forecast "
				"WHERE wallet = $1 ORDER BY made_ms DESC LIMIT $2",
				"ii", "iiiiii" },
	[MTR_WALLETS_BY_NUMBER] = { "meter_wallets_by_number",
				    "SELECT " WALLET " FROM wallet w JOIN currency c ON c.number = "
				    "w.currency WHERE w.number = ANY ($1) ORDER BY w.number",
				    "I", WALLET_OUT },
};
