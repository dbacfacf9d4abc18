/* handlers_inventory.c: the fleet by page, as numbers and as a file. */
#include "handlers.h"

struct listing {
	struct agent_filter filter;
	enum registry_agent_sort sort;
	enum registry_sort_order order;
	struct str cursor;
	int64_t limit;
};

struct listed {
	struct agent_page page;
	bool more;
};

static enum st in_force_hash(struct svc_request *req, const struct agent_filter *filter,
			     struct str *ret)
{
	struct in_force in_force;

	*ret = STR("");
	if (!filter->must_restart)
		return ST_OK;
	TRY(store_constitution_in_force(req->tx, req->arena, &in_force));
	*ret = str_or_empty(in_force.hash);
	return ST_OK;
}

/* One agent more than asked for tells whether there is a next page. */
static enum st listing_read(struct svc_request *req, const struct listing *listing,
			    struct listed *ret)
{
	struct cursor cursor;
	struct str in_force;

	TRY(cursor_read(listing->cursor, listing->sort, listing->order, &listing->filter,
			req->arena, &cursor, &req->problem));
	TRY(in_force_hash(req, &listing->filter, &in_force));
	TRY(store_agent_list(req->tx, req->arena, &listing->filter, in_force, &cursor,
			     listing->limit + 1, &ret->page));
	ret->more = ret->page.count > (size_t)listing->limit;
	if (ret->more)
		ret->page.count--;
	return ST_OK;
}

static void listed_cut(struct listed *listed, size_t count)
{
	ASSERT(count <= listed->page.count);
	listed->more |= count < listed->page.count;
	listed->page.count = count;
}

static enum st next_cursor(struct svc_request *req, const struct listing *listing,
			   const struct listed *listed, struct str *ret)
{
	size_t last = listed->page.count - 1;

	if (!listed->more)
		return ST_OK;
	ASSERT(listed->page.count > 0);
	struct cursor cursor = cursor_behind(&listed->page.items[last], listed->page.numbers[last],
					     listing->sort, listing->order);
	*ret = cursor_write(&cursor, &listing->filter, req->arena);
	return ret->data ? ST_OK : ST_TOO_LARGE;
}

static size_t fitting(const struct agent_page *page, size_t bytes_max)
{
	size_t bytes = 0;

	for (size_t i = 0; i < page->count; i++) {
		bytes += summary_bytes_max(&page->items[i]);
		if (bytes > bytes_max && i > 0)
			return i;
	}
	return page->count;
}

enum st on_agent_list(struct svc_request *req)
{
	const struct registry_agent_list_request *in = req->body;
	struct registry_agent_list_reply *answer = req->answer;
	struct listing listing = {
		.filter = AGENT_FILTER_OF(in),
		.sort = in->sort ? in->sort : REGISTRY_AGENT_SORT_ID,
		.order = in->order ? in->order : REGISTRY_SORT_ORDER_ASCENDING,
		.cursor = in->cursor,
		.limit = in->has_limit ? in->limit : PAGE_DEFAULT,
	};
	struct listed listed;

	TRY(listing_read(req, &listing, &listed));
	listed_cut(&listed, fitting(&listed.page, PAGE_BYTES_MAX));
	answer->agents.items = listed.page.items;
	answer->agents.count = listed.page.count;
	return next_cursor(req, &listing, &listed, &answer->next_cursor);
}

enum st on_agent_count(struct svc_request *req)
{
	const struct registry_agent_count_request *in = req->body;
	struct registry_agent_count_reply *answer = req->answer;
	struct agent_filter filter = AGENT_FILTER_OF(in);
	struct str in_force;

	TRY(in_force_hash(req, &filter, &in_force));
	return store_agent_count(req->tx, req->arena, &filter, in_force, &answer->count);
}

static struct str export_text(struct svc_request *req, enum registry_export_format format,
			      bool first_page, const struct agent_page *page)
{
	struct buf buf;

	buf_init(&buf, req->arena, EXPORT_BYTES_MAX / 2);
	if (format == REGISTRY_EXPORT_FORMAT_CSV && first_page)
		csv_header(&buf);
	for (size_t i = 0; i < page->count; i++) {
		if (format == REGISTRY_EXPORT_FORMAT_CSV) {
			csv_row(&buf, &page->items[i]);
			continue;
		}
		proto_encode_to(&registry_agent_summary_type, &page->items[i], &buf);
		buf_add_char(&buf, '\n');
	}
	return buf_str(&buf);
}

enum st on_agent_export(struct svc_request *req)
{
	const struct registry_agent_export_request *in = req->body;
	struct registry_agent_export_reply *answer = req->answer;
	struct listing listing = {
		.filter = AGENT_FILTER_OF(in),
		.sort = REGISTRY_AGENT_SORT_ID,
		.order = REGISTRY_SORT_ORDER_ASCENDING,
		.cursor = in->cursor,
		.limit = in->has_limit ? in->limit : PAGE_MAX,
	};
	struct listed listed;

	TRY(listing_read(req, &listing, &listed));
	listed_cut(&listed, fitting(&listed.page, EXPORT_BYTES_MAX));
	answer->content = export_text(req, in->format, !in->cursor.data, &listed.page);
	if (!answer->content.data)
		return ST_TOO_LARGE;
	answer->count = (int64_t)listed.page.count;
	return next_cursor(req, &listing, &listed, &answer->next_cursor);
}
