/* service.h: the gateway as a service: its configuration, its table of API keys, its calls. The
 * door to HTTP is in door.h. */
#ifndef PIOPL_GATEWAY_SERVICE_H
#define PIOPL_GATEWAY_SERVICE_H

#include "gateway.h"
#include "gen/gateway.h"
#include "log.h"
#include "login.h"
#include "svc.h"
#include "x402.h"

#define GATEWAY_SCHEMA_VERSION 2
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
	char login_domain[LOGIN_DOMAIN_BYTES_MAX + 1];
	char login_uri[LOGIN_URI_SIZE];
	char login_chains[256];
	int64_t login_nonce_ms;
	int64_t login_key_ttl_ms;
	struct login_rules login; /* of the members above */
	struct x402 x402;
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

/* The oldest live one of an operator with this name. */
MUST_CHECK enum st key_find_oldest(struct db_tx *tx, struct arena *arena, struct str subject,
				   struct str name, int64_t now_ms, struct key_row *ret,
				   bool *ret_found);

struct login_nonce {
	struct str nonce, address, key_id;
	int64_t used_ms, end_ms;
};

/* `ret_fresh` false: it was used before. */
MUST_CHECK enum st login_nonce_use(struct db_tx *tx, struct arena *arena,
				   const struct login_nonce *nonce, bool *ret_fresh);
MUST_CHECK enum st login_nonce_forget(struct db_tx *tx, int64_t now_ms);

/* -- handlers.c -- */

extern const struct svc_call gateway_calls[];
/* Id, text and hash of a new key; the text is told once. */
MUST_CHECK enum st key_secret_make(struct svc_request *req, struct key_row *row,
				   struct str *ret_token);
/* Stores it from now on, with evidence of `operation` and its event. */
MUST_CHECK enum st key_add(struct svc_request *req, struct key_row *row, int64_t ttl_ms,
			   const char *operation);
/* Revokes a live one, with evidence and event. */
MUST_CHECK enum st key_end(struct svc_request *req, struct key_row *row, struct str by);

/* -- handlers_login.c -- */

extern const struct svc_tick gateway_ticks[];
enum st gateway_start(struct svc *svc, void *state);
enum st on_auth_nonce(struct svc_request *req);
enum st on_auth_verify(struct svc_request *req);

#endif
