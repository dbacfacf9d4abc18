/* core_index.c: terms and posting lists. A term only proposes records; audit_query_matches decides.
 */
#include <sodium/crypto_shorthash.h>
#include <stdlib.h>

#include "audit.h"

/* ---- terms ---- */

_Static_assert(crypto_shorthash_BYTES == 8 && crypto_shorthash_KEYBYTES == 16, "SipHash-2-4");

int64_t audit_term(enum audit_attribute attribute, struct str value)
{
	unsigned char key[16] = "piopl-audit-term";
	unsigned char out[8];
	int64_t term;

	key[15] = (unsigned char)attribute;
	crypto_shorthash(out, (const unsigned char *)value.data, value.size, key);
	memcpy(&term, out, sizeof(term));
	return term;
}

static void add(struct audit_terms *terms, enum audit_attribute attribute, struct str value)
{
	if (!value.data)
		return;
	ASSERT(terms->count < AUDIT_TERMS_MAX);
	terms->items[terms->count++] = audit_term(attribute, value);
}

static struct str name_of(const char *const *names, int value)
{
	return value == 0 ? (struct str){ 0 } : str_of(names[value - 1]);
}

void audit_terms_of_evidence(const struct common_evidence *evidence, struct audit_terms *ret)
{
	*ret = (struct audit_terms){ .count = 0 };
	add(ret, AUDIT_AGENT, evidence->agent_id);
	add(ret, AUDIT_TYPE, evidence->operation.type);
	add(ret, AUDIT_TOOL, evidence->operation.tool);
	add(ret, AUDIT_DECISION,
	    name_of(common_evidence_policy_decision_names,
		    (int)evidence->policy_evaluation.decision));
	add(ret, AUDIT_OUTCOME,
	    name_of(common_evidence_outcome_status_names, (int)evidence->outcome.status));
	add(ret, AUDIT_DOMAIN, evidence->domain);
	add(ret, AUDIT_TRACE, evidence->trace_id);
	add(ret, AUDIT_USER, evidence->context.user_id);
	add(ret, AUDIT_PROVENANCE, evidence->provenance);
}

void audit_terms_of_query(const struct audit_record_query_request *query, struct audit_terms *ret)
{
	*ret = (struct audit_terms){ .count = 0 };
	add(ret, AUDIT_AGENT, query->agent_id);
	add(ret, AUDIT_TYPE, query->operation_type);
	add(ret, AUDIT_TOOL, query->tool);
	add(ret, AUDIT_DECISION,
	    name_of(audit_record_query_request_decision_names, (int)query->decision));
	add(ret, AUDIT_OUTCOME,
	    name_of(audit_record_query_request_outcome_names, (int)query->outcome));
	add(ret, AUDIT_DOMAIN, query->domain);
	add(ret, AUDIT_TRACE, query->trace_id);
	add(ret, AUDIT_USER, query->user_id);
	add(ret, AUDIT_PROVENANCE, query->provenance);
}

static bool same(struct str wanted, struct str there)
{
	return !wanted.data || (there.data && str_equal(wanted, there));
}

bool audit_query_matches(const struct audit_record_query_request *query,
			 const struct audit_record *record)
{
	/* the two enums are the same list, in the contract and so in value */
	if (query->decision && (int)query->decision != (int)record->policy_evaluation.decision)
		return false;
	if (query->outcome && (int)query->outcome != (int)record->outcome.status)
		return false;
	if (query->has_from_ms && record->timestamp_ms < query->from_ms)
		return false;
	if (query->has_to_ms && record->timestamp_ms >= query->to_ms)
		return false;
	return same(query->agent_id, record->agent_id) &&
	       same(query->user_id, record->context.user_id) &&
	       same(query->trace_id, record->trace_id) &&
	       same(query->operation_type, record->operation.type) &&
	       same(query->tool, record->operation.tool) && same(query->domain, record->domain) &&
	       same(query->provenance, record->provenance);
}

int64_t audit_evidence_key(struct str evidence_id)
{
	uint64_t key = 0;
	int digits = 0;

	for (size_t i = sizeof("evd_") - 1; i < evidence_id.size && digits < 16; i++) {
		char c = evidence_id.data[i];

		if (c == '-')
			continue;
		key = key << 4 | (uint64_t)(c >= '0' && c <= '9'   ? c - '0'
					    : c >= 'a' && c <= 'f' ? c - 'a' + 10
								   : 0);
		digits++;
	}
	/* Two's complement, so that the order of ids before the year 6429 is kept. */
	return (int64_t)key;
}

/* ---- bitmaps ---- */

#define WORDS (AUDIT_SEGMENT / 64)
#define LIST_ITEMS_MAX (AUDIT_POSTING_BYTES_MAX / 2 - 1) /* a longer one is a bitmap */

void audit_bitmap_fill(struct audit_bitmap *bitmap)
{
	memset(bitmap->words, 0xff, sizeof(bitmap->words));
}

static uint16_t list_item(struct str posting, size_t at)
{
	return (uint16_t)((unsigned char)posting.data[2 * at] |
			  (unsigned char)posting.data[2 * at + 1] << 8);
}

enum st audit_bitmap_and(struct audit_bitmap *bitmap, struct str posting)
{
	struct audit_bitmap other = { { 0 } };

	if (posting.size > AUDIT_POSTING_BYTES_MAX || posting.size % 2 != 0)
		return ST_LOG_DAMAGED;
	if (posting.size == AUDIT_POSTING_BYTES_MAX) {
		memcpy(other.words, posting.data, posting.size);
	} else {
		for (size_t i = 0; i < posting.size / 2; i++) {
			uint16_t offset = list_item(posting, i);

			if (offset >= AUDIT_SEGMENT)
				return ST_LOG_DAMAGED;
			other.words[offset / 64] |= UINT64_C(1) << (offset % 64);
		}
	}
	for (size_t i = 0; i < WORDS; i++)
		bitmap->words[i] &= other.words[i];
	return ST_OK;
}

void audit_bitmap_clip(struct audit_bitmap *bitmap, int64_t from, int64_t to)
{
	for (int64_t i = 0; i < WORDS; i++) {
		int64_t low = from - i * 64, high = to - i * 64;

		if (low >= 64 || high <= 0) {
			bitmap->words[i] = 0;
			continue;
		}
		if (low > 0)
			bitmap->words[i] &= ~UINT64_C(0) << low;
		if (high < 64)
			bitmap->words[i] &= ~UINT64_C(0) >> (64 - high);
	}
}

size_t audit_bitmap_first(const struct audit_bitmap *bitmap, size_t max, uint16_t *ret)
{
	size_t count = 0;

	for (size_t i = 0; i < WORDS && count < max; i++)
		for (uint64_t word = bitmap->words[i]; word && count < max; word &= word - 1)
			ret[count++] = (uint16_t)(i * 64 + (size_t)__builtin_ctzll(word));
	return count;
}

size_t audit_bitmap_last(const struct audit_bitmap *bitmap, size_t max, uint16_t *ret)
{
	size_t count = 0;

	for (size_t i = WORDS; i-- > 0 && count < max;) {
		uint64_t word = bitmap->words[i];

		while (word && count < max) {
			unsigned top = 63 - (unsigned)__builtin_clzll(word);

			ret[count++] = (uint16_t)(i * 64 + top);
			word &= ~(UINT64_C(1) << top);
		}
	}
	return count;
}

/* ---- making postings ---- */

static int entry_order(const void *a, const void *b)
{
	const struct audit_index_entry *x = a, *y = b;

	if (x->term != y->term)
		return x->term < y->term ? -1 : 1;
	return (int)x->offset - (int)y->offset;
}

void audit_index_sort(struct audit_index_entry *entries, size_t count)
{
	qsort(entries, count, sizeof(entries[0]), entry_order);
}

size_t audit_index_next(const struct audit_index_entry *entries, size_t count, size_t from,
			struct audit_posting *ret)
{
	size_t to = from;

	ASSERT(from < count);
	while (to < count && entries[to].term == entries[from].term)
		to++;
	ret->term = entries[from].term;
	if (to - from <= LIST_ITEMS_MAX) {
		ret->size = 2 * (to - from);
		for (size_t i = from; i < to; i++) {
			ret->bytes[2 * (i - from)] = (uint8_t)(entries[i].offset & 0xff);
			ret->bytes[2 * (i - from) + 1] = (uint8_t)(entries[i].offset >> 8);
		}
		return to;
	}
	ret->size = AUDIT_POSTING_BYTES_MAX;
	memset(ret->bytes, 0, sizeof(ret->bytes));
	for (size_t i = from; i < to; i++) {
		ASSERT(entries[i].offset < AUDIT_SEGMENT);
		ret->bytes[entries[i].offset / 8] |= (uint8_t)(1u << (entries[i].offset % 8));
	}
	return to;
}
