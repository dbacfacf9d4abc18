/* emit_status.c: status.h and status.c, the closed enum of refusals and faults, and its table. */
#include "compile.h"

#include <string.h>

static void emit_status_header(const struct contract *contract, struct text *text)
{
	text_add(text, "/* Generated from x-status in proto/; edits are lost. */\n"
		       "#ifndef PIOPL_GEN_STATUS_H\n#define PIOPL_GEN_STATUS_H\n\n"
		       "enum st {\n\tST_OK = 0,\n");
	for (size_t i = 0; i < contract->status_count; i++)
		text_add(text, "\tST_%s, /* %s */\n", name_upper(contract->statuses[i].code),
			 contract->statuses[i].title);
	text_add(text, "\tST_COUNT,\n};\n\n#endif\n");
}

static void emit_status_table(const struct contract *contract, struct text *text)
{
	text_add(text, "/* Generated from x-status in proto/; edits are lost. */\n"
		       "#include \"st.h\"\n\n"
		       "extern const struct st_info st_table[ST_COUNT];\n"
		       "const struct st_info st_table[ST_COUNT] = {\n"
		       "\t[ST_OK] = { \"ok\", \"done\", ST_KIND_OK, 200, false },\n");
	for (size_t i = 0; i < contract->status_count; i++) {
		const struct status *status = &contract->statuses[i];
		bool retry = strcmp(status->kind, "unavailable") == 0;

		text_add(text, "\t[ST_%s] = { ", name_upper(status->code));
		text_quote(text, status->code);
		text_add(text, ", ");
		text_quote(text, status->title);
		text_add(text, ", ST_KIND_%s, %d, %s },\n", name_upper(status->kind), status->http,
			 retry ? "true" : "false");
	}
	text_add(text, "};\n");
}

bool emit_status(const struct contract *contract, const char *out)
{
	struct text header = { 0 }, table = { 0 };

	emit_status_header(contract, &header);
	emit_status_table(contract, &table);
	return text_write(&header, out, "status.h") && text_write(&table, out, "status.c");
}
