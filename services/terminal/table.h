/* table.h: aligned tables for people. Cells are UTF-8; width is counted in characters. Pure. */
#ifndef PIOPL_TERMINAL_TABLE_H
#define PIOPL_TERMINAL_TABLE_H

#include "arena.h"
#include "st.h"

#define TABLE_COLUMNS_MAX 16
#define TABLE_CELL_WIDTH_MAX 72 /* longer cells are cut, with an ellipsis */

struct table {
	struct arena *arena;
	const char *names[TABLE_COLUMNS_MAX];
	bool right[TABLE_COLUMNS_MAX]; /* names starting with '>' are aligned right */
	size_t columns;
	struct table_row *first, *last;
	size_t count;
	size_t column; /* where the next cell goes */
};

/* `names`: "agent id|role|>score". The text must live as long as the table. */
void table_init(struct table *table, struct arena *arena, const char *names);
/* A row is full after as many cells as there are columns. An empty cell prints "-". */
void table_cell(struct table *table, struct str text);
void table_cell_c(struct table *table, const char *text);
void table_cell_i64(struct table *table, int64_t value);
/* `color`: the header is bold. */
void table_write(const struct table *table, bool color, struct buf *buf);

/* Characters, counting each code point as one; control characters count as one and are written
 * as "?", so that a stored name cannot drive the reader's terminal. */
size_t text_width(struct str text);
void text_write_safe(struct buf *buf, struct str text, size_t width_max);

/* "[#########.......]  56%  560 of 1,000" */
void progress_write(struct buf *buf, int64_t done, int64_t total, size_t width);

#endif
