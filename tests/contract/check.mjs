// Reads the contract as others do: every AsyncAPI document with @asyncapi/parser, the OpenAPI document
// with swagger-parser, every payload schema with ajv as draft-07 and as 2020-12, every example of ours
// against its schema under both. Usage: node check.mjs <proto folder> <gen folder>
import { readFileSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Parser, DiagnosticSeverity } from '@asyncapi/parser';
import SwaggerParser from '@apidevtools/swagger-parser';
import Ajv07 from 'ajv';
import Ajv2020 from 'ajv/dist/2020.js';

const [protoFolder, genFolder] = process.argv.slice(2).map((folder) => resolve(folder));
if (!genFolder) {
	console.error('usage: node check.mjs <proto folder> <gen folder>');
	process.exit(2);
}

let failed = 0;
let passed = 0;

function report(name, errors) {
	if (errors.length === 0) {
		passed++;
		return;
	}
	failed++;
	for (const error of errors) console.error(`${name}: ${error}`);
}

function readJson(path) {
	return JSON.parse(readFileSync(path, 'utf8'));
}

// The parser's errors only: it also recommends contact data and licences, which say nothing here.
async function checkAsyncapi(path) {
	const { document, diagnostics } = await new Parser().parse(readFileSync(path, 'utf8'), { source: path });
	const errors = diagnostics
		.filter((diagnostic) => diagnostic.severity === DiagnosticSeverity.Error)
		.map((diagnostic) => `line ${diagnostic.range.start.line + 1}: ${diagnostic.message} (${diagnostic.path.join('/')})`);
	if (!document && errors.length === 0) errors.push('was not parsed');
	report(path, errors);
	return document;
}

async function checkOpenapi(path) {
	try {
		await SwaggerParser.validate(path);
		report(path, []);
	} catch (error) {
		report(path, [error.message]);
	}
}

// A schema in place of each '#/components/schemas/X', by id, so that ajv finds it.
function register(ajv, schemas) {
	for (const [name, schema] of Object.entries(schemas)) {
		const text = JSON.stringify(schema).replaceAll('"#/components/schemas/', '"urn:piopl:');
		ajv.addSchema({ $id: `urn:piopl:${name}`, ...JSON.parse(text) });
	}
}

function validator(Ajv, schemas) {
	const ajv = new Ajv({ strict: true, allErrors: true, validateFormats: false });
	ajv.addVocabulary(['x-bytes-max']);
	register(ajv, schemas);
	return ajv;
}

function publicName(key) {
	const [service, schema] = key.split('.');
	if (service === 'common') return schema;
	return service.split('-').map((word) => word[0].toUpperCase() + word.slice(1)).join('') + schema;
}

function checkExamples(schemas, examples) {
	for (const Ajv of [Ajv07, Ajv2020]) {
		const ajv = validator(Ajv, schemas);
		for (const [key, example] of Object.entries(examples)) {
			const validate = schemas[publicName(key)] && ajv.getSchema(`urn:piopl:${publicName(key)}`);
			if (!validate) continue;
			validate(example);
			report(`example of ${key}`, (validate.errors ?? []).map((error) => `${error.instancePath} ${error.message}`));
		}
	}
}

const examples = readJson(join(genFolder, 'examples.json'));
for (const name of readdirSync(protoFolder).filter((file) => file.endsWith('.yaml')).sort()) {
	await checkAsyncapi(join(protoFolder, name));
}
for (const name of readdirSync(join(genFolder, 'asyncapi')).sort()) {
	const path = join(genFolder, 'asyncapi', name);
	const document = await checkAsyncapi(path);
	const service = name.replace('.json', '');
	const expanded = readJson(path);
	const foreign = JSON.stringify(expanded).match(/"\$ref":"[^#][^"]*"/g) ?? [];
	report(path, foreign.map((ref) => `refers to another document: ${ref}`));
	if (document) {
		const channels = document.channels().all().filter((channel) => channel.address());
		report(path, channels.filter((channel) => !channel.address().includes(service)).map((channel) => `${channel.id()} is not of this service`));
	}
	checkExamples(expanded.components.schemas, examples);
}
await checkOpenapi(join(genFolder, 'openapi.json'));
checkExamples(readJson(join(genFolder, 'openapi.json')).components.schemas, examples);

console.log(`contract checks: ${passed} passed, ${failed} failed`);
process.exit(failed > 0 || passed === 0 ? 1 : 0);
