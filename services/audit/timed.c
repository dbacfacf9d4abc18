/* timed.c: what happens by the clock: checkpoints, seals, expiry, a look at sources that stand. */
#include <stdio.h>

#include "service.h"

#define SEALS_A_TICK 100
#define DAMAGE_AGAIN_MS INT64_C(3600000)
#define PARTS_A_TICK 16

/* ---- checkpoints ---- */

static enum st damage_raise(const struct svc_scope *scope, const char *detail)
{
	struct db_rows rows;

	TRY(db_query(scope->tx, &audit_statements[AUDIT_ALARM_LIST], scope->arena, &rows,
		     DB_I64(INT64_MAX),
		     DB_TEXT(str_of(audit_alarm_kind_names[AUDIT_ALARM_KIND_LOG_DAMAGED - 1])),
		     DB_I64(1)));
	if (rows.count > 0 && db_i64(&rows, 0, 2) > scope->now_ms - DAMAGE_AGAIN_MS)
		return ST_OK;
	return audit_alarm_raise(scope, AUDIT_ALARM_KIND_LOG_DAMAGED, STR("tree"), -1, detail);
}

/* Does the stored tree still begin with what was signed last? */
static enum st tree_check(const struct svc_scope *scope, const struct db_rows *last, int64_t size,
			  const struct hash *root)
{
	struct audit_tiles tiles = { .tx = scope->tx, .arena = scope->arena };
	struct merkle_path path;
	struct hash signed_root;
	int64_t signed_size;

	if (last->count == 0)
		return ST_OK;
	signed_size = db_i64(last, 0, 0);
	if (signed_size > size || db_text(last, 0, 1).size != HASH_BYTES)
		return ST_LOG_DAMAGED;
	memcpy(signed_root.bytes, db_text(last, 0, 1).data, HASH_BYTES);
	TRY(tiles_consistency_of(audit_tile_read, &tiles, size, signed_size, &path));
	if (merkle_verify_consistency(signed_size, &signed_root, size, root, path.hashes,
				      (size_t)path.count) != ST_OK)
		return ST_LOG_DAMAGED;
	return ST_OK;
}

static enum st note_make(const struct svc_scope *scope, const char *origin, int64_t size,
			 const struct hash *root, struct str *ret)
{
	struct checkpoint checkpoint = { .origin = str_of(origin), .size = size, .root = *root };
	const struct signing_key *secret = svc_signing_key(scope->svc);
	struct problem problem = { 0 };
	struct note_key key;
	struct str text;
	struct buf buf;

	buf_init(&buf, scope->arena, 512);
	TRY(checkpoint_build(&checkpoint, scope->arena, &text, &problem));
	TRY(note_key_make(str_of(origin), NOTE_ED25519, secret->public_key, &key));
	TRY(note_start(&buf, text, &problem));
	TRY(note_sign(&buf, text, &key, secret, 0));
	*ret = buf_str(&buf);
	return ret->data ? ST_OK : ST_TOO_LARGE;
}

enum st audit_tick_checkpoint(struct svc_tick_context *tick)
{
	struct svc_scope scope = svc_scope_of_tick(tick);
	const struct audit_service *audit = tick->state;
	struct db_rows tree_row, last;
	struct merkle_tree tree;
	struct hash root;
	struct str note;
	enum st st;

	TRY(db_query0(tick->tx, &audit_statements[AUDIT_TREE_READ], tick->arena, &tree_row));
	TRY(db_query0(tick->tx, &audit_statements[AUDIT_CHECKPOINT_LAST], tick->arena, &last));
	if (tree_row.count != 1)
		return ST_LOG_DAMAGED;
	if (db_i64(&tree_row, 0, 0) == (last.count > 0 ? db_i64(&last, 0, 0) : 0))
		return ST_OK;
	TRY(audit_frontier_unpack(db_i64(&tree_row, 0, 0), db_text(&tree_row, 0, 1), &tree));
	merkle_tree_root(&tree, &root);
	st = tree_check(&scope, &last, tree.size, &root);
	if (st == ST_LOG_DAMAGED)
		return damage_raise(&scope, "the tree does not begin with what was signed last; "
					    "no checkpoint is signed");
	TRY(st);
	TRY(note_make(&scope, audit->origin, tree.size, &root, &note));
	return db_write(tick->tx, &audit_statements[AUDIT_CHECKPOINT_INSERT], 1, ST_CONFLICT,
			DB_I64(tree.size),
			DB_BYTES(((struct str){ (const char *)root.bytes, HASH_BYTES })),
			DB_I64(tick->now_ms), DB_TEXT(note));
}

/* ---- seals ---- */

enum st audit_tick_seal(struct svc_tick_context *tick)
{
	struct svc_scope scope = svc_scope_of_tick(tick);
	struct str *agents;
	struct db_rows rows;

	TRY(db_query(tick->tx, &audit_statements[AUDIT_SEAL_DUE], tick->arena, &rows,
		     DB_I64(tick->now_ms), DB_I64(SEALS_A_TICK)));
	if (rows.count == 0)
		return ST_OK;
	agents = ARENA_ARRAY(tick->arena, struct str, rows.count);
	if (!agents)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < rows.count; i++) {
		agents[i] = db_text(&rows, i, 0);
		TRY(audit_act_emit(&scope, &(struct audit_act){
						   .agent_id = agents[i],
						   .type = AUDITLOG_SEAL_TYPE,
						   .tool = "audit.chain",
						   .parameters = agents[i],
						   .result = STR("sealed"),
					   }));
	}
	tick->again = rows.count == SEALS_A_TICK;
	return db_write(tick->tx, &audit_statements[AUDIT_SEAL_EMITTED], (int64_t)rows.count,
			ST_CONFLICT, DB_TEXTS(agents, rows.count), DB_I64(tick->now_ms));
}

/* ---- expiry ---- */

/* The hashes of what expired stay; the record of the expiry says which positions went. */
static enum st expiry_record(struct svc_tick_context *tick, const struct db_rows *due)
{
	struct svc_scope scope = svc_scope_of_tick(tick);
	struct str parameters = arena_printf(
		tick->arena,
		"{\"class\":\"%.*s\",\"first\":\"%lld\",\"last\":\"%lld\",\"month\":%d,"
		"\"partition\":%lld,\"records\":\"%lld\"}",
		STR_ARG(db_text(due, 0, 1)), (long long)db_i64(due, 0, 3),
		(long long)db_i64(due, 0, 4), audit_month_of(db_i64(due, 0, 2)),
		(long long)db_i64(due, 0, 0), (long long)db_i64(due, 0, 5));

	if (!parameters.data)
		return ST_TOO_LARGE;
	return audit_act_emit(&scope, &(struct audit_act){ .agent_id = STR("audit"),
							   .type = "retention.expire",
							   .tool = "audit.retention",
							   .parameters = parameters,
							   .result = STR("expired") });
}

static enum st part_expire(struct svc_tick_context *tick, const struct db_rows *due)
{
	int32_t part = (int32_t)db_i64(due, 0, 0);
	int64_t first = db_i64(due, 0, 3), last = db_i64(due, 0, 4), indexed;
	struct db_rows rows;

	TRY(audit_indexed_to(tick->tx, tick->arena, &indexed));
	if (last >= indexed)
		TRY(audit_chains_fold(tick, part, indexed));
	TRY(db_query(tick->tx, &audit_statements[AUDIT_PART_EXPIRE], tick->arena, &rows,
		     DB_I32(part), DB_I64(tick->now_ms)));
	if (rows.count != 1 || !db_bool(&rows, 0, 0))
		return ST_CONFLICT; /* a hold came in between: nothing of this is kept */
	if (last >= first)
		TRY(db_write(tick->tx, &audit_statements[AUDIT_SEGMENT_STALE], DB_ANY_ROWS,
			     ST_CONFLICT, DB_I32((int32_t)(first / AUDIT_SEGMENT)),
			     DB_I32((int32_t)(last / AUDIT_SEGMENT))));
	return expiry_record(tick, due);
}

enum st audit_tick_expiry(struct svc_tick_context *tick)
{
	struct db_rows due, held;
	int32_t part = 0;

	for (int i = 0; i < PARTS_A_TICK; i++) {
		TRY(db_query(tick->tx, &audit_statements[AUDIT_PART_DUE], tick->arena, &due,
			     DB_I64(tick->now_ms), DB_I32(part)));
		if (due.count == 0)
			return ST_OK;
		part = (int32_t)db_i64(&due, 0, 0);
		TRY(db_query(tick->tx, &audit_statements[AUDIT_PART_HELD], tick->arena, &held,
			     DB_I32(part)));
		if (held.count == 1 && db_bool(&held, 0, 0))
			continue;
		tick->again = true; /* one a transaction: dropping locks the log for a moment */
		return part_expire(tick, &due);
	}
	return ST_OK;
}

/* ---- sources ---- */

enum st audit_tick_sources(struct svc_tick_context *tick)
{
	struct svc_scope scope = svc_scope_of_tick(tick);
	struct db_rows rows;

	TRY(db_query0(tick->tx, &audit_statements[AUDIT_ALARM_STOPPED], tick->arena, &rows));
	for (size_t i = 0; i < rows.count; i++) {
		struct str detail = arena_printf(
			tick->arena, "evidence of this source stands after sequence %lld: %.*s",
			(long long)db_i64(&rows, i, 1), STR_ARG(db_text(&rows, i, 2)));

		if (!detail.data)
			return ST_TOO_LARGE;
		TRY(audit_alarm_raise(&scope, AUDIT_ALARM_KIND_SOURCE_STOPPED, db_text(&rows, i, 0),
				      db_i64(&rows, i, 1), detail.data));
	}
	return ST_OK;
}
