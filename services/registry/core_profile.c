/* core_profile.c: the rules of an agent's profile: how it is completed from its role, what makes
 * it valid, what a change does to it. Reads nothing but its arguments. */
#include <math.h>
#include <stdio.h>

#include "registry.h"

static const char *const never_sends_required[] = {
	"customer_pii",
	"financial_credentials",
	"unauthorised_prompts",
};

static struct str never_sends_default[] = {
	{ "customer_pii", sizeof("customer_pii") - 1 },
	{ "financial_credentials", sizeof("financial_credentials") - 1 },
	{ "unauthorised_prompts", sizeof("unauthorised_prompts") - 1 },
};

#define NEVER_SENDS_COUNT (sizeof(never_sends_required) / sizeof(never_sends_required[0]))

bool str_list_has(struct str_list list, struct str item)
{
	for (size_t i = 0; i < list.count; i++)
		if (str_equal(list.items[i], item))
			return true;
	return false;
}

bool str_list_equal(struct str_list a, struct str_list b)
{
	if (a.count != b.count)
		return false;
	for (size_t i = 0; i < a.count; i++)
		if (!str_equal(a.items[i], b.items[i]))
			return false;
	return true;
}

/* Completing */

static void capability_from_role(struct registry_agent_capability *capability,
				 const struct registry_role_template *template)
{
	LIST_COPY(capability->capability_scopes, template->capability_scopes);
	LIST_COPY(capability->can_send_to, template->can_send_to);
	capability->output_confidence_floor = template->output_confidence_floor;
}

static void capability_take(struct registry_agent_capability *capability,
			    const struct registry_capability_input *in)
{
	if (!in)
		return;
	if (in->has_capability_scopes)
		LIST_COPY(capability->capability_scopes, in->capability_scopes);
	if (in->has_can_send_to)
		LIST_COPY(capability->can_send_to, in->can_send_to);
	if (in->has_never_sends)
		LIST_COPY(capability->never_sends, in->never_sends);
	if (in->has_max_spend_per_day)
		capability->max_spend_per_day = in->max_spend_per_day;
	if (in->has_output_confidence_floor)
		capability->output_confidence_floor = in->output_confidence_floor;
}

static void governance_take(struct registry_agent_governance *governance,
			    const struct registry_governance_input *in)
{
	if (!in)
		return;
	if (in->constitution_hash.data)
		governance->constitution_hash = in->constitution_hash;
	if (in->has_invariants_enforced)
		LIST_COPY(governance->invariants_enforced, in->invariants_enforced);
	if (in->has_kill_switch)
		governance->kill_switch = in->kill_switch;
}

static void revenue_take(struct registry_agent_revenue *revenue,
			 const struct registry_revenue_input *in)
{
	if (!in)
		return;
	if (in->earning_model)
		revenue->earning_model = in->earning_model;
	if (in->has_revenue_share_pct)
		revenue->revenue_share_pct = in->revenue_share_pct;
	if (in->settlement_account.data)
		revenue->settlement_account = in->settlement_account;
}

/* What every new agent starts with, whatever its role. */
static void profile_start(struct registry_agent *agent, const struct profile_rules *rules,
			  int64_t now_ms)
{
	struct money nothing = { 0, AGENT_CURRENCY_DEFAULT };

	agent->identity.version = STR("1.0.0");
	agent->identity.created_ms = now_ms;
	agent->identity.status = REGISTRY_AGENT_STATE_PENDING;
	agent->capability.never_sends.items = never_sends_default;
	agent->capability.never_sends.count = NEVER_SENDS_COUNT;
	agent->capability.max_spend_per_day = nothing;
	agent->governance.constitution_hash = str_or_empty(rules->constitution_hash);
	agent->governance.invariants_enforced.items = (struct str *)rules->invariant_ids.items;
	agent->governance.invariants_enforced.count = rules->invariant_ids.count;
	agent->governance.kill_switch = true;
	agent->governance.audit_chain = STR(HASH_ZERO_TEXT);
	agent->governance.behaviour_score = AGENT_SCORE_START;
	agent->revenue.settlement_account = STR("");
	agent->lifecycle.changed_at_ms = now_ms;
}

static void profile_from_role(struct registry_agent *agent, const struct registry_role *role)
{
	agent->identity.tier = role->template.tier;
	capability_from_role(&agent->capability, &role->template);
	agent->revenue.earning_model = role->template.earning_model;
	agent->revenue.revenue_share_pct = role->template.revenue_share_pct;
}

void profile_complete(const struct registry_profile_input *in, struct str name,
		      const struct profile_rules *rules, int64_t now_ms, struct registry_agent *ret)
{
	struct registry_agent agent = { 0 };

	profile_start(&agent, rules, now_ms);
	if (rules->role)
		profile_from_role(&agent, rules->role);
	agent.identity.agent_id = STR("");
	agent.identity.name = name;
	agent.identity.role = in->role;
	agent.identity.owner = in->owner;
	agent.identity.unit = in->unit;
	if (in->has_tier)
		agent.identity.tier = in->tier;
	capability_take(&agent.capability, in->capability);
	governance_take(&agent.governance, in->governance);
	revenue_take(&agent.revenue, in->revenue);
	/* The books of an agent are in the currency it spends. */
	agent.revenue.lifetime_revenue = agent.capability.max_spend_per_day;
	agent.revenue.lifetime_revenue.micros = 0;
	agent.revenue.cost_to_date = agent.revenue.lifetime_revenue;
	*ret = agent;
}

void profile_apply(const struct registry_agent *old, const struct registry_profile_change *change,
		   const struct profile_rules *rules, struct registry_agent *ret)
{
	struct registry_agent agent = *old;
	struct registry_agent_identity *identity = &agent.identity;

	if (change->role.data && !str_equal(change->role, old->identity.role)) {
		identity->role = change->role;
		if (rules->role) {
			identity->tier = rules->role->template.tier;
			capability_from_role(&agent.capability, &rules->role->template);
		}
	}
	if (change->name.data)
		identity->name = change->name;
	if (change->owner.data)
		identity->owner = change->owner;
	if (change->unit.data)
		identity->unit = change->unit;
	if (change->has_tier)
		identity->tier = change->tier;
	capability_take(&agent.capability, change->capability);
	governance_take(&agent.governance, change->governance);
	revenue_take(&agent.revenue, change->revenue);
	*ret = agent;
}

/* Judging */

struct judge {
	const struct registry_agent *agent;
	const struct profile_rules *rules;
	const char *prefix;
	struct problem *problem;
};

static enum st refuse(const struct judge *judge, enum st st, const char *place, struct str value)
{
	char pointer[sizeof(judge->problem->pointer)];

	snprintf(pointer, sizeof(pointer), "%s%s", judge->prefix, place);
	return problem_set(judge->problem, st, pointer, "\"%.*s\"", STR_ARG(value));
}

static enum st incomplete(const struct judge *judge, const char *place, const char *what)
{
	char pointer[sizeof(judge->problem->pointer)];

	snprintf(pointer, sizeof(pointer), "%s%s", judge->prefix, place);
	return problem_set(judge->problem, ST_PROFILE_INCOMPLETE, pointer, "%s", what);
}

static enum st judge_identity(const struct judge *judge)
{
	const struct registry_agent_identity *identity = &judge->agent->identity;
	const struct registry_role *role = judge->rules->role;

	if (identity->name.size == 0)
		return incomplete(judge, "/name", "an agent has a name");
	if (identity->owner.size == 0)
		return incomplete(judge, "/owner", "someone answers for every agent");
	if (!role)
		return refuse(judge, ST_ROLE_UNKNOWN, "/role", identity->role);
	if (identity->tier != role->template.tier) {
		char tier[16];

		snprintf(tier, sizeof(tier), "%d", (int)identity->tier);
		enum st st = refuse(judge, ST_TIER_NOT_OF_ROLE, "/tier", str_of(tier));
		problem_hint(judge->problem, "tier %d", (int)role->template.tier);
		return st;
	}
	if (!judge->rules->unit_known)
		return refuse(judge, ST_UNIT_UNKNOWN, "/unit", identity->unit);
	return ST_OK;
}

/* Every item of `list` must be in `allowed`. */
static enum st judge_subset(const struct judge *judge, enum st st, const char *place,
			    struct str_list list, struct str_list allowed)
{
	for (size_t i = 0; i < list.count; i++) {
		char item[128];

		if (str_list_has(allowed, list.items[i]))
			continue;
		snprintf(item, sizeof(item), "%s/%zu", place, i);
		return refuse(judge, st, item, list.items[i]);
	}
	return ST_OK;
}

static enum st judge_spend(const struct judge *judge)
{
	static const char place[] = "/capability/max_spend_per_day";
	const struct registry_agent *agent = judge->agent;
	struct money spend = agent->capability.max_spend_per_day;
	char text[MONEY_TEXT_SIZE];

	money_print(spend, text);
	if (spend.micros < 0)
		return refuse(judge, ST_MONEY_INVALID, place, str_of(text));
	if (agent->identity.tier == 0 && spend.micros > 0)
		return refuse(judge, ST_TIER_CANNOT_SPEND, place, str_of(text));
	if (!money_same_currency(spend, agent->revenue.lifetime_revenue) ||
	    !money_same_currency(spend, agent->revenue.cost_to_date))
		return refuse(judge, ST_CURRENCY_MISMATCH, place, str_of(spend.currency));
	return ST_OK;
}

static enum st judge_capability(const struct judge *judge)
{
	const struct registry_agent_capability *capability = &judge->agent->capability;
	const struct registry_role_template *template = &judge->rules->role->template;
	double floor = capability->output_confidence_floor;

	TRY(judge_subset(judge, ST_SCOPE_NOT_OF_ROLE, "/capability/capability_scopes",
			 LIST_VIEW(capability->capability_scopes),
			 LIST_VIEW(template->capability_scopes)));
	TRY(judge_subset(judge, ST_ENDPOINT_NOT_OF_ROLE, "/capability/can_send_to",
			 LIST_VIEW(capability->can_send_to), LIST_VIEW(template->can_send_to)));
	for (size_t i = 0; i < NEVER_SENDS_COUNT; i++)
		if (!str_list_has(LIST_VIEW(capability->never_sends),
				  str_of(never_sends_required[i])))
			return refuse(judge, ST_NEVER_SENDS_REQUIRED, "/capability/never_sends",
				      str_of(never_sends_required[i]));
	if (!(floor >= 0 && floor <= 1))
		return incomplete(judge, "/capability/output_confidence_floor",
				  "the floor is from 0 to 1");
	return judge_spend(judge);
}

static enum st judge_governance(const struct judge *judge)
{
	const struct registry_agent_governance *governance = &judge->agent->governance;
	const struct profile_rules *rules = judge->rules;
	double score = governance->behaviour_score;

	if (!governance->kill_switch)
		return refuse(judge, ST_KILL_SWITCH_REQUIRED, "/governance/kill_switch",
			      STR("false"));
	if (!rules->constitution_hash.data)
		return refuse(judge, ST_CONSTITUTION_MISSING, "/governance/constitution_hash",
			      governance->constitution_hash);
	if (!str_equal(governance->constitution_hash, rules->constitution_hash))
		return refuse(judge, ST_CONSTITUTION_NOT_IN_FORCE, "/governance/constitution_hash",
			      governance->constitution_hash);
	if (governance->invariants_enforced.count == 0)
		return refuse(judge, ST_INVARIANTS_REQUIRED, "/governance/invariants_enforced",
			      STR(""));
	if (governance->audit_chain.size == 0)
		return incomplete(judge, "/governance/audit_chain", "an agent has a chain");
	if (!(score >= 0 && score <= 100))
		return incomplete(judge, "/governance/behaviour_score", "a score is 0 to 100");
	return judge_subset(judge, ST_INVARIANT_UNKNOWN, "/governance/invariants_enforced",
			    LIST_VIEW(governance->invariants_enforced), rules->invariant_ids);
}

static enum st judge_revenue(const struct judge *judge)
{
	const struct registry_agent_revenue *revenue = &judge->agent->revenue;

	if (revenue->earning_model == REGISTRY_EARNING_MODEL_NONE)
		return incomplete(judge, "/revenue/earning_model", "an agent has an earning model");
	if (revenue->revenue_share_pct < 0 || revenue->revenue_share_pct > 100)
		return incomplete(judge, "/revenue/revenue_share_pct", "a share is 0 to 100");
	if (revenue->settlement_account.size == 0)
		return incomplete(judge, "/revenue/settlement_account",
				  "its earnings are settled somewhere");
	return ST_OK;
}

enum st profile_validate(const struct registry_agent *agent, const struct profile_rules *rules,
			 const char *prefix, struct problem *problem)
{
	struct judge judge = { agent, rules, prefix, problem };

	ASSERT(agent && rules && prefix);
	TRY(judge_identity(&judge));
	TRY(judge_governance(&judge));
	TRY(judge_capability(&judge));
	return judge_revenue(&judge);
}

/* Comparing */

static bool governed_alike(const struct registry_agent *a, const struct registry_agent *b)
{
	return str_equal(a->identity.role, b->identity.role) &&
	       a->identity.tier == b->identity.tier &&
	       str_equal(a->governance.constitution_hash, b->governance.constitution_hash) &&
	       str_list_equal(LIST_VIEW(a->governance.invariants_enforced),
			      LIST_VIEW(b->governance.invariants_enforced));
}

static bool able_alike(const struct registry_agent *a, const struct registry_agent *b)
{
	const struct registry_agent_capability *x = &a->capability, *y = &b->capability;

	return str_list_equal(LIST_VIEW(x->capability_scopes), LIST_VIEW(y->capability_scopes)) &&
	       str_list_equal(LIST_VIEW(x->can_send_to), LIST_VIEW(y->can_send_to)) &&
	       str_list_equal(LIST_VIEW(x->never_sends), LIST_VIEW(y->never_sends)) &&
	       x->max_spend_per_day.micros == y->max_spend_per_day.micros &&
	       money_same_currency(x->max_spend_per_day, y->max_spend_per_day) &&
	       !islessgreater(x->output_confidence_floor, y->output_confidence_floor);
}

static bool earning_alike(const struct registry_agent *a, const struct registry_agent *b)
{
	return a->revenue.earning_model == b->revenue.earning_model &&
	       a->revenue.revenue_share_pct == b->revenue.revenue_share_pct &&
	       str_equal(a->revenue.settlement_account, b->revenue.settlement_account);
}

/* A unit decides which policies govern the agent, so moving one counts as a change of what it may
 * do; name and owner are labels. */
enum registry_change_level profile_change_level(const struct registry_agent *old,
						const struct registry_agent *new)
{
	if (!governed_alike(old, new))
		return REGISTRY_CHANGE_LEVEL_MAJOR;
	if (!able_alike(old, new) || !earning_alike(old, new) ||
	    !str_equal(old->identity.unit, new->identity.unit))
		return REGISTRY_CHANGE_LEVEL_MINOR;
	if (!str_equal(old->identity.name, new->identity.name) ||
	    !str_equal(old->identity.owner, new->identity.owner))
		return REGISTRY_CHANGE_LEVEL_PATCH;
	return REGISTRY_CHANGE_LEVEL_NONE;
}

/* Versions */

enum st version_raise(struct str text, enum registry_change_level level,
		      char ret[VERSION_TEXT_SIZE])
{
	struct str part, rest = text, minor_text, patch_text;
	int64_t major = 0, minor = 0, patch = 0;
	bool well_formed = str_cut(rest, '.', &part, &rest) && str_to_i64(part, &major) &&
			   str_cut(rest, '.', &minor_text, &patch_text) &&
			   str_to_i64(minor_text, &minor) && str_to_i64(patch_text, &patch);

	ASSERT(well_formed);
	ASSERT(level != REGISTRY_CHANGE_LEVEL_NONE);
	if (level == REGISTRY_CHANGE_LEVEL_MAJOR) {
		major++;
		minor = patch = 0;
	} else if (level == REGISTRY_CHANGE_LEVEL_MINOR) {
		minor++;
		patch = 0;
	} else {
		patch++;
	}
	if (major > VERSION_PART_MAX || minor > VERSION_PART_MAX || patch > VERSION_PART_MAX)
		return ST_TOO_LARGE;
	snprintf(ret, VERSION_TEXT_SIZE, "%d.%d.%d", (int)major, (int)minor, (int)patch);
	return ST_OK;
}
