/* handlers_proof.c: checkpoints, witnesses, proofs, export. */
#include "service.h"

#define LIST_LIMIT 100
#define NOTE_LIMIT 8192 /* the contract's, of a note with its signatures */
#define WITNESSES_MAX 16

/* ---- checkpoints ---- */

/* The row's columns: size, root, signed_ms, note, cosignature lines, witnesses. */
static enum st checkpoint_view(struct svc_request *req, const struct db_rows *rows, size_t row,
			       struct audit_checkpoint *ret)
{
	const struct db_value *lines = db_at(rows, row, 4), *names = db_at(rows, row, 5);
	struct hash root;
	struct buf note;

	if (db_text(rows, row, 1).size != HASH_BYTES)
		return ST_LOG_DAMAGED;
	memcpy(root.bytes, db_text(rows, row, 1).data, HASH_BYTES);
	buf_init(&note, req->arena, 1024);
	buf_add_str(&note, db_text(rows, row, 3));
	for (size_t i = 0; i < lines->count; i++) {
		buf_add_str(&note, ((const struct str *)lines->items)[i]);
		buf_add_char(&note, '\n');
	}
	*ret = (struct audit_checkpoint){
		.size = db_i64(rows, row, 0),
		.root_hash = audit_hash_text(req->arena, &root),
		.signed_at_ms = db_i64(rows, row, 2),
		.note = buf_str(&note),
		.has_witnesses = names->count > 0,
		.witnesses = { .items = (struct str *)(uintptr_t)names->items,
			       .count = names->count },
	};
	return ret->root_hash.data && ret->note.data ? ST_OK : ST_TOO_LARGE;
}

static enum st checkpoint_load(struct svc_request *req, bool has_size, int64_t size,
			       struct audit_checkpoint *ret)
{
	struct db_rows rows;

	if (has_size)
		TRY(db_query(req->tx, &audit_statements[AUDIT_CHECKPOINT_AT], req->arena, &rows,
			     DB_I64(size)));
	else
		TRY(db_query0(req->tx, &audit_statements[AUDIT_CHECKPOINT_LAST], req->arena,
			      &rows));
	if (rows.count > 0)
		return checkpoint_view(req, &rows, 0, ret);
	if (!has_size)
		return svc_refuse(req, ST_NOT_FOUND, "", "no checkpoint was signed yet");
	return svc_refuse(req, ST_NOT_FOUND, "/size", "no checkpoint has size %lld",
			  (long long)size);
}

enum st audit_checkpoint_get(struct svc_request *req)
{
	const struct audit_checkpoint_get_request *in = req->body;

	return checkpoint_load(req, in->has_size, in->size, req->answer);
}

enum st audit_checkpoint_list(struct svc_request *req)
{
	const struct audit_checkpoint_list_request *in = req->body;
	struct audit_checkpoint_list_reply *out = req->answer;
	struct db_rows rows;

	TRY(db_query(req->tx, &audit_statements[AUDIT_CHECKPOINT_LIST], req->arena, &rows,
		     DB_I64(in->has_after ? in->after : 0),
		     DB_I64(in->has_limit ? in->limit : LIST_LIMIT)));
	out->items.items = ARENA_ARRAY(req->arena, struct audit_checkpoint, rows.count);
	if (!out->items.items)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < rows.count; i++)
		TRY(checkpoint_view(req, &rows, i, &out->items.items[i]));
	out->items.count = rows.count;
	return ST_OK;
}

/* The line's signature over the checkpoint, by a witness that is known. */
static enum st cosignature_check(struct svc_request *req, struct str note_text,
				 struct note_signature *ret)
{
	struct note *note = ARENA_NEW(req->arena, struct note);
	struct problem problem = { 0 };
	struct note_verdict verdict;
	struct note_key key;
	struct db_rows rows;

	if (!note)
		return ST_TOO_LARGE;
	if (note_parse(note_text, note, &problem) != ST_OK)
		return svc_refuse(req, ST_MESSAGE_INVALID, "/signature",
				  "not a signature line of a note: %s", problem.detail);
	*ret = note->signatures[note->count - 1];
	TRY(db_query(req->tx, &audit_statements[AUDIT_WITNESS_GET], req->arena, &rows,
		     DB_TEXT(ret->name)));
	if (rows.count == 0 || db_text(&rows, 0, 0).size != PUBLIC_KEY_BYTES)
		return svc_refuse(req, ST_KEY_UNKNOWN, "/signature", "'%.*s' is no known witness",
				  STR_ARG(ret->name));
	TRY(note_key_make(ret->name, NOTE_COSIGNATURE, (const uint8_t *)db_text(&rows, 0, 0).data,
			  &key));
	if (note_verify(note, &key, 1, &verdict, &problem) != ST_OK)
		return svc_refuse(req, ST_SIGNATURE_INVALID, "/signature", "%s", problem.detail);
	return ST_OK;
}

enum st audit_checkpoint_cosign(struct svc_request *req)
{
	const struct audit_checkpoint_cosign_request *in = req->body;
	struct audit_checkpoint checkpoint;
	struct note_signature signature;
	struct buf note;

	if (memchr(in->signature.data, '\n', in->signature.size))
		return svc_refuse(req, ST_MESSAGE_INVALID, "/signature", "more than one line");
	TRY(checkpoint_load(req, true, in->size, &checkpoint));
	if (checkpoint.witnesses.count >= WITNESSES_MAX)
		return svc_refuse(req, ST_TOO_LARGE, "/size", "it has %d witnesses already",
				  WITNESSES_MAX);
	buf_init(&note, req->arena, 1024);
	buf_add_str(&note, checkpoint.note);
	buf_add_str(&note, in->signature);
	buf_add_char(&note, '\n');
	if (!buf_str(&note).data || note.size > NOTE_LIMIT)
		return ST_TOO_LARGE;
	TRY(cosignature_check(req, buf_str(&note), &signature));
	TRY(db_write(req->tx, &audit_statements[AUDIT_COSIGNATURE_INSERT], DB_ANY_ROWS, ST_CONFLICT,
		     DB_I64(in->size), DB_TEXT(signature.name), DB_TEXT(in->signature),
		     DB_I64(req->now_ms)));
	return checkpoint_load(req, true, in->size, req->answer);
}

/* ---- witnesses ---- */

static enum st public_key_text(struct svc_request *req, struct str bytes, struct str *ret)
{
	char text[PUBLIC_KEY_TEXT_SIZE];

	if (bytes.size != PUBLIC_KEY_BYTES)
		return ST_LOG_DAMAGED;
	base64_encode(bytes.data, bytes.size, text);
	*ret = arena_copy(req->arena, str_of(text));
	return ret->data ? ST_OK : ST_TOO_LARGE;
}

enum st audit_witness_put(struct svc_request *req)
{
	const struct audit_witness_put_request *in = req->body;
	struct audit_witness *out = req->answer;
	struct svc_scope scope = svc_scope_of_request(req);
	uint8_t key[PUBLIC_KEY_BYTES];
	struct db_value ended = in->ended ? DB_I64(req->now_ms) : DB_NULL('i');
	struct db_rows rows;

	if (base64_decode_exact(in->public_key, key, sizeof(key)) != ST_OK ||
	    !public_key_is_valid(key))
		return svc_refuse(req, ST_MESSAGE_INVALID, "/public_key",
				  "not an Ed25519 public key");
	TRY(db_query(req->tx, &audit_statements[AUDIT_WITNESS_PUT], req->arena, &rows,
		     DB_TEXT(in->name), DB_BYTES(((struct str){ (const char *)key, sizeof(key) })),
		     DB_I64(req->now_ms), ended));
	if (rows.count == 0)
		return svc_refuse(req, ST_CONFLICT, "/name",
				  "witness '%.*s' has another key; a new key takes a new name",
				  STR_ARG(in->name));
	*out = (struct audit_witness){ .name = in->name,
				       .public_key = in->public_key,
				       .since_ms = db_i64(&rows, 0, 0),
				       .has_ended_at_ms = !db_is_null(&rows, 0, 1),
				       .ended_at_ms = db_i64(&rows, 0, 1) };
	return audit_act_emit(&scope, &(struct audit_act){ .agent_id = STR("audit"),
							   .type = "witness.put",
							   .tool = "audit.witness",
							   .user_id = audit_who(req),
							   .parameters = req->body_text,
							   .result = out->name });
}

enum st audit_witness_list(struct svc_request *req)
{
	struct audit_witness_list_reply *out = req->answer;
	struct db_rows rows;

	TRY(db_query0(req->tx, &audit_statements[AUDIT_WITNESS_LIST], req->arena, &rows));
	out->items.items = ARENA_ARRAY(req->arena, struct audit_witness, rows.count);
	if (!out->items.items)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < rows.count; i++) {
		struct audit_witness *item = &out->items.items[i];

		*item = (struct audit_witness){ .name = db_text(&rows, i, 0),
						.since_ms = db_i64(&rows, i, 2),
						.has_ended_at_ms = !db_is_null(&rows, i, 3),
						.ended_at_ms = db_i64(&rows, i, 3) };
		TRY(public_key_text(req, db_text(&rows, i, 1), &item->public_key));
	}
	out->items.count = rows.count;
	return ST_OK;
}

/* ---- proofs ---- */

static enum st tree_size(struct svc_request *req, int64_t *ret)
{
	struct db_rows rows;

	TRY(db_query0(req->tx, &audit_statements[AUDIT_TREE_READ], req->arena, &rows));
	if (rows.count != 1)
		return ST_LOG_DAMAGED;
	*ret = db_i64(&rows, 0, 0);
	return ST_OK;
}

static enum st hash_texts(struct svc_request *req, const struct hash *hashes, size_t count,
			  struct str **ret)
{
	struct str *texts = ARENA_ARRAY(req->arena, struct str, count);

	if (!texts)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < count; i++) {
		texts[i] = audit_hash_text(req->arena, &hashes[i]);
		if (!texts[i].data)
			return ST_TOO_LARGE;
	}
	*ret = texts;
	return ST_OK;
}

static enum st size_refuse(struct svc_request *req, const char *pointer, int64_t asked,
			   int64_t size)
{
	return svc_refuse(req, ST_SIZE_AHEAD, pointer,
			  "the log has %lld records, %lld were asked for", (long long)size,
			  (long long)asked);
}

/* Size to prove in: the one asked for, else the latest checkpoint's. */
static enum st proof_size(struct svc_request *req, bool has_size, int64_t asked, int64_t *ret)
{
	struct audit_checkpoint checkpoint;
	int64_t size;

	if (!has_size) {
		TRY(checkpoint_load(req, false, 0, &checkpoint));
		*ret = checkpoint.size;
		return ST_OK;
	}
	TRY(tree_size(req, &size));
	if (asked > size)
		return size_refuse(req, "/size", asked, size);
	*ret = asked;
	return ST_OK;
}

enum st audit_proof_inclusion(struct svc_request *req)
{
	const struct audit_proof_inclusion_request *in = req->body;
	struct audit_proof_inclusion_reply *out = req->answer;
	struct audit_tiles tiles = { .tx = req->tx, .arena = req->arena };
	struct merkle_tree tree;
	struct merkle_path path;
	struct hash leaf, root;
	int64_t size = 0;

	TRY(proof_size(req, in->has_size, in->size, &size));
	if (in->log_id >= size)
		return size_refuse(req, "/log_id", in->log_id + 1, size);
	TRY(audit_leaves_read(req->tx, req->arena, in->log_id, 1, &leaf));
	TRY(tiles_path_of(audit_tile_read, &tiles, size, in->log_id, &path));
	TRY(tiles_tree(audit_tile_read, &tiles, size, &tree));
	merkle_tree_root(&tree, &root);
	if (merkle_verify_path(&leaf, in->log_id, size, path.hashes, (size_t)path.count, &root) !=
	    ST_OK)
		return ST_LOG_DAMAGED;
	out->log_id = in->log_id;
	out->size = size;
	out->leaf_hash = audit_hash_text(req->arena, &leaf);
	out->root_hash = audit_hash_text(req->arena, &root);
	if (!out->leaf_hash.data || !out->root_hash.data)
		return ST_TOO_LARGE;
	out->hashes.count = (size_t)path.count;
	return hash_texts(req, path.hashes, out->hashes.count, &out->hashes.items);
}

enum st audit_proof_consistency(struct svc_request *req)
{
	const struct audit_proof_consistency_request *in = req->body;
	struct audit_proof_consistency_reply *out = req->answer;
	struct audit_tiles tiles = { .tx = req->tx, .arena = req->arena };
	struct merkle_path path;
	int64_t size;

	if (in->first < 1 || in->first > in->second)
		return svc_refuse(req, ST_RANGE_EMPTY, "/first",
				  "'first' must be from 1 to 'second'");
	TRY(tree_size(req, &size));
	if (in->second > size)
		return size_refuse(req, "/second", in->second, size);
	TRY(tiles_consistency_of(audit_tile_read, &tiles, in->second, in->first, &path));
	out->first = in->first;
	out->second = in->second;
	out->hashes.count = (size_t)path.count;
	return hash_texts(req, path.hashes, out->hashes.count, &out->hashes.items);
}

/* ---- export ---- */

static enum st subtrees_read(struct svc_request *req, const struct auditlog_subtree *places,
			     size_t count, int64_t size, struct str **ret)
{
	struct audit_tiles tiles = { .tx = req->tx, .arena = req->arena };
	struct hash hashes[AUDITLOG_RIGHT_MAX];

	ASSERT(count <= AUDITLOG_RIGHT_MAX);
	for (size_t i = 0; i < count; i++)
		TRY(audit_subtree_root(&tiles, places[i].level, places[i].index, size, &hashes[i]));
	return hash_texts(req, hashes, count, ret);
}

enum st audit_export_begin(struct svc_request *req)
{
	const struct audit_export_begin_request *in = req->body;
	const struct audit_service *audit = req->state;
	struct audit_export_header *out = req->answer;
	struct auditlog_subtree left[AUDITLOG_LEFT_MAX], right[AUDITLOG_RIGHT_MAX];
	struct audit_checkpoint checkpoint;

	TRY(checkpoint_load(req, in->has_size, in->size, &checkpoint));
	out->format = AUDIT_EXPORT_HEADER_FORMAT_PIOPL_AUDIT_EXPORT_V1;
	out->origin = str_of(audit->origin);
	out->size = checkpoint.size;
	out->checkpoint = checkpoint.note;
	out->first = in->has_first ? in->first : 0;
	out->end = in->has_end ? in->end : checkpoint.size;
	if (out->end > out->size)
		return size_refuse(req, "/end", out->end, out->size);
	if (out->first >= out->end)
		return svc_refuse(req, ST_RANGE_EMPTY, "/first", "'first' must be before 'end'");
	out->left.count = auditlog_left(out->first, left);
	out->right.count = auditlog_right(out->end, out->size, right);
	TRY(subtrees_read(req, left, out->left.count, out->size, &out->left.items));
	return subtrees_read(req, right, out->right.count, out->size, &out->right.items);
}

/* Texts of [first, first + *count), fewer when they would not fit; *count is how many positions
 * were covered. */
static enum st export_texts(struct svc_request *req, int64_t first, int64_t *count,
			    struct audit_export_read_reply *out)
{
	struct db_rows rows;
	size_t bytes = 0;

	TRY(db_query(req->tx, &audit_statements[AUDIT_RECORDS_IN], req->arena, &rows, DB_I64(first),
		     DB_I64(first + *count)));
	out->texts.items = ARENA_ARRAY(req->arena, struct str, rows.count);
	if (!out->texts.items)
		return ST_TOO_LARGE;
	for (size_t i = 0; i < rows.count; i++) {
		struct str text;
		enum st st = audit_unpack_text(db_text(&rows, i, 1), db_i64(&rows, i, 0),
					       req->arena, &text);

		/* it was tampered with; whoever verifies the export is to find out which it is */
		if (st == ST_LOG_DAMAGED || (st == ST_OK && !str_is_utf8(text)))
			text = STR("{}");
		else
			TRY(st);
		bytes += audit_text_cost(text) + HASH_BYTES * 2;
		if (bytes > AUDIT_PAGE_BYTES_MAX && i > 0) {
			*count = db_i64(&rows, i, 0) - first;
			break;
		}
		out->texts.items[out->texts.count++] = text;
	}
	return ST_OK;
}

static enum st export_block(struct svc_request *req, int64_t first, int64_t count,
			    struct audit_export_block *ret)
{
	struct hash *leaves = ARENA_ARRAY(req->arena, struct hash, (size_t)count);
	char *text = arena_alloc(req->arena, BASE64_SIZE((size_t)count * HASH_BYTES));
	int64_t *expired = ARENA_ARRAY(req->arena, int64_t, 2 * (size_t)count + 2);

	if (!leaves || !text || !expired)
		return ST_TOO_LARGE;
	TRY(audit_leaves_read(req->tx, req->arena, first, count, leaves));
	TRY(audit_expired_read(req->tx, req->arena, first, count, expired, &ret->expired.count));
	ret->first = first;
	ret->count = count;
	ret->leaves = (struct str){ text, base64_encode(leaves, (size_t)count * HASH_BYTES, text) };
	ret->expired.items = expired;
	ret->has_expired = ret->expired.count > 0;
	return ST_OK;
}

enum st audit_export_read(struct svc_request *req)
{
	const struct audit_export_read_request *in = req->body;
	struct audit_export_read_reply *out = req->answer;
	struct audit_checkpoint checkpoint = { .size = -1 };
	int64_t count = in->end - in->first, size;
	struct db_rows rows;

	TRY(tree_size(req, &size));
	if (in->end > size)
		return size_refuse(req, "/end", in->end, size);
	if (in->first >= in->end)
		return svc_refuse(req, ST_RANGE_EMPTY, "/first", "'first' must be before 'end'");
	if (count > (in->has_limit ? in->limit : AUDITLOG_BLOCK_MAX))
		count = in->has_limit ? in->limit : AUDITLOG_BLOCK_MAX;
	/* a block ends where a checkpoint does, so that its root can be had there */
	TRY(db_query(req->tx, &audit_statements[AUDIT_CHECKPOINT_BETWEEN], req->arena, &rows,
		     DB_I64(in->first), DB_I64(in->first + count)));
	if (rows.count > 0) {
		TRY(checkpoint_view(req, &rows, 0, &checkpoint));
		count = checkpoint.size - in->first;
	}
	TRY(export_texts(req, in->first, &count, out));
	TRY(export_block(req, in->first, count, &out->block));
	if (checkpoint.size == in->first + count)
		out->checkpoint = checkpoint.note;
	out->next = in->first + count;
	return ST_OK;
}
