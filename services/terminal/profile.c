/* profile.c: options into profile blocks. */
#include "services/terminal/profile.h"

#include "money.h"

/* What no agent ever sends; an option adds to it. */
static const char *const never_sends[] = {
	"customer_pii",
	"financial_credentials",
	"unauthorised_prompts",
};
#define NEVER_SENDS_COUNT (sizeof(never_sends) / sizeof(never_sends[0]))

static struct str *texts(struct terminal *t, const char *name, size_t *ret_count)
{
	size_t count = args_times(&t->args, name);
	struct str *items = ARENA_ARRAY(&t->arena, struct str, count + 1);

	for (size_t i = 0; items && i < count; i++)
		items[i] = str_of(args_nth(&t->args, name, i));
	*ret_count = items ? count : 0;
	return items;
}

static void add_unique(struct str *items, size_t *count, struct str item)
{
	for (size_t i = 0; i < *count; i++)
		if (str_equal(items[i], item))
			return;
	items[(*count)++] = item;
}

static struct str *never_list(struct terminal *t, const struct str *kinds, size_t kind_count,
			      size_t *ret_count)
{
	size_t given = args_times(&t->args, "never-send");
	struct str *items =
		ARENA_ARRAY(&t->arena, struct str, kind_count + NEVER_SENDS_COUNT + given);
	size_t count = 0;

	if (!items)
		return NULL;
	for (size_t i = 0; i < NEVER_SENDS_COUNT; i++)
		add_unique(items, &count, str_of(never_sends[i]));
	for (size_t i = 0; i < kind_count; i++)
		add_unique(items, &count, kinds[i]);
	for (size_t i = 0; i < given; i++)
		add_unique(items, &count, str_of(args_nth(&t->args, "never-send", i)));
	*ret_count = count;
	return items;
}

/* "10.00 GBP" */
static enum st spend_read(struct terminal *t, struct money *ret, struct problem *problem)
{
	struct str text = terminal_text(t, "spend");
	struct str amount;
	struct str currency;

	if (str_cut(text, ' ', &amount, &currency) && money_parse(amount, currency, ret) == ST_OK)
		return ST_OK;
	problem_set(problem, ST_USAGE, "--spend", "\"%.*s\" is not an amount", STR_ARG(text));
	problem_hint(problem, "an amount and a currency, as \"10.00 GBP\"");
	return ST_USAGE;
}

static enum st capability_read(struct terminal *t, const struct str *kinds, size_t kind_count,
			       struct registry_capability_input **ret, struct problem *problem)
{
	struct registry_capability_input *in =
		ARENA_NEW(&t->arena, struct registry_capability_input);

	if (!in)
		return ST_NO_MEMORY;
	in->has_capability_scopes = args_has(&t->args, "scope");
	in->capability_scopes.items = texts(t, "scope", &in->capability_scopes.count);
	in->has_can_send_to = args_has(&t->args, "send-to");
	in->can_send_to.items = texts(t, "send-to", &in->can_send_to.count);
	in->has_never_sends = args_has(&t->args, "never-send");
	in->never_sends.items = never_list(t, kinds, kind_count, &in->never_sends.count);
	in->has_max_spend_per_day = args_has(&t->args, "spend");
	if (in->has_max_spend_per_day)
		TRY(spend_read(t, &in->max_spend_per_day, problem));
	in->has_output_confidence_floor = args_has(&t->args, "floor");
	in->output_confidence_floor = args_fraction(&t->args, "floor", 0);
	if (in->has_capability_scopes || in->has_can_send_to || in->has_never_sends ||
	    in->has_max_spend_per_day || in->has_output_confidence_floor)
		*ret = in;
	return ST_OK;
}

static enum st governance_read(struct terminal *t, struct str constitution,
			       struct registry_governance_input **ret)
{
	struct registry_governance_input *in =
		ARENA_NEW(&t->arena, struct registry_governance_input);

	if (!in)
		return ST_NO_MEMORY;
	in->constitution_hash = constitution;
	in->has_invariants_enforced = args_has(&t->args, "invariant");
	in->invariants_enforced.items = texts(t, "invariant", &in->invariants_enforced.count);
	if (constitution.data || in->has_invariants_enforced)
		*ret = in;
	return ST_OK;
}

static enum st revenue_read(struct terminal *t, struct registry_revenue_input **ret)
{
	struct registry_revenue_input *in = ARENA_NEW(&t->arena, struct registry_revenue_input);

	if (!in)
		return ST_NO_MEMORY;
	in->earning_model = (enum registry_earning_model)terminal_choice(t, "earning");
	in->has_revenue_share_pct = args_has(&t->args, "share");
	in->revenue_share_pct = args_i64(&t->args, "share", 0);
	in->settlement_account = terminal_text(t, "account");
	if (in->earning_model != REGISTRY_EARNING_MODEL_NONE || in->has_revenue_share_pct ||
	    in->settlement_account.data)
		*ret = in;
	return ST_OK;
}

enum st profile_blocks_read(struct terminal *t, const struct str *kinds, size_t kind_count,
			    struct profile_blocks *ret, struct problem *problem)
{
	struct profile_blocks blocks = { 0 };
	struct str constitution = { 0 };

	if (t->args.command->id == COMMAND_AGENT_UPDATE)
		constitution = terminal_text(t, "constitution");
	TRY(capability_read(t, kinds, kind_count, &blocks.capability, problem));
	TRY(governance_read(t, constitution, &blocks.governance));
	TRY(revenue_read(t, &blocks.revenue));
	*ret = blocks;
	return ST_OK;
}

enum st profile_read(struct terminal *t, struct registry_profile_input *ret,
		     struct problem *problem)
{
	struct profile_blocks blocks;

	TRY(profile_blocks_read(t, NULL, 0, &blocks, problem));
	*ret = (struct registry_profile_input){
		.role = terminal_text(t, "role"),
		.owner = terminal_text(t, "owner"),
		.unit = terminal_text(t, "unit"),
		.has_tier = args_has(&t->args, "tier"),
		.tier = args_i64(&t->args, "tier", 0),
		.capability = blocks.capability,
		.governance = blocks.governance,
		.revenue = blocks.revenue,
	};
	return ST_OK;
}
