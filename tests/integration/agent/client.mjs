// A client of the HTTP door that knows nothing but its OpenAPI document: every request and every answer is
// held against the schemas of GET /v1/openapi.json.
import { randomUUID } from 'node:crypto'
import Ajv2020 from 'ajv/dist/2020.js'

export class Refused extends Error {
	constructor(status, problem) {
		super(`${status} ${problem.code}: ${problem.detail ?? problem.title}`)
		this.status = status
		this.code = problem.code
	}
}

export async function connect(door) {
	const openapi = await (await fetch(`${door}/v1/openapi.json`)).json()
	const ajv = new Ajv2020({ strict: false, validateFormats: false })
	ajv.addSchema({ $id: 'openapi', ...openapi })

	// A JSON pointer into the document, as a fragment.
	const at = (...names) =>
		'openapi#/' + names.map((n) => encodeURIComponent(n.replaceAll('~', '~0').replaceAll('/', '~1'))).join('/')

	function check(pointer, value, what) {
		const validate = ajv.getSchema(pointer)
		if (!validate) throw new Error(`the document does not describe ${what}`)
		if (!validate(value)) throw new Error(`${what}: ${ajv.errorsText(validate.errors)}`)
	}

	function described(method, template) {
		const operation = openapi.paths[template]?.[method]
		if (!operation) throw new Error(`the document has no ${method} ${template}`)
		return operation
	}

	/** One call. `template` is a path of the document; names in braces come from `values`. */
	return async function call(credential, method, template, { values = {}, query = {}, body } = {}) {
		const operation = described(method, template)
		const search = new URLSearchParams(query).toString()
		const path = template.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(values[name])) + (search && `?${search}`)
		for (const name of Object.keys(query))
			if (!operation.parameters?.some((p) => p.in === 'query' && p.name === name))
				throw new Error(`${method} ${template} has no parameter ${name}`)
		const text = body === undefined ? undefined : JSON.stringify(body)
		if (body !== undefined)
			check(at('paths', template, method, 'requestBody', 'content', 'application/json', 'schema'), body,
				`the request of ${method} ${template}`)
		else if (operation.requestBody?.required) throw new Error(`${method} ${template} needs a body`)
		const answer = await fetch(door + path, {
			method: method.toUpperCase(),
			body: text,
			headers: {
				authorization: `Bearer ${credential}`,
				...(text === undefined ? {} : { 'content-type': 'application/json' }),
				...(method === 'post' ? { 'idempotency-key': randomUUID() } : {}),
			},
			signal: AbortSignal.timeout(10000),
		})
		const json = await answer.json()
		if (answer.status !== 200) {
			if (!operation.responses[answer.status] && !operation.responses.default)
				throw new Error(`${method} ${template} answers ${answer.status}, which the document does not say`)
			throw new Refused(answer.status, json)
		}
		check(at('paths', template, method, 'responses', '200', 'content', 'application/json', 'schema'), json,
			`the answer of ${method} ${template}`)
		return json
	}
}
