/* What the generator does not understand it refuses, with the file and the line. Each case changes
 * one thing in the two documents of tests/unit/proto/base. [PLT-1] */
#include "generator.h"

struct refusal {
	const char *file;
	const char *find;
	const char *replace;
	const char *said; /* a whole line */
};

#define COMMON "common.yaml"
#define SAMPLE "sample.yaml"

static const struct refusal yaml_refusals[] = {
	{ SAMPLE, "info: {", "info: [",
	  "sample.yaml:2: not valid YAML: did not find expected ',' or ']'" },
	{ SAMPLE, "asyncapi: 3.0.0", "asyncapi: &a 3.0.0",
	  "sample.yaml:1: anchors, aliases and tags are not understood" },
	{ SAMPLE, "asyncapi: 3.0.0", "asyncapi: !!str 3.0.0",
	  "sample.yaml:1: anchors, aliases and tags are not understood" },
	{ SAMPLE, "minimum: 1, maximum: 9", "minimum: 1, minimum: 2",
	  "sample.yaml:35: the key 'minimum' is here twice" },
	{ SAMPLE, "minimum: 1", "minimum: 01",
	  "sample.yaml:35: write '01' in quotes: YAML readers differ on it" },
	{ SAMPLE, "minimum: 1", "minimum: 0x1",
	  "sample.yaml:35: write '0x1' in quotes: YAML readers differ on it" },
	{ SAMPLE, "version: 1.0.0", "version: 2026-01-01",
	  "sample.yaml:2: write '2026-01-01' in quotes: YAML readers differ on it" },
	{ SAMPLE, "asyncapi: 3.0.0\n", "asyncapi: 3.0.0\n[a]: b\n",
	  "sample.yaml:2: a key is a plain string" },
	{ SAMPLE, "    Color: {type: string, enum: [red, green]}\n",
	  "    Color: {type: string, enum: [red, green]}\n---\nmore: 1\n",
	  "sample.yaml:45: one document a file" },
};

static const struct refusal document_refusals[] = {
	{ SAMPLE, "asyncapi: 3.0.0", "asyncapi: 2.6.0",
	  "sample.yaml:1: 'asyncapi' is 3.0.0, not '2.6.0'" },
	{ SAMPLE, "asyncapi: 3.0.0", "x-odd: true\nasyncapi: 3.0.0",
	  "sample.yaml:1: unknown key 'x-odd' in the document" },
	{ SAMPLE, "asyncapi: 3.0.0", "x-identities: []\nasyncapi: 3.0.0",
	  "sample.yaml:1: unknown key 'x-identities' in the document" },
	{ SAMPLE, "asyncapi: 3.0.0", "defaultContentType: text/plain\nasyncapi: 3.0.0",
	  "sample.yaml:1: 'defaultContentType' is application/json" },
	{ SAMPLE, "title: Sample, ", "", "sample.yaml:2: 'info' has no 'title'" },
	{ SAMPLE, "title: Sample", "title: ''",
	  "sample.yaml:2: 'title' is not a string with something in it" },
	{ SAMPLE, "title: Sample", "contact: me, title: Sample",
	  "sample.yaml:2: unknown key 'contact' in 'info'" },
	{ SAMPLE, "components:\n", "components:\n  messages: {}\n",
	  "sample.yaml:28: unknown key 'messages' in components" },
	{ SAMPLE, "    PutRequest:\n", "    putRequest:\n",
	  "sample.yaml:29: the schema's name 'putRequest' is not CamelCase" },
	{ COMMON, "{name: sample, kind: service}", "{name: other, kind: service}",
	  "sample.yaml:1: 'sample' is no service among common.yaml's x-identities" },
	{ COMMON, "{name: sample, kind: service}", "{name: sample, kind: client}",
	  "sample.yaml:1: 'sample' is no service among common.yaml's x-identities" },
	{ COMMON, "kind: client", "kind: human",
	  "common.yaml:5: an identity's kind is service, client or external, not 'human'" },
	{ COMMON, "name: gateway", "name: terminal",
	  "common.yaml:6: the identity 'terminal' is here twice" },
	{ COMMON, "    Problem:", "    Trouble:",
	  "common.yaml:1: common.yaml has no object 'Problem', the body of every refusal" },
	{ SAMPLE, "code: too_odd", "code: tooOdd",
	  "sample.yaml:4: the status 'tooOdd' is not snake_case" },
	{ SAMPLE, "code: too_odd", "code: internal",
	  "sample.yaml:4: the status 'internal' is declared in common.yaml too" },
	{ SAMPLE, "code: too_odd", "code: ok",
	  "sample.yaml:4: the status 'ok' is taken by the library" },
	{ SAMPLE, "code: too_odd", "code: kind_bug",
	  "sample.yaml:4: the status 'kind_bug' collides in C with ST_KIND_*" },
	{ SAMPLE, "kind: refusal", "kind: error",
	  "sample.yaml:4: a status's kind is refusal, unavailable or bug, not 'error'" },
	{ SAMPLE, "http: 422", "http: 500",
	  "sample.yaml:4: HTTP status 500 does not fit kind 'refusal'" },
	{ SAMPLE, "http: 422", "http: '422'", "sample.yaml:4: a status's 'http' is a number" },
	{ SAMPLE, ", title: it is odd", "", "sample.yaml:4: a status has no 'title'" },
	{ SAMPLE, "{code: too_odd,", "{retry: true, code: too_odd,",
	  "sample.yaml:4: unknown key 'retry' in a status" },
};

static const struct refusal channel_refusals[] = {
	{ SAMPLE, "piopl.rpc.sample.thing_put.{caller}", "piopl.rpc.other.thing_put.{caller}",
	  "sample.yaml:6: the address 'piopl.rpc.other.thing_put.{caller}' is not of the service "
	  "'sample'" },
	{ SAMPLE, "piopl.rpc.sample.thing_put.{caller}", "piopl.rpc.sample.thing_put",
	  "sample.yaml:6: an address is 'piopl.rpc.sample.<call>.{caller}' or "
	  "'piopl.evt.sample.<entity>.<verb>', not 'piopl.rpc.sample.thing_put'" },
	{ SAMPLE, "piopl.rpc.sample.thing_put.{caller}", "piopl.rpc.sample.thingPut.{caller}",
	  "sample.yaml:6: an address is 'piopl.rpc.sample.<call>.{caller}' or "
	  "'piopl.evt.sample.<entity>.<verb>', not 'piopl.rpc.sample.thingPut.{caller}'" },
	{ SAMPLE, "piopl.rpc.sample.thing_put.{caller}", "piopl.rpc.sample.thing_set.{caller}",
	  "sample.yaml:6: the channel's key 'thing_put' is not the call's name 'thing_set'" },
	{ SAMPLE, "sample.thing.made", "sample.thing.broken",
	  "sample.yaml:13: the channel's key 'thing_made' is not 'thing_broken', as its address "
	  "says" },
	{ SAMPLE, "piopl.evt.sample.thing.made", "piopl.head.sample",
	  "sample.yaml:13: an address is 'piopl.rpc.sample.<call>.{caller}' or "
	  "'piopl.evt.sample.<entity>.<verb>', not 'piopl.head.sample'" },
	{ SAMPLE, "  thing_made:\n    address: piopl.evt.sample.thing.made",
	  "  thing_made:\n    address: piopl.rpc.sample.thing_put.{caller}",
	  "sample.yaml:13: the address 'piopl.rpc.sample.thing_put.{caller}' is the channel "
	  "'thing_put' already" },
	{ SAMPLE, "    description: Puts.\n", "", "sample.yaml:6: a channel has no 'description'" },
	{ SAMPLE, "    description: Puts.\n", "    description: Puts.\n    bindings: {}\n",
	  "sample.yaml:9: unknown key 'bindings' in a channel" },
	{ SAMPLE, "    parameters: {caller: {description: who asks}}\n", "",
	  "sample.yaml:6: 'parameters' does not describe '{caller}'" },
	{ SAMPLE, "{caller: {description: who asks}}", "{caller: {enum: [a]}}",
	  "sample.yaml:9: unknown key 'enum' in a parameter" },
	{ SAMPLE, "{caller: {description: who asks}}",
	  "{caller: {description: a}, other: {description: b}}",
	  "sample.yaml:9: the address has no '{other}'" },
	{ SAMPLE, "      reply: {payload: {$ref: '#/components/schemas/PutReply'}}\n", "",
	  "sample.yaml:10: 'messages' has no 'reply'" },
	{ SAMPLE, "      event: {", "      other: {}\n      event: {",
	  "sample.yaml:17: unknown key 'other' in an event's messages" },
	{ SAMPLE, "request: {payload: {$ref: '#/components/schemas/PutRequest'}}",
	  "request: {payload: {type: object}}",
	  "sample.yaml:11: a payload is a '$ref' to a named schema" },
	{ SAMPLE, "request: {payload:", "request: {headers: {}, payload:",
	  "sample.yaml:11: unknown key 'headers' in a message" },
	{ SAMPLE, "event: {payload: {$ref: '#/components/schemas/PutReply'}}",
	  "event: {payload: {$ref: '#/components/schemas/Color'}}",
	  "sample.yaml:43: 'Color' is a payload, so it is an object with properties" },
	{ SAMPLE, "  thing_made:\n    action: send\n    channel: {$ref: '#/channels/thing_made'}\n",
	  "", "sample.yaml:13: the channel 'thing_made' has no operation of the same key" },
	{ SAMPLE, "operations:\n", "operations:\n  odd: {action: send}\n",
	  "sample.yaml:19: the operation 'odd' has no channel of the same key" },
	{ SAMPLE, "action: send", "action: receive",
	  "sample.yaml:24: the address of 'thing_made' asks for action 'send', not 'receive'" },
	{ SAMPLE, "'#/channels/thing_made'", "'#/channels/thing_put'",
	  "sample.yaml:24: the operation's channel is not '#/channels/thing_made'" },
	{ SAMPLE, "  thing_put:\n    address: piopl.rpc.sample.thing_put.{caller}",
	  "  ping:\n    address: piopl.rpc.sample.ping.{caller}",
	  "sample.yaml:6: the channel 'ping' has no operation of the same key" },
	{ COMMON, "piopl.rpc.{service}.ping.{caller}", "piopl.rpc.sample.ping.{caller}",
	  "common.yaml:11: the address 'piopl.rpc.sample.ping.{caller}' is not of the service "
	  "'{service}'" },
	{ COMMON, "#/x-every-service/channels/ping", "#/channels/ping",
	  "common.yaml:19: the operation's channel is not '#/x-every-service/channels/ping'" },
};

static const struct refusal operation_refusals[] = {
	{ SAMPLE, "    x-callers: [terminal, gateway]\n", "",
	  "sample.yaml:19: the call has no 'x-callers'" },
	{ SAMPLE, "[terminal, gateway]", "[]", "sample.yaml:19: the call has no 'x-callers'" },
	{ SAMPLE, "[terminal, gateway]", "[terminal, nobody]",
	  "sample.yaml:22: the caller 'nobody' is not among common.yaml's x-identities" },
	{ SAMPLE, "[terminal, gateway]", "[terminal, terminal]",
	  "sample.yaml:22: the caller 'terminal' is here twice" },
	{ SAMPLE, "[terminal, gateway]", "[terminal, '*']",
	  "sample.yaml:22: '*' is every caller and stands alone" },
	{ SAMPLE, "    x-callers:", "    x-cost: 1\n    x-callers:",
	  "sample.yaml:22: unknown key 'x-cost' in an operation that receives" },
	{ SAMPLE, "    action: send\n", "    action: send\n    x-callers: ['*']\n",
	  "sample.yaml:26: unknown key 'x-callers' in an operation that sends" },
	{ SAMPLE, "    x-callers:", "    x-reads: false\n    x-callers:",
	  "sample.yaml:22: 'x-reads' is true or left out" },
	{ SAMPLE, "    x-callers:", "    x-reads: true\n    x-idempotent: true\n    x-callers:",
	  "sample.yaml:19: a call that only reads needs no 'x-idempotent'" },
	{ SAMPLE, "    x-callers:", "    x-deadline-ms: 0\n    x-callers:",
	  "sample.yaml:22: 'x-deadline-ms' is a number from 1 to 600000" },
	{ SAMPLE, "    x-callers:", "    x-deadline-ms: 600001\n    x-callers:",
	  "sample.yaml:22: 'x-deadline-ms' is a number from 1 to 600000" },
	{ SAMPLE, "    x-callers:", "    x-status: [too_even]\n    x-callers:",
	  "sample.yaml:22: the status 'too_even' is declared nowhere" },
	{ SAMPLE, "    x-callers:",
	  "    messages: [{$ref: '#/channels/thing_put/messages/reply'}]\n    x-callers:",
	  "sample.yaml:22: 'messages' is one '$ref' to '#/channels/thing_put/messages/request'" },
	{ SAMPLE, "    x-callers:", "    reply: {address: {location: here}}\n    x-callers:",
	  "sample.yaml:22: unknown key 'address' in 'reply'" },
	{ SAMPLE, "method: POST", "method: HEAD",
	  "sample.yaml:23: the method is GET, POST, PUT, PATCH or DELETE, not 'HEAD'" },
	{ SAMPLE, "method: POST", "method: GET",
	  "sample.yaml:23: GET is for calls with 'x-reads'" },
	{ SAMPLE, "path: '/v1/things", "path: '/things",
	  "sample.yaml:23: a path is under '/v1/', of small letters and digits, not "
	  "'/things/{thing_id}'" },
	{ SAMPLE, "/{thing_id}'", "/{size}'",
	  "sample.yaml:23: '{size}' in the path is no required scalar of the request" },
	{ SAMPLE, ", scope: 'things:write'", "", "sample.yaml:23: 'x-http' has no 'scope'" },
	{ SAMPLE, "'things:write'", "'Things'",
	  "sample.yaml:23: a scope is like 'agents:write', not 'Things'" },
	{ SAMPLE, "scope: 'things:write'", "open: true, scope: 'things:write'",
	  "sample.yaml:23: a route that is open has no 'scope'" },
	{ SAMPLE, "scope: 'things:write'", "open: true, principals: [human]",
	  "sample.yaml:23: a route that is open has no 'principals'" },
	{ SAMPLE, "scope: 'things:write'", "open: true, own: thing_id",
	  "sample.yaml:23: a route that is open has no 'own'" },
	{ SAMPLE, "scope: 'things:write'", "open: 1, scope: 'things:write'",
	  "sample.yaml:23: 'open' is true or left out" },
	{ SAMPLE, "[terminal, gateway]", "[terminal]",
	  "sample.yaml:23: a call with 'x-http' lets the gateway call: add it to x-callers" },
};

static const struct refusal schema_refusals[] = {
	{ SAMPLE, "{type: integer, minimum: 1, maximum: 9}", "{type: integer, multipleOf: 3}",
	  "sample.yaml:35: unknown keyword 'multipleOf' in a schema" },
	{ SAMPLE, "{type: integer, minimum: 1, maximum: 9}", "{type: integer, x-odd: 3}",
	  "sample.yaml:35: unknown keyword 'x-odd' in a schema" },
	{ SAMPLE, "{type: integer, minimum: 1, maximum: 9}", "{type: integer, maxLength: 3}",
	  "sample.yaml:35: the keyword 'maxLength' does not apply to an integer" },
	{ SAMPLE, "{type: integer, minimum: 1, maximum: 9}", "{type: 'null'}",
	  "sample.yaml:35: unknown type 'null'" },
	{ SAMPLE, "{type: integer, minimum: 1, maximum: 9}", "{type: [integer, string]}",
	  "sample.yaml:35: 'type' is not a string with something in it" },
	{ SAMPLE, "{type: integer, minimum: 1, maximum: 9}", "{minimum: 1}",
	  "sample.yaml:35: a schema has no 'type'" },
	{ SAMPLE, "{type: integer, minimum: 1, maximum: 9}", "5",
	  "sample.yaml:35: a schema is a mapping" },
	{ SAMPLE, "minimum: 1, maximum: 9", "minimum: 10, maximum: 9",
	  "sample.yaml:35: the minimum is above the maximum" },
	{ SAMPLE, "minimum: 1, maximum: 9", "minimum: 1.5",
	  "sample.yaml:35: 'minimum' is not a number of the schema's type" },
	{ SAMPLE, "maximum: 9", "maximum: 9007199254740993",
	  "sample.yaml:35: 'maximum' is not a number of the schema's type" },
	{ SAMPLE, "minimum: 1, maximum: 9", "minimum: 1, maximum: 9, default: 10",
	  "sample.yaml:35: the 'default' does not match its own schema" },
	{ SAMPLE, "minimum: 1, maximum: 9", "minimum: 1, maximum: 9, examples: [0]",
	  "sample.yaml:35: the example does not match its own schema" },
	{ SAMPLE, "minimum: 1, maximum: 9", "minimum: 1, maximum: 9, examples: []",
	  "sample.yaml:35: 'examples' is a list with something in it" },
	{ SAMPLE, "{type: integer, minimum: 1, maximum: 9}", "{type: boolean, const: 1}",
	  "sample.yaml:35: 'const' of a boolean is true or false" },
	{ SAMPLE, ", maxLength: 24}", "}",
	  "sample.yaml:34: a string in a request has 'maxLength'" },
	{ SAMPLE, "maxLength: 24", "maxLength: -1",
	  "sample.yaml:34: 'maxLength' is a whole number from 0" },
	{ SAMPLE, "maxLength: 24", "minLength: 25, maxLength: 24",
	  "sample.yaml:34: 'minLength' is above 'maxLength'" },
	{ SAMPLE, "maxLength: 24", "maxLength: 24, format: uuid",
	  "sample.yaml:34: a string's format is date-time or int64, not 'uuid'" },
	{ SAMPLE, "maxItems: 3, ", "", "sample.yaml:36: an array in a request has 'maxItems'" },
	{ SAMPLE, ", items: {$ref: 'common.yaml#/components/schemas/Name'}", "",
	  "sample.yaml:36: an array has no 'items'" },
	{ SAMPLE, "items: {$ref: 'common.yaml#/components/schemas/Name'}",
	  "items: {type: array, items: {type: boolean}}",
	  "sample.yaml:36: an array of arrays is not understood: name an object between" },
	{ SAMPLE, "items: {$ref: 'common.yaml#/components/schemas/Name'}",
	  "uniqueItems: true, items: {$ref: '#/components/schemas/PutReply'}",
	  "sample.yaml:36: 'uniqueItems' is for arrays of scalars" },
	{ SAMPLE, "      additionalProperties: false\n", "",
	  "sample.yaml:29: an object in a request has 'additionalProperties: false'" },
	{ SAMPLE, "additionalProperties: false", "additionalProperties: true",
	  "sample.yaml:31: 'additionalProperties' beside 'properties' is false" },
	{ SAMPLE, "{type: integer, minimum: 1, maximum: 9}",
	  "{type: object, properties: {a: {type: boolean}}}",
	  "sample.yaml:35: an object inside another needs a name under components.schemas" },
	{ SAMPLE, "{type: integer, minimum: 1, maximum: 9}",
	  "{type: object, additionalProperties: {type: string, maxLength: 3}}",
	  "sample.yaml:35: pairs in a request have 'maxProperties'" },
	{ SAMPLE, "{type: integer, minimum: 1, maximum: 9}",
	  "{type: object, maxProperties: 3, additionalProperties: {type: string}}",
	  "sample.yaml:35: a string in a request has 'maxLength'" },
	{ SAMPLE, "{type: integer, minimum: 1, maximum: 9}",
	  "{type: object, maxProperties: 3, additionalProperties: {type: boolean}}",
	  "sample.yaml:35: the values of 'additionalProperties' are strings" },
	{ SAMPLE, "required: [thing_id]", "required: [thing_id, other]",
	  "sample.yaml:32: 'required' names 'other', which is not a property" },
	{ SAMPLE, "required: [thing_id]", "required: [thing_id, thing_id]",
	  "sample.yaml:32: 'required' names 'thing_id' twice" },
	{ SAMPLE, "required: [thing_id]", "required: thing_id",
	  "sample.yaml:32: 'required' is not a list" },
	{ SAMPLE, "enum: [red, green]", "enum: []",
	  "sample.yaml:43: 'enum' is a list with something in it" },
	{ SAMPLE, "enum: [red, green]", "enum: [red, red]",
	  "sample.yaml:43: the value 'red' is in the enum twice" },
	{ SAMPLE, "enum: [red, green]", "enum: [red-1, red_1]",
	  "sample.yaml:43: the values 'red-1' and 'red_1' have the same name in C" },
	{ SAMPLE, "enum: [red, green]", "enum: [red, none]",
	  "sample.yaml:43: the value 'none' collides in C with the constant for absent" },
	{ SAMPLE, "enum: [red, green]", "enum: [red, 'light green']",
	  "sample.yaml:43: an enum's values are strings of letters, digits and _.:/-" },
	{ SAMPLE, "enum: [red, green]", "enum: [red], const: red",
	  "sample.yaml:43: 'enum' and 'const' do not go together" },
	{ SAMPLE, "      type: object\n      required: [color]",
	  "      type: object\n      x-bytes-max: 1048577\n      required: [color]",
	  "sample.yaml:39: 'x-bytes-max' is a number from 2 to 1048576" },
	{ SAMPLE, "      type: object\n      required: [color]",
	  "      type: object\n      x-money: true\n      required: [color]",
	  "sample.yaml:37: 'x-money' is for 'Money' of common.yaml only" },
	{ SAMPLE, "      type: object\n      required: [color]",
	  "      type: object\n      x-purpose: kill\n      required: [color]",
	  "sample.yaml:39: a purpose is 'piopl/<what>/v<number>', not 'kill'" },
	{ SAMPLE, "{type: integer, minimum: 1, maximum: 9}", "{x-any: true, type: integer}",
	  "sample.yaml:35: the keyword 'type' does not apply to any JSON" },
};

static const struct refusal name_refusals[] = {
	{ SAMPLE, "schemas/Color'", "schemas/Colour'",
	  "sample.yaml:41: '$ref' points at '#/components/schemas/Colour', which is not there" },
	{ SAMPLE, "common.yaml#/components/schemas/Name", "audit.yaml#/components/schemas/Name",
	  "sample.yaml:36: a '$ref' is '#/components/schemas/X' or "
	  "'common.yaml#/components/schemas/X'" },
	{ SAMPLE, "color: {$ref:", "color: {maxLength: 3, $ref:",
	  "sample.yaml:41: unknown key 'maxLength' in a '$ref'" },
	{ SAMPLE, "    Color: {type: string, enum: [red, green]}",
	  "    Color: {type: string, enum: [red, green]}\n    Spare: {type: string}",
	  "sample.yaml:44: nothing uses the schema 'Spare'" },
	{ SAMPLE, "    Color: {type: string, enum: [red, green]}",
	  "    Color: {$ref: '#/components/schemas/Shade'}\n    Shade: {type: string, enum: [red]}",
	  "sample.yaml:43: 'Color' is only a '$ref': use what it points at" },
	{ SAMPLE, "required: [color]", "required: [color, next]",
	  "sample.yaml:37: the struct of 'PutReply' contains itself: make a member optional" },
	{ SAMPLE, "    Color: {type: string, enum: [red, green]}",
	  "    Color: {type: array, items: {$ref: '#/components/schemas/Color'}}",
	  "sample.yaml:43: the schema 'Color' refers to itself" },
	{ SAMPLE, "        size:", "        theSize:",
	  "sample.yaml:35: the member 'theSize' is not snake_case" },
	{ SAMPLE, "        size:", "        default:",
	  "sample.yaml:35: the member 'default' is a reserved word in C" },
	{ SAMPLE, "        size: {", "        has_size: {type: boolean}\n        size: {",
	  "sample.yaml:36: the members 'has_size' and 'size' collide in C" },
	{ SAMPLE, "        size: {type: integer, minimum: 1, maximum: 9}",
	  "        at: {type: string, format: date-time}\n        at_ms: {type: integer}",
	  "sample.yaml:36: the members 'at' and 'at_ms' collide in C" },
	{ SAMPLE, "        next: {$ref: '#/components/schemas/PutReply'}\n",
	  "        next: {$ref: '#/components/schemas/PutReply'}\n"
	  "        shade: {type: string, enum: [dark]}\n"
	  "        other: {$ref: '#/components/schemas/PutReplyShade'}\n"
	  "    PutReplyShade: {type: string, enum: [light]}\n",
	  "sample.yaml:45: the name 'struct sample_put_reply_shade' is taken in C already" },
};

static const struct refusal pattern_refusals[] = {
	{ SAMPLE, "'^thg_[0-9]+$'", "'thg_[0-9]+$'",
	  "sample.yaml:34: the pattern 'thg_[0-9]+$' is not understood: it does not start with "
	  "'^'" },
	{ SAMPLE, "'^thg_[0-9]+$'", "'^thg'",
	  "sample.yaml:34: the pattern '^thg' is not understood: it does not end with '$'" },
	{ SAMPLE, "'^thg_[0-9]+$'", "'^a|b$'",
	  "sample.yaml:34: the pattern '^a|b$' is not understood: put alternatives in a group" },
	{ SAMPLE, "'^thg_[0-9]+$'", "'^(a$'",
	  "sample.yaml:34: the pattern '^(a$' is not understood: a group is not closed" },
	{ SAMPLE, "'^thg_[0-9]+$'", "'^(?=a)$'",
	  "sample.yaml:34: the pattern '^(?=a)$' is not understood: a group is ( ) or (?: )" },
	{ SAMPLE, "'^thg_[0-9]+$'", "'^[]$'",
	  "sample.yaml:34: the pattern '^[]$' is not understood: a class is empty" },
	{ SAMPLE, "'^thg_[0-9]+$'", "'^[z-a]$'",
	  "sample.yaml:34: the pattern '^[z-a]$' is not understood: a range runs backwards" },
	{ SAMPLE, "'^thg_[0-9]+$'", "'^[[:alpha:]]$'",
	  "sample.yaml:34: the pattern '^[[:alpha:]]$' is not understood: a character in a class "
	  "is plain "
	  "ASCII, '[' escaped" },
	{ SAMPLE, "'^thg_[0-9]+$'", "'^a\\b$'",
	  "sample.yaml:34: the pattern '^a\\b$' is not understood: an escape is \\d, \\w or "
	  "escaped "
	  "punctuation" },
	{ SAMPLE, "'^thg_[0-9]+$'", "'^a+?$'",
	  "sample.yaml:34: the pattern '^a+?$' is not understood: a repetition of a repetition" },
	{ SAMPLE, "'^thg_[0-9]+$'", "'^a{2,1}$'",
	  "sample.yaml:34: the pattern '^a{2,1}$' is not understood: a repetition is {n}, {n,} or "
	  "{n,m}" },
	{ SAMPLE, "'^thg_[0-9]+$'", "'^a{65536}$'",
	  "sample.yaml:34: the pattern '^a{65536}$' is not understood: a repetition is too large" },
	{ SAMPLE, "'^thg_[0-9]+$'", "'^+$'",
	  "sample.yaml:34: the pattern '^+$' is not understood: '*+?{}]^$' and what is not ASCII "
	  "stand for "
	  "themselves only when escaped" },
};

static char *replaced(const char *text, const char *find, const char *replace)
{
	const char *at = strstr(text, find);
	char *out = calloc(1, strlen(text) + strlen(replace) + 1);

	if (!at)
		fail_msg("the base document has no \"%s\"", find);
	memcpy(out, text, (size_t)(at - text));
	strcat(out, replace);
	strcat(out, at + strlen(find));
	return out;
}

static bool says_line(const char *said, const char *line)
{
	const char *at = strstr(said, line);

	while (at && !((at == said || at[-1] == '\n') && at[strlen(line)] == '\n'))
		at = strstr(at + 1, line);
	return at != NULL;
}

/* Prints what differs, so that one run shows every case of a table. */
static bool is_refused(const char *folder, const struct refusal *refusal)
{
	static const char *const files[] = { COMMON, SAMPLE };
	bool refused;
	char *said;
	int status;

	for (size_t i = 0; i < 2; i++) {
		char *base = read_in("tests/unit/proto/base", files[i]);
		char *text = strcmp(files[i], refusal->file) == 0
				     ? replaced(base, refusal->find, refusal->replace)
				     : strdup(base);

		write_in(folder, files[i], text);
		free(text);
		free(base);
	}
	status = generate(folder, "common.yaml sample.yaml", &said);
	refused = status == 1 && says_line(said, refusal->said);
	if (!refused)
		print_error("expected: %s\nstatus %d, said:\n%s\n", refusal->said, status, said);
	free(said);
	return refused;
}

static void check_all(const struct refusal *refusals, size_t count)
{
	char *folder = make_folder();
	size_t refused = 0;

	for (size_t i = 0; i < count; i++)
		refused += is_refused(folder, &refusals[i]);
	remove_folder(folder);
	assert_int_equal(refused, count);
}
#define CHECK_ALL(table) check_all(table, sizeof(table) / sizeof((table)[0]))

static void yaml_that_readers_take_differently_is_refused(void **state)
{
	(void)state;
	CHECK_ALL(yaml_refusals);
}

static void unknown_parts_of_a_document_and_bad_statuses_are_refused(void **state)
{
	(void)state;
	CHECK_ALL(document_refusals);
}

/* [PLT-4] [PLT-5] */
static void addresses_that_do_not_follow_the_scheme_are_refused(void **state)
{
	(void)state;
	CHECK_ALL(channel_refusals);
}

static void callers_deadlines_and_routes_that_make_no_sense_are_refused(void **state)
{
	(void)state;
	CHECK_ALL(operation_refusals);
}

/* [PLT-2] */
static void unknown_keywords_and_unbounded_requests_are_refused(void **state)
{
	(void)state;
	CHECK_ALL(schema_refusals);
}

static void names_that_dangle_collide_or_are_not_used_are_refused(void **state)
{
	(void)state;
	CHECK_ALL(name_refusals);
}

static void patterns_outside_the_common_subset_are_refused(void **state)
{
	(void)state;
	CHECK_ALL(pattern_refusals);
}

static void the_base_documents_themselves_are_accepted(void **state)
{
	char *folder = make_folder(), *said;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		const char *name = i ? SAMPLE : COMMON;
		char *text = read_in("tests/unit/proto/base", name);

		write_in(folder, name, text);
		free(text);
	}
	assert_int_equal(generate(folder, "common.yaml sample.yaml", &said), 0);
	assert_string_equal(said, "");
	free(said);
	remove_folder(folder);
}

static void a_refused_contract_leaves_the_output_as_it_was(void **state)
{
	static const struct refusal odd = { SAMPLE, "type: integer", "type: odd",
					    "sample.yaml:35: unknown type 'odd'" };
	char *folder = make_folder();
	char path[256];

	(void)state;
	assert_true(is_refused(folder, &odd));
	snprintf(path, sizeof(path), "%s/out", folder);
	assert_int_not_equal(access(path, F_OK), 0);
	remove_folder(folder);
}

static void wrong_files_and_options_are_refused(void **state)
{
	static const struct {
		const char *files;
		int status;
		const char *said;
	} cases[] = {
		{ "", 2, "usage: proto-compile --out FOLDER [--docs FOLDER] FILE.yaml..." },
		{ "--docs", 2, "usage: proto-compile --out FOLDER [--docs FOLDER] FILE.yaml..." },
		{ "--odd common.yaml", 2,
		  "usage: proto-compile --out FOLDER [--docs FOLDER] FILE.yaml..." },
		{ "absent.yaml", 1, "absent.yaml:1: cannot be read: No such file or directory" },
		{ "absent.yaml", 1, "absent.yaml:1: 'common.yaml' is not among the documents" },
		{ "common.json", 1, "common.json:1: a document's name ends in '.yaml'" },
		{ "Big_Name.yaml", 1,
		  "Big_Name.yaml:1: a service's name is of small letters and hyphens, not "
		  "'Big_Name'" },
		{ "list.yaml", 1, "list.yaml:1: the document is not a mapping" },
		{ "list.yaml list.yaml", 1, "list.yaml:1: the service 'list' has two documents" },
	};
	char *folder = make_folder();

	(void)state;
	write_in(folder, "list.yaml", "- a\n");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *said;
		int status = generate(folder, cases[i].files, &said);

		if (status != cases[i].status || !says_line(said, cases[i].said))
			fail_msg("expected: %s\nstatus %d, said:\n%s", cases[i].said, status, said);
		free(said);
	}
	remove_folder(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_base_documents_themselves_are_accepted),
		cmocka_unit_test(yaml_that_readers_take_differently_is_refused),
		cmocka_unit_test(unknown_parts_of_a_document_and_bad_statuses_are_refused),
		cmocka_unit_test(addresses_that_do_not_follow_the_scheme_are_refused),
		cmocka_unit_test(callers_deadlines_and_routes_that_make_no_sense_are_refused),
		cmocka_unit_test(unknown_keywords_and_unbounded_requests_are_refused),
		cmocka_unit_test(names_that_dangle_collide_or_are_not_used_are_refused),
		cmocka_unit_test(patterns_outside_the_common_subset_are_refused),
		cmocka_unit_test(a_refused_contract_leaves_the_output_as_it_was),
		cmocka_unit_test(wrong_files_and_options_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
