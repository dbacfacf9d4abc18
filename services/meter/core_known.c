/* core_known.c: wallets a worker has read before. */
#include <stdlib.h>

#include "known.h"

#define PLACES 65536

static struct known_wallet *place_of(const struct known *known, const char *id)
{
	uint64_t hash = UINT64_C(14695981039346656037); /* FNV-1a */

	for (int i = 0; i < KNOWN_ID_BYTES; i++)
		hash = (hash ^ (unsigned char)id[i]) * UINT64_C(1099511628211);
	return &known->places[(hash ^ hash >> 32) % PLACES];
}

void known_begin(struct known *known, int64_t connection)
{
	if (known->places && known->connection == connection)
		return;
	free(known->places);
	known->places = calloc(PLACES, sizeof(*known->places));
	known->connection = connection;
}

void known_put(struct known *known, const struct known_wallet *wallet)
{
	if (known->places)
		*place_of(known, wallet->id) = *wallet;
}

bool known_find(const struct known *known, struct str id, struct known_wallet *ret)
{
	const struct known_wallet *place;

	if (!known->places || id.size != KNOWN_ID_BYTES)
		return false;
	place = place_of(known, id.data);
	if (place->number == 0 || memcmp(place->id, id.data, KNOWN_ID_BYTES) != 0)
		return false;
	*ret = *place;
	return true;
}
