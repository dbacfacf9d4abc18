// Verifies an export of the PIOPL audit log. Shares no code with the system that made it: node alone.
//   node verify-export.mjs <export.jsonl> <key of the log, as name+hash+base64>...
// Exit status 0: every record is the one that was signed. 1: what is wrong, by position. 2: usage.
import { createHash, createPublicKey, verify } from 'node:crypto';
import { createReadStream } from 'node:fs';

const sha = (...parts) => parts.reduce((h, p) => h.update(p), createHash('sha256')).digest();
const leafOf = (text) => sha(Buffer.from([0]), text);
const nodeOf = (left, right) => sha(Buffer.from([1]), left, right);
const bytesOf = (text) => {
	if (!/^sha256:[0-9a-f]{64}$/.test(text)) throw new Error(`${text ?? 'nothing'} stands where a hash is needed`);
	return Buffer.from(text.slice('sha256:'.length), 'hex');
};

// Lines as they are in the file, to the last byte: a record's hash is over exactly these.
async function* linesOf(path) {
	let rest = Buffer.alloc(0);
	for await (const chunk of createReadStream(path)) {
		let from = 0;
		rest = Buffer.concat([rest, chunk]);
		for (let end; (end = rest.indexOf(10, from)) >= 0; from = end + 1) yield rest.subarray(from, end);
		rest = rest.subarray(from);
	}
	if (rest.length) yield rest;
}
const parsed = (line, number) => {
	try {
		return JSON.parse(line.toString());
	} catch {
		throw new Error(`line ${number} is not JSON: the file was cut or changed there`);
	}
};

let wrong = 0;
const report = (what, position) => {
	wrong++;
	console.log(`${what} at position ${position}`);
};

// The tree: roots of complete subtrees by level, and how many leaves there are.
const tree = { size: 0n, roots: new Map() };
const add = (level, hash) => {
	let at = level;
	while (tree.size >> BigInt(at) & 1n) hash = nodeOf(tree.roots.get(at++), hash);
	tree.roots.set(at, hash);
	tree.size += 1n << BigInt(level);
};
const root = () => {
	let hash;
	for (let level = 0; tree.size >> BigInt(level); level++)
		if (tree.size >> BigInt(level) & 1n)
			hash = hash ? nodeOf(tree.roots.get(level), hash) : tree.roots.get(level);
	return hash;
};

// A signed note: text, empty line, "— name base64(key hash and signature)".
const keyOf = (vkey) => {
	const [name, , ...rest] = vkey.split('+');
	const bytes = Buffer.from(rest.join('+'), 'base64');
	if (bytes.length !== 33 || bytes[0] !== 1) throw new Error('not an Ed25519 key of a log');
	const der = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), bytes.subarray(1)]);
	return {
		name,
		hash: sha(Buffer.from(name + '\n'), bytes).subarray(0, 4),
		key: createPublicKey({ key: der, format: 'der', type: 'spki' }),
	};
};
const checkpointOf = (note, keys) => {
	const end = note.indexOf('\n\n');
	const text = note.slice(0, end + 1);
	const signed = note.slice(end + 2).split('\n').some((line) => {
		const [dash, name, base64] = line.split(' ');
		const bytes = Buffer.from(base64 ?? '', 'base64');
		return keys.some((key) => dash === '—' && name === key.name && bytes.subarray(0, 4).equals(key.hash) &&
			verify(null, Buffer.from(text), key.key, bytes.subarray(4)));
	});
	const [origin, size, base64] = text.split('\n');
	if (!signed || origin !== keys[0].name) throw new Error('a checkpoint is not signed by this key (was it rotated? give every key)');
	return { size: BigInt(size), root: Buffer.from(base64, 'base64') };
};

const chains = new Map(); // agent -> hash and position of its last record
let expired = -1n;        // last expired position
const claims = [];        // ranges that the file says expired: [first, last]
const claim = (position) => {
	expired = position;
	if (claims.length && claims.at(-1)[1] + 1n === position) claims.at(-1)[1] = position;
	else claims.push([position, position]);
};
const chain = (record, text) => {
	const position = BigInt(record.log_id);
	const before = chains.get(record.agent_id);
	if (before && !bytesOf(record.previous_log_hash).equals(before.hash) && expired < before.position)
		report('the chain of its agent breaks', position);
	chains.set(record.agent_id, { hash: sha(text), position });
};

async function main(path, vkeys) {
	const keys = vkeys.map(keyOf);
	let header, leaves = [], first = 0n, next = 0n, gone = new Set(), records = 0, number = 0;
	const closeBlock = () => {
		for (; next < first + BigInt(leaves.length); next++)
			if (!gone.has(next)) report('no record', next);
		leaves.forEach((leaf) => add(0, leaf));
		first += BigInt(leaves.length);
		leaves = [];
	};
	const same = (checkpoint) => {
		if (checkpoint.size !== tree.size || !checkpoint.root.equals(root()))
			report('the signed root is not reproduced', tree.size);
	};
	for await (const line of linesOf(path)) {
		const item = parsed(line, ++number);
		if (number === 1) {
			if (!item.format) throw new Error('not an export: its first line is no header');
			header = item;
			let at = BigInt(item.first), left = [...item.left];
			for (let level = 62; level >= 0; level--)
				if (at >> BigInt(level) & 1n) add(level, bytesOf(left.shift()));
			if (tree.size !== at || left.length) throw new Error('left roots do not fit');
			first = next = at;
		} else if (item.leaves !== undefined) {
			closeBlock();
			if (BigInt(item.first) !== first) report('a block is missing', first);
			const bytes = Buffer.from(item.leaves, 'base64');
			for (let i = 0; i < item.count; i++) leaves.push(bytes.subarray(32 * i, 32 * i + 32));
			gone = new Set();
			for (let i = 0; i < (item.expired ?? []).length; i += 2)
				for (let k = 0; k < item.expired[i + 1]; k++) {
					claim(first + BigInt(item.expired[i] + k));
					gone.add(expired);
				}
		} else if (item.checkpoint) {
			closeBlock();
			same(checkpointOf(item.checkpoint, keys));
		} else {
			const position = BigInt(item.log_id);
			while (gone.has(next)) next++;
			for (; next < position && position < first + BigInt(leaves.length); next++)
				if (!gone.has(next)) report('no record', next);
			const leaf = leaves[Number(position - first)];
			if (position !== next || !leaf) report('a record that does not belong here', position);
			else if (!leaf.equals(leafOf(line))) report('another record than was signed', position);
			else chain(item, line);
			if (position === next) next++;
			records++;
		}
	}
	if (!header) throw new Error('not an export: the file is empty');
	closeBlock();
	if (tree.size !== BigInt(header.end)) report('the range is not whole', tree.size);
	else {
		const right = [...header.right];
		while (tree.size < BigInt(header.size)) {
			let level = 0;
			while (!(tree.size >> BigInt(level) & 1n) && tree.size + (2n << BigInt(level)) <= BigInt(header.size))
				level++;
			add(level, bytesOf(right.shift()));
		}
		same(checkpointOf(header.checkpoint, keys));
	}
	for (const [from, to] of claims)
		console.log(`${to - from + 1n} said to be expired, from position ${from} to ${to}`);
	console.log(`${records} records of ${header.first} to ${header.end}, ${chains.size} chains: ` +
		(wrong ? `${wrong} findings` : 'proved'));
	return wrong ? 1 : 0;
}

if (process.argv.length < 4) {
	console.error('usage: node verify-export.mjs <export.jsonl> <name+hash+base64>...');
	process.exit(2);
}
main(process.argv[2], process.argv.slice(3).flatMap((keys) => keys.split('\n')).filter(Boolean)).then((status) => process.exit(status), (error) => {
	console.log(`not verified: ${error.message}`);
	process.exit(1);
});
