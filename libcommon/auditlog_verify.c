/* auditlog_verify.c: checks an export line by line. The leaf hashes that the blocks carry are held
 * against the signed roots; each record is held against its leaf hash. So one pass names what is
 * wrong by position, as long as whoever changed the file could not also sign a root. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "auditlog.h"

#define LINE_ARENA_BYTES_MAX (4 * AUDITLOG_LINE_BYTES_MAX)
#define CHAINS_AT_FIRST 1024 /* slots, a power of two */
#define CHAIN_NAME_SIZE 64   /* bytes kept; an agent's id has at most 64 code points */

const char *const auditlog_finding_names[] = {
	[AUDITLOG_ALTERED] = "altered",         [AUDITLOG_REMOVED] = "removed",
	[AUDITLOG_INSERTED] = "inserted",       [AUDITLOG_REORDERED] = "reordered",
	[AUDITLOG_LINK_BROKEN] = "link broken", [AUDITLOG_AFTER_SEAL] = "after seal",
	[AUDITLOG_ROOT] = "root differs",       [AUDITLOG_SIGNATURE] = "signature invalid",
	[AUDITLOG_FORMAT] = "format",
};

/* The last record of an agent that was seen. Agents are known by a hash of their name: a file can
 * hold millions. */
struct chain {
	uint64_t name[2]; /* both 0: free */
	int64_t position;
	struct hash hash;
	bool sealed;
};

enum seen { SEEN_NOT, SEEN_RIGHT, SEEN_WRONG, SEEN_EXPIRED };

struct block {
	int64_t first;
	int64_t count;
	int64_t next; /* position after the last one taken in order */
	struct hash leaves[AUDITLOG_BLOCK_MAX];
	uint8_t seen[AUDITLOG_BLOCK_MAX];
	int64_t wrong_line[AUDITLOG_BLOCK_MAX];
};

struct auditlog_verifier {
	const struct note_key *keys;
	size_t key_count;
	auditlog_report *report;
	void *context;

	struct arena arena; /* of one line */
	int64_t line;
	bool header_taken, broken; /* broken: without a header nothing else can be checked */
	struct hash root;          /* of the header's checkpoint */
	struct hash right[AUDITLOG_RIGHT_MAX];
	size_t right_count;
	struct merkle_tree tree;
	int64_t proved_to;  /* everything before it gives a signed root */
	int64_t damaged_at; /* last position where something was missing or wrong; -1: none */
	int64_t expired_at; /* last expired position; -1: none */
	struct block block;
	struct chain *chains;
	size_t chain_slots;
	struct auditlog_summary summary;
};

static void found(struct auditlog_verifier *v, enum auditlog_finding_kind kind, int64_t position,
		  int64_t end, int64_t line, const char *format, ...)
	__attribute__((format(printf, 6, 7)));

static void found(struct auditlog_verifier *v, enum auditlog_finding_kind kind, int64_t position,
		  int64_t end, int64_t line, const char *format, ...)
{
	struct auditlog_finding finding = {
		.kind = kind, .position = position, .end = end, .line = line
	};
	va_list args;

	va_start(args, format);
	vsnprintf(finding.detail, sizeof(finding.detail), format, args);
	va_end(args);
	v->summary.findings++;
	v->report(v->context, &finding);
}

struct auditlog_verifier *auditlog_verifier_new(const struct note_key *keys, size_t count,
						auditlog_report *report, void *context)
{
	struct auditlog_verifier *v = calloc(1, sizeof(*v));

	if (!v)
		return NULL;
	v->keys = keys;
	v->key_count = count;
	v->report = report;
	v->context = context;
	v->damaged_at = -1;
	v->expired_at = -1;
	v->chain_slots = CHAINS_AT_FIRST;
	v->chains = calloc(v->chain_slots, sizeof(v->chains[0]));
	arena_init(&v->arena, LINE_ARENA_BYTES_MAX);
	if (!v->chains) {
		auditlog_verifier_free(v);
		return NULL;
	}
	return v;
}

void auditlog_verifier_free(struct auditlog_verifier *verifier)
{
	if (!verifier)
		return;
	arena_free(&verifier->arena);
	free(verifier->chains);
	free(verifier);
}

/* ---- chains ---- */

/* Two independent mixes of the name: chains of a file are told apart by 128 bits. */
static void chain_name(struct str agent, uint64_t ret[2])
{
	struct hash hash;

	sha256_of(agent.data, agent.size, &hash);
	memcpy(ret, hash.bytes, 16);
	ret[0] |= 1; /* never free */
}

static struct chain *chain_slot(struct chain *chains, size_t slots, const uint64_t name[2])
{
	size_t at = (size_t)name[1] & (slots - 1);

	while (chains[at].name[0] != 0 &&
	       (chains[at].name[0] != name[0] || chains[at].name[1] != name[1]))
		at = (at + 1) & (slots - 1);
	return &chains[at];
}

static enum st chains_grow(struct auditlog_verifier *v)
{
	size_t slots = v->chain_slots * 2;
	struct chain *chains = calloc(slots, sizeof(chains[0]));

	if (!chains)
		return ST_NO_MEMORY;
	for (size_t i = 0; i < v->chain_slots; i++)
		if (v->chains[i].name[0] != 0)
			*chain_slot(chains, slots, v->chains[i].name) = v->chains[i];
	free(v->chains);
	v->chains = chains;
	v->chain_slots = slots;
	return ST_OK;
}

static enum st chain_of(struct auditlog_verifier *v, struct str agent, struct chain **ret)
{
	uint64_t name[2];
	struct chain *chain;

	if ((size_t)v->summary.chains * 2 >= v->chain_slots)
		TRY(chains_grow(v));
	chain_name(agent, name);
	chain = chain_slot(v->chains, v->chain_slots, name);
	if (chain->name[0] == 0) {
		if (v->summary.chains >= AUDITLOG_AGENTS_MAX)
			return ST_NO_MEMORY;
		*chain = (struct chain){ .name = { name[0], name[1] }, .position = -1 };
		v->summary.chains++;
	}
	*ret = chain;
	return ST_OK;
}

static bool hash_is_zero(const struct hash *hash)
{
	static const struct hash zero;

	return hash_equal(hash, &zero);
}

/* Where the record before is not in the file, or is known to be wrong, the link cannot be judged;
 * the record itself is pinned by its leaf all the same. */
static void link_check(struct auditlog_verifier *v, const struct chain *chain,
		       const struct auditlog_view *view)
{
	if (chain->position < 0) {
		if (v->summary.first == 0 && v->expired_at < 0 && v->damaged_at < 0 &&
		    !hash_is_zero(&view->previous))
			found(v, AUDITLOG_LINK_BROKEN, view->log_id, 0, v->line,
			      "the first record of \"%.*s\" names one before it",
			      STR_ARG(view->agent_id));
		return;
	}
	if (hash_equal(&chain->hash, &view->previous) || v->expired_at > chain->position ||
	    v->damaged_at >= chain->position)
		return;
	found(v, AUDITLOG_LINK_BROKEN, view->log_id, 0, v->line,
	      "it does not carry the hash of record %lld, the one of \"%.*s\" before it",
	      (long long)chain->position, STR_ARG(view->agent_id));
}

static enum st chain_take(struct auditlog_verifier *v, const struct auditlog_view *view,
			  struct str text)
{
	struct chain *chain;

	TRY(chain_of(v, view->agent_id, &chain));
	link_check(v, chain, view);
	if (chain->sealed)
		found(v, AUDITLOG_AFTER_SEAL, view->log_id, 0, v->line,
		      "the chain of \"%.*s\" was sealed before", STR_ARG(view->agent_id));
	chain->position = view->log_id;
	sha256_of(text.data, text.size, &chain->hash);
	if (str_is(view->source, "audit") && str_is(view->operation_type, AUDITLOG_SEAL_TYPE))
		chain->sealed = true;
	return ST_OK;
}

/* ---- blocks ---- */

static void removed(struct auditlog_verifier *v, int64_t from, int64_t to)
{
	found(v, AUDITLOG_REMOVED, from, to, 0, "%lld record%s of the log %s not there",
	      (long long)(to - from), to - from == 1 ? "" : "s", to - from == 1 ? "is" : "are");
}

static void block_close(struct auditlog_verifier *v)
{
	struct block *b = &v->block;

	for (int64_t i = 0; i < b->count;) {
		int64_t from = i;

		while (i < b->count && b->seen[i] == SEEN_NOT)
			i++;
		if (i > from) {
			removed(v, b->first + from, b->first + i);
			v->damaged_at = b->first + i - 1;
			continue;
		}
		if (b->seen[i] == SEEN_WRONG) {
			found(v, AUDITLOG_ALTERED, b->first + i, 0, b->wrong_line[i],
			      "it is not the record that was logged");
			v->damaged_at = b->first + i;
		}
		i++;
	}
	b->first += b->count;
	b->count = 0;
	b->next = b->first;
}

/* The position that should come next, passing over what expired. */
static int64_t block_expects(const struct block *b)
{
	int64_t at = b->next;

	ASSERT(b->next >= b->first && b->next <= b->first + b->count);
	while (at < b->first + b->count && b->seen[at - b->first] == SEEN_EXPIRED)
		at++;
	return at;
}

static void wrong(struct auditlog_verifier *v, int64_t position)
{
	struct block *b = &v->block;
	uint8_t *seen = &b->seen[position - b->first];

	ASSERT(position >= b->first && position < b->first + b->count);
	if (*seen == SEEN_NOT) {
		*seen = SEEN_WRONG;
		b->wrong_line[position - b->first] = v->line;
		v->damaged_at = position;
		if (position >= b->next)
			b->next = position + 1;
		return;
	}
	found(v, AUDITLOG_INSERTED, position, 0, v->line, "position %lld is taken by another line",
	      (long long)position);
}

static enum st right(struct auditlog_verifier *v, const struct auditlog_view *view, struct str text)
{
	struct block *b = &v->block;
	int64_t position = view->log_id, expected = block_expects(b);
	uint8_t *seen = &b->seen[position - b->first];

	if (*seen == SEEN_RIGHT || *seen == SEEN_EXPIRED) {
		found(v, AUDITLOG_INSERTED, position, 0, v->line,
		      "position %lld is in the file already", (long long)position);
		return ST_OK;
	}
	if (*seen == SEEN_WRONG) {
		found(v, AUDITLOG_INSERTED, position, 0, b->wrong_line[position - b->first],
		      "it claims position %lld, whose record is another", (long long)position);
		if (position == expected - 1)
			expected = position; /* the forged one stood in its way */
	}
	*seen = SEEN_RIGHT;
	v->summary.records++;
	if (position < expected) {
		found(v, AUDITLOG_REORDERED, position, 0, v->line, "it stands after record %lld",
		      (long long)b->next - 1);
		return ST_OK;
	}
	if (position > expected)
		v->damaged_at = position - 1;
	b->next = position + 1;
	return chain_take(v, view, text);
}

static enum st take_record(struct auditlog_verifier *v, struct str line)
{
	struct block *b = &v->block;
	struct auditlog_view view;
	struct hash leaf;
	int64_t expected = block_expects(b);

	if (auditlog_record_read(line, &view) != ST_OK) {
		if (expected < b->first + b->count)
			wrong(v, expected);
		else
			found(v, AUDITLOG_FORMAT, expected, 0, v->line, "not a record");
		return ST_OK;
	}
	if (view.log_id < b->first || view.log_id >= b->first + b->count) {
		found(v, AUDITLOG_INSERTED, view.log_id, 0, v->line,
		      "position %lld is not of the block it stands in", (long long)view.log_id);
		return ST_OK;
	}
	merkle_leaf(line.data, line.size, &leaf);
	if (!hash_equal(&leaf, &b->leaves[view.log_id - b->first])) {
		wrong(v, view.log_id);
		return ST_OK;
	}
	return right(v, &view, line);
}

static bool expired_take(struct auditlog_verifier *v, const struct audit_export_block *in)
{
	struct block *b = &v->block;

	if (in->expired.count % 2 != 0)
		return false;
	for (size_t i = 0; i < in->expired.count; i += 2) {
		int64_t from = in->expired.items[i], count = in->expired.items[i + 1];

		if (from < 0 || count < 1 || from + count > b->count)
			return false;
		for (int64_t k = from; k < from + count; k++) {
			if (b->seen[k] == SEEN_EXPIRED)
				return false;
			b->seen[k] = SEEN_EXPIRED;
		}
		v->summary.expired += count;
		if (b->first + from + count - 1 > v->expired_at)
			v->expired_at = b->first + from + count - 1;
	}
	return true;
}

static enum st tree_take(struct auditlog_verifier *v)
{
	for (int64_t i = 0; i < v->block.count; i++)
		TRY(merkle_append(&v->tree, &v->block.leaves[i], NULL, NULL));
	return ST_OK;
}

/* Blocks that are not there: the tree cannot be followed past them, records still can. */
static bool block_follows(struct auditlog_verifier *v, const struct audit_export_block *in)
{
	if (in->first == v->block.first)
		return true;
	if (in->first < v->block.first || in->first > v->summary.end) {
		found(v, AUDITLOG_INSERTED, in->first, 0, v->line,
		      "a block of position %lld does not belong here", (long long)in->first);
		return false;
	}
	removed(v, v->block.first, in->first);
	v->damaged_at = in->first - 1;
	v->block.first = v->block.next = in->first;
	return true;
}

static enum st take_block(struct auditlog_verifier *v, const struct audit_export_block *in)
{
	struct block *b = &v->block;
	size_t size = 0;

	block_close(v);
	if (!block_follows(v, in))
		return ST_OK;
	if (in->count < 1 || in->count > AUDITLOG_BLOCK_MAX ||
	    in->first + in->count > v->summary.end ||
	    base64_decode(in->leaves, b->leaves, sizeof(b->leaves), &size) != ST_OK ||
	    size != (size_t)in->count * HASH_BYTES) {
		found(v, AUDITLOG_FORMAT, in->first, 0, v->line, "a block that is not well formed");
		return ST_OK;
	}
	b->count = in->count;
	b->next = b->first;
	memset(b->seen, SEEN_NOT, sizeof(b->seen));
	if (!expired_take(v, in))
		found(v, AUDITLOG_FORMAT, in->first, 0, v->line,
		      "the expired positions of a block are not well formed");
	return tree_take(v);
}

/* ---- header and checkpoints ---- */

static bool checkpoint_read(struct auditlog_verifier *v, struct str text, int64_t position,
			    struct checkpoint *ret)
{
	struct note_verdict verdicts[NOTE_SIGNATURES_MAX];
	struct problem problem = { 0 };
	struct note *note = ARENA_NEW(&v->arena, struct note);

	if (!note || v->key_count > NOTE_SIGNATURES_MAX ||
	    note_parse(text, note, &problem) != ST_OK ||
	    note_verify(note, v->keys, v->key_count, verdicts, &problem) != ST_OK ||
	    checkpoint_parse(note->text, ret, &problem) != ST_OK) {
		found(v, AUDITLOG_SIGNATURE, position, 0, v->line, "checkpoint: %s",
		      problem.detail);
		return false;
	}
	/* a key speaks for the log that has its name */
	for (size_t i = 0; i < v->key_count; i++)
		if (verdicts[i].signed_by && v->keys[i].type == NOTE_ED25519 &&
		    str_is(ret->origin, v->keys[i].name))
			return true;
	found(v, AUDITLOG_SIGNATURE, position, 0, v->line,
	      "checkpoint: not signed by the log \"%.*s\" it names", STR_ARG(ret->origin));
	return false;
}

static bool hashes_read(const struct str *texts, size_t count, size_t count_max, struct hash *ret)
{
	if (count > count_max)
		return false;
	for (size_t i = 0; i < count; i++)
		if (hash_of_text(texts[i], &ret[i]) != ST_OK)
			return false;
	return true;
}

static bool header_fits(struct auditlog_verifier *v, const struct audit_export_header *in,
			const struct checkpoint *checkpoint)
{
	struct hash left[AUDITLOG_LEFT_MAX];

	return in->first >= 0 && in->first < in->end && in->end <= in->size &&
	       in->size == checkpoint->size && str_equal(in->origin, checkpoint->origin) &&
	       hashes_read(in->left.items, in->left.count, AUDITLOG_LEFT_MAX, left) &&
	       hashes_read(in->right.items, in->right.count, AUDITLOG_RIGHT_MAX, v->right) &&
	       auditlog_tree_begin(in->first, left, in->left.count, &v->tree) == ST_OK;
}

static void take_header(struct auditlog_verifier *v, struct str line)
{
	struct audit_export_header in;
	struct checkpoint checkpoint;
	struct problem problem = { 0 };

	v->header_taken = true;
	v->broken = true;
	if (proto_decode(&audit_export_header_type, line, PROTO_UNKNOWN_REFUSED, &v->arena, &in,
			 &problem) != ST_OK) {
		found(v, AUDITLOG_FORMAT, 0, 0, v->line, "the first line is no export header: %s",
		      problem.detail);
		return;
	}
	if (!checkpoint_read(v, in.checkpoint, in.first, &checkpoint))
		return;
	if (!header_fits(v, &in, &checkpoint)) {
		found(v, AUDITLOG_FORMAT, in.first, 0, v->line,
		      "the header does not agree with its checkpoint");
		return;
	}
	v->broken = false;
	v->root = checkpoint.root;
	v->right_count = in.right.count;
	v->proved_to = in.first;
	v->block.first = v->block.next = in.first;
	v->summary = (struct auditlog_summary){
		.first = in.first, .end = in.end, .size = in.size, .findings = v->summary.findings
	};
}

static void take_checkpoint(struct auditlog_verifier *v, struct str text)
{
	struct checkpoint checkpoint;
	struct hash root;

	block_close(v);
	if (!checkpoint_read(v, text, v->tree.size, &checkpoint))
		return;
	if (checkpoint.size != v->tree.size) {
		found(v, AUDITLOG_FORMAT, v->tree.size, 0, v->line,
		      "a checkpoint of size %lld stands where the tree has %lld",
		      (long long)checkpoint.size, (long long)v->tree.size);
		return;
	}
	merkle_tree_root(&v->tree, &root);
	if (!hash_equal(&root, &checkpoint.root)) {
		found(v, AUDITLOG_ROOT, v->proved_to, checkpoint.size, v->line,
		      "these positions do not give the signed root of size %lld",
		      (long long)checkpoint.size);
		return;
	}
	v->proved_to = checkpoint.size;
	v->summary.checkpoints++;
}

static enum st take_other(struct auditlog_verifier *v, struct str line)
{
	struct problem problem;
	struct json *node;

	if (json_parse(&v->arena, line, &node, &problem) == ST_OK) {
		struct audit_export_checkpoint checkpoint;
		struct audit_export_block block;

		if (proto_decode_node(&audit_export_block_type, node, PROTO_UNKNOWN_REFUSED,
				      &v->arena, &block, &problem) == ST_OK)
			return take_block(v, &block);
		if (proto_decode_node(&audit_export_checkpoint_type, node, PROTO_UNKNOWN_REFUSED,
				      &v->arena, &checkpoint, &problem) == ST_OK) {
			take_checkpoint(v, checkpoint.checkpoint);
			return ST_OK;
		}
	}
	return take_record(v, line); /* which names the position a record should be at */
}

enum st auditlog_verifier_line(struct auditlog_verifier *verifier, struct str line)
{
	verifier->line++;
	arena_reset(&verifier->arena);
	if (!verifier->header_taken) {
		take_header(verifier, line);
		return ST_OK;
	}
	if (verifier->broken)
		return ST_OK;
	if (line.size > AUDITLOG_LINE_BYTES_MAX) {
		found(verifier, AUDITLOG_FORMAT, verifier->block.next, 0, verifier->line,
		      "a line longer than %d bytes", AUDITLOG_LINE_BYTES_MAX);
		return ST_OK;
	}
	if (str_starts(line, "{\"agent_id\":"))
		return take_record(verifier, line);
	return take_other(verifier, line);
}

static void end_check(struct auditlog_verifier *v)
{
	struct hash root;

	if (v->block.first < v->summary.end)
		removed(v, v->block.first, v->summary.end);
	if (v->tree.size != v->summary.end ||
	    auditlog_tree_end(&v->tree, v->summary.size, v->right, v->right_count) != ST_OK) {
		found(v, AUDITLOG_ROOT, v->proved_to, v->summary.end, 0,
		      "the range is not whole, so no root can be had");
		return;
	}
	merkle_tree_root(&v->tree, &root);
	if (!hash_equal(&root, &v->root)) {
		found(v, AUDITLOG_ROOT, v->proved_to, v->summary.end, 0,
		      "these positions do not give the signed root of size %lld",
		      (long long)v->summary.size);
		return;
	}
	v->summary.checkpoints++;
	v->summary.proved = v->summary.findings == 0;
}

void auditlog_verifier_end(struct auditlog_verifier *verifier, struct auditlog_summary *ret)
{
	if (!verifier->header_taken)
		found(verifier, AUDITLOG_FORMAT, 0, 0, 0, "the file is empty");
	if (verifier->header_taken && !verifier->broken) {
		block_close(verifier);
		end_check(verifier);
	}
	*ret = verifier->summary;
}
