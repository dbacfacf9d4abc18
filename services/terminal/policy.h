/* policy.h: what commands about policies, decisions and approvals share. */
#ifndef PIOPL_TERMINAL_POLICY_H
#define PIOPL_TERMINAL_POLICY_H

#include "gen/approval.h"
#include "gen/policy.h"
#include "services/terminal/terminal.h"

#define HASH_OF_NOTHING "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define POLICY_FILES_MAX 512

struct policy_file {
	struct str path;
	struct str text;
};

/* The file, or the folder's *.yaml without its *.test.yaml, by name. ST_USAGE when it cannot be
 * read or there is none. */
MUST_CHECK enum st policy_files(struct terminal *t, const char *path, struct policy_file **ret,
				size_t *ret_count, struct problem *problem);
/* Stores a document as a draft unless its newest revision says the same; the document as it is
 * stored. */
MUST_CHECK enum st policy_put(struct terminal *t, struct str text, struct str note,
			      struct policy_document *ret, bool *ret_new, struct problem *problem);
MUST_CHECK enum st policy_apply(struct terminal *t, const struct policy_apply_request *request,
				struct policy_version *ret, struct problem *problem);
/* As the command line says: with --reason, by an approval, or people are asked first; then the
 * version is -1. */
MUST_CHECK enum st policy_change(struct terminal *t, const struct policy_document_change *changes,
				 size_t count, int64_t expected_version, struct policy_version *ret,
				 struct problem *problem);

/* Verdict, reasons and evidence of a decision, for people. */
void decision_say(struct terminal *t, const struct policy_decision *decision);
/* Asks people for what a decision asks for, about exactly that request. */
MUST_CHECK enum st approval_ask(struct terminal *t, const struct policy_decide_request *in,
				const struct policy_decision *decision,
				struct approval_approval_reply *ret, struct problem *problem);
/* Signs and gives a verdict with a key. */
MUST_CHECK enum st approval_judge(struct terminal *t, const struct signing_key *key,
				  const struct approval_approval *approval,
				  enum approval_verdict_kind verdict, struct str comment,
				  struct approval_approval_reply *ret, struct problem *problem);

#endif
