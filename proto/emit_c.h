/* emit_c.h: what the emitters of C share. */
#ifndef PIOPL_PROTO_EMIT_C_H
#define PIOPL_PROTO_EMIT_C_H

#include "compile.h"

void emit_header(struct text *text, const struct contract *contract,
		 const struct document *document);
/* The definitions of the calls and events of `document`, library calls included. */
void emit_calls_and_events(struct text *text, const struct contract *contract,
			   const struct document *document);

#endif
