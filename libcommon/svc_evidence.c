/* svc_evidence.c: evidence that leaves packed. What a transaction did is told by one event for many
 * acts, so that numbering, signing, sending and storing cost a fraction of an event each. One act
 * alone is told as it always was. Texts are kept until the transaction is about to end: a call that
 * is refused takes its own back. */
#include "gen/common.h"
#include "id.h"
#include "svc_internal.h"

#define EVIDENCE_STEP 64

static const char pack_head[] = "{\"records\":[";
static const char pack_tail[] = "]}";

_Static_assert(SVC_EVIDENCE_PACK_MAX <= 256, "the contract's EvidencePack holds no more");

static enum st evidence_reserve(struct svc_evidence *evidence, struct arena *arena)
{
	size_t capacity = evidence->capacity ? evidence->capacity * 2 : EVIDENCE_STEP;
	struct svc_evidence_item *items;

	if (evidence->count < evidence->capacity)
		return ST_OK;
	items = ARENA_ARRAY(arena, struct svc_evidence_item, capacity);
	if (!items)
		return ST_TOO_LARGE;
	if (evidence->count > 0)
		memcpy(items, evidence->items, evidence->count * sizeof(*items));
	evidence->items = items;
	evidence->capacity = capacity;
	return ST_OK;
}

enum st svc_evidence_emit(const struct svc_scope *scope, const struct common_evidence *in)
{
	struct svc_evidence *evidence = &scope->svc->outbox.evidence;
	struct svc_evidence_item item;

	TRY(evidence_reserve(evidence, scope->arena));
	TRY(proto_encode(&common_evidence_type, in, scope->arena, &item.text));
	if (item.text.size + sizeof(pack_head) + sizeof(pack_tail) > SVC_OUTBOX_ROW_BYTES_MAX)
		return ST_MESSAGE_TOO_LARGE;
	item.evidence_id = arena_copy(scope->arena, in->evidence_id);
	if (!item.evidence_id.data)
		return ST_TOO_LARGE;
	item.trace_id = scope->trace_id;
	item.time_ms = scope->now_ms;
	evidence->items[evidence->count++] = item;
	return ST_OK;
}

/* How many from `items` on fit into one row, and how long it is. */
static size_t pack_measure(const struct svc_evidence_item *items, size_t count, size_t *ret_size)
{
	size_t size = sizeof(pack_head) - 1 + sizeof(pack_tail) - 1, n = 0;

	while (n < count && n < SVC_EVIDENCE_PACK_MAX &&
	       size + items[n].text.size + (n > 0) <= SVC_OUTBOX_ROW_BYTES_MAX) {
		size += items[n].text.size + (n > 0);
		n++;
	}
	ASSERT(n > 0);
	*ret_size = size;
	return n;
}

static char *put(char *out, struct str s)
{
	memcpy(out, s.data, s.size);
	return out + s.size;
}

static struct str pack_write(struct arena *arena, const struct svc_evidence_item *items,
			     size_t count, size_t size)
{
	char *text = arena_alloc(arena, size + 1), *out = text;

	if (!text)
		return (struct str){ 0 };
	out = put(out, (struct str){ pack_head, sizeof(pack_head) - 1 });
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			*out++ = ',';
		out = put(out, items[i].text);
	}
	out = put(out, (struct str){ pack_tail, sizeof(pack_tail) - 1 });
	ASSERT((size_t)(out - text) == size);
	return (struct str){ text, size };
}

enum st svc_evidence_pack(struct svc *svc)
{
	struct svc_evidence *evidence = &svc->outbox.evidence;
	const struct svc_evidence_item *items = evidence->items;
	size_t left = evidence->count, size;

	evidence->count = 0;
	if (left == 1)
		return svc_outbox_add(svc, &EVT_EVIDENCE_RECORDED, items, items->evidence_id,
				      items->text);
	for (size_t n; left > 0; left -= n, items += n) {
		n = pack_measure(items, left, &size);
		struct str text = pack_write(&svc->arena, items, n, size);
		if (!text.data)
			return ST_TOO_LARGE;
		TRY(svc_outbox_add(svc, &EVT_EVIDENCE_PACKED, items, str_of(svc->definition->name),
				   text));
	}
	return ST_OK;
}
