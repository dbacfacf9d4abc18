// Reads what witness_test.c made, judges it with another library, and answers with things of its own.
import { readFileSync } from 'node:fs'
import { handOn, hashText, holderKey, mint, proofFor, verifyToken } from './holder.mjs'

const given = JSON.parse(readFileSync(process.argv[2], 'utf8'))
const issuer = holderKey(Buffer.from(given.issuer_seed, 'hex'))
const holder = holderKey(Buffer.from(given.holder_seed, 'hex'))
const next = holderKey(Buffer.from(given.next_seed, 'hex'))
const keys = [{ kid: issuer.keyId, x: issuer.publicKey.toString('base64url'), state: 'active' }]

const claims = await verifyToken(given.token, keys)

let refused = 0
for (let i = 0; i < given.token.length; i++) {
	const changed = given.token.slice(0, i) + (given.token[i] === 'A' ? 'B' : 'A') + given.token.slice(i + 1)
	// A last character whose unused bits changed is the same bytes to a lenient reader.
	await verifyToken(changed, keys).then(
		(same) => { if (JSON.stringify(same) === JSON.stringify(claims)) refused++ },
		() => { refused++ },
	)
}

const child = await handOn(given.token, holder, { scopes: ['trend_scan'], risk: 'low' }, next.publicKey)
const grandchild = await handOn(child, next, { exp: new Date(Date.now() + 60000).toISOString() })
const body = '{"amount":"1"}'
process.stdout.write(JSON.stringify({
	claims,
	mutations: given.token.length,
	refused,
	minted: await mint(issuer, claims),
	child,
	grandchild,
	widened: await handOn(child, next, { scopes: ['gumroad_publish'] }),
	body_hash: hashText(body),
	proof: proofFor(grandchild, next, 'POST', '/v1/tools/gumroad', body),
}))
