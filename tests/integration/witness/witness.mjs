// An outside program: what it knows of PIOPL it knows from one generated AsyncAPI document, and what
// it verifies it verifies with node:crypto. It makes the calls open to it, reads every event of the
// service, and refuses whatever was altered. Ends with "N passed, N failed".
import assert from 'node:assert/strict';
import { createHash, createPublicKey, verify } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { connect, headers as newHeaders, nkeyAuthenticator } from '@nats-io/transport-node';
import { AckPolicy, DeliverPolicy, jetstream, jetstreamManager } from '@nats-io/jetstream';
import Ajv from 'ajv';
import addFormats from 'ajv-formats';

const setting = (name) => {
	if (!process.env[name]) throw new Error(`${name} is not set`);
	return process.env[name];
};
const BATCH_SIZE_MAX = 512;
const document = JSON.parse(readFileSync(setting('WITNESS_DOCUMENT'), 'utf8'));
const service = document.id.split(':').pop();
const eventsDue = Number(setting('WITNESS_EVENTS'));

// ---- schemas, as the document has them ----

const ajv = new Ajv({ strict: false, allErrors: false });
addFormats(ajv);
ajv.addFormat('int64', /^-?(0|[1-9][0-9]{0,18})$/);
ajv.addSchema({ $id: 'piopl', components: document.components });

const absolute = (node) =>
	JSON.parse(JSON.stringify(node).replaceAll('"#/components/', '"piopl#/components/'));
const validators = new Map();
const validatorOf = (schema) => {
	const text = JSON.stringify(schema);
	if (!validators.has(text)) validators.set(text, ajv.compile(absolute(schema)));
	return validators.get(text);
};
const resolve = (ref) => ref.slice(2).split('/').reduce((node, key) => node[key], document);
const messageOf = (ref) => resolve(ref.$ref);
const assertFits = (schema, value, what) => {
	const validate = validatorOf(schema);
	assert.ok(validate(value), `${what}: ${JSON.stringify(validate.errors)}`);
};

// ---- keys ----

const ED25519_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');
const publicKey = (base64) =>
	createPublicKey({
		key: Buffer.concat([ED25519_PREFIX, Buffer.from(base64, 'base64')]),
		format: 'der',
		type: 'spki',
	});
const sha256 = (...parts) => {
	const hash = createHash('sha256');
	for (const part of parts) hash.update(part);
	return hash.digest();
};
const keyIdOf = (base64) =>
	`key_${sha256(Buffer.from(base64, 'base64')).toString('hex').slice(0, 16)}`;

function readKeyList(text, rootBase64) {
	const list = JSON.parse(text);
	if (list.key_id !== keyIdOf(rootBase64)) throw new Error('the list names another root key');
	const signed = Buffer.from(`piopl/key-list/v1\n${list.payload}`, 'utf8');
	if (!verify(null, signed, publicKey(rootBase64), Buffer.from(list.signature, 'base64')))
		throw new Error('the list is not signed by the root key');
	const payload = JSON.parse(list.payload);
	for (const key of payload.keys)
		if (key.key_id !== keyIdOf(key.public_key)) throw new Error('a key id is not its key');
	return payload;
}

// ---- events ----

const SIGNED = ['ce-id', 'ce-source', 'ce-type', 'ce-time', 'ce-subject', 'ce-sequence'];

function leafOf(head, data) {
	const parts = [Buffer.from([0])];
	for (const part of [...SIGNED.map((name) => Buffer.from(head[name], 'utf8')), data]) {
		const length = Buffer.alloc(4);
		length.writeUInt32BE(part.length);
		parts.push(length, part);
	}
	return sha256(...parts);
}

const nodeOf = (left, right) => sha256(Buffer.from([1]), left, right);

function rootOfLeaves(leaves) {
	if (leaves.length === 1) return leaves[0];
	let half = 1;
	while (half * 2 < leaves.length) half *= 2;
	return nodeOf(rootOfLeaves(leaves.slice(0, half)), rootOfLeaves(leaves.slice(half)));
}

// From the leaf up, as RFC 9162 2.1.3.2 says it for RFC 6962 trees.
function rootOfProof(leaf, index, size, path) {
	let fn = index;
	let sn = size - 1;
	let root = leaf;
	for (const hash of path) {
		if (sn === 0) throw new Error('the proof is too long');
		if (fn % 2 === 1 || fn === sn) {
			root = nodeOf(hash, root);
			while (fn % 2 === 0 && fn !== 0) {
				fn = Math.floor(fn / 2);
				sn = Math.floor(sn / 2);
			}
		} else {
			root = nodeOf(root, hash);
		}
		fn = Math.floor(fn / 2);
		sn = Math.floor(sn / 2);
	}
	if (sn !== 0) throw new Error('the proof is too short');
	return root;
}

function parseProof(text) {
	const match = /^(0|[1-9][0-9]*)\/([1-9][0-9]*):((?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?)$/.exec(text);
	if (!match) throw new Error('the proof has another form');
	const [index, size, bytes] = [Number(match[1]), Number(match[2]), Buffer.from(match[3], 'base64')];
	if (index >= size || size > BATCH_SIZE_MAX || bytes.length % 32 !== 0)
		throw new Error('the proof has another form');
	const path = [];
	for (let i = 0; i < bytes.length; i += 32) path.push(bytes.subarray(i, i + 32));
	return { index, size, path };
}

function verifyRoot(keys, source, time, root, size, keyId, signature) {
	const key = keys.keys.find((k) => k.key_id === keyId);
	if (!key || `piopl/${key.owner}` !== source) throw new Error('no key of this source');
	if (key.state === 'revoked') throw new Error('the key is revoked');
	if (key.until && Date.parse(time) > Date.parse(key.until)) throw new Error('the key had ended');
	if (Date.parse(key.from) > Date.now() + 60000) throw new Error('the key has not begun');
	const text = `piopl/event-batch/v1\n${source}\n${size}\n${root.toString('base64')}\n`;
	if (!verify(null, Buffer.from(text), publicKey(key.public_key), Buffer.from(signature, 'base64')))
		throw new Error('the signature does not verify');
}

function verifyEvent(keys, head, data) {
	const { index, size, path } = parseProof(head['ce-proof']);
	const root = rootOfProof(leafOf(head, data), index, size, path);
	verifyRoot(keys, head['ce-source'], head['ce-time'], root, size, head['ce-keyid'],
		head['ce-signature']);
}

// ---- the bus ----

async function connectAs(identity) {
	const seed = readFileSync(setting(`WITNESS_SEED_${identity.toUpperCase()}`));
	return connect({
		servers: setting('WITNESS_URL'),
		authenticator: nkeyAuthenticator(new Uint8Array(seed.subarray(0, 58))),
		inboxPrefix: `_INBOX.${identity}`,
		name: identity,
		reconnect: false,
	});
}

async function call(connection, identity, name, body, more = {}) {
	const channel = resolve(document.operations[name].channel.$ref);
	const head = newHeaders();
	for (const [key, value] of Object.entries(more)) head.set(key, value);
	const answer = await connection.request(
		channel.address.replace('{caller}', identity),
		typeof body === 'string' ? body : JSON.stringify(body),
		{ timeout: 5000, headers: head },
	);
	const code = answer.headers?.get('Nats-Service-Error-Code') || '';
	return { code, error: answer.headers?.get('Nats-Service-Error') || '', value: answer.json() };
}

const replySchemas = (name) => {
	const { messages } = resolve(document.operations[name].reply.channel.$ref);
	return { reply: messages.reply.payload, problem: messages.problem.payload };
};

async function readEvents(connection) {
	const stream = Object.values(document.channels).find((c) => c['x-stream'])['x-stream'];
	const manager = await jetstreamManager(connection, { checkAPI: false });
	await manager.consumers.add(stream, {
		durable_name: 'witness',
		ack_policy: AckPolicy.None,
		deliver_policy: DeliverPolicy.All,
	});
	const consumer = await jetstream(connection).consumers.get(stream, 'witness');
	const events = [];
	while (events.length < eventsDue) {
		const before = events.length;
		const batch = await consumer.fetch({ max_messages: 500, expires: 2000 });
		for await (const message of batch) {
			const head = {};
			for (const [key, values] of message.headers) head[key] = values[0];
			events.push({ subject: message.subject, head, data: Buffer.from(message.data) });
		}
		if (events.length === before) break;
	}
	return events;
}

// ---- what has to hold ----

const results = { passed: 0, failed: 0 };
async function test(name, body) {
	try {
		await body();
		results.passed++;
		console.log(`ok     ${name}`);
	} catch (error) {
		results.failed++;
		console.log(`FAILED ${name}: ${error.stack}`);
	}
}

const rootKey = readFileSync(setting('WITNESS_ROOT'), 'utf8').trim();
const keyListText = readFileSync(setting('WITNESS_KEYS'), 'utf8');
let keys;
let events = [];

await test('the key list is signed by the root key', () => {
	keys = readKeyList(keyListText, rootKey);
	assert.ok(keys.keys.some((key) => key.owner === service));
});

await test('an altered key list, or one of another root, is refused', () => {
	const list = JSON.parse(keyListText);
	const altered = { ...list, payload: list.payload.replace(/"version":(\d+)/, '"version":9$1') };
	assert.notEqual(altered.payload, list.payload);
	assert.throws(() => readKeyList(JSON.stringify(altered), rootKey), /not signed/);
	const other = { ...list, key_id: 'key_0123456789abcdef' };
	assert.throws(() => readKeyList(JSON.stringify(other), rootKey), /another root/);
	const flipped = Buffer.from(list.signature, 'base64');
	flipped[0] ^= 1;
	const wrong = { ...list, signature: flipped.toString('base64') };
	assert.throws(() => readKeyList(JSON.stringify(wrong), rootKey), /not signed/);
});

const connections = { external: await connectAs('external'), terminal: await connectAs('terminal') };

await test('every reading call that is open to us answers as the document says', async () => {
	let made = 0;
	for (const [name, operation] of Object.entries(document.operations)) {
		if (operation.action !== 'receive' || !operation['x-reads']) continue;
		const identity = ['external', 'terminal'].find(
			(who) => operation['x-callers'].includes('*') || operation['x-callers'].includes(who));
		if (!identity) continue;
		const request = messageOf(operation.messages[0]);
		const example = request.examples[0].payload;
		assertFits(request.payload, example, `${name}: its own example`);
		const answer = await call(connections[identity], identity, name, example);
		const { reply, problem } = replySchemas(name);
		assertFits(answer.code ? problem : reply, answer.value, `${name}: ${JSON.stringify(answer)}`);
		if (answer.code) {
			assert.equal(String(answer.value.status), answer.code, name);
			assert.equal(answer.value.code, answer.error, name);
			assert.ok(Number(answer.code) < 500, `${name}: ${JSON.stringify(answer.value)}`);
		}
		made++;
	}
	console.log(`       ${made} calls made`);
	assert.ok(made >= 2);
});

await test('a call is answered with its reply', async () => {
	const answer = await call(connections.external, 'external', 'service_status', {});
	assert.equal(answer.code, '');
	assert.equal(answer.value.service, service);
});

await test('a request that does not fit its schema is refused with the place', async () => {
	const answer = await call(connections.external, 'external', 'service_status', { surplus: 1 });
	assertFits(replySchemas('service_status').problem, answer.value, 'problem');
	assert.equal(answer.value.pointer, '/surplus');
	assert.equal(answer.value.retry, false);
	assert.ok(!validatorOf(messageOf(document.operations.service_status.messages[0]).payload)({ surplus: 1 }));
});

await test('a request past the limit of the document is refused', async () => {
	const answer = await call(connections.external, 'external', 'service_status',
		`{"padding":"${'x'.repeat(262144)}"}`);
	assert.equal(answer.error, 'message_too_large');
});

await test('a call that is not open to us does not arrive', async () => {
	const closed = Object.entries(document.operations).find(
		([, o]) => o.action === 'receive' && !o['x-callers'].includes('*') && !o['x-callers'].includes('external'));
	await assert.rejects(call(connections.external, 'external', closed[0], {}));
});

await test('every event verifies, fits its schema and has the next sequence', async () => {
	events = await readEvents(connections.external);
	assert.ok(events.length >= eventsDue, `${events.length} events, due are ${eventsDue}`);
	const channels = new Map(Object.values(document.channels).map((c) => [c.address, c]));
	let next = 1n;
	for (const { subject, head, data } of events) {
		const channel = channels.get(subject);
		assert.ok(channel, `no channel has the address ${subject}`);
		const message = channel.messages.event;
		assertFits(message.headers, head, subject);
		verifyEvent(keys, head, data);
		assertFits(message.payload, JSON.parse(data.toString('utf8')), subject);
		assert.equal(head['ce-specversion'], '1.0');
		assert.equal(head['ce-type'], message.name);
		assert.equal(subject, head['ce-type'].replace(/^piopl\./, 'piopl.evt.'));
		assert.equal(head['ce-source'], `piopl/${service}`);
		assert.equal(head['Nats-Msg-Id'], `${service}:${head['ce-sequence']}`);
		assert.match(head['ce-time'], /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
		assert.equal(BigInt(head['ce-sequence']), next++);
	}
	console.log(`       ${events.length} events of ${new Set(events.map((e) => e.subject)).size} kinds`);
});

await test('an event altered in any part is refused', () => {
	const changed = {
		'ce-id': '0190a000-0000-7000-8000-000000000000',
		'ce-source': 'piopl/other',
		'ce-type': 'piopl.other.thing.done',
		'ce-time': '2020-01-01T00:00:00.000Z',
		'ce-subject': 'other',
		'ce-sequence': '99999999',
		'ce-keyid': 'key_0123456789abcdef',
	};
	const sample = events[Math.floor(events.length / 2)];
	verifyEvent(keys, sample.head, sample.data);
	for (const [name, value] of Object.entries(changed))
		assert.throws(() => verifyEvent(keys, { ...sample.head, [name]: value }, sample.data), undefined, name);
	for (const name of ['ce-signature', 'ce-proof']) {
		const value = sample.head[name];
		for (let i = name === 'ce-proof' ? 0 : 1; i < Math.min(value.length - 4, 60); i += 7) {
			const letter = value[i] === 'A' ? 'B' : 'A';
			const altered = value.slice(0, i) + letter + value.slice(i + 1);
			assert.throws(() => verifyEvent(keys, { ...sample.head, [name]: altered }, sample.data), undefined, name);
		}
	}
	for (let i = 0; i < sample.data.length; i += 3) {
		const data = Buffer.from(sample.data);
		data[i] ^= 1;
		assert.throws(() => verifyEvent(keys, sample.head, data));
	}
	const others = { ...keys, keys: keys.keys.map((key) => ({ ...key, state: 'revoked' })) };
	assert.throws(() => verifyEvent(others, sample.head, sample.data), /revoked/);
});

await test('the outbox gives the same events in signed batches', async () => {
	const inStream = new Map(events.map((e) => [e.head['ce-sequence'], e]));
	let after = 0n;
	let seen = 0;
	for (;;) {
		const answer = await call(connections.external, 'external', 'outbox_read', { after: String(after) });
		assert.equal(answer.code, '', JSON.stringify(answer.value));
		assertFits(replySchemas('outbox_read').reply, answer.value, 'outbox_read');
		if (answer.value.batches.length === 0) break;
		for (const batch of answer.value.batches) {
			const leaves = batch.events.map((event, i) => {
				const head = {
					'ce-id': event.id,
					'ce-source': `piopl/${service}`,
					'ce-type': `piopl.${event.type}`,
					'ce-time': event.time,
					'ce-subject': event.subject,
					'ce-sequence': String(BigInt(batch.first) + BigInt(i)),
				};
				const known = inStream.get(head['ce-sequence']);
				if (known) assert.equal(known.data.toString('utf8'), event.data);
				seen += known ? 1 : 0;
				return leafOf(head, Buffer.from(event.data, 'utf8'));
			});
			verifyRoot(keys, `piopl/${service}`, batch.events[0].time, rootOfLeaves(leaves),
				leaves.length, batch.key_id, batch.signature);
			after = BigInt(batch.first) + BigInt(leaves.length) - 1n;
		}
	}
	assert.ok(seen >= events.length);
});

for (const connection of Object.values(connections)) await connection.close();
console.log(`${results.passed} passed, ${results.failed} failed`);
process.exit(results.failed === 0 ? 0 : 1);
