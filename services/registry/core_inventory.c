/* core_inventory.c: pages of the inventory: the cursor between them, and CSV. */
#include <stdio.h>
#include <stdlib.h>

#include "clock.h"
#include "crypto.h"
#include "registry.h"

/* Cursor: hex of "<filter's digest> <sort> <order> <number> <key>"; the key is the rest. */

#define CURSOR_DIGEST_BYTES 8

static void filter_digest(const struct agent_filter *filter,
			  char ret[HEX_SIZE(CURSOR_DIGEST_BYTES)])
{
	struct sha256 state;
	struct hash hash;
	char numbers[128];
	int size = snprintf(numbers, sizeof(numbers), "%d %d %.17g %.17g %d", (int)filter->tier,
			    (int)filter->state, filter->score_min, filter->score_max,
			    (int)filter->must_restart);

	ASSERT(size > 0 && (size_t)size < sizeof(numbers));
	sha256_init(&state);
	sha256_add_prefixed(&state, filter->role);
	sha256_add_prefixed(&state, filter->unit);
	sha256_add_prefixed(&state, filter->owner);
	sha256_add_prefixed(&state, filter->capability);
	sha256_add_prefixed(&state, str_of(numbers));
	sha256_final(&state, &hash);
	hex_encode(hash.bytes, CURSOR_DIGEST_BYTES, ret);
}

static struct str cursor_key(const struct cursor *cursor, struct arena *arena)
{
	switch (cursor->sort) {
	case REGISTRY_AGENT_SORT_NAME:
		return cursor->name;
	case REGISTRY_AGENT_SORT_SCORE:
		return arena_printf(arena, "%.17g", cursor->score);
	case REGISTRY_AGENT_SORT_CREATED:
		return arena_printf(arena, "%lld", (long long)cursor->created_ms);
	case REGISTRY_AGENT_SORT_ID:
	case REGISTRY_AGENT_SORT_NONE:
		break;
	}
	return STR("");
}

struct str cursor_write(const struct cursor *cursor, const struct agent_filter *filter,
			struct arena *arena)
{
	char digest[HEX_SIZE(CURSOR_DIGEST_BYTES)];
	struct str key = cursor_key(cursor, arena);

	ASSERT(cursor->number > 0 && key.size <= CURSOR_KEY_BYTES_MAX);
	filter_digest(filter, digest);
	struct str text = arena_printf(arena, "%s %d %d %lld %.*s", digest, (int)cursor->sort,
				       (int)cursor->order, (long long)cursor->number, STR_ARG(key));
	char *hex = text.data ? arena_alloc(arena, HEX_SIZE(text.size)) : NULL;
	if (!hex)
		return (struct str){ 0 };
	hex_encode(text.data, text.size, hex);
	return (struct str){ hex, text.size * 2 };
}

static bool key_read(struct str key, struct arena *arena, struct cursor *ret)
{
	char text[64], *end;

	switch (ret->sort) {
	case REGISTRY_AGENT_SORT_NAME:
		ret->name = arena_copy(arena, key);
		return key.size > 0 && key.size <= CURSOR_KEY_BYTES_MAX && str_is_utf8(key) &&
		       !memchr(key.data, 0, key.size) && ret->name.data;
	case REGISTRY_AGENT_SORT_SCORE:
		if (key.size == 0 || !str_copy(key, text, sizeof(text)))
			return false;
		ret->score = strtod(text, &end);
		return *end == 0 && ret->score >= 0 && ret->score <= 100;
	case REGISTRY_AGENT_SORT_CREATED:
		return str_to_i64(key, &ret->created_ms);
	case REGISTRY_AGENT_SORT_ID:
	case REGISTRY_AGENT_SORT_NONE:
		break;
	}
	return key.size == 0;
}

static bool cursor_parse(struct str text, const struct cursor *expected,
			 const struct agent_filter *filter, struct arena *arena, struct cursor *ret)
{
	char digest[HEX_SIZE(CURSOR_DIGEST_BYTES)];
	char bytes[CURSOR_BYTES_MAX];
	struct str rest = { bytes, text.size / 2 }, part[4];
	int64_t sort, order;

	if (text.size % 2 || rest.size > sizeof(bytes) ||
	    hex_decode(text, bytes, rest.size) != ST_OK)
		return false;
	for (int i = 0; i < 4; i++)
		if (!str_cut(rest, ' ', &part[i], &rest))
			return false;
	filter_digest(filter, digest);
	if (!str_is(part[0], digest) || !str_to_i64(part[1], &sort) ||
	    sort != (int64_t)expected->sort || !str_to_i64(part[2], &order) ||
	    order != (int64_t)expected->order)
		return false;
	if (!str_to_i64(part[3], &ret->number) || ret->number < 1)
		return false;
	return key_read(rest, arena, ret);
}

enum st cursor_read(struct str text, enum registry_agent_sort sort, enum registry_sort_order order,
		    const struct agent_filter *filter, struct arena *arena, struct cursor *ret,
		    struct problem *problem)
{
	struct cursor cursor = { .sort = sort, .order = order, .name = STR("") };

	if (text.data && !cursor_parse(text, &cursor, filter, arena, &cursor)) {
		problem_set(problem, ST_CURSOR_INVALID, "/cursor",
			    "not a cursor of this filter, sort and order");
		problem_hint(problem, "the next_cursor of the page before, with the same filter");
		return ST_CURSOR_INVALID;
	}
	*ret = cursor;
	return ST_OK;
}

struct cursor cursor_behind(const struct registry_agent_summary *last, int64_t number,
			    enum registry_agent_sort sort, enum registry_sort_order order)
{
	return (struct cursor){
		.sort = sort,
		.order = order,
		.number = number,
		.name = last->name,
		.score = last->score,
		.created_ms = last->created_ms,
	};
}

/* Size */

/* Quoted, each byte may become six; names are mostly plain, so those that are not count as they
 * are written. */
static size_t text_bytes(struct str s)
{
	size_t size = 3; /* quotes, comma */

	for (size_t i = 0; i < s.size; i++) {
		unsigned char c = (unsigned char)s.data[i];
		size += c < 0x20 ? 6 : c == '"' || c == '\\' ? 2 : 1;
	}
	return size;
}

static size_t list_bytes(struct str_list list)
{
	size_t size = 2;

	for (size_t i = 0; i < list.count; i++)
		size += text_bytes(list.items[i]);
	return size;
}

size_t summary_bytes_max(const struct registry_agent_summary *summary)
{
	/* names of members, numbers, times */
	static const size_t frame = 420;

	return frame + text_bytes(summary->agent_id) + text_bytes(summary->name) +
	       text_bytes(summary->role) + text_bytes(summary->unit) + text_bytes(summary->owner) +
	       text_bytes(summary->version) + text_bytes(summary->constitution_hash) +
	       text_bytes(summary->approved_by) + list_bytes(LIST_VIEW(summary->capabilities)) +
	       list_bytes(LIST_VIEW(summary->capability_scopes)) +
	       list_bytes(LIST_VIEW(summary->tools));
}

/* CSV after RFC 4180: CRLF, quotes where they are needed. Lists are joined by a semicolon, which
 * no id in them contains. */

void csv_field(struct buf *buf, struct str value)
{
	bool plain = true;

	for (size_t i = 0; i < value.size && plain; i++)
		plain = !strchr(",\"\r\n", value.data[i]) || value.data[i] == 0;
	if (plain) {
		buf_add_str(buf, value);
		return;
	}
	buf_add_char(buf, '"');
	for (size_t i = 0; i < value.size; i++) {
		if (value.data[i] == '"')
			buf_add_char(buf, '"');
		buf_add_char(buf, value.data[i]);
	}
	buf_add_char(buf, '"');
}

static void csv_list(struct buf *buf, struct str_list list)
{
	for (size_t i = 0; i < list.count; i++) {
		if (i > 0)
			buf_add_char(buf, ';');
		buf_add_str(buf, list.items[i]);
	}
}

static void csv_next(struct buf *buf, struct str value)
{
	buf_add_char(buf, ',');
	csv_field(buf, value);
}

static void csv_next_list(struct buf *buf, struct str_list list)
{
	buf_add_char(buf, ',');
	csv_list(buf, list);
}

void csv_header(struct buf *buf)
{
	buf_add_c(buf, "agent_id,name,role,tier,unit,owner,state,throttled,version,score,created,"
		       "capabilities,capability_scopes,tools,constitution_hash,approved_by\r\n");
}

void csv_row(struct buf *buf, const struct registry_agent_summary *summary)
{
	char created[TIME_TEXT_SIZE];

	ASSERT(summary->state != REGISTRY_AGENT_STATE_NONE);
	time_format(summary->created_ms, created);
	csv_field(buf, summary->agent_id);
	csv_next(buf, summary->name);
	csv_next(buf, summary->role);
	buf_printf(buf, ",%d", (int)summary->tier);
	csv_next(buf, summary->unit);
	csv_next(buf, summary->owner);
	buf_printf(buf, ",%s,%s", registry_agent_state_names[summary->state - 1],
		   summary->throttled ? "true" : "false");
	csv_next(buf, summary->version);
	buf_add_char(buf, ',');
	json_write_double(buf, summary->score);
	csv_next(buf, str_of(created));
	csv_next_list(buf, LIST_VIEW(summary->capabilities));
	csv_next_list(buf, LIST_VIEW(summary->capability_scopes));
	csv_next_list(buf, LIST_VIEW(summary->tools));
	csv_next(buf, summary->constitution_hash);
	csv_next(buf, str_or_empty(summary->approved_by));
	buf_add_c(buf, "\r\n");
}
