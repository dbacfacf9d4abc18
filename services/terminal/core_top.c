/* core_top.c: reads a metrics page. */
#include "services/terminal/top.h"

#include <stdlib.h>
#include <string.h>

#define BUCKET "piopl_call_milliseconds_bucket{"

/* What stands on the page before the figure; several lines of one name are told by a label. */
static const struct {
	const char *name;
	const char *label;
} figures[TOP_FIGURE_COUNT] = {
	[TOP_CALLS] = { "piopl_calls_total", "" },
	[TOP_REFUSALS] = { "piopl_calls_failed_total", "kind=\"refusal\"" },
	[TOP_FAULTS] = { "piopl_calls_failed_total", "kind=\"fault\"" },
	[TOP_EVENTS_OUT] = { "piopl_events_published_total", "" },
	[TOP_EVENTS_IN] = { "piopl_events_applied_total", "" },
	[TOP_WAITING] = { "piopl_outbox_waiting", "" },
	[TOP_RESTARTS] = { "piopl_process_restarts_total", "" },
};

static bool starts(struct str line, const char *prefix)
{
	size_t size = strlen(prefix);

	return line.size >= size && memcmp(line.data, prefix, size) == 0;
}

/* The whole number after the last blank; lines of a page end with it. */
static bool line_number(struct str line, int64_t *ret)
{
	char text[32];
	size_t at = line.size;
	char *end;

	while (at > 0 && line.data[at - 1] != ' ')
		at--;
	if (at == 0 || line.size - at >= sizeof(text))
		return false;
	memcpy(text, line.data + at, line.size - at);
	text[line.size - at] = '\0';
	*ret = strtoll(text, &end, 10);
	return end != text && *end == '\0';
}

static bool has_label(struct str line, const char *label)
{
	return label[0] == '\0' || memmem(line.data, line.size, label, strlen(label)) != NULL;
}

static void bucket_read(struct str line, int64_t below, struct top_page *ret)
{
	const char *le = memmem(line.data, line.size, "le=\"", 4);
	char *end;
	double bound;

	if (!le || ret->bucket_count == TOP_BUCKETS_MAX)
		return;
	bound = strtod(le + 4, &end); /* stops at the quote: it is inside the line */
	if (end == le + 4 || *end != '"')
		return;
	ret->bounds_ms[ret->bucket_count] = bound;
	ret->below[ret->bucket_count++] = below;
}

static bool line_read(struct str line, struct top_page *ret)
{
	int64_t value;

	if (starts(line, "#") || !line_number(line, &value))
		return false;
	if (starts(line, BUCKET))
		bucket_read(line, value, ret);
	for (size_t i = 0; i < TOP_FIGURE_COUNT; i++) {
		size_t size = strlen(figures[i].name);

		if (!starts(line, figures[i].name) || !has_label(line, figures[i].label) ||
		    (line.data[size] != '{' && line.data[size] != ' '))
			continue;
		ret->values[i] = value;
		return i == TOP_CALLS;
	}
	return false;
}

bool top_read(struct str text, struct top_page *ret)
{
	struct top_page page = { .bucket_count = 0 };
	bool is_page = false;

	while (text.size > 0) {
		const char *end = memchr(text.data, '\n', text.size);
		size_t size = end ? (size_t)(end - text.data) : text.size;

		is_page = line_read((struct str){ text.data, size }, &page) || is_page;
		size += end ? 1 : 0;
		text.data += size;
		text.size -= size;
	}
	if (is_page)
		*ret = page;
	return is_page;
}

double top_rate(int64_t before, int64_t after, int64_t took_ms)
{
	if (after < before || took_ms <= 0)
		return 0;
	return (double)(after - before) * 1000 / (double)took_ms;
}

double top_quantile(const struct top_page *before, const struct top_page *after, double q)
{
	size_t count = after->bucket_count;
	int64_t calls;

	if (count == 0 || before->bucket_count != count)
		return -1;
	calls = after->below[count - 1] - before->below[count - 1];
	if (calls <= 0)
		return -1;
	for (size_t i = 0; i + 1 < count; i++)
		if ((double)(after->below[i] - before->below[i]) >= q * (double)calls)
			return after->bounds_ms[i];
	return -1;
}
