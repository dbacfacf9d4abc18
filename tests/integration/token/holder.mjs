// What an agent's author needs of capability tokens: read one, prove that it is mine, hand it on.
// Any PASETO v4 library does; this is https://github.com/panva/paseto.
import { createHash, createPrivateKey, randomBytes, sign } from 'node:crypto'
import paseto from 'paseto'

const { V4 } = paseto
const ASSERTION = 'piopl/token/v1'
const BLOCK_ASSERTION = 'piopl/token-block/v1\n'
const PROOF_PURPOSE = 'piopl/token-proof/v1\n'

const sha256 = (bytes) => createHash('sha256').update(bytes).digest()
export const hashText = (bytes) => `sha256:${sha256(bytes).toString('hex')}`
export const keyId = (publicKey) => `key_${sha256(publicKey).toString('hex').slice(0, 16)}`

/** A private key of its 32-byte seed, and its public bytes. */
export function holderKey(seed) {
	const pkcs8 = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed])
	const privateKey = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' })
	const publicKey = V4.keyObjectToBytes(privateKey).subarray(32)
	return { privateKey, publicKey, keyId: keyId(publicKey) }
}

/** The claims of a token, when one of the keys of GET /v1/token-keys signed it. */
export async function verifyToken(token, keys) {
	const root = token.split('~')[0]
	const footer = JSON.parse(Buffer.from(root.split('.')[3], 'base64url'))
	const key = keys.find((k) => k.kid === footer.kid && k.state !== 'revoked')
	if (!key) throw new Error(`no key ${footer.kid}`)
	const publicKey = V4.bytesToKeyObject(Buffer.from(key.x, 'base64url'))
	return V4.verify(root, publicKey, { assertion: ASSERTION })
}

/** Signs claims as the token service does; for tests of verifiers. */
export async function mint(issuer, claims) {
	return V4.sign(claims, issuer.privateKey, {
		iat: false,
		footer: JSON.stringify({ kid: issuer.keyId }),
		assertion: ASSERTION,
	})
}

/** A narrower token for whoever holds `nextPublicKey`. What `narrower` leaves out stays as it is. */
export async function handOn(token, holder, narrower, nextPublicKey) {
	const block = { iat: new Date().toISOString(), ...narrower }
	if (nextPublicKey) block.cnf = { public_key: nextPublicKey.toString('base64') }
	const signed = await V4.sign(block, holder.privateKey, {
		iat: false,
		footer: JSON.stringify({ kid: holder.keyId }),
		assertion: BLOCK_ASSERTION + token,
	})
	return `${token}~${signed}`
}

/** The header Piopl-Proof for one request: made for this token, method, target and body, used once. */
export function proofFor(token, holder, method, target, body) {
	const nonce = randomBytes(16).toString('base64url')
	const time = Date.now()
	const lines = [hashText(token), method, target, hashText(body), nonce, time].join('\n') + '\n'
	const signature = sign(null, Buffer.from(PROOF_PURPOSE + lines), holder.privateKey)
	return `${nonce}.${time}.${signature.toString('base64url')}`
}
