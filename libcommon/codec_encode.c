/* codec_encode.c: encoding by table, in the contract's member order. Every value is checked against
 * its schema on the way out: one that breaks it is our own bug, and better refused here than by
 * every reader. Only what the table cannot know (x-any) is written as it is. */
#include <assert.h>
#include <math.h>

#include "clock.h"
#include "proto.h"
#include "regex.h"

#define CAPACITY_FIRST 1024

static void put(struct buf *buf, const void *data, size_t size)
{
	if (buf->failed || buf->capacity - buf->size <= size) {
		buf_add(buf, data, size);
		return;
	}
	memcpy(buf->data + buf->size, data, size);
	buf->size += size;
}

static void put_char(struct buf *buf, char c)
{
	put(buf, &c, 1);
}

static uint64_t bytes_equal(uint64_t word, unsigned char c)
{
	uint64_t x = word ^ (0x0101010101010101u * c);

	return (x - 0x0101010101010101u) & ~x & 0x8080808080808080u;
}

/* ASCII that needs no escape, eight bytes at a time. */
static bool is_plain(struct str s)
{
	size_t i = 0;

	for (; i + 8 <= s.size; i += 8) {
		uint64_t word, control;

		memcpy(&word, s.data + i, sizeof(word));
		control = (word - 0x2020202020202020u) & ~word & 0x8080808080808080u;
		if ((word & 0x8080808080808080u) | control | bytes_equal(word, '"') |
		    bytes_equal(word, '\\'))
			return false;
	}
	for (; i < s.size; i++) {
		unsigned char c = (unsigned char)s.data[i];

		if (c < 0x20 || c >= 0x80 || c == '"' || c == '\\')
			return false;
	}
	return true;
}

static bool put_text(struct buf *buf, struct str s)
{
	if (is_plain(s)) {
		put_char(buf, '"');
		put(buf, s.data, s.size);
		put_char(buf, '"');
		return true;
	}
	if (!str_is_utf8(s) || memchr(s.data, '\0', s.size))
		return false;
	json_write_string(buf, s);
	return true;
}

static bool length_fits(int64_t min, int64_t max, struct str s)
{
	int64_t count = 0;

	if ((int64_t)s.size <= max && min == 0)
		return true;
	for (size_t i = 0; i < s.size; i++)
		count += ((unsigned char)s.data[i] & 0xc0) != 0x80;
	return count >= min && count <= max;
}

static bool pattern_fits(const struct proto_pattern *pattern, struct str s)
{
	return !pattern || regex_matches(regex_of_slot(pattern->regex, pattern->compiled), s);
}

static bool encode_string(const struct proto_value *value, const void *in, struct buf *buf)
{
	struct str s;

	memcpy(&s, in, sizeof(s));
	if (!s.data || !length_fits(value->min, value->max, s) || !pattern_fits(value->pattern, s))
		return false;
	return put_text(buf, s);
}

static bool encode_enum(const struct proto_value *value, const void *in, struct buf *buf)
{
	unsigned found;

	memcpy(&found, in, sizeof(found));
	if (found == 0)
		return false;
	for (unsigned i = 0; i < found; i++) {
		if (!value->names[i])
			return false;
	}
	put_char(buf, '"');
	put(buf, value->names[found - 1], strlen(value->names[found - 1]));
	put_char(buf, '"');
	return true;
}

static bool encode_time(const void *in, struct buf *buf)
{
	char text[TIME_TEXT_SIZE];
	int64_t ms;

	memcpy(&ms, in, sizeof(ms));
	if (ms < 0 || ms > TIME_MS_MAX)
		return false;
	time_format(ms, text);
	put_char(buf, '"');
	put(buf, text, strlen(text));
	put_char(buf, '"');
	return true;
}

static bool encode_i64(const struct proto_value *value, const void *in, struct buf *buf)
{
	size_t start = buf->size;
	int64_t number;

	memcpy(&number, in, sizeof(number));
	put_char(buf, '"');
	buf_add_i64(buf, number);
	if (!buf->failed && !pattern_fits(value->pattern, (struct str){ buf->data + start + 1,
									buf->size - start - 1 }))
		return false;
	put_char(buf, '"');
	return true;
}

static bool encode_integer(const struct proto_value *value, const void *in, struct buf *buf)
{
	int64_t number;

	memcpy(&number, in, sizeof(number));
	if (number < value->min || number > value->max)
		return false;
	buf_add_i64(buf, number);
	return true;
}

static bool encode_number(const struct proto_value *value, const void *in, struct buf *buf)
{
	double number;

	memcpy(&number, in, sizeof(number));
	if (!isfinite(number) || number < value->number_min || number > value->number_max)
		return false;
	json_write_double(buf, number);
	return true;
}

static bool encode_bool(const struct proto_value *value, const void *in, struct buf *buf)
{
	bool flag;

	memcpy(&flag, in, sizeof(flag));
	if (flag < value->min || flag > value->max)
		return false;
	put(buf, flag ? "true" : "false", flag ? 4 : 5);
	return true;
}

static bool encode_money(const void *in, struct buf *buf)
{
	static const char amount[] = "{\"amount\":\"", currency[] = "\",\"currency\":\"";
	char text[MONEY_TEXT_SIZE];
	struct money money;
	size_t size;

	memcpy(&money, in, sizeof(money));
	if (money.currency[sizeof(money.currency) - 1] != '\0' ||
	    !currency_valid(str_of(money.currency)))
		return false;
	size = money_print(money, text);
	put(buf, amount, sizeof(amount) - 1);
	put(buf, text, size);
	put(buf, currency, sizeof(currency) - 1);
	put(buf, money.currency, sizeof(money.currency) - 1);
	put(buf, "\"}", 2);
	return true;
}

static bool count_fits(const struct proto_value *value, size_t count)
{
	return (int64_t)count >= value->min && (int64_t)count <= value->max;
}

static bool encode_pair_name(struct str name, struct buf *buf)
{
	return name.data && length_fits(0, PROTO_PAIR_NAME_CHARS_MAX, name) && put_text(buf, name);
}

static bool encode_pairs(const struct proto_value *value, const void *in, struct buf *buf)
{
	struct proto_pairs pairs;

	memcpy(&pairs, in, sizeof(pairs));
	if (!count_fits(value, pairs.count))
		return false;
	put_char(buf, '{');
	for (size_t i = 0; i < pairs.count; i++) {
		if (i > 0)
			put_char(buf, ',');
		if (!encode_pair_name(pairs.items[i].name, buf))
			return false;
		put_char(buf, ':');
		if (!encode_string(value->items, &pairs.items[i].value, buf))
			return false;
	}
	put_char(buf, '}');
	return true;
}

static bool encode_value(const struct proto_value *value, const void *in, struct buf *buf);

static bool encode_array(const struct proto_value *value, const void *in, struct buf *buf)
{
	const char *items;
	size_t count;

	memcpy(&items, in, sizeof(items));
	memcpy(&count, (const char *)in + sizeof(items), sizeof(count));
	if (!count_fits(value, count) || (count > 0 && !items))
		return false;
	put_char(buf, '[');
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			put_char(buf, ',');
		if (!encode_value(value->items, items + i * value->item_size_bytes, buf))
			return false;
	}
	put_char(buf, ']');
	return true;
}

static bool encode_any(const void *in, struct buf *buf)
{
	const struct json *node;

	memcpy(&node, in, sizeof(node));
	if (!node)
		return false;
	json_write(buf, node);
	return true;
}

static bool encode_struct(const struct proto_type *type, const void *in, struct buf *buf);

static bool encode_value(const struct proto_value *value, const void *in, struct buf *buf)
{
	switch (value->kind) {
	case PROTO_STRING:
		return encode_string(value, in, buf);
	case PROTO_ENUM:
		return encode_enum(value, in, buf);
	case PROTO_TIME:
		return encode_time(in, buf);
	case PROTO_I64:
		return encode_i64(value, in, buf);
	case PROTO_INTEGER:
		return encode_integer(value, in, buf);
	case PROTO_NUMBER:
		return encode_number(value, in, buf);
	case PROTO_BOOL:
		return encode_bool(value, in, buf);
	case PROTO_ARRAY:
		return encode_array(value, in, buf);
	case PROTO_OBJECT:
		return encode_struct(value->object, in, buf);
	case PROTO_MONEY:
		return encode_money(in, buf);
	case PROTO_PAIRS:
		return encode_pairs(value, in, buf);
	case PROTO_ANY:
		return encode_any(in, buf);
	}
	ASSERT(value->kind <= PROTO_ANY);
	return false;
}

static bool is_absent(const struct proto_field *field, const char *base)
{
	const void *pointer;
	unsigned found;

	if (field->required)
		return false;
	if (field->offset_has != UINT32_MAX)
		return !*(const bool *)(base + field->offset_has);
	if (field->value.kind == PROTO_ENUM) {
		memcpy(&found, base + field->offset, sizeof(found));
		return found == 0;
	}
	/* a string's first member is its pointer, too */
	memcpy(&pointer, base + field->offset, sizeof(pointer));
	return !pointer;
}
static_assert(offsetof(struct str, data) == 0, "is_absent reads a string as a pointer");

static bool encode_struct(const struct proto_type *type, const void *in, struct buf *buf)
{
	const char *base = in;
	bool first = true;

	put_char(buf, '{');
	for (size_t i = 0; i < type->field_count; i++) {
		const struct proto_field *field = &type->fields[i];
		const void *value = base + field->offset;

		if (is_absent(field, base))
			continue;
		if (field->pointer)
			memcpy(&value, base + field->offset, sizeof(value));
		if (!first)
			put_char(buf, ',');
		put(buf, field->key, field->key_size);
		if (!encode_value(&field->value, value, buf))
			return false;
		first = false;
	}
	put_char(buf, '}');
	return true;
}

enum st proto_encode(const struct proto_type *type, const void *in, struct arena *arena,
		     struct str *ret)
{
	struct buf buf;
	struct str text;

	buf_init(&buf, arena, CAPACITY_FIRST);
	if (!encode_struct(type, in, &buf))
		return ST_INTERNAL;
	if (buf.size > type->bytes_max)
		return ST_MESSAGE_TOO_LARGE;
	text = buf_str(&buf);
	if (!text.data)
		return ST_TOO_LARGE;
	*ret = text;
	return ST_OK;
}

void proto_encode_to(const struct proto_type *type, const void *in, struct buf *buf)
{
	size_t start = buf->size;

	if (!encode_struct(type, in, buf) || buf->size - start > type->bytes_max)
		buf->failed = true;
}
