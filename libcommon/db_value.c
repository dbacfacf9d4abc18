/* Values of PostgreSQL in its binary formats. No connection here: everything is a function of its
 * arguments, so it is tested and fuzzed without a server. */
#include "db_value.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

#define UUID_BYTES 16
#define UUID_TEXT_SIZE 36
#define JSONB_VERSION 1
#define ARRAY_HEAD_BYTES 12     /* dimensions, has nulls, element type */
#define ARRAY_DIMENSION_BYTES 8 /* count, lower bound */

struct type_row {
	char letter;
	char element;  /* of an array; 0 for scalars */
	uint8_t bytes; /* fixed size, 0 when it varies */
	uint32_t oid;
	const char *name;
};

static const struct type_row types[] = {
	{ 'i', 0, 8, 20, "int8" },
	{ 'n', 0, 4, 23, "int4" },
	{ 'f', 0, 8, 701, "float8" },
	{ 'b', 0, 1, 16, "bool" },
	{ 't', 0, 0, 25, "text" },
	{ 'x', 0, 0, 17, "bytea" },
	{ 'j', 0, 0, 3802, "jsonb" },
	{ 'g', 0, UUID_BYTES, 2950, "uuid" },
	{ 'I', 'i', 0, 1016, "int8[]" },
	{ 'T', 't', 0, 1009, "text[]" },
	{ 'X', 'x', 0, 1001, "bytea[]" },
	{ 'F', 'f', 0, 1022, "float8[]" },
	{ 'B', 'b', 0, 1000, "bool[]" },
	{ 'N', 'n', 0, 1007, "int4[]" },
	/* seen only in messages about a wrong declaration */
	{ 0, 0, 0, 18, "char" },
	{ 0, 0, 0, 19, "name" },
	{ 0, 0, 0, 21, "int2" },
	{ 0, 0, 0, 26, "oid" },
	{ 0, 0, 0, 28, "xid" },
	{ 0, 0, 0, 114, "json" },
	{ 0, 0, 0, 700, "float4" },
	{ 0, 0, 0, 869, "inet" },
	{ 0, 0, 0, 1042, "bpchar" },
	{ 0, 0, 0, 1043, "varchar" },
	{ 0, 0, 0, 1082, "date" },
	{ 0, 0, 0, 1114, "timestamp" },
	{ 0, 0, 0, 1184, "timestamptz" },
	{ 0, 0, 0, 1186, "interval" },
	{ 0, 0, 0, 1700, "numeric" },
	{ 0, 0, 0, 2278, "void" },
	{ 0, 0, 0, 2951, "uuid[]" },
	{ 0, 0, 0, 3807, "jsonb[]" },
	{ 0, 0, 0, 5069, "xid8" },
};

#define OID_INT2 21

static const struct type_row *type_of(char letter)
{
	size_t i = 0;

	ASSERT(letter != 0);
	while (types[i].letter != letter) {
		i++;
		ASSERT(i < sizeof(types) / sizeof(types[0])); /* a letter that db.h knows */
	}
	return &types[i];
}

uint32_t db_type_oid(char type)
{
	return type_of(type)->oid;
}

const char *db_type_name(char type)
{
	return type_of(type)->name;
}

const char *db_oid_name(uint32_t oid)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (types[i].oid == oid)
			return types[i].name;
	}
	return NULL;
}

bool db_type_reads(char type, uint32_t oid)
{
	return db_type_oid(type) == oid || (type == 'n' && oid == OID_INT2);
}

/* network byte order */

static char *put_u32(char *out, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		out[i] = (char)(unsigned char)(value >> (24 - 8 * i));
	return out + 4;
}

static char *put_u64(char *out, uint64_t value)
{
	put_u32(out, (uint32_t)(value >> 32));
	return put_u32(out + 4, (uint32_t)value);
}

static uint64_t get_uint(const char *in, size_t size)
{
	uint64_t value = 0;

	for (size_t i = 0; i < size; i++)
		value = value << 8 | (unsigned char)in[i];
	return value;
}

static char *put_f64(char *out, double value)
{
	uint64_t bits;

	static_assert(sizeof(bits) == sizeof(value), "float8 is a C double");
	memcpy(&bits, &value, sizeof(bits));
	return put_u64(out, bits);
}

static double get_f64(const char *in)
{
	uint64_t bits = get_uint(in, sizeof(bits));
	double value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

static char *put_bytes(char *out, struct str bytes)
{
	if (bytes.size > 0)
		memcpy(out, bytes.data, bytes.size);
	return out + bytes.size;
}

/* uuid */

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static bool uuid_dash_at(size_t position)
{
	return position == 8 || position == 13 || position == 18 || position == 23;
}

static enum st uuid_write(struct str text, char *out)
{
	size_t digits = 0;

	if (text.size != UUID_TEXT_SIZE)
		return ST_MESSAGE_INVALID;
	for (size_t i = 0; i < text.size; i++) {
		int digit = hex_digit(text.data[i]);

		if (uuid_dash_at(i)) {
			if (text.data[i] != '-')
				return ST_MESSAGE_INVALID;
			continue;
		}
		if (digit < 0)
			return ST_MESSAGE_INVALID;
		if (digits % 2 == 0)
			out[digits / 2] = (char)(digit << 4);
		else
			out[digits / 2] = (char)(out[digits / 2] | digit);
		digits++;
	}
	ASSERT(digits == (size_t)UUID_BYTES * 2);
	return ST_OK;
}

static enum st uuid_read(struct str wire, struct arena *arena, struct str *ret)
{
	char text[UUID_TEXT_SIZE];
	size_t digits = 0;
	struct str copy;

	for (size_t i = 0; i < sizeof(text); i++) {
		if (uuid_dash_at(i)) {
			text[i] = '-';
			continue;
		}
		unsigned byte = (unsigned char)wire.data[digits / 2];
		text[i] = "0123456789abcdef"[digits % 2 == 0 ? byte >> 4 : byte & 15];
		digits++;
	}
	copy = arena_copy(arena, (struct str){ .data = text, .size = sizeof(text) });
	if (!copy.data)
		return ST_TOO_LARGE;
	*ret = copy;
	return ST_OK;
}

/* writing */

static size_t array_size(const struct db_value *value, const struct type_row *element)
{
	size_t size = ARRAY_HEAD_BYTES;

	if (value->count == 0)
		return size;
	size += ARRAY_DIMENSION_BYTES + 4 * value->count;
	if (element->bytes > 0)
		return size + element->bytes * value->count;
	for (size_t i = 0; i < value->count; i++)
		size += ((const struct str *)value->items)[i].size;
	return size;
}

size_t db_value_size(const struct db_value *value)
{
	const struct type_row *type = type_of(value->type);

	ASSERT(!value->null);
	if (type->element)
		return array_size(value, type_of(type->element));
	if (type->bytes > 0)
		return type->bytes;
	return value->text.size + (type->letter == 'j' ? 1 : 0);
}

static bool array_has_null(const struct db_value *value)
{
	const struct str *items = value->items;

	if (value->type != 'T' && value->type != 'X')
		return false;
	for (size_t i = 0; i < value->count; i++) {
		if (!items[i].data)
			return true;
	}
	return false;
}

static char *array_item_write(const struct db_value *value, size_t i, char *out)
{
	switch (value->type) {
	case 'I':
		return put_u64(put_u32(out, 8), (uint64_t)((const int64_t *)value->items)[i]);
	case 'N':
		return put_u32(put_u32(out, 4), (uint32_t)((const int32_t *)value->items)[i]);
	case 'F':
		return put_f64(put_u32(out, 8), ((const double *)value->items)[i]);
	case 'B':
		out = put_u32(out, 1);
		*out = ((const bool *)value->items)[i];
		return out + 1;
	default: {
		struct str item = ((const struct str *)value->items)[i];

		ASSERT(value->type == 'T' || value->type == 'X');
		if (!item.data) {
			ASSERT(item.size == 0);
			return put_u32(out, UINT32_MAX);
		}
		return put_bytes(put_u32(out, (uint32_t)item.size), item);
	}
	}
}

static void array_write(const struct db_value *value, char *out)
{
	const struct type_row *type = type_of(value->type);

	out = put_u32(out, value->count > 0 ? 1 : 0);
	out = put_u32(out, array_has_null(value));
	out = put_u32(out, db_type_oid(type->element));
	if (value->count == 0)
		return;
	ASSERT(value->items && value->count <= INT32_MAX);
	out = put_u32(out, (uint32_t)value->count);
	out = put_u32(out, 1);
	for (size_t i = 0; i < value->count; i++)
		out = array_item_write(value, i, out);
}

enum st db_value_write(const struct db_value *value, char *out)
{
	ASSERT(!value->null);
	switch (value->type) {
	case 'i':
		put_u64(out, (uint64_t)value->i64);
		return ST_OK;
	case 'n':
		if (value->i64 < INT32_MIN || value->i64 > INT32_MAX)
			return ST_INTERNAL;
		put_u32(out, (uint32_t)(int32_t)value->i64);
		return ST_OK;
	case 'f':
		put_f64(out, value->f64);
		return ST_OK;
	case 'b':
		*out = value->boolean;
		return ST_OK;
	case 'j':
		*out = JSONB_VERSION;
		put_bytes(out + 1, value->text);
		return ST_OK;
	case 'g':
		return uuid_write(value->text, out);
	case 't':
	case 'x':
		put_bytes(out, value->text);
		return ST_OK;
	default:
		array_write(value, out);
		return ST_OK;
	}
}

/* reading */

static enum st text_read(struct str wire, struct arena *arena, struct str *ret)
{
	struct str copy = arena_copy(arena, wire);

	if (!copy.data)
		return ST_TOO_LARGE;
	*ret = copy;
	return ST_OK;
}

static enum st scalar_read(const struct type_row *type, struct str wire, struct arena *arena,
			   struct db_value *value)
{
	bool int2 = type->letter == 'n' && wire.size == 2;

	if (type->bytes > 0 && wire.size != type->bytes && !int2)
		return ST_INTERNAL;
	switch (type->letter) {
	case 'i':
		value->i64 = (int64_t)get_uint(wire.data, 8);
		return ST_OK;
	case 'n':
		value->i64 =
			int2 ? (int16_t)get_uint(wire.data, 2) : (int32_t)get_uint(wire.data, 4);
		return ST_OK;
	case 'f':
		value->f64 = get_f64(wire.data);
		return ST_OK;
	case 'b':
		value->boolean = wire.data[0] != 0;
		return ST_OK;
	case 'g':
		return uuid_read(wire, arena, &value->text);
	case 'j':
		if (wire.size < 1 || wire.data[0] != JSONB_VERSION)
			return ST_INTERNAL;
		wire = (struct str){ .data = wire.data + 1, .size = wire.size - 1 };
		return text_read(wire, arena, &value->text);
	default:
		return text_read(wire, arena, &value->text);
	}
}

static bool take_u32(struct str *wire, uint32_t *ret)
{
	if (wire->size < 4)
		return false;
	*ret = (uint32_t)get_uint(wire->data, 4);
	*wire = (struct str){ .data = wire->data + 4, .size = wire->size - 4 };
	return true;
}

static void array_item_set(char type, void *items, size_t i, const struct db_value *item)
{
	switch (type) {
	case 'I':
		((int64_t *)items)[i] = item->i64;
		break;
	case 'N':
		((int32_t *)items)[i] = (int32_t)item->i64;
		break;
	case 'F':
		((double *)items)[i] = item->f64;
		break;
	case 'B':
		((bool *)items)[i] = item->boolean;
		break;
	default:
		((struct str *)items)[i] = item->text;
		break;
	}
}

static size_t array_item_bytes(char type)
{
	switch (type) {
	case 'I':
		return sizeof(int64_t);
	case 'N':
		return sizeof(int32_t);
	case 'F':
		return sizeof(double);
	case 'B':
		return sizeof(bool);
	default:
		return sizeof(struct str);
	}
}

static enum st array_item_read(const struct type_row *type, struct str *wire, struct arena *arena,
			       struct db_value *ret)
{
	const struct type_row *element = type_of(type->element);
	uint32_t size;

	if (!take_u32(wire, &size))
		return ST_INTERNAL;
	if (size == UINT32_MAX) /* NULL: `ret` is zero already, data NULL says it */
		return element->bytes > 0 ? ST_INTERNAL : ST_OK;
	/* only whole columns may be int2: an array of it is another type */
	if (size > wire->size || (element->bytes > 0 && size != element->bytes))
		return ST_INTERNAL;
	TRY(scalar_read(element, (struct str){ .data = wire->data, .size = size }, arena, ret));
	*wire = (struct str){ .data = wire->data + size, .size = wire->size - size };
	return ST_OK;
}

static enum st array_read(const struct type_row *type, struct str wire, struct arena *arena,
			  struct db_value *value)
{
	uint32_t dimensions, nulls, oid, count, lower;
	void *items;

	if (!take_u32(&wire, &dimensions) || !take_u32(&wire, &nulls) || !take_u32(&wire, &oid))
		return ST_INTERNAL;
	if (dimensions > 1 || oid != db_type_oid(type->element))
		return ST_INTERNAL;
	if (dimensions == 0)
		return wire.size == 0 ? ST_OK : ST_INTERNAL;
	if (!take_u32(&wire, &count) || !take_u32(&wire, &lower))
		return ST_INTERNAL;
	if (count > wire.size / 4) /* each item has a length; refuses absurd counts early */
		return ST_INTERNAL;
	items = arena_array(arena, count, array_item_bytes(type->letter));
	if (!items)
		return ST_TOO_LARGE;
	for (uint32_t i = 0; i < count; i++) {
		struct db_value item = { .type = type->element };

		TRY(array_item_read(type, &wire, arena, &item));
		array_item_set(type->letter, items, i, &item);
	}
	if (wire.size != 0)
		return ST_INTERNAL;
	value->items = items;
	value->count = count;
	return ST_OK;
}

enum st db_value_read(char letter, struct str wire, struct arena *arena, struct db_value *ret)
{
	const struct type_row *type = type_of(letter);
	struct db_value value = { .type = letter };

	if (type->element)
		TRY(array_read(type, wire, arena, &value));
	else
		TRY(scalar_read(type, wire, arena, &value));
	*ret = value;
	return ST_OK;
}

/* rows */

const struct db_value *db_at(const struct db_rows *rows, size_t row, size_t column)
{
	ASSERT(row < rows->count);
	ASSERT(column < rows->columns);
	return &rows->values[row * rows->columns + column];
}

bool db_is_null(const struct db_rows *rows, size_t row, size_t column)
{
	return db_at(rows, row, column)->null;
}

int64_t db_i64(const struct db_rows *rows, size_t row, size_t column)
{
	const struct db_value *value = db_at(rows, row, column);

	ASSERT(value->type == 'i' || value->type == 'n');
	return value->i64;
}

double db_f64(const struct db_rows *rows, size_t row, size_t column)
{
	const struct db_value *value = db_at(rows, row, column);

	ASSERT(value->type == 'f');
	return value->f64;
}

bool db_bool(const struct db_rows *rows, size_t row, size_t column)
{
	const struct db_value *value = db_at(rows, row, column);

	ASSERT(value->type == 'b');
	return value->boolean;
}

struct str db_text(const struct db_rows *rows, size_t row, size_t column)
{
	const struct db_value *value = db_at(rows, row, column);

	ASSERT(value->type == 't' || value->type == 'x' || value->type == 'j' ||
	       value->type == 'g');
	return value->null ? STR("") : value->text;
}
