/* audit.h: the rules of the log, without database, bus or clock (core_*.c). service.h is the rest.
 */
#ifndef PIOPL_AUDIT_H
#define PIOPL_AUDIT_H

#include "auditlog.h"
#include "clock.h"
#include "id.h"

#define AUDIT_BATCH_MAX 512  /* records of one append */
#define AUDIT_PACK_MAX 256   /* evidence in one event, by the contract */
#define AUDIT_CLASSES_MAX 64 /* retention classes */
#define AUDIT_CLASS_SIZE 129
#define AUDIT_HEADS_MAX 65536 /* chain heads kept in memory */
#define AUDIT_HEAD_SLOTS (2 * AUDIT_HEADS_MAX)
#define AUDIT_SEGMENT 8192 /* positions of one index segment */
#define AUDIT_POSTING_BYTES_MAX (AUDIT_SEGMENT / 8)
#define AUDIT_SEGMENTS_BEHIND_MAX 64 /* the appender waits for the indexer at this many */
#define AUDIT_PAGE_BYTES_MAX 800000  /* record texts of one answer */
#define AUDIT_DAY_MS INT64_C(86400000)

/* ---- terms: what can be filtered by ---- */

enum audit_attribute {
	AUDIT_AGENT = 1, /* always the first term of a record */
	AUDIT_TYPE,
	AUDIT_TOOL,
	AUDIT_DECISION,
	AUDIT_OUTCOME,
	AUDIT_DOMAIN,
	AUDIT_TRACE,
	AUDIT_USER,
	AUDIT_PROVENANCE,
};
#define AUDIT_TERMS_MAX 9

struct audit_terms {
	int64_t items[AUDIT_TERMS_MAX];
	size_t count;
};

/* A 64-bit hash of attribute and value. Two values may share one: the record decides. */
int64_t audit_term(enum audit_attribute attribute, struct str value);
void audit_terms_of_evidence(const struct common_evidence *evidence, struct audit_terms *ret);
void audit_terms_of_query(const struct audit_record_query_request *query, struct audit_terms *ret);
bool audit_query_matches(const struct audit_record_query_request *query,
			 const struct audit_record *record);
/* The first 8 bytes of the id's UUID; what is not hex counts as 0. */
int64_t audit_evidence_key(struct str evidence_id);

/* ---- the index: posting lists of a segment ---- */

/* Positions within a segment, as 2-byte little-endian numbers in order while they are fewer than
 * half as many bytes as the bitmap, then as the bitmap. */
struct audit_bitmap {
	uint64_t words[AUDIT_SEGMENT / 64];
};

void audit_bitmap_fill(struct audit_bitmap *bitmap); /* all positions */
/* Keeps what is also in `posting`. ST_LOG_DAMAGED: not a posting. */
MUST_CHECK enum st audit_bitmap_and(struct audit_bitmap *bitmap, struct str posting);
/* Clears what is outside [from, to), offsets within the segment. */
void audit_bitmap_clip(struct audit_bitmap *bitmap, int64_t from, int64_t to);
/* Up to `max` offsets, ascending or descending; returns how many. */
size_t audit_bitmap_first(const struct audit_bitmap *bitmap, size_t max, uint16_t *ret);
size_t audit_bitmap_last(const struct audit_bitmap *bitmap, size_t max, uint16_t *ret);

struct audit_index_entry {
	int64_t term;
	uint16_t offset;
};

struct audit_posting {
	int64_t term;
	size_t size;
	uint8_t bytes[AUDIT_POSTING_BYTES_MAX];
};

void audit_index_sort(struct audit_index_entry *entries, size_t count);
/* The posting that begins at entries[from] of sorted entries; returns where the next begins. */
size_t audit_index_next(const struct audit_index_entry *entries, size_t count, size_t from,
			struct audit_posting *ret);

/* ---- records as they are stored ---- */

/* Evidence is decoded, thus valid. ST_TOO_LARGE: the arena is full. */
MUST_CHECK enum st audit_pack(const struct common_evidence *evidence,
			      const struct auditlog_place *place, struct arena *arena,
			      struct str *ret);
/* Texts are views into `bytes` or live in the arena. ST_LOG_DAMAGED: not what audit_pack made;
 * ST_TOO_LARGE. */
MUST_CHECK enum st audit_unpack(struct str bytes, int64_t position, struct arena *arena,
				struct common_evidence *ret_evidence,
				struct auditlog_place *ret_place);
/* The text that was hashed. */
MUST_CHECK enum st audit_unpack_text(struct str bytes, int64_t position, struct arena *arena,
				     struct str *ret);
MUST_CHECK enum st audit_unpack_record(struct str bytes, int64_t position, struct arena *arena,
				       struct audit_record *ret);

/* ---- chain heads in memory ---- */

struct audit_head {
	uint64_t name[2]; /* keyed hash of the agent's id; name[0] is 0 in a free slot */
	struct hash hash;
	int64_t position;        /* of its last record; -1: none */
	int64_t sealed_position; /* -1: not sealed */
	bool loaded;             /* the database was asked */
};

struct audit_heads {
	uint8_t key[16]; /* of the names' hash; random, so that nobody can aim at a slot */
	size_t count;
	struct audit_head slots[AUDIT_HEAD_SLOTS];
};

void audit_heads_clear(struct audit_heads *heads);
/* The agent's head, made empty when new. NULL when AUDIT_HEADS_MAX are kept already. */
struct audit_head *audit_heads_of(struct audit_heads *heads, struct str agent_id);

/* ---- appending ---- */

/* Evidence and the sequence of the event that brought it, alone or packed with others. */
struct audit_item {
	const struct common_evidence *evidence;
	int64_t source_sequence;
};

/* How many of `items` go into one append: the records of one event stay together. */
size_t audit_items_cut(const struct audit_item *items, size_t count);

struct audit_entry {
	const struct common_evidence *evidence;
	int64_t source_sequence;
	struct audit_head *head;
	int32_t part;
	/* made by audit_append */
	int64_t position;
	int64_t evidence_key;
	struct str text, packed;
	struct hash leaf;
	struct audit_terms terms;
	bool seals; /* it is the seal of its chain */
	bool after_seal;
};

struct audit_node_run { /* entries of tiles above the leaves, that an append completed */
	int level;      /* tile level: roots of 256^level leaves */
	int64_t first;
	int count;
	struct hash hashes[AUDIT_BATCH_MAX / TILE_WIDTH + 1];
};
#define AUDIT_TILE_LEVELS 7

/* Before the first of up to AUDIT_BATCH_MAX entries; `nodes` is by tile level, [0] is level 1. */
void audit_nodes_clear(struct audit_node_run nodes[AUDIT_TILE_LEVELS]);
/* Gives the entry its position, links it into its chain, grows the tree. ST_TOO_LARGE: the arena is
 * full; head and tree are then spent. */
MUST_CHECK enum st audit_append(struct merkle_tree *tree, struct str source,
				struct audit_entry *entry, struct arena *arena,
				struct audit_node_run nodes[AUDIT_TILE_LEVELS]);

/* The frontier as it is stored: roots largest first. */
#define AUDIT_FRONTIER_BYTES_MAX (63 * HASH_BYTES)
size_t audit_frontier_pack(const struct merkle_tree *tree, uint8_t ret[AUDIT_FRONTIER_BYTES_MAX]);
/* ST_LOG_DAMAGED: not a frontier of that size. */
MUST_CHECK enum st audit_frontier_unpack(int64_t size, struct str bytes, struct merkle_tree *ret);

/* ---- retention ---- */

/* Months from January 1970; times are after 1970. */
int32_t audit_month_of(int64_t ms);
int64_t audit_month_start_ms(int32_t month);
/* When records that entered until `to_ms` may go. */
int64_t audit_expires_ms(int64_t to_ms, int64_t days);

/* Runs of partitions over positions [first, first + count), as stored with the leaves. */
struct audit_part_run {
	int32_t part;
	int32_t count;
};
/* Returns the number of runs; `ret` has room for `count`. */
size_t audit_part_runs(const struct audit_entry *entries, size_t count, struct audit_part_run *ret);

#endif
