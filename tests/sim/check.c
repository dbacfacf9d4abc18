/* check.c: what must hold when a scenario is over, asked of the tables and not of the meter: no
 * unpaid minute, no minute charged twice, no negative balance, books that balance, a reason for
 * every stop and everybody told of it. */
#include <stdio.h>
#include <stdlib.h>

#include "sim.h"

#define OF "(SELECT number FROM meter.wallet WHERE owner LIKE 'sim.%s.%%')"

struct rule {
	const char *name;
	const char *sql;                                        /* counts what breaks it */
	enum { OF_ALL, OF_GROUP, SINCE, OF_GROUP_SINCE } about; /* what stands in its holes */
};

static const struct rule rules[] = {
	{ "negative balance", "SELECT count(*) FROM meter.account WHERE id > 1 AND balance < 0",
	  OF_ALL },
	{ "negative balance on the way",
	  "SELECT count(*) FROM meter.transfer WHERE id > %lld AND ((from_account > 1 AND "
	  "from_balance < 0) OR "
	  "(to_account > 1 AND to_balance < 0))",
	  SINCE },
	{ "books do not balance",
	  "SELECT count(*) FROM (SELECT currency, sum(balance) AS s FROM meter.account GROUP BY 1) "
	  "x WHERE s <> 0",
	  OF_ALL },
	{ "a balance is not the sum of its entries",
	  "SELECT count(*) FROM meter.account a LEFT JOIN (SELECT account, sum(amount) AS s FROM "
	  "meter.entry WHERE account > 1 GROUP BY 1) e ON e.account = a.id WHERE a.id > 1 AND "
	  "a.balance <> coalesce(e.s, 0)",
	  OF_ALL },
	{ "held is not the sum of open holds",
	  "SELECT count(*) FROM meter.account a LEFT JOIN (SELECT 2 * wallet + 1 AS id, "
	  "sum(amount) "
	  "AS s FROM meter.hold WHERE state = 1 GROUP BY 1) h ON h.id = a.id WHERE a.id > 1 AND "
	  "a.id "
	  "% 2 = 1 AND a.balance <> coalesce(h.s, 0)",
	  OF_ALL },
	{ "what was charged is not what its paid minutes cost",
	  "WITH paid AS (SELECT from_account / 2 AS w, sum(amount) AS s FROM meter.transfer WHERE "
	  "from_account > 1 AND kind IN (6, 7) AND to_account < 0 GROUP BY 1), cost AS (SELECT "
	  "wallet "
	  "AS w, sum(price * minutes) AS s FROM meter.sandbox WHERE began_ms IS NOT NULL GROUP BY "
	  "1), "
	  "taken AS (SELECT wallet AS w, sum(captured) AS s FROM meter.hold WHERE sandbox IS NULL "
	  "GROUP "
	  "BY 1) SELECT count(*) FROM meter.wallet LEFT JOIN paid ON paid.w = number LEFT JOIN "
	  "cost ON "
	  "cost.w = number LEFT JOIN taken ON taken.w = number WHERE number IN " OF " AND "
	  "coalesce(paid.s, 0) <> coalesce(cost.s, 0) + coalesce(taken.s, 0)",
	  OF_GROUP },
	{ "minutes of a sandbox are not one row of activity",
	  "SELECT count(*) FROM meter.sandbox b WHERE b.wallet IN " OF
	  " AND b.began_ms IS NOT NULL "
	  "AND (SELECT count(*) FROM meter.activity a WHERE a.sandbox = b.number AND a.minutes = "
	  "b.minutes AND a.price = b.price) <> 1",
	  OF_GROUP },
	/* From when the meter knew that it stops: its runner may have ended it earlier and told
	 * later. The margin, the minute that is paid before it begins, and one for where in it the
	 * sandbox began. */
	{ "paid for longer than it could run",
	  "SELECT count(*) FROM meter.sandbox b WHERE b.wallet IN " OF " AND b.paid_until_ms > "
	  "(SELECT min(o.time_ms) FROM meter.outbox o WHERE o.id > %lld AND o.subject = "
	  "b.sandbox_id "
	  "AND (o.type LIKE '%%sandbox.stopping' OR o.type LIKE '%%sandbox.ended')) + 140000",
	  OF_GROUP_SINCE },
	{ "paid minutes and paid time differ",
	  "SELECT count(*) FROM meter.sandbox b WHERE b.wallet IN " OF
	  " AND b.began_ms IS NOT NULL "
	  "AND b.paid_until_ms <> b.began_ms + 60000 * b.minutes",
	  OF_GROUP },
	{ "a stop has no reason",
	  "SELECT count(*) FROM meter.sandbox b WHERE b.wallet IN " OF " AND b.state >= 3 AND "
	  "b.reason IS NULL",
	  OF_GROUP },
	{ "the end of a job has no reason",
	  "SELECT count(*) FROM meter.job j WHERE j.wallet IN " OF " AND j.state = 2 AND j.reason "
	  "IS NULL",
	  OF_GROUP },
	{ "nobody was told of a stop and its reason",
	  "SELECT count(*) FROM meter.sandbox b WHERE b.wallet IN " OF " AND b.state >= 3 AND NOT "
	  "EXISTS (SELECT FROM meter.outbox o WHERE o.id > %lld AND o.subject = b.sandbox_id AND "
	  "o.type LIKE "
	  "'%%sandbox.' || CASE WHEN b.began_ms IS NULL THEN 'ended' ELSE 'stopping' END AND "
	  "convert_from(o.data, 'UTF8') LIKE '%%\"reason\":%%')",
	  OF_GROUP_SINCE },
	{ "a hold outlives its sandbox",
	  "SELECT count(*) FROM meter.hold h JOIN meter.sandbox b ON b.number = h.sandbox WHERE "
	  "h.wallet IN " OF " AND h.state = 1",
	  OF_GROUP },
};

/* What the runner ran, and was told it might run, against what is paid. */
static void sandbox_check(struct scenario *s, const struct sim_sandbox *box)
{
	char sql[256];
	int64_t paid_ms;

	if (box->lease_ms == 0)
		return;
	snprintf(sql, sizeof(sql),
		 "SELECT coalesce(paid_until_ms, 0) FROM meter.sandbox WHERE sandbox_id = '%s'",
		 box->id);
	paid_ms = harness_sql_i64(s->sim->stack.harness, sql);
	if (box->gone_ms > paid_ms)
		scenario_fail(s, "an unpaid minute: %s ran for %lld ms that nobody paid", box->id,
			      (long long)(box->gone_ms - paid_ms));
	if (box->lease_ms > paid_ms)
		scenario_fail(s, "an unpaid lease: %s was told it might run for %lld ms more",
			      box->id, (long long)(box->lease_ms - paid_ms));
	snprintf(sql, sizeof(sql), "SELECT minutes FROM meter.sandbox WHERE sandbox_id = '%s'",
		 box->id);
	s->sim->report->minutes += harness_sql_i64(s->sim->stack.harness, sql);
}

static void rule_check(struct group *g, const struct rule *rule)
{
	char sql[1600], name[32];
	int64_t broken;

	snprintf(name, sizeof(name), "%llu", (unsigned long long)g->seed);
	switch (rule->about) {
	case OF_ALL:
		snprintf(sql, sizeof(sql), "%s", rule->sql);
		break;
	case OF_GROUP:
		snprintf(sql, sizeof(sql), rule->sql, name);
		break;
	case SINCE:
		snprintf(sql, sizeof(sql), rule->sql, (long long)g->transfers_before);
		break;
	case OF_GROUP_SINCE:
		snprintf(sql, sizeof(sql), rule->sql, name, (long long)g->events_before);
		break;
	}
	broken = harness_sql_i64(g->sim->stack.harness, sql);
	if (broken > 0)
		scenario_fail(&g->lanes[0], "%s (%lld times among those of its seed)", rule->name,
			      (long long)broken);
}

void group_check(struct group *g)
{
	for (size_t l = 0; l < g->count; l++)
		for (int b = 0; b < g->lanes[l].sandbox_count; b++)
			sandbox_check(&g->lanes[l], &g->lanes[l].sandboxes[b]);
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		rule_check(g, &rules[i]);
}
