/* auditlog.h: what a record of the audit log is made of, byte for byte, and how an exported piece
 * of the log is checked by someone who has only public keys. Pure: no I/O, no clock.
 *
 * A record's text is the RFC 8785 form of the contract's audit Record. It is written here straight
 * from the evidence, member by member in sorted order, because the log takes 50,000 a second and
 * the way over generic nodes costs five times as much; tests hold it to json_write_canonical.
 *   record hash = SHA-256(text)             what the agent's next record carries
 *   leaf        = SHA-256(0x00 || text)     what the Merkle tree holds */
#ifndef PIOPL_AUDITLOG_H
#define PIOPL_AUDITLOG_H

#include "gen/audit.h"
#include "merkle.h"
#include "note.h"

#define AUDITLOG_BLOCK_MAX 512 /* records of one block of an export; the contract's ExportBlock */
#define AUDITLOG_LINE_BYTES_MAX (256 * 1024)
#define AUDITLOG_AGENTS_MAX (4 * 1000 * 1000) /* chains one verification follows */

/* The seal of a terminated agent's chain: source "audit", this operation type. */
#define AUDITLOG_SEAL_TYPE "chain.seal"

/* Where in the log a piece of evidence stands. */
struct auditlog_place {
	int64_t log_id;
	struct str source;
	int64_t source_sequence;
	struct hash previous; /* record hash of the agent's record before; zeros for the first */
};

/* Evidence is decoded, thus valid. ST_TOO_LARGE when the arena is full. */
MUST_CHECK enum st auditlog_record_text(const struct common_evidence *evidence,
					const struct auditlog_place *place, struct arena *arena,
					struct str *ret);

/* What a verifier needs of a record; texts are views into the record, escapes as they stand. */
struct auditlog_view {
	struct str agent_id;
	struct str operation_type;
	struct str source;
	int64_t log_id;
	int64_t source_sequence;
	struct hash previous;
};

/* Reads a text that auditlog_record_text could have written: members in order, none unknown, no
 * white space. ST_MESSAGE_INVALID for any other. */
MUST_CHECK enum st auditlog_record_read(struct str text, struct auditlog_view *ret);

/* Subtrees that tie the range [first, end) to the root of a tree of `size` leaves. `left` are the
 * roots of the complete subtrees of [0, first), largest first; `right` those of [end, size) in
 * order, each as large as its place allows. */
struct auditlog_subtree {
	int level;
	int64_t index; /* covers [index << level, (index + 1) << level) */
};
#define AUDITLOG_LEFT_MAX 62
#define AUDITLOG_RIGHT_MAX 124
/* Return how many; `ret` has room for the maximum. first and end are within the tree (asserted). */
size_t auditlog_left(int64_t first, struct auditlog_subtree ret[AUDITLOG_LEFT_MAX]);
size_t auditlog_right(int64_t end, int64_t size, struct auditlog_subtree ret[AUDITLOG_RIGHT_MAX]);
/* A tree that stands at `first` with the given left roots; ST_PROOF_INVALID when their number is
 * not that of the bits of `first`. */
MUST_CHECK enum st auditlog_tree_begin(int64_t first, const struct hash *left, size_t count,
				       struct merkle_tree *ret);
/* Goes on over the subtrees on the right, to `size`. ST_PROOF_INVALID: not their number. */
MUST_CHECK enum st auditlog_tree_end(struct merkle_tree *tree, int64_t size,
				     const struct hash *right, size_t count);

/* Verification of an export (services/audit/README.md says the format), line by line. */
enum auditlog_finding_kind {
	AUDITLOG_ALTERED = 1, /* the record at `position` is not the one that was logged */
	AUDITLOG_REMOVED,     /* nothing stands at `position` */
	AUDITLOG_INSERTED,    /* a line claims `position`, which is taken or outside the range */
	AUDITLOG_REORDERED,   /* the record at `position` stands in another place */
	AUDITLOG_LINK_BROKEN, /* it does not carry the hash of the agent's record before it */
	AUDITLOG_AFTER_SEAL,  /* a record after the seal of its agent's chain */
	AUDITLOG_ROOT,        /* [position, end) does not give the signed root */
	AUDITLOG_SIGNATURE,   /* a checkpoint is not signed by a key that was given */
	AUDITLOG_FORMAT,      /* a line that belongs to no export */
};
extern const char *const auditlog_finding_names[]; /* [kind]: "altered" */

struct auditlog_finding {
	enum auditlog_finding_kind kind;
	int64_t position;
	int64_t end;  /* AUDITLOG_REMOVED, AUDITLOG_ROOT: first position not meant */
	int64_t line; /* from 1; 0 when it is about the whole */
	char detail[160];
};

typedef void auditlog_report(void *context, const struct auditlog_finding *finding);

struct auditlog_summary {
	int64_t first, end, size; /* the range and the tree it is proved in */
	int64_t records;          /* lines that are the record at their position */
	int64_t expired;
	int64_t chains;
	int64_t checkpoints; /* signed roots reproduced, the last one included */
	int64_t findings;
	bool proved; /* no finding, and the root of the header's checkpoint was reproduced */
};

struct auditlog_verifier;

/* `keys` of the log (and of witnesses, if their signatures matter); kept by reference. `report` is
 * called for each finding. NULL when there is no memory. */
struct auditlog_verifier *auditlog_verifier_new(const struct note_key *keys, size_t count,
						auditlog_report *report, void *context);
void auditlog_verifier_free(struct auditlog_verifier *verifier);
/* One line without its newline. ST_OK also when it was found wrong; ST_NO_MEMORY. */
MUST_CHECK enum st auditlog_verifier_line(struct auditlog_verifier *verifier, struct str line);
void auditlog_verifier_end(struct auditlog_verifier *verifier, struct auditlog_summary *ret);

#endif
