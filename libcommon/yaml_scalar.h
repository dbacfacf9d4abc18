/* yaml_scalar.h: what a scalar means in YAML 1.2's core schema; of yaml_document.c only. */
#ifndef PIOPL_YAML_SCALAR_H
#define PIOPL_YAML_SCALAR_H

#include "json.h"

enum yaml_style { YAML_PLAIN, YAML_QUOTED };

bool yaml_is_null(struct str text);

/* Fills kind, boolean, number and text of `ret`; `text` lives in the arena. `tag` may be NULL.
 * ST_YAML_INVALID with `ret_why` continuing a sentence that began with the scalar; ST_TOO_LARGE. */
MUST_CHECK enum st yaml_scalar(struct arena *arena, struct str text, const char *tag,
			       enum yaml_style style, struct json *ret, const char **ret_why);

#endif
