/* service.h: the audit service around its rules: configuration, statements, handlers. */
#ifndef PIOPL_AUDIT_SERVICE_H
#define PIOPL_AUDIT_SERVICE_H

#include "audit.h"
#include "svc.h"

#define AUDIT_SCHEMA_VERSION 2
#define AUDIT_PARTS_MAX (2 * AUDIT_CLASSES_MAX)

struct audit_class {
	char name[AUDIT_CLASS_SIZE];
	int32_t days;
	int32_t month; /* of `part`; -1: not known yet */
	int32_t part;
};

/* What the appender remembers between batches. It is right as long as the tree in the database is
 * the one it left there; after a rollback, or when another process appended, it is not, and is made
 * anew. Thus nothing has to be told about how transactions end. */
struct audit_cache {
	bool valid;
	int64_t settings_version;
	size_t class_count;
	struct audit_class classes[AUDIT_CLASSES_MAX]; /* [0] is default */
	struct merkle_tree tree;
	struct audit_heads heads;
};

#define AUDIT_SCRATCH_BYTES_MAX (1024 * 1024)

struct audit_service {
	char origin[NOTE_NAME_BYTES_MAX + 1];
	int64_t seal_grace_ms;
	struct audit_cache cache;
	struct arena scratch; /* of one record, where many are gone through */
};

extern const struct config_field audit_config[];
extern const struct db_statement audit_statements[];
extern const struct svc_call audit_calls[];
extern const struct svc_follow audit_follows[];
extern const struct svc_tick audit_ticks[];

#define AUDIT_RECORD_COPY                                                                          \
	"COPY record (part, position, time_ms, evidence_key, terms, packed) FROM STDIN (FORMAT "   \
	"binary)"
#define AUDIT_RECORD_COLUMNS "niiiIx"
#define AUDIT_POSTING_COPY "COPY posting (term, segment, positions) FROM STDIN (FORMAT binary)"
#define AUDIT_POSTING_COLUMNS "inx"

enum audit_statement {
	AUDIT_TREE_LOCK,
	AUDIT_TREE_READ,
	AUDIT_TREE_SET,
	AUDIT_RETENTION_ALL,
	AUDIT_RETENTION_SET,
	AUDIT_SETTINGS_BUMP,
	AUDIT_PART_FIND,
	AUDIT_PART_CREATE,
	AUDIT_PART_GROW,
	AUDIT_PART_LENGTHEN,
	AUDIT_PART_LENGTHEN_HOLDING,
	AUDIT_PART_LIST,
	AUDIT_PART_DUE,
	AUDIT_PART_HELD,
	AUDIT_PART_EXPIRE,
	AUDIT_PART_STATE,
	AUDIT_HEADS_LOAD,
	AUDIT_TAIL_HEADS,
	AUDIT_LEAF_INSERT,
	AUDIT_NODE_INSERT,
	AUDIT_LEAF_READ,
	AUDIT_NODE_READ,
	AUDIT_SOURCE_MOVE,
	AUDIT_INDEXED,
	AUDIT_INDEX_READ,
	AUDIT_INDEX_PART,
	AUDIT_INDEX_BODIES,
	AUDIT_POSTING_CLEAR,
	AUDIT_SEGMENT_PUT,
	AUDIT_SEGMENT_STALE,
	AUDIT_SEGMENT_STALE_NEXT,
	AUDIT_SEGMENT_FRESH,
	AUDIT_CHAIN_FOLD,
	AUDIT_CHAIN_MOVED,
	AUDIT_HEADS_TOLD,
	AUDIT_HEADS_TELL,
	AUDIT_CHAIN_GET,
	AUDIT_CHAIN_TAIL,
	AUDIT_SEAL_ASK,
	AUDIT_SEAL_DUE,
	AUDIT_SEAL_EMITTED,
	AUDIT_SEAL_DONE,
	AUDIT_SEAL_AFTER,
	AUDIT_SEAL_GET,
	AUDIT_ALARM_INSERT,
	AUDIT_ALARM_LIST,
	AUDIT_ALARM_STOPPED,
	AUDIT_RECORD_AT,
	AUDIT_RECORD_BY_EVIDENCE,
	AUDIT_RECORDS_AT,
	AUDIT_RECORDS_IN,
	AUDIT_SCAN_NEWEST,
	AUDIT_SCAN_OLDEST,
	AUDIT_SEGMENTS_NEWEST,
	AUDIT_SEGMENTS_OLDEST,
	AUDIT_SEGMENTS_ALL_NEWEST,
	AUDIT_SEGMENTS_ALL_OLDEST,
	AUDIT_POSTINGS,
	AUDIT_CHECKPOINT_LAST,
	AUDIT_CHECKPOINT_AT,
	AUDIT_CHECKPOINT_LIST,
	AUDIT_CHECKPOINT_BETWEEN,
	AUDIT_CHECKPOINT_INSERT,
	AUDIT_COSIGNATURE_INSERT,
	AUDIT_WITNESS_PUT,
	AUDIT_WITNESS_LIST,
	AUDIT_WITNESS_GET,
	AUDIT_HOLD_INSERT,
	AUDIT_HOLD_RELEASE,
	AUDIT_HOLD_GET,
	AUDIT_HOLD_LIST,
	AUDIT_STATEMENT_COUNT,
};

/* ---- append.c: evidence becomes records ---- */
MUST_CHECK enum st audit_on_evidence(struct svc_event *events, size_t count);
MUST_CHECK enum st audit_on_evidence_packed(struct svc_event *events, size_t count);
MUST_CHECK enum st audit_on_terminated(struct svc_event *event);
/* The cache as the database has it; locks the tree for the rest of the transaction. */
MUST_CHECK enum st audit_cache_load(struct audit_service *audit, const struct svc_scope *scope);

/* ---- store_tree.c: tiles ---- */
struct audit_tiles {
	struct db_tx *tx;
	struct arena *arena;
};
/* A tile_read; the context is a struct audit_tiles. */
enum st audit_tile_read(void *context, int level, int64_t index, int width, struct hash *ret);
/* The root of a complete subtree of a tree of `size`. */
MUST_CHECK enum st audit_subtree_root(struct audit_tiles *tiles, int level, int64_t index,
				      int64_t size, struct hash *ret);
/* Leaf hashes of [first, first + count), and which runs of them expired (pairs of first and count,
 * counted from `first`); `ret_expired` has room for 2 * count. */
MUST_CHECK enum st audit_leaves_read(struct db_tx *tx, struct arena *arena, int64_t first,
				     int64_t count, struct hash *ret);
MUST_CHECK enum st audit_expired_read(struct db_tx *tx, struct arena *arena, int64_t first,
				      int64_t count, int64_t *ret_expired, size_t *ret_count);

/* ---- search.c: finding records ---- */
/* Up to `limit` records that match, in the query's order, from its cursor. `ret_next` is where to
 * go on, or -1. Does a bounded amount of work, so a page may be short and not the last. */
MUST_CHECK enum st audit_search(struct db_tx *tx, struct arena *arena,
				const struct audit_record_query_request *query,
				struct audit_record *ret, struct str *ret_texts, size_t limit,
				size_t *ret_count, int64_t *ret_next);
/* Bytes a record's text takes in an answer, where quotes and backslashes are escaped. */
size_t audit_text_cost(struct str text);
/* As it is stored. ST_NOT_FOUND, ST_RECORD_EXPIRED. */
MUST_CHECK enum st audit_record_at(struct db_tx *tx, struct arena *arena, int64_t position,
				   struct str *ret_packed);

/* ---- index.c: segments and chain heads, timed ---- */
MUST_CHECK enum st audit_tick_index(struct svc_tick_context *tick);
/* Puts the heads of a partition's records from `from` on into the chains: before they expire
 * without having been indexed. */
MUST_CHECK enum st audit_chains_fold(struct svc_tick_context *tick, int32_t part, int64_t from);
/* The heads that records (as AUDIT_INDEX_READ answers them) leave behind, one a chain; `ret` has
 * room for one a record. */
struct audit_moved {
	struct str agent_id;
	struct hash head;
};
MUST_CHECK enum st audit_moved_of(struct svc_tick_context *tick, const struct db_rows *rows,
				  struct audit_moved *ret, size_t *ret_count);
/* The record hash of a stored record, and whose it is (the name lives in the service's scratch
 * until the next call). */
MUST_CHECK enum st audit_packed_hash(struct audit_service *audit, struct str packed,
				     int64_t position, struct hash *ret, struct str *ret_agent);
/* Position after the last indexed segment. */
MUST_CHECK enum st audit_indexed_to(struct db_tx *tx, struct arena *arena, int64_t *ret);

/* ---- heads.c: chains that moved are told, timed ---- */
MUST_CHECK enum st audit_tick_heads(struct svc_tick_context *tick);

/* ---- timed.c ---- */
MUST_CHECK enum st audit_tick_checkpoint(struct svc_tick_context *tick);
MUST_CHECK enum st audit_tick_seal(struct svc_tick_context *tick);
MUST_CHECK enum st audit_tick_expiry(struct svc_tick_context *tick);
MUST_CHECK enum st audit_tick_sources(struct svc_tick_context *tick);

/* ---- acts.c: evidence and alarms of audit's own ---- */
struct audit_act {
	struct str agent_id; /* the chain it goes into; "audit" for acts about no agent */
	const char *type;
	const char *tool;
	struct str user_id; /* may be absent */
	struct str parameters;
	struct str result;
};
MUST_CHECK enum st audit_act_emit(const struct svc_scope *scope, const struct audit_act *act);
MUST_CHECK enum st audit_alarm_raise(const struct svc_scope *scope, enum audit_alarm_kind kind,
				     struct str subject, int64_t log_id, const char *detail);

/* ---- handlers*.c ---- */
enum st audit_record_get(struct svc_request *req);
enum st audit_record_find(struct svc_request *req);
enum st audit_record_query(struct svc_request *req);
enum st audit_chain_get(struct svc_request *req);
enum st audit_chain_read(struct svc_request *req);
enum st audit_proof_inclusion(struct svc_request *req);
enum st audit_proof_consistency(struct svc_request *req);
enum st audit_checkpoint_get(struct svc_request *req);
enum st audit_checkpoint_list(struct svc_request *req);
enum st audit_checkpoint_cosign(struct svc_request *req);
enum st audit_witness_put(struct svc_request *req);
enum st audit_witness_list(struct svc_request *req);
enum st audit_export_begin(struct svc_request *req);
enum st audit_export_read(struct svc_request *req);
enum st audit_retention_list(struct svc_request *req);
enum st audit_retention_put(struct svc_request *req);
enum st audit_partition_list(struct svc_request *req);
enum st audit_hold_put(struct svc_request *req);
enum st audit_hold_release(struct svc_request *req);
enum st audit_hold_list(struct svc_request *req);
enum st audit_alarm_list(struct svc_request *req);
/* On whose behalf, for the evidence: the principal, else the caller. */
struct str audit_who(const struct svc_request *req);
/* "sha256:..." in the arena. */
struct str audit_hash_text(struct arena *arena, const struct hash *hash);

#endif
