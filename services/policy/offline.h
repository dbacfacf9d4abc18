/* offline.h: documents tried without a server: `piopl-policy test <folder>` loads each *.yaml of
 *the folder as a document and runs each *.test.yaml over all of them. A fixture:
 *
 *	tests:
 *	  - name: large payments need a human
 *	    request: {tool: payment.send, amount: 150, time: "2026-01-05T10:00:00Z"}
 *	    expect: require_approval
 *	    rule: root-thresholds:18
 *
 * Members of a request are attributes of conditions (agent.tier as "agent.tier"), "auth_method",
 * "auth_issuer" and "context". `rule`, which may be left out, must be among the rules that decided
 * with the expected verdict. Rules that decided in no test are listed. [POL-7] */
#ifndef PIOPL_POLICY_OFFLINE_H
#define PIOPL_POLICY_OFFLINE_H

/* 0: all passed; 1: a test failed; 2: something cannot be read. */
int policy_offline_test(const char *folder);

#endif
