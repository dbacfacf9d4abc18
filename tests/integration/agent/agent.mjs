// An agent as its author writes it: it gets a token bound to its own key, asks for decisions with a proof of
// possession, is denied, asks a person, and acts once. And the approver, who signs with a key.
//
//   node agent.mjs DOOR FOLDER AGENT_ID
//
// FOLDER has issuer.key, agent.key and approver.key (API keys), and approver.seed (the person's signing key).
import assert from 'node:assert/strict'
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect, Refused } from './client.mjs'

const [door, folder, agentId] = process.argv.slice(2)
const read = (name) => readFileSync(`${folder}/${name}`, 'utf8').trim()
const hashText = (bytes) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`
const call = await connect(door)
const keys = { issuer: read('issuer.key'), agent: read('agent.key'), approver: read('approver.key') }

// -- a token bound to a key that never leaves here
const holder = generateKeyPairSync('ed25519')
const holderPublic = holder.publicKey.export({ format: 'der', type: 'spki' }).subarray(-32)
const issued = await call(keys.issuer, 'post', '/v1/tokens', {
	body: { agent_id: agentId, scopes: ['trend_scan', 'template_gen'], risk: 'low', holder_key: holderPublic.toString('base64') },
})
const token = issued.token
assert.equal(issued.capability.bound, true)

// docs/tokens.md, "Proving that it is mine"; for a decision the method is "decide", the target the tool
function proofFor(tool, bodyHash) {
	const nonce = randomBytes(16).toString('base64url')
	const time = Date.now()
	const lines = [hashText(token), 'decide', tool, bodyHash, nonce, time].join('\n') + '\n'
	const signature = sign(null, Buffer.from(`piopl/token-proof/v1\n${lines}`), holder.privateKey)
	return `${nonce}.${time}.${signature.toString('base64url')}`
}

function action(tool, resource, parameters, more = {}) {
	const parameters_hash = hashText(JSON.stringify(parameters))
	return { agent_id: agentId, token, proof: proofFor(tool, parameters_hash), tool, resource, confidence: 0.97, parameters_hash, ...more }
}
const decide = (body) => call(keys.agent, 'post', '/v1/decisions', { body })
const words = (decision) => (decision.reasons ?? []).map((r) => r.words).join('; ')

let last = ''
async function until(what, test, tries = 100) {
	for (let i = 0; i < tries; i++) {
		const value = await test()
		if (value) return value
		await sleep(100)
	}
	throw new Error(`never: ${what}; last: ${last}`)
}

// -- allowed, with its evidence
const allowed = await until('allowed', async () => {
	const decision = await decide(action('trend.scan', 'trends.public', { q: 'spring' }))
	last = JSON.stringify(decision)
	return decision.verdict === 'allow' && decision
})
assert.match(allowed.evidence_id, /^evd_/)
assert.ok(allowed.valid_for_ms > 0)
await call(keys.issuer, 'post', '/v1/decisions/{evidence_id}/outcome', {
	values: { evidence_id: allowed.evidence_id },
	body: { status: 'success', result_hash: hashText('found') },
})

// -- a proof is good once, for this tool and these parameters, and only from the holder
const used = action('trend.scan', 'trends.public', { q: 'again' })
assert.equal((await decide(used)).verdict, 'allow')
assert.match(words(await decide(used)), /proof_replayed/)
assert.match(words(await decide({ ...action('trend.scan', 'trends.public', { q: 'b' }), parameters_hash: hashText('other') })), /proof_signature_invalid/)
const { proof, ...bare } = action('trend.scan', 'trends.public', { q: 'c' })
assert.ok(proof)
assert.match(words(await decide(bare)), /proof_required/)

// -- denied, by the document that says so
const denied = await decide(action('trend.scan', 'trends.private', {}))
assert.equal(denied.verdict, 'deny')
assert.equal(denied.reasons.at(-1).document_id, 'crafter-tools')

// -- the same questions as OpenID AuthZEN 1.0 asks them
const evaluation = (resource) => {
	const parameters_hash = hashText(resource)
	return {
		subject: { type: 'agent', id: agentId },
		action: { name: 'trend.scan' },
		resource: { type: 'list', id: resource },
		context: { token, proof: proofFor('trend.scan', parameters_hash), parameters_hash },
	}
}
assert.equal((await call(keys.issuer, 'post', '/access/v1/evaluation', { body: evaluation('trends.public') })).decision, true)
const several = await call(keys.issuer, 'post', '/access/v1/evaluations', {
	body: { evaluations: [evaluation('trends.public'), evaluation('trends.private')] },
})
assert.deepEqual(several.evaluations.map((e) => e.decision), [true, false])

// -- nobody decides for another agent
await assert.rejects(decide({ ...action('trend.scan', 'x', {}), agent_id: 'piopl_00002' }), (e) => e instanceof Refused && e.status === 403)

// -- a person is asked about exactly this
const parameters = JSON.stringify({ template: 'spring', price: '4.00' })
const publish = (approval_id) => {
	const body = action('template.publish', 'templates.spring', JSON.parse(parameters))
	return approval_id ? { ...body, approval_id } : body
}
const waiting = await decide(publish())
assert.equal(waiting.verdict, 'require_approval')
const asked = await call(keys.agent, 'post', '/v1/approvals', {
	body: {
		agent_id: agentId,
		tool: 'template.publish',
		resource: 'templates.spring',
		parameters_hash: hashText(parameters),
		parameters,
		...waiting.ask,
	},
})
const id = asked.approval.request_id
assert.equal((await decide(publish(id))).verdict, 'require_approval')

// -- the approver sees it and signs (docs/approvals.md, "Your verdict")
const seen = (await call(keys.approver, 'get', '/v1/approvals/{request_id}', { values: { request_id: id } })).approval
assert.equal(seen.parameters, parameters)
const seed = Buffer.from(read('approver.seed'), 'base64')
const person = createPrivateKey({ key: Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]), format: 'der', type: 'pkcs8' })
const personPublic = createPublicKey(person).export({ format: 'der', type: 'spki' }).subarray(-32)
const verdict = {
	action_digest: seen.action_digest,
	comment: 'looked at it',
	issued_at: new Date().toISOString(),
	nonce: randomBytes(12).toString('base64url'),
	request_id: id,
	verdict: 'approve',
} // names in their order: RFC 8785
const payload = JSON.stringify(verdict)
await call(keys.approver, 'post', '/v1/approvals/{request_id}/verdicts', {
	values: { request_id: id },
	body: {
		act: {
			payload,
			key_id: `key_${createHash('sha256').update(personPublic).digest('hex').slice(0, 16)}`,
			signature: sign(null, Buffer.from(`piopl/approval-verdict/v1\n${payload}`), person).toString('base64'),
		},
	},
})

// -- the agent polls, then acts: once, and only this
await until('approved', async () => {
	const { approval, wait } = await call(keys.agent, 'get', '/v1/approvals/{request_id}', { values: { request_id: id }, query: { agent_id: agentId } })
	if (wait) await sleep(wait.poll_after_ms)
	return approval.state === 'approved'
})
await assert.rejects(call(keys.agent, 'get', '/v1/approvals/{request_id}', { values: { request_id: id }, query: { agent_id: 'piopl_00002' } }), Refused)
const changed = action('template.publish', 'templates.spring', { template: 'spring', price: '5.00' }, { approval_id: id })
assert.equal((await decide(changed)).verdict, 'require_approval')
const done = await until('let through', async () => {
	const decision = await decide(publish(id))
	return decision.verdict === 'allow' && decision
})
assert.equal(done.approval_id, id)
assert.match(words(await decide(publish(id))), /used before/)

// -- a dead token
await call(keys.issuer, 'post', '/v1/token-revocations', { body: { token_id: issued.capability.token_id, reason: 'done' } })
await until('dead', async () => /token_revoked/.test(words(await decide(action('trend.scan', 'trends.public', {})))))

// -- why, afterwards
const why = await call(keys.issuer, 'get', '/v1/decisions/{evidence_id}', { values: { evidence_id: done.evidence_id } })
assert.match(why.reasons.join('\n'), /approved exactly this/)
console.log(`allowed ${allowed.evidence_id}, denied ${denied.evidence_id}, approved and done ${done.evidence_id}`)
