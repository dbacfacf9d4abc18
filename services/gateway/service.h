/* service.h: the gateway as a service: its configuration, its table of API keys, its calls. The
 * door to HTTP is in door.h. */
#ifndef PIOPL_GATEWAY_SERVICE_H
#define PIOPL_GATEWAY_SERVICE_H

#include "gateway.h"
#include "gen/gateway.h"
#include "svc.h"

#define GATEWAY_SCHEMA_VERSION 1
#define GATEWAY_KEYS_MAX 100           /* live ones of a principal */
#define GATEWAY_KEY_TTL_S 7776000      /* unless asked otherwise: 90 days */
#define GATEWAY_KEY_TTL_S_MAX 31622400 /* 366 days */
#define GATEWAY_USED_MS 60000          /* how exactly the last use is kept */
#define GATEWAY_PAGE 100
#define GATEWAY_PAGE_BYTES_MAX 700000

struct gateway_config {
	char listen_address[64];
	int64_t listen_port;
	char tls_certificate_file[256];
	char tls_key_file[256];
	char key_secret[256];
	char oidc_issuer[256];
	char oidc_audience[256];
	char oidc_keys_url[512];
	char oidc_keys_file[256];
	char oidc_scopes_claim[64];
	char cors_origin[256];
	int64_t rate;
	int64_t burst;
	int64_t attempts;
	int64_t connections;
	int64_t connections_per_address;
	int64_t in_flight;
	int64_t streams;
	int64_t streams_per_principal;
	int64_t header_timeout_ms;
	int64_t body_timeout_ms;
	int64_t idle_timeout_ms;
	int64_t heartbeat_ms;
	int64_t key_cache_ms;
};

extern const struct config_field gateway_config_fields[];

/* -- store.c -- */

extern const struct db_statement gateway_statements[];

struct key_row {
	struct gateway_api_key key;
	struct str hash; /* 32 bytes */
	struct str request_key;
	struct str request_digest; /* 32 bytes */
	int64_t serial;
};

/* `ret_found` false: there is none. */
MUST_CHECK enum st key_find(struct db_tx *tx, struct arena *arena, struct str key_id,
			    struct key_row *ret, bool *ret_found);
MUST_CHECK enum st key_find_request(struct db_tx *tx, struct arena *arena, struct str created_by,
				    struct str request_key, struct key_row *ret, bool *ret_found);
MUST_CHECK enum st key_insert(struct db_tx *tx, const struct key_row *row);
MUST_CHECK enum st key_revoke(struct db_tx *tx, struct str key_id, int64_t now_ms, struct str by);
MUST_CHECK enum st key_used(struct db_tx *tx, struct str key_id, int64_t now_ms);
/* Locks the principal against another key at the same moment. */
MUST_CHECK enum st key_count_live(struct db_tx *tx, struct arena *arena,
				  enum gateway_principal_kind kind, struct str subject,
				  int64_t now_ms, int64_t *ret);
/* Newest first, from before `serial`; kind 0: everyone's. */
MUST_CHECK enum st key_list(struct db_tx *tx, struct arena *arena, enum gateway_principal_kind kind,
			    struct str subject, int64_t serial, int64_t limit, struct key_row **ret,
			    size_t *ret_count);

/* -- handlers.c -- */

extern const struct svc_call gateway_calls[];
enum st gateway_start(struct svc *svc, void *state);

#endif
