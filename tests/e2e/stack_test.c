/* stack_test.c: the one-machine stack as a person meets it: from nothing to a founded fleet, killed
 * part by part, stopped, started again, forgotten [PLT-18] [PLT-20]. The tests run in order, on one
 * installation. */
#include "services/terminal/supervise.h"
#include "shell.h"

#define UP_MS_MAX 120000
#define BACK_MS_MAX 30000

static bool stands; /* the system was founded; without it the rest says nothing */

static struct json *part(struct json *status, const char *name)
{
	struct json *parts = json_member(status, "parts");

	for (struct json *p = parts->first; p; p = p->next)
		if (str_is(json_member(p, "part")->text, name))
			return p;
	fail_msg("no part \"%s\" in:\n%s", name, output);
	return NULL;
}

/* 0: it has none at present. */
static pid_t pid_seen(const char *name)
{
	struct json *status;
	struct json *pid;

	run("piopl status --json 2>/dev/null");
	status = parsed();
	pid = json_member(status, name);
	if (!pid)
		pid = json_member(part(status, name), "pid");
	return pid && pid->number >= 2 ? (pid_t)pid->number : 0;
}

static pid_t pid_of(const char *name)
{
	pid_t pid = pid_seen(name);

	if (!pid)
		fail_msg("%s has no process:\n%s", name, output);
	return pid;
}

static bool is_ready(void *context)
{
	(void)context;
	return run("piopl status") == 0;
}

static int64_t count(void)
{
	must(0, run("piopl agent count --json --timeout 10s"));
	return (int64_t)json_member(parsed(), "count")->number;
}

/* --- from nothing --- */

static void without_an_installation_it_says_what_to_do(void **state)
{
	(void)state;
	must(3, run("piopl agent list"));
	says("piopl up");
	must(3, run("piopl status"));
	must(0, run("piopl down"));
	must(0, run("piopl reset"));
}

static void a_taken_port_is_named_with_its_owner_and_a_way_out(void **state)
{
	pid_t pid;

	(void)state;
	must(0, run("nats-server -a 127.0.0.1 -p %d >/dev/null 2>&1 & echo $!", nats_port));
	pid = (pid_t)atoi(output);
	must(0,
	     run("for i in $(seq 50); do ss -ltn | grep -q :%d && exit 0; sleep 0.1; done; exit 1",
		 nats_port));
	must(3, run("piopl up"));
	says("taken by nats-server (pid ");
	says("PIOPL_PORT_NATS=");
	must(0, run("kill %d; while kill -0 %d; do sleep 0.05; done 2>/dev/null; true", (int)pid,
		    (int)pid));
}

static void one_command_founds_the_fleet(void **state)
{
	int64_t start_ms = harness_now_ms();

	(void)state;
	must(0, run("piopl up --dev"));
	assert_true(harness_now_ms() - start_ms < UP_MS_MAX);
	says("10 agents in studio.alpha");
	says("allow: piopl_00001 trend.scan on trends.public");
	says("by root-tools, line ");
	says("deny: piopl_00001 trend.scan on trends.private");
	says("by crafter-tools, the request is outside of what this allows");
	says("require_approval: piopl_00001 template.publish on templates.spring");
	says("signed by per_");
	says("approved exactly this");
	says("was used before; an approval is used once");
	says("verified offline");
	says("piopl_00010");
	says("What to try next:");
	assert_int_equal(count(), 10);
	stands = true;
}

static int needs_the_system(void **state)
{
	(void)state;
	return stands ? 0 : -1;
}

static void a_second_time_is_quick_and_changes_nothing(void **state)
{
	int64_t start_ms = harness_awake_ms();

	(void)state;
	must(0, run("piopl up"));
	assert_true(harness_awake_ms() - start_ms < 5000);
	says("already");
	assert_int_equal(count(), 10);
	must(0, run("piopl policy versions --json"));
	assert_int_equal(
		(int)json_member(json_member(parsed(), "versions")->first, "version")->number, 2);
}

static void secrets_are_readable_by_nobody_else(void **state)
{
	(void)state;
	must(0, run("piopl doctor"));
	must(0, run("find %s/data/keys -type f ! -name '*.pub' ! -name keyring.json -perm /077",
		    folder));
	assert_string_equal(output, "");
	must(0, run("chmod 644 %s/data/keys/root.key", folder));
	must(3, run("piopl doctor"));
	says("others can read a secret");
	must(0, run("chmod 600 %s/data/keys/root.key; piopl doctor", folder));
}

/* --- commands --- */

static void refusals_are_one_line_with_a_code(void **state)
{
	(void)state;
	must(1, run("piopl agent get piopl_99999"));
	says("(not_found)");
	assert_int_equal(strcspn(output, "\n"), strlen(output) - 1);
	must(1, run("piopl agent get piopl_99999 --json"));
	assert_true(str_is(json_member(parsed(), "code")->text, "not_found"));
	must(2, run("piopl agent get nonsense"));
	says("^piopl_[0-9]{5,18}$");
	must(2, run("piopl agnet list"));
	says("did you mean: piopl agent list");
}

/* [AGT-8] [AGT-9] */
static void an_agent_lives_and_is_terminated_by_signed_acts(void **state)
{
	(void)state;
	must(0, run("piopl agent pause piopl_00001 --reason odd"));
	must(0, run("piopl agent resume piopl_00001 --reason checked"));
	must(0, run("piopl agent throttle piopl_00001 on --reason slow"));
	says("throttled");
	must(2, run("piopl kill --agent piopl_00001 --reason drill"));
	says("add --yes");
	must(0, run("piopl kill --agent piopl_00001 --reason drill --yes"));
	says("terminated 1 agents");
	must(1, run("piopl agent resume piopl_00001 --reason back"));
	must(0, run("piopl agent count --state terminated --json"));
	assert_int_equal((int)json_member(parsed(), "count")->number, 1);
}

static void a_stranger_signs_nothing(void **state)
{
	(void)state;
	must(0, run("piopl key generate %s/stranger.key", folder));
	must(1, run("piopl kill --fleet --reason spite --yes --key %s/stranger.key", folder));
	says("(key_unknown)");
	must(0, run("piopl agent count --state terminated --json"));
	assert_int_equal((int)json_member(parsed(), "count")->number, 1);
}

/* [AGT-12] */
static void people_and_their_keys_come_and_go(void **state)
{
	char person[64];

	(void)state;
	must(0,
	     run("piopl person add 'Tom' --role approver --public-key %s/stranger.key.pub --json",
		 folder));
	snprintf(person, sizeof(person), "%s",
		 json_member(json_member(parsed(), "person"), "person_id")->text.data);
	must(1, run("piopl kill --fleet --reason spite --yes --key %s/stranger.key", folder));
	says("(role_required)");
	must(0, run("piopl person remove %s --reason left --yes", person));
	must(0, run("piopl person list --removed"));
	says("Tom");
}

/* [AUD-6] [AUD-9] */
static void exported_evidence_holds_and_any_change_is_named(void **state)
{
	(void)state;
	must(0, run("piopl audit verify"));
	must(0, run("piopl audit verify --agent piopl_00001"));
	must(0, run("piopl audit export --output %s/evidence.jsonl", folder));
	must(0,
	     run("piopl audit verify --file %s/evidence.jsonl --public-key %s/data/keys/audit.pub",
		 folder, folder));
	must(0,
	     run("sed '/\"log_id\":\"5\"/s/success/refused/' %s/evidence.jsonl > %s/changed.jsonl; "
		 "! cmp -s %s/evidence.jsonl %s/changed.jsonl",
		 folder, folder, folder, folder));
	must(1, run("piopl audit verify --file %s/changed.jsonl", folder));
	says("position 5");
	must(1, run("piopl audit import %s/changed.jsonl", folder));
	must(0, run("piopl audit proof 3"));
}

/* [AGT-3] The head of the chain is the last record's hash, some seconds after that was written. */
static void an_agents_chain_head_is_shown(void **state)
{
	char *head;

	(void)state;
	must(0, run("piopl audit verify --agent piopl_00002"));
	head = strstr(output, "head sha256:");
	assert_non_null(head);
	head = strndup(head + strlen("head "), strlen("sha256:") + 64);
	must(0, run("for try in $(seq 100); do piopl agent get piopl_00002 | grep -F %s && exit 0; "
		    "sleep 0.1; done; exit 1",
		    head));
	must(0, run("piopl agent get piopl_00002 --json"));
	says(head);
	free(head);
}

/* [AGT-6] What a role's file says is put, again and again, and what is no role is refused. */
static void a_role_is_put_from_a_file(void **state)
{
	(void)state;
	must(0, run("piopl role get social_promoter >%s/role.json", folder));
	must(0, run("piopl role put %s/role.json", folder));
	says("social_promoter is revision 2");
	must(1, run("piopl role put %s/role.json", folder));
	must(0, run("sed '/revision/d; s/social_promoter/road_promoter/' %s/role.json >%s/new.json",
		    folder, folder));
	must(0, run("piopl role put %s/new.json", folder));
	says("road_promoter is revision 1");
	must(1, run("echo '[]' >%s/new.json; piopl role put %s/new.json", folder, folder));
	must(1, run("echo '7' >%s/new.json; piopl role put %s/new.json", folder, folder));
	must(1, run("echo '{' >%s/new.json; piopl role put %s/new.json", folder, folder));
}

/* [AUD-5] */
static void a_witness_signs_what_only_grew(void **state)
{
	(void)state;
	must(0, run("piopl key generate %s/w.key", folder));
	must(0, run("piopl audit witness add --name w.example --public-key %s/w.key.pub "
		    "--reason outside",
		    folder));
	must(0, run("piopl audit witness sign --name w.example --key %s/w.key --state %s/w.state",
		    folder, folder));
	must(0, run("piopl audit checkpoint"));
	must(0, run("piopl audit witness sign --name w.example --key %s/w.key --state %s/w.state",
		    folder, folder));
	must(0, run("piopl audit checkpoint --list"));
	must(0, run("piopl audit checkpoint --key"));
	says("piopl/audit+");
	/* what it prints is what the offline check takes; a folder is no file */
	must(0, run("piopl audit checkpoint --key >%s/log.vkey", folder));
	must(0, run("piopl audit export --output %s/out.jsonl", folder));
	must(0, run("piopl audit verify --file %s/out.jsonl --public-key %s/log.vkey", folder,
		    folder));
	must(2, run("piopl audit verify --file %s", folder));
	says("cannot read");
}

/* [PLT-6] A rotated key signs on, and what the old one signed stays verifiable. */
static void a_rotated_key_keeps_the_evidence_verifiable(void **state)
{
	(void)state;
	must(0, run("piopl key rotate registry"));
	must(0, run("piopl key rotate audit"));
	must(0, run("piopl key list --services"));
	says("retired");
	must(0, run("piopl unit create studio.beta --title Second"));
	must(0, run("piopl audit verify"));
	/* offline too, by the log's keys alone: the export has checkpoints signed by both */
	must(0,
	     run("piopl audit checkpoint --key >%s/log.vkey; wc -l <%s/log.vkey", folder, folder));
	says("2");
	must(0, run("piopl audit export --output %s/out.jsonl", folder));
	must(0, run("piopl audit verify --file %s/out.jsonl --public-key %s/log.vkey", folder,
		    folder));
	must(0, run("node %s/docs/verify-export.mjs %s/out.jsonl \"$(cat %s/log.vkey)\"",
		    harness_root_folder(), folder, folder));
	says("proved");
	must(1, run("head -1 %s/log.vkey >%s/one.vkey; "
		    "piopl audit verify --file %s/out.jsonl --public-key %s/one.vkey",
		    folder, folder, folder, folder));
	must(2, run("echo nonsense >>%s/log.vkey; "
		    "piopl audit verify --file %s/out.jsonl --public-key %s/log.vkey",
		    folder, folder, folder));
	says("in one of its lines");
}

/* [PLT-12] */
static void the_clock_moves_for_the_whole_stack(void **state)
{
	(void)state;
	must(0, run("piopl clock advance 36h"));
	must(0, run("piopl unit create studio.gamma --title Third"));
	must(0, run("piopl doctor"));
	must(0, run("piopl agent activate piopl_00002 --reason later"));
}

static void nothing_is_parked_and_nothing_alarms(void **state)
{
	(void)state;
	must(0, run("piopl parked list"));
	says("nothing was set aside");
	must(0, run("piopl audit checkpoint --alarms"));
	says("no alarms");
}

/* [CLI-1] Something is asked while it looks, so something is there to see. */
static void what_services_do_is_seen_live(void **state)
{
	(void)state;
	must(0, run("piopl top --every 900ms"));
	says("calls/s");
	says("registry");
	must(0, run("piopl top --every 200ms --times 2 --json | wc -l"));
	says("2");
	must(0, run("while :; do piopl agent count; done >/dev/null & asks=$!; "
		    "piopl top --every 1s --json; seen=$?; { kill $asks; wait $asks; } "
		    "2>/dev/null; exit $seen"));
	struct json *services = json_member(parsed(), "services");
	for (struct json *s = services->first; s; s = s->next) {
		assert_true(json_member(s, "there")->boolean);
		if (str_is(json_member(s, "service")->text, "registry"))
			assert_true(json_member(s, "calls_per_s")->number >= 1);
	}
	must(2, run("piopl top --times 0"));
}

/* --- killed --- */

struct killed {
	const char *name;
	pid_t pid;
};

static bool killed_is_replaced(void *context)
{
	const struct killed *killed = context;
	pid_t pid = is_ready(NULL) ? pid_seen(killed->name) : 0;

	return pid && pid != killed->pid;
}

static void kill9_and_wait(const char *name)
{
	struct killed killed = { name, pid_of(name) };

	must(0, run("kill -9 %d", (int)killed.pid));
	if (!harness_wait_for(killed_is_replaced, &killed, BACK_MS_MAX))
		fail_msg("not ready again after %s was killed:\n%s", name, output);
	assert_int_equal(count(), 10);
}

static void every_part_that_is_killed_comes_back(void **state)
{
	static const char *const parts[] = { "registry", "audit", "nats", "postgres" };

	(void)state;
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		kill9_and_wait(parts[i]);
}

static bool hanging_are_replaced(void *context)
{
	struct killed *old = context;

	return killed_is_replaced(&old[0]) && killed_is_replaced(&old[1]);
}

/* [PLT-18] Two parts at once, since each is given half a minute to answer. */
static void every_part_that_hangs_comes_back(void **state)
{
	struct killed old[] = { { "token", pid_of("token") }, { "nats", pid_of("nats") } };

	(void)state;
	must(0, run("kill -STOP %d %d", (int)old[0].pid, (int)old[1].pid));
	if (!harness_wait_for(hanging_are_replaced, old, PART_SILENT_MS_MAX + BACK_MS_MAX))
		fail_msg("not ready again:\n%s", output);
	assert_int_equal(count(), 10);
}

static void a_killed_supervisor_is_replaced_and_nothing_restarts(void **state)
{
	pid_t registry = pid_of("registry");
	pid_t postgres = pid_of("postgres");

	(void)state;
	kill9_and_wait("supervisor");
	kill9_and_wait("guardian");
	assert_int_equal(pid_of("registry"), registry);
	assert_int_equal(pid_of("postgres"), postgres);
	kill9_and_wait("registry");
}

static void parts_without_a_supervisor_are_taken_over(void **state)
{
	pid_t audit = pid_of("audit");
	pid_t supervisor = pid_of("supervisor");
	pid_t guardian = pid_of("guardian");

	(void)state;
	must(0,
	     run("kill -STOP %d; kill -9 %d %d", (int)supervisor, (int)guardian, (int)supervisor));
	usleep(200000);
	must(3, run("piopl status"));
	must(0, run("piopl up --bare"));
	assert_int_equal(pid_of("audit"), audit);
	assert_int_equal(count(), 10);
}

static void evidence_is_whole_after_all_that(void **state)
{
	(void)state;
	must(0, run("piopl audit verify"));
	must(0, run("piopl parked list"));
	says("nothing was set aside");
}

/* The second word of the board is its size, which differs between versions. */
static void what_another_version_started_can_be_stopped(void **state)
{
	(void)state;
	must(0,
	     run("printf '\\1' | dd of=%s/data/run/board bs=1 seek=4 conv=notrunc 2>&1", folder));
	must(3, run("piopl status"));
	says("started by another version of piopl (unavailable); piopl down, then: piopl up");
	must(3, run("piopl up"));
	must(0, run("piopl down"));
	must(0, run("piopl up --bare --dev"));
	assert_int_equal(count(), 10);
}

/* A supervisor that hangs is replaced by its guardian when the stack is to stop. */
static void a_hanging_supervisor_does_not_keep_the_stack_up(void **state)
{
	(void)state;
	must(0, run("kill -STOP %d", (int)pid_of("supervisor")));
	must(0, run("piopl down"));
	must(0, run("piopl up --bare --dev"));
	assert_int_equal(count(), 10);
}

/* --- stopped, started, forgotten --- */

/* The shell that asks names the folder too. */
static void leaves_no_process(void)
{
	must(0, run("ps -eo args | grep -F %s/data | grep -vE 'grep|sh -c' || true", folder));
	assert_string_equal(output, "");
}

static void down_leaves_no_process_and_keeps_the_data(void **state)
{
	(void)state;
	must(0, run("piopl down"));
	leaves_no_process();
	must(0, run("piopl audit verify --file %s/evidence.jsonl", folder));
	must(3, run("piopl agent list"));
	says("piopl up");
	must(0, run("env -u PIOPL_PORT_NATS -u PIOPL_PORT_HTTP %s/bin/piopl up",
		    harness_build_folder()));
	says("already");
	assert_int_equal(count(), 10);
}

static void without_development_the_clock_stands(void **state)
{
	(void)state;
	must(1, run("piopl clock advance 1h"));
	says("(development_only)");
	must(3, run("piopl up --dev"));
}

/* [PLT-6] The root key can be kept elsewhere: what has to be signed waits for it, and no other is
 * made. */
static void the_root_key_may_be_kept_elsewhere(void **state)
{
	(void)state;
	must(0, run("piopl down; cd %s && mv data/keys/root.key away.key && cp data/keys/root.pub "
		    "was.pub",
		    folder));
	must(0, run("piopl up --bare"));
	must(1, run("piopl key rotate registry"));
	says("the root key is not here");
	must(0, run("cd %s && cmp data/keys/root.pub was.pub && ! test -e data/keys/root.key",
		    folder));
	must(0, run("piopl down; cd %s && mv data/keys/token.key token.away", folder));
	must(1, run("piopl up --bare"));
	says("a key of token has to be signed");
	/* nor without the public one */
	must(1, run("cd %s && mv data/keys/root.pub root.away && piopl up --bare", folder));
	says("root.pub");
	must(0, run("cd %s && ! test -e data/keys/root.key && mv root.away data/keys/root.pub",
		    folder));
	must(0, run("cd %s && mv token.away data/keys/token.key && mv away.key data/keys/root.key",
		    folder));
	must(0, run("piopl up --bare && piopl key rotate registry"));
}

static void reset_forgets_everything(void **state)
{
	(void)state;
	must(2, run("piopl reset"));
	must(0, run("piopl reset --yes"));
	must(0, run("! test -e %s/data", folder));
	leaves_no_process();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_an_installation_it_says_what_to_do),
		cmocka_unit_test(a_taken_port_is_named_with_its_owner_and_a_way_out),
		cmocka_unit_test(one_command_founds_the_fleet),
		cmocka_unit_test_setup(a_second_time_is_quick_and_changes_nothing,
				       needs_the_system),
		cmocka_unit_test_setup(secrets_are_readable_by_nobody_else, needs_the_system),
		cmocka_unit_test_setup(refusals_are_one_line_with_a_code, needs_the_system),
		cmocka_unit_test_setup(an_agent_lives_and_is_terminated_by_signed_acts,
				       needs_the_system),
		cmocka_unit_test_setup(a_stranger_signs_nothing, needs_the_system),
		cmocka_unit_test_setup(people_and_their_keys_come_and_go, needs_the_system),
		cmocka_unit_test_setup(exported_evidence_holds_and_any_change_is_named,
				       needs_the_system),
		cmocka_unit_test_setup(an_agents_chain_head_is_shown, needs_the_system),
		cmocka_unit_test_setup(a_role_is_put_from_a_file, needs_the_system),
		cmocka_unit_test_setup(a_witness_signs_what_only_grew, needs_the_system),
		cmocka_unit_test_setup(a_rotated_key_keeps_the_evidence_verifiable,
				       needs_the_system),
		cmocka_unit_test_setup(the_clock_moves_for_the_whole_stack, needs_the_system),
		cmocka_unit_test_setup(nothing_is_parked_and_nothing_alarms, needs_the_system),
		cmocka_unit_test_setup(what_services_do_is_seen_live, needs_the_system),
		cmocka_unit_test_setup(every_part_that_is_killed_comes_back, needs_the_system),
		cmocka_unit_test_setup(every_part_that_hangs_comes_back, needs_the_system),
		cmocka_unit_test_setup(a_killed_supervisor_is_replaced_and_nothing_restarts,
				       needs_the_system),
		cmocka_unit_test_setup(parts_without_a_supervisor_are_taken_over, needs_the_system),
		cmocka_unit_test_setup(evidence_is_whole_after_all_that, needs_the_system),
		cmocka_unit_test_setup(what_another_version_started_can_be_stopped,
				       needs_the_system),
		cmocka_unit_test_setup(a_hanging_supervisor_does_not_keep_the_stack_up,
				       needs_the_system),
		cmocka_unit_test_setup(down_leaves_no_process_and_keeps_the_data, needs_the_system),
		cmocka_unit_test_setup(without_development_the_clock_stands, needs_the_system),
		cmocka_unit_test_setup(the_root_key_may_be_kept_elsewhere, needs_the_system),
		cmocka_unit_test_setup(reset_forgets_everything, needs_the_system),
	};

	return cmocka_run_group_tests(tests, shell_start, shell_stop);
}
