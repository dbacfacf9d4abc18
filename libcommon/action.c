/* action.c: see action.h. */
#include "action.h"

enum st action_digest(const struct approval_action *action, struct arena *arena,
		      char ret[HASH_TEXT_SIZE])
{
	struct str text, canonical;
	struct hash hash;

	TRY(proto_encode(&approval_action_type, action, arena, &text));
	TRY(json_canonical(arena, text, &canonical, NULL));
	sha256_of(canonical.data, canonical.size, &hash);
	hash_to_text(&hash, ret);
	return ST_OK;
}
