/* What a statement's text promises, and what a server's SQLSTATE means. */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "db_value.h"

static const char *skip_space(const char *sql)
{
	while (isspace((unsigned char)*sql))
		sql++;
	return sql;
}

static bool is_word(const char *at, const char *word)
{
	size_t size = strlen(word);

	return strncasecmp(at, word, size) == 0 && !isalnum((unsigned char)at[size]) &&
	       at[size] != '_';
}

static const char *find_word(const char *sql, const char *word)
{
	for (const char *at = sql; *at; at++) {
		bool start = at == sql || !(isalnum((unsigned char)at[-1]) || at[-1] == '_');

		if (start && is_word(at, word))
			return at;
	}
	return NULL;
}

/* What may stand before a parenthesis in a statement that only reads. */
static const char *const harmless[] = {
	"and",
	"any",
	"array",
	"as",
	"by",
	"distinct",
	"else",
	"exists",
	"filter",
	"from",
	"in",
	"join",
	"lateral",
	"not",
	"on",
	"or",
	"over",
	"select",
	"then",
	"union",
	"all",
	"using",
	"values",
	"when",
	"where",
	"except",
	"intersect",
	"row",
	"having",
	"limit",
	"abs",
	"array_agg",
	"array_length",
	"avg",
	"bool_and",
	"bool_or",
	"cardinality",
	"coalesce",
	"count",
	"decode",
	"digest",
	"encode",
	"floor",
	"greatest",
	"hashtextextended",
	"jsonb_agg",
	"jsonb_array_length",
	"jsonb_build_object",
	"jsonb_object_agg",
	"least",
	"left",
	"length",
	"lower",
	"max",
	"min",
	"nullif",
	"octet_length",
	"pg_current_snapshot",
	"pg_snapshot_xmin",
	"pg_total_relation_size",
	"pg_try_advisory_xact_lock",
	"pg_advisory_xact_lock",
	"rank",
	"right",
	"round",
	"row_number",
	"lag",
	"lead",
	"sha256",
	"starts_with",
	"string_agg",
	"substr",
	"substring",
	"sum",
	"to_jsonb",
	"unnest",
	"upper",
	"generate_series",
	"chr",
};

static bool is_harmless(const char *word, size_t size)
{
	for (size_t i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++) {
		if (strlen(harmless[i]) == size && strncasecmp(word, harmless[i], size) == 0)
			return true;
	}
	return false;
}

/* Is the word before the parenthesis at `open`, if there is one, a harmless one? */
static bool call_is_harmless(const char *sql, const char *open)
{
	const char *end = open, *start;

	while (end > sql && isspace((unsigned char)end[-1]))
		end--;
	start = end;
	while (start > sql && (isalnum((unsigned char)start[-1]) || start[-1] == '_'))
		start--;
	if (start > sql && (start[-1] == '.' || start[-1] == '"'))
		return false;
	return start == end ? end == sql || end[-1] != '"'
			    : is_harmless(start, (size_t)(end - start));
}

bool db_sql_reads(const char *sql)
{
	if (!is_word(skip_space(sql), "select"))
		return false;
	for (const char *open = strchr(sql, '('); open; open = strchr(open + 1, '(')) {
		if (!call_is_harmless(sql, open))
			return false;
	}
	return true;
}

/* The character after the closing parenthesis of the group that `at` opens; NULL without one. */
static const char *skip_group(const char *at)
{
	int depth = 0;

	if (*at != '(')
		return NULL;
	for (; *at; at++) {
		if (*at == '(')
			depth++;
		if (*at == ')' && --depth == 0)
			return at + 1;
	}
	return NULL;
}

bool db_sql_inserts_one(const char *sql)
{
	const char *values;

	sql = skip_space(sql);
	values = find_word(sql, "values");
	if (!is_word(sql, "insert") || !values)
		return false;
	/* a quote could hide anything: such a statement is seen before its COMMIT, which is right
	 * and only slower */
	if (strchr(sql, '\'') || find_word(sql, "select") || find_word(sql, "conflict"))
		return false;
	values = skip_group(skip_space(values + strlen("values")));
	return values && *skip_space(values) != ',';
}

struct sqlstate_row {
	const char *prefix; /* a whole code, or its class of two characters */
	enum st st;
};

static const struct sqlstate_row sqlstates[] = {
	{ "00", ST_OK },
	{ "08", ST_DATABASE_UNAVAILABLE },
	{ "0A000", ST_SCHEMA_MISMATCH }, /* a cached plan must not change its result type */
	{ "22021", ST_MESSAGE_INVALID }, /* text that no column can hold: NUL, broken UTF-8 */
	{ "22P05", ST_MESSAGE_INVALID },
	{ "23505", ST_ALREADY_EXISTS },
	{ "25006", ST_DATABASE_UNAVAILABLE }, /* a standby: the next connection finds the primary */
	{ "26000", ST_SCHEMA_MISMATCH },      /* someone dropped our prepared statement */
	{ "40001", ST_SERIALIZATION },
	{ "40P01", ST_SERIALIZATION },
	{ "53100", ST_DISK_FULL },
	{ "53200", ST_NO_MEMORY },
	{ "53300", ST_DATABASE_UNAVAILABLE },
	{ "55P03", ST_SERIALIZATION },
	{ "57014", ST_DEADLINE }, /* statement_timeout */
	{ "57P", ST_DATABASE_UNAVAILABLE },
};

enum st db_status_of_sqlstate(const char *sqlstate)
{
	if (!sqlstate || !*sqlstate) /* libpq's own words: the connection */
		return ST_DATABASE_UNAVAILABLE;
	for (size_t i = 0; i < sizeof(sqlstates) / sizeof(sqlstates[0]); i++) {
		const char *prefix = sqlstates[i].prefix;

		if (strncmp(sqlstate, prefix, strlen(prefix)) == 0)
			return sqlstates[i].st;
	}
	return ST_INTERNAL;
}

bool db_sql_locks(const char *sql)
{
	return strcasestr(sql, "advisory_xact_lock") || strcasestr(sql, "FOR UPDATE");
}
