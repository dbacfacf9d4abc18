/* known.h: what of wallets never changes, as a worker has read it before. A wallet once made is
 * never taken away; only a database that was put back to an earlier time could have another one in
 * its place, and that costs the connection, with which all is forgotten. */
#ifndef METER_KNOWN_H
#define METER_KNOWN_H

#include "meter.h"

#define KNOWN_ID_BYTES 40 /* "wal_" and a UUID */

struct known_wallet {
	char id[KNOWN_ID_BYTES];
	int64_t number; /* 0: nothing is here */
	int64_t currency;
	char code[8];
};

struct known {
	struct known_wallet *places; /* each wallet has one, which the last one of several keeps */
	int64_t connection;
};

/* From here on with this connection. Without memory nothing is ever known. */
void known_begin(struct known *known, int64_t connection);
void known_put(struct known *known, const struct known_wallet *wallet);
bool known_find(const struct known *known, struct str id, struct known_wallet *ret);

#endif
