/* The 2020-12 meta-schema, as published, written compactly. Documents are parsed when a reference
 * leads to one. */
#include "schema_internal.h"

#define BASE "https://json-schema.org/draft/2020-12/"
#define HEAD(name, words)                                                                          \
	"{\"$schema\":\"" BASE "schema\",\"$id\":\"" BASE name "\",\"$vocabulary\":{" words        \
	"},\"$dynamicAnchor\":\"meta\",\"type\":[\"object\",\"boolean\"],"
#define WORDS(name) "\"" BASE "vocab/" name "\":true"
#define META "{\"$dynamicRef\":\"#meta\"}"
#define MAP_OF(what) "{\"type\":\"object\",\"additionalProperties\":" what ",\"default\":{}}"
#define LOCAL(name) "{\"$ref\":\"#/$defs/" name "\"}"

static const char schema_text[] = HEAD(
	"schema",
	WORDS("core") "," WORDS("applicator") "," WORDS("unevaluated") "," WORDS("validation") "," WORDS(
		"meta-data") "," WORDS("format-annotation") "," WORDS("content")) "\"allOf\":[{\"$"
										  "ref\":\"meta/"
										  "core\"},{\"$"
										  "ref\":\"meta/"
										  "applicator\"},"
										  "{\"$ref\":"
										  "\"meta/"
										  "unevaluated\"},{"
										  "\"$ref\":\"meta/"
										  "validation\"},"
										  "{\"$ref\":"
										  "\"meta/"
										  "meta-data\"},{"
										  "\"$ref\":\"meta/"
										  "format-"
										  "annotation\"},"
										  "{\"$ref\":"
										  "\"meta/"
										  "content\"}],"
										  "\"properties\":{"
										  "\"definitions\""
										  ":" MAP_OF(
											  META) ","
												"\""
												"de"
												"pe"
												"nd"
												"en"
												"ci"
												"es"
												"\""
												":{"
												"\""
												"ty"
												"pe"
												"\""
												":"
												"\""
												"ob"
												"je"
												"ct"
												"\""
												","
												"\""
												"ad"
												"di"
												"ti"
												"on"
												"al"
												"Pr"
												"op"
												"er"
												"ti"
												"es"
												"\""
												":{"
												"\""
												"an"
												"yO"
												"f"
												"\""
												":"
												"[" META
												","
												"{"
												"\""
												"$r"
												"ef"
												"\""
												":"
												"\""
												"me"
												"ta"
												"/v"
												"al"
												"id"
												"at"
												"io"
												"n#"
												"/$"
												"de"
												"fs"
												"/s"
												"tr"
												"in"
												"gA"
												"rr"
												"ay"
												"\""
												"}]"
												"},"
												"\""
												"de"
												"pr"
												"ec"
												"at"
												"ed"
												"\""
												":t"
												"ru"
												"e,"
												"\""
												"de"
												"fa"
												"ul"
												"t"
												"\""
												":{"
												"}}"
												","
												"\""
												"$r"
												"ec"
												"ur"
												"si"
												"ve"
												"An"
												"ch"
												"or"
												"\""
												":{"
												"\""
												"$r"
												"ef"
												"\""
												":"
												"\""
												"me"
												"ta"
												"/c"
												"or"
												"e#"
												"/$"
												"de"
												"fs"
												"/a"
												"nc"
												"ho"
												"rS"
												"tr"
												"in"
												"g"
												"\""
												","
												"\""
												"de"
												"pr"
												"ec"
												"at"
												"ed"
												"\""
												":t"
												"ru"
												"e}"
												","
												"\""
												"$r"
												"ec"
												"ur"
												"si"
												"ve"
												"Re"
												"f"
												"\""
												":{"
												"\""
												"$r"
												"ef"
												"\""
												":"
												"\""
												"me"
												"ta"
												"/c"
												"or"
												"e#"
												"/$"
												"de"
												"fs"
												"/u"
												"ri"
												"Re"
												"fe"
												"re"
												"nc"
												"eS"
												"tr"
												"in"
												"g"
												"\""
												","
												"\""
												"de"
												"pr"
												"ec"
												"at"
												"ed"
												"\""
												":t"
												"ru"
												"e}"
												"}"
												"}";

static const char
	core_text[] = HEAD("meta/core",
			   WORDS("core")) "\"properties\":{"
					  "\"$id\":{\"$ref\":\"#/$defs/"
					  "uriReferenceString\",\"pattern\":\"^[^#]*#?$\"},"
					  "\"$schema\":" LOCAL("uriString") ",\"$ref\":" LOCAL(
						  "uriReferenceString") ","
									"\"$anchor\":" LOCAL("ancho"
											     "rStri"
											     "ng") ",\"$dynamicRef\":" LOCAL(
										"uriReferenceStrin"
										"g") ","
										     "\"$"
										     "dynamicAnchor"
										     "\":" LOCAL(
											     "ancho"
											     "rStri"
											     "ng") ","
												   "\"$vocabulary\":{\"type\":\"object\",\"propertyNames\":" LOCAL(
													   "uriString") ","
															"\"additionalProperties\":{\"type\":\"boolean\"}},"
															"\"$comment\":{\"type\":\"string\"},"
															"\"$defs\":{\"type\":\"object\",\"additionalProperties\":" META
															"}},"
															"\"$defs\":{"
															"\"anchorString\":{\"type\":\"string\",\"pattern\":\"^[A-Za-z_][-A-Za-z0-9._]*$\"},"
															"\"uriString\":{\"type\":\"string\",\"format\":\"uri\"},"
															"\"uriReferenceString\":{\"type\":\"string\",\"format\":\"uri-reference\"}}}";

static const char applicator_text[] = HEAD(
	"meta/applicator",
	WORDS("applicator")) "\"properties\":{"
			     "\"prefixItems\":" LOCAL(
				     "schemaArray") ",\"items\":" META ",\"contains\":" META ","
						    "\"additionalProperties\":" META
						    ",\"properties\":" MAP_OF(
							    META) ","
								  "\"patternProperties\":{\"type\":"
								  "\"object\","
								  "\"additionalProperties\":" META
								  ","
								  "\"propertyNames\":{\"format\":"
								  "\"regex\"},\"default\":{}},"
								  "\"dependentSchemas\":" MAP_OF(
									  META) ",\"propertyNames\""
										":" META ","
										"\"if\":" META
										",\"then\":" META
										",\"else\":" META
										","
										"\"allOf\":" LOCAL("schemaArray") ",\"anyOf\":" LOCAL(
											"schemaArra"
											"y") ","
											     "\"one"
											     "Of\""
											     ":" LOCAL(
												     "schemaArray") ",\"not\":" META
														    "},"
														    "\"$defs\":{\"schemaArray\":{\"type\":\"array\",\"minItems\":1,\"items\":" META
														    "}}}";

static const char unevaluated_text[] =
	HEAD("meta/unevaluated", WORDS("unevaluated")) "\"properties\":{\"unevaluatedItems\":" META
						       ",\"unevaluatedProperties\":" META "}}";

static const char
	validation_text[] = HEAD(
		"meta/validation",
		WORDS("validation")) "\"properties\":{"
				     "\"type\":{\"anyOf\":[" LOCAL("simpleTypes") ",{\"type\":"
										  "\"array\","
										  "\"items\""
										  ":" LOCAL("simple"
											    "Types") ",\"minItems\":1,\"uniqueItems\":true}]},"
												     "\"const\":true,\"enum\":{\"type\":\"array\",\"items\":true},"
												     "\"multipleOf\":{\"type\":\"number\",\"exclusiveMinimum\":0},"
												     "\"maximum\":{\"type\":\"number\"},\"exclusiveMaximum\":{\"type\":\"number\"},"
												     "\"minimum\":{\"type\":\"number\"},\"exclusiveMinimum\":{\"type\":\"number\"},"
												     "\"maxLength\":" LOCAL(
													     "nonNegativeInteger") ","
																   "\"minLength\":" LOCAL("nonNegativeIntegerDefault0") ","
																							"\"pattern\":{\"type\":\"string\",\"format\":\"regex\"},"
																							"\"maxItems\":" LOCAL(
																								"nonNegativeInteger") ","
																										      "\"minItems\":" LOCAL("nonNegativeIntegerDefault0") ","
																																	  "\"uniqueItems\":{\"type\":\"boolean\",\"default\":false},"
																																	  "\"maxContains\":" LOCAL("nonNegativeInteger") ","
																																							 "\"minContains\":{\"$ref\":\"#/$defs/nonNegativeInteger\",\"default\":1},"
																																							 "\"maxProperties\":" LOCAL(
																																								 "nonNegativeInteger") ","
																																										       "\"minProperties\":" LOCAL(
																																											       "nonNegativeIntegerDefault0") ","
																																															     "\"required\":" LOCAL("stringArray") ","
																																																				  "\"dependentRequired\":{\"type\":\"object\","
																																																				  "\"additionalProperties\":" LOCAL(
																																																					  "stringArray") "}},"
																																																							 "\"$defs\":{\"nonNegativeInteger\":{\"type\":\"integer\",\"minimum\":0},"
																																																							 "\"nonNegativeIntegerDefault0\":{\"$ref\":\"#/$defs/nonNegativeInteger\",\"default\":0},"
																																																							 "\"simpleTypes\":{\"enum\":[\"array\",\"boolean\",\"integer\",\"null\",\"number\","
																																																							 "\"object\",\"string\"]},"
																																																							 "\"stringArray\":{\"type\":\"array\",\"items\":{\"type\":\"string\"},"
																																																							 "\"uniqueItems\":true,\"default\":[]}}}";

static const char meta_data_text[] =
	HEAD("meta/meta-data",
	     WORDS("meta-data")) "\"properties\":{\"title\":{\"type\":\"string\"},\"description\":{"
				 "\"type\":\"string\"},"
				 "\"default\":true,\"deprecated\":{\"type\":\"boolean\","
				 "\"default\":false},"
				 "\"readOnly\":{\"type\":\"boolean\",\"default\":false},"
				 "\"writeOnly\":{\"type\":\"boolean\",\"default\":false},"
				 "\"examples\":{\"type\":\"array\",\"items\":true}}}";

static const char format_annotation_text[] =
	HEAD("meta/format-annotation",
	     WORDS("format-annotation")) "\"properties\":{\"format\":{\"type\":\"string\"}}}";

static const char format_assertion_text[] =
	HEAD("meta/format-assertion",
	     WORDS("format-assertion")) "\"properties\":{\"format\":{\"type\":\"string\"}}}";

static const char content_text[] =
	HEAD("meta/content",
	     WORDS("content")) "\"properties\":{\"contentEncoding\":{\"type\":\"string\"},"
			       "\"contentMediaType\":{\"type\":\"string\"},\"contentSchema\":" META
			       "}}";

struct str schema_meta_text(struct str uri)
{
	static const struct {
		const char *uri, *text;
	} documents[] = {
		{ BASE "schema", schema_text },
		{ BASE "meta/core", core_text },
		{ BASE "meta/applicator", applicator_text },
		{ BASE "meta/unevaluated", unevaluated_text },
		{ BASE "meta/validation", validation_text },
		{ BASE "meta/meta-data", meta_data_text },
		{ BASE "meta/format-annotation", format_annotation_text },
		{ BASE "meta/format-assertion", format_assertion_text },
		{ BASE "meta/content", content_text },
	};

	for (size_t i = 0; i < sizeof(documents) / sizeof(documents[0]); i++) {
		if (str_is(uri, documents[i].uri))
			return str_of(documents[i].text);
	}
	return (struct str){ 0 };
}
