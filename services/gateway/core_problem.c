/* core_problem.c: a refusal or a fault as RFC 9457 has it, in the shape of the contract's Problem.
 */
#include <stdio.h>

#include "gateway.h"
#include "quote.h"

struct str problem_document(const struct problem *problem, const char *trace_id,
			    struct arena *arena)
{
	const struct st_info *info = st_info(problem->st);
	bool ours = info->kind == ST_KIND_BUG || info->http >= 500;
	struct common_problem wire = {
		.type = arena_printf(arena, "urn:piopl:problem:%s", info->code),
		.code = str_of(info->code),
		.title = str_of(info->title),
		.status = info->http,
		.retry = info->retry,
	};
	struct quote_wire quote;
	struct str text;

	wire.quote = quote_to_wire(&problem->quote, &quote);
	if (!ours && problem->detail[0])
		wire.detail = str_of(problem->detail);
	if (!ours && problem->pointer[0])
		wire.pointer = str_of(problem->pointer);
	if (!ours && problem->hint[0])
		wire.hint = str_of(problem->hint);
	wire.has_retry_after_ms = problem->retry_after_ms > 0;
	wire.retry_after_ms = problem->retry_after_ms;
	if (trace_id && trace_id[0])
		wire.trace_id = str_of(trace_id);
	if (proto_encode(&common_problem_type, &wire, arena, &text) != ST_OK)
		return (struct str){ 0 };
	return text;
}
