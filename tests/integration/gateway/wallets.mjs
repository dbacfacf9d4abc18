// Wallets of two libraries on loopback, and messages of EIP-4361 composed by one of them.
//   node wallets.mjs <port>
//   GET  /address?lib=ethers|viem&n=1    the nth wallet
//   POST /sign?lib=ethers|viem&n=1       personal_sign over the body as it came
//   POST /message                        createSiweMessage of the JSON body
import { createServer } from 'node:http';
import { Wallet } from 'ethers';
import { privateKeyToAccount } from 'viem/accounts';
import { createSiweMessage } from 'viem/siwe';

const secret = (n) => '0x' + Number(n).toString(16).padStart(64, '0');
const libraries = {
	ethers: (n) => {
		const wallet = new Wallet(secret(n));
		return { address: wallet.address, sign: (text) => wallet.signMessage(text) };
	},
	viem: (n) => {
		const account = privateKeyToAccount(secret(n));
		return { address: account.address, sign: (text) => account.signMessage({ message: text }) };
	},
};

async function answer(url, body) {
	const q = url.searchParams;
	const wallet = q.get('lib') ? libraries[q.get('lib')](q.get('n') ?? 1) : null;
	if (url.pathname === '/address') return wallet.address;
	if (url.pathname === '/sign') return wallet.sign(body);
	const fields = JSON.parse(body);
	for (const name of ['issuedAt', 'expirationTime', 'notBefore'])
		if (fields[name]) fields[name] = new Date(fields[name]);
	return createSiweMessage(fields);
}

createServer(async (request, response) => {
	let body = '';
	for await (const chunk of request) body += chunk;
	try {
		const text = await answer(new URL(request.url, 'http://localhost'), body);
		response.setHeader('Content-Length', Buffer.byteLength(text));
		response.end(text);
	} catch (error) {
		response.statusCode = 500;
		response.end(String(error));
	}
}).listen(Number(process.argv[2]), '127.0.0.1');
