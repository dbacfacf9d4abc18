// Receives webhooks and mail and writes each as a line of JSON. The first FAIL of each kind are
// refused for the moment; a mail server told to HANG takes a message and never answers.
import { appendFileSync } from "node:fs";
import { createServer } from "node:http";
import { SMTPServer } from "smtp-server";

const [httpPort, smtpPort, file, fail, hang] = process.argv.slice(2);
let webhooksToFail = Number(fail);
let mailsToFail = Number(fail);

function write(record) {
	appendFileSync(file, JSON.stringify(record) + "\n");
}

createServer((request, response) => {
	let body = "";
	request.on("data", (chunk) => (body += chunk));
	request.on("end", () => {
		const failed = webhooksToFail-- > 0;
		write({
			kind: "webhook",
			failed,
			delivery: request.headers["piopl-delivery"],
			signature: request.headers["piopl-signature"],
			body,
		});
		response.writeHead(failed ? 503 : 204).end();
	});
}).listen(Number(httpPort), "127.0.0.1");

const smtp = new SMTPServer({
	authOptional: true,
	disabledCommands: ["STARTTLS", "AUTH"],
	onData(stream, session, done) {
		let text = "";
		stream.on("data", (chunk) => (text += chunk));
		stream.on("end", () => {
			const failed = mailsToFail-- > 0;
			write({
				kind: "mail",
				failed,
				from: session.envelope.mailFrom.address,
				to: session.envelope.rcptTo.map((to) => to.address),
				text,
			});
			if (hang === "hang") return;
			if (failed) {
				const error = new Error("try later");
				error.responseCode = 451;
				done(error);
				return;
			}
			done();
		});
	},
});
smtp.on("error", () => {});
smtp.listen(Number(smtpPort), "127.0.0.1", () => write({ kind: "ready" }));
