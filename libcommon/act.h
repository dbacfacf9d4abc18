/* act.h: a person's signed act: an order that counts because a human signed it. Knows no table and
 * no service's words, so that any service that takes such acts can use it: it is given a way to
 * find keys, and remembers used acts in the library's table signed_act. */
#ifndef PIOPL_ACT_H
#define PIOPL_ACT_H

#include "crypto.h"
#include "db.h"
#include "gen/common.h"
#include "proto.h"

#define ACT_AGE_MS_MAX (5 * 60 * 1000)    /* how long after it was issued an act is taken */
#define ACT_FUTURE_MS_MAX (5 * 60 * 1000) /* how far ahead of ours a signer's clock may be */

/* A key as its owner's service knows it. */
struct act_key {
	struct str person_id;
	uint8_t public_key[PUBLIC_KEY_BYTES];
	int64_t valid_from_ms;
	int64_t valid_until_ms; /* INT64_MAX: no end */
	uint32_t roles;         /* bits the service chose; what the person may do today */
};

/* What is asked of an act. */
struct act_rule {
	const char *purpose;
	const struct proto_type *payload; /* generated, of the object with this x-purpose */
	size_t issued_at_offset;          /* of its int64_t issued_at_ms */
	uint32_t roles;                   /* one of these bits is enough; 0: any key will do */
};

#define ACT_RULE(purpose_, type_, struct_, roles_)                                                 \
	(&(const struct act_rule){ (purpose_), &(type_), offsetof(struct_, issued_at_ms),          \
				   (roles_) })

/* An act that was checked, as it is kept. */
struct act {
	const char *purpose;
	struct str key_id;
	struct str person_id;
	struct str payload;
	uint8_t signature[SIGNATURE_BYTES];
	struct hash digest; /* of purpose and payload: one act, one digest */
	int64_t issued_at_ms;
};

/* Pure. `key` NULL: nobody knows this key. Verifies the bytes received, then decodes them into
 * `ret_payload` (size rule->payload->size_bytes, in `arena`). ST_KEY_UNKNOWN (also before a key's
 * begin and from its end on), ST_SIGNATURE_INVALID, ST_SIGNATURE_EXPIRED, ST_ROLE_REQUIRED, and
 * the decoder's own with a pointer under "/act/payload". Whether the act was used before is not
 * known here. */
MUST_CHECK enum st act_check(const struct common_signed_act *in, const struct act_rule *rule,
			     const struct act_key *key, int64_t now_ms, struct arena *arena,
			     struct act *ret, void *ret_payload, struct problem *problem);

/* Finds a key by id: ST_OK and `*ret_found` false when there is none. */
typedef enum st (*act_key_find)(void *context, struct str key_id, struct act_key *ret,
				bool *ret_found);

struct act_source {
	struct db_tx *tx;
	struct arena *arena;
	int64_t now_ms;
	act_key_find find;
	void *find_context;
	const struct db_statement *statements; /* ACT_STATEMENT_FIND, then ACT_STATEMENT_INSERT */
};

/* act_check, and ST_SIGNATURE_REUSED for an act that was used. Writes nothing. */
MUST_CHECK enum st act_accept(const struct act_source *source, const struct common_signed_act *in,
			      const struct act_rule *rule, struct act *ret, void *ret_payload,
			      struct problem *problem);
/* Spends it, in the transaction of its effect. Two at once: the later fails with
 * ST_SIGNATURE_REUSED. */
MUST_CHECK enum st act_spend(const struct act_source *source, const struct act *act);

/* Two rows, one after the other, of the service's table of statements. */
#define ACT_STATEMENT_FIND                                                                         \
	{                                                                                          \
		"act_find", "SELECT used_ms FROM signed_act WHERE digest = $1", "x", "i"           \
	}
#define ACT_STATEMENT_INSERT                                                                       \
	{                                                                                          \
		"act_insert",                                                                      \
			"INSERT INTO signed_act (digest, purpose, key_id, payload, signature, "    \
			"used_ms) "                                                                \
			"VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (digest) DO NOTHING",         \
			"xttxxi", ""                                                               \
	}

#endif
