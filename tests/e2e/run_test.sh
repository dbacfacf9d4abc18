#!/usr/bin/env bash
# What `make test` ends with is true [PLT-19]: the runner is given programs that pass, fail, crash,
# hang, run nothing, skip, or leave something behind, and must tell each from the others. Prints
# "N passed, N failed" of its own.
set -uo pipefail

root=$(realpath "$(dirname "$0")/../..")
build=$(realpath "${BUILD:-$root/build}")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
passed=0
failed=0
mkdir -p "$folder/build/bin"
ln -s "$build/bin/limit" "$folder/build/bin/limit"

# program NAME: its body comes on standard input.
program() {
	{
		echo '#!/usr/bin/env bash'
		cat
	} >"$folder/$1"
	chmod +x "$folder/$1"
}

# expect TITLE STATUS LAST_LINE NOTE PROGRAM...: what the runner says of these programs.
expect() {
	local title=$1 status=$2 last=$3 note=$4 output got
	shift 4
	output=$(cd "$folder" && BUILD=build TEST_TIMEOUT_S="${limit:-30}" "$root/tests/lib/run" "$@" 2>&1)
	got=$?
	if [ "$got" -eq "$status" ] && [ "$(tail -n 1 <<<"$output")" = "$last" ] &&
		grep -qF "$note" <<<"$output"; then
		passed=$((passed + 1))
		return
	fi
	failed=$((failed + 1))
	echo "$title: exit status $got, expected $status; expected \"$last\" and \"$note\":"
	echo "$output"
}

program good <<<'echo "[==========] Running tests"; echo "[  PASSED  ] 3 test(s)."'
program plain <<<'echo "contract: 7 passed, 0 failed"'
program silent <<<'exit 0'
program bad <<<'echo "[==========] Running tests"; echo "[  PASSED  ] 2 test(s)."; echo "[  FAILED  ] 1 test(s), listed below:"; exit 1'
program lies <<<'echo "[==========] Running tests"; echo "[  PASSED  ] 2 test(s)."; exit 1'
program crash <<<'kill -SEGV $$'
program hang <<<'exec sleep 60'
program empty <<<'echo "[==========] Running 0 test(s)."'
program skips <<<'echo "[==========] Running tests"; echo "[  PASSED  ] 2 test(s)."; echo "[  SKIPPED ] 1 test(s)."'
program leaves <<<'echo "[==========] Running tests"; echo "[  PASSED  ] 1 test(s)."; sleep 60 & disown'
program reports <<<'echo "[==========] Running tests"; echo "[  PASSED  ] 1 test(s)."; echo leak >build/reports/report.1'

expect "a program that passes" 0 "3 passed, 0 failed" "ok" ./good
expect "a program that counts itself" 0 "7 passed, 0 failed" "ok" ./plain
expect "a check without a count" 0 "1 passed, 0 failed" "ok" ./silent
expect "several are summed" 0 "11 passed, 0 failed" "ok" ./good ./plain ./silent
expect "a failed test" 1 "2 passed, 1 failed" "failed: ./bad" ./bad
expect "others still run after a failure" 1 "5 passed, 1 failed" "failed: ./bad" ./bad ./good
expect "a failing status with passing words" 1 "2 passed, 1 failed" "exit status 1" ./lies
expect "a crash" 1 "0 passed, 1 failed" "exit status 139" ./crash
limit=2 expect "a program over its limit" 1 "0 passed, 1 failed" "over its limit of 2 s" ./hang
expect "a program that runs no test" 1 "0 passed, 1 failed" "ran no test" ./empty
expect "a skipped test" 1 "2 passed, 1 failed" "FAILED" ./skips
expect "a program that leaves a process" 1 "1 passed, 1 failed" "left processes running" ./leaves
expect "a sanitizer's report" 1 "1 passed, 1 failed" "a sanitizer reports" ./reports
expect "a program that is not there" 1 "0 passed, 1 failed" "failed: ./none" ./none

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
