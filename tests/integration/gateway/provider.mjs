// An OpenID Connect provider on loopback, with keys and tokens of the jose library.
//   node provider.mjs <port>
//   GET /keys               the key set; GET /rotate adds a key that was not in it before
//   GET /token?alg=RS256&sub=...&aud=...&iss=...&scope=...&ttl=60&iat=0&nbf=0&kid=...&flip=1
import { createServer } from 'node:http';
import { SignJWT, generateKeyPair, exportJWK } from 'jose';

const port = Number(process.argv[2]);
const keys = {};
let published = [];

async function add(id, alg) {
	const pair = await generateKeyPair(alg, { extractable: true });
	const jwk = { ...(await exportJWK(pair.publicKey)), kid: id, alg, use: 'sig' };
	keys[id] = { alg, key: pair.privateKey };
	return jwk;
}

async function token(q) {
	const now = Math.floor(Date.now() / 1000);
	const alg = q.get('alg') ?? 'RS256';
	const kid = q.get('kid') ?? alg;
	const claims = { scope: q.get('scope') ?? '' };
	if (q.get('scp')) claims.scp = q.get('scp').split(' ');
	const jwt = new SignJWT(claims)
		.setProtectedHeader({ alg, kid: q.get('say') ?? kid })
		.setIssuer(q.get('iss') ?? 'https://id.example')
		.setAudience(q.get('aud') ?? 'piopl')
		.setSubject(q.get('sub') ?? 'ada')
		.setIssuedAt(now + Number(q.get('iat') ?? 0))
		.setExpirationTime(now + Number(q.get('ttl') ?? 60));
	if (q.get('nbf')) jwt.setNotBefore(now + Number(q.get('nbf')));
	let text = await jwt.sign(keys[kid].key);
	if (q.get('flip')) text = text.slice(0, -10) + (text.at(-10) === 'A' ? 'B' : 'A') + text.slice(-9);
	if (q.get('none')) text = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${text.split('.')[1]}.`;
	return text;
}

for (const alg of ['RS256', 'ES256', 'EdDSA']) published.push(await add(alg, alg));

createServer(async (request, response) => {
	const url = new URL(request.url, 'http://localhost');
	try {
		if (url.pathname === '/keys') {
			response.setHeader('Content-Type', 'application/json');
			response.end(JSON.stringify({ keys: published }));
		} else if (url.pathname === '/rotate') {
			published = [await add('next', 'EdDSA')];
			response.end('ok');
		} else {
			response.end(await token(url.searchParams));
		}
	} catch (error) {
		response.statusCode = 500;
		response.end(String(error));
	}
}).listen(port, '127.0.0.1');
