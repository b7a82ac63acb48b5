import type { FastifyInstance, FastifyRequest } from 'fastify';
import { refuse } from '../errors.ts';

// Forms come from our own pages. A browser says where a form came from, in `Sec-Fetch-Site` and in `Origin`: what comes
// from elsewhere is refused before anything is read, also where no session, and so no CSRF token, exists yet.

/** The fields of a form, each once. */
export type Form = ReadonlyMap<string, string>;

const formBytesMax = 16 * 1024;

/** Let these routes take forms, and nothing else, from our own pages. For an encapsulated scope. */
export function takeForms(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    'application/x-www-form-urlencoded',
    { parseAs: 'string', bodyLimit: formBytesMax },
    async (_: FastifyRequest, body: string | Buffer) => parseForm(String(body)),
  );
  app.addHook('onRequest', async (request) => {
    if (request.method !== 'GET') refuseForeign(request);
  });
}

/** The form that a request brought. @throws Refusal `request_invalid` when it brought none */
export function formOf({ body }: Pick<FastifyRequest, 'body'>): Form {
  if (body instanceof Map) return body as Form;
  throw refuse('request_invalid', 'this address takes a form');
}

/** @throws Refusal `request_invalid` for a field that comes twice: two readers could each take another one */
function parseForm(body: string): Form {
  const form = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(body)) {
    if (form.has(name)) throw refuse('request_invalid', 'a field of the form comes twice');
    form.set(name, value);
  }
  return form;
}

function refuseForeign({ headers }: FastifyRequest): void {
  const site = headers['sec-fetch-site'];
  const { origin, host } = headers;
  const own = origin === undefined || URL.parse(origin)?.host === host;
  if (!own || (site !== undefined && site !== 'same-origin'))
    throw refuse('origin_forbidden', 'this form was sent from another page');
}
