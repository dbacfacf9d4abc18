/* core_table.c: aligned tables and progress bars. */
#include "services/terminal/table.h"

struct table_cell {
	struct str text;
	size_t width;
};

struct table_row {
	struct table_row *next;
	struct table_cell cells[TABLE_COLUMNS_MAX];
};

/* Bytes of the code point that starts here; a broken byte stands for itself. */
static size_t point_size(struct str text, size_t at)
{
	unsigned char c = (unsigned char)text.data[at];
	size_t size = c < 0x80 ? 1 : c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc0 ? 2 : 1;

	return at + size <= text.size ? size : text.size - at;
}

size_t text_width(struct str text)
{
	size_t width = 0;

	for (size_t at = 0; at < text.size; at += point_size(text, at))
		width++;
	return width;
}

/* C0, DEL and C1 controls. */
static bool is_control(struct str text, size_t at, size_t size)
{
	unsigned char c = (unsigned char)text.data[at];

	if (size == 1)
		return c < 0x20 || c >= 0x7f;
	return size == 2 && c == 0xc2 && (unsigned char)text.data[at + 1] < 0xa0;
}

void text_write_safe(struct buf *buf, struct str text, size_t width_max)
{
	bool cut = text_width(text) > width_max;
	size_t width = 0;

	for (size_t at = 0; at < text.size;) {
		size_t size = point_size(text, at);

		if (cut && width == width_max - 1) {
			buf_add_c(buf, "\u2026");
			return;
		}
		if (is_control(text, at, size))
			buf_add_char(buf, '?');
		else
			buf_add(buf, text.data + at, size);
		at += size;
		width++;
	}
}

void table_init(struct table *table, struct arena *arena, const char *names)
{
	struct str rest = arena_copy(arena, str_of(names));

	*table = (struct table){ .arena = arena };
	while (rest.data) {
		struct str head = rest;
		struct str tail = { 0 };

		ASSERT(table->columns < TABLE_COLUMNS_MAX);
		if (!str_cut(rest, '|', &head, &tail))
			tail.data = NULL;
		if (head.size > 0 && head.data[0] == '>') {
			table->right[table->columns] = true;
			head.data++;
			head.size--;
		}
		table->names[table->columns++] = arena_copy(arena, head).data;
		rest = tail;
	}
}

void table_cell(struct table *table, struct str text)
{
	struct table_cell *cell;

	if (table->column == 0) {
		struct table_row *row = ARENA_NEW(table->arena, struct table_row);

		if (!row)
			return;
		if (table->last)
			table->last->next = row;
		else
			table->first = row;
		table->last = row;
		table->count++;
	}
	cell = &table->last->cells[table->column];
	cell->text = text.size > 0 ? text : STR("-");
	cell->width = text_width(cell->text);
	if (cell->width > TABLE_CELL_WIDTH_MAX)
		cell->width = TABLE_CELL_WIDTH_MAX;
	table->column = (table->column + 1) % table->columns;
}

void table_cell_c(struct table *table, const char *text)
{
	table_cell(table, text ? str_of(text) : (struct str){ 0 });
}

void table_cell_i64(struct table *table, int64_t value)
{
	table_cell(table, arena_printf(table->arena, "%lld", (long long)value));
}

static void pad(struct buf *buf, size_t width)
{
	for (size_t i = 0; i < width; i++)
		buf_add_char(buf, ' ');
}

static void cell_write(const struct table *table, const size_t *widths, size_t column,
		       struct str text, size_t width, struct buf *buf)
{
	if (column > 0)
		buf_add_c(buf, "  ");
	if (table->right[column])
		pad(buf, widths[column] - width);
	text_write_safe(buf, text, TABLE_CELL_WIDTH_MAX);
	if (!table->right[column] && column + 1 < table->columns)
		pad(buf, widths[column] - width);
}

void table_write(const struct table *table, bool color, struct buf *buf)
{
	size_t widths[TABLE_COLUMNS_MAX] = { 0 };

	for (size_t i = 0; i < table->columns; i++)
		widths[i] = text_width(str_of(table->names[i]));
	for (const struct table_row *row = table->first; row; row = row->next)
		for (size_t i = 0; i < table->columns; i++)
			if (row->cells[i].width > widths[i])
				widths[i] = row->cells[i].width;

	if (color)
		buf_add_c(buf, "\033[1m");
	for (size_t i = 0; i < table->columns; i++) {
		struct str name = str_of(table->names[i]);

		cell_write(table, widths, i, name, text_width(name), buf);
	}
	buf_add_c(buf, color ? "\033[0m\n" : "\n");
	for (const struct table_row *row = table->first; row; row = row->next) {
		for (size_t i = 0; i < table->columns; i++)
			cell_write(table, widths, i, row->cells[i].text, row->cells[i].width, buf);
		buf_add_char(buf, '\n');
	}
}

static void number_write(struct buf *buf, int64_t value)
{
	if (value >= 1000) {
		number_write(buf, value / 1000);
		buf_printf(buf, ",%03d", (int)(value % 1000));
	} else {
		buf_add_i64(buf, value);
	}
}

void progress_write(struct buf *buf, int64_t done, int64_t total, size_t width)
{
	int64_t shown = done < 0 ? 0 : done > total ? total : done;
	size_t filled = total > 0 ? (size_t)(shown * (int64_t)width / total) : 0;

	buf_add_char(buf, '[');
	for (size_t i = 0; i < width; i++)
		buf_add_char(buf, i < filled ? '#' : '.');
	buf_printf(buf, "] %3d%%  ", total > 0 ? (int)(shown * 100 / total) : 0);
	number_write(buf, shown);
	buf_add_c(buf, " of ");
	number_write(buf, total);
}
