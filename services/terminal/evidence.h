/* evidence.h: files of evidence: written from the audit service, checked without it. */
#ifndef PIOPL_TERMINAL_EVIDENCE_H
#define PIOPL_TERMINAL_EVIDENCE_H

#include "auditlog.h"
#include "services/terminal/terminal.h"

#define EVIDENCE_KEYS_MAX 64
#define EVIDENCE_FINDINGS_SHOWN 20

/* The keys of the log: from --public-key when that is an option of the command and was given, else
 * all keys of "audit" in the installation's key list, ended ones too. */
struct evidence_keys {
	struct note_key keys[EVIDENCE_KEYS_MAX];
	size_t count;
};
MUST_CHECK enum st evidence_keys_load(struct terminal *t, struct evidence_keys *ret,
				      struct problem *problem);

/* Writes [first, end) with its proofs; -1: to the end of the latest checkpoint. NULL or "-":
 * standard output. */
MUST_CHECK enum st evidence_export(struct terminal *t, const char *path, int64_t first, int64_t end,
				   struct problem *problem);
/* Prints what is wrong; ST_PROOF_INVALID when anything is. */
MUST_CHECK enum st evidence_verify_file(struct terminal *t, const char *path,
					struct auditlog_summary *ret, struct problem *problem);
/* The same over the living log, without a file. */
MUST_CHECK enum st evidence_verify_log(struct terminal *t, int64_t first, int64_t end,
				       struct auditlog_summary *ret, struct problem *problem);
/* Until a checkpoint covers every record there is now. */
MUST_CHECK enum st evidence_checkpoint_wait(struct terminal *t, struct problem *problem);

#endif
