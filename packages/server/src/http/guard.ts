import { refuse } from '../errors.ts';

// A web page must not reach a gateway on the reader's own machine. DNS rebinding shows in Host, a foreign page in
// Origin (MCP 2025-11-25 and 2026-07-28, transports: an invalid Origin is answered 403). Both are read from the raw
// pairs, so that a second, contradicting field cannot hide behind the first.

/** What the gateway is called. */
export interface OwnNames {
  /** The port it listens on. */
  readonly port: number;
  /** `FRONTEND_URL`: the public origin; `undefined` when there is none. */
  readonly frontendUrl: string | undefined;
}

const localNames = ['localhost', '127.0.0.1', '[::1]'];

/**
 * @returns a check of one request's raw headers, which throws Refusal `host_forbidden` or `origin_forbidden`; pages of
 *   `any` origin may use routes that read no cookie of a person
 */
export function openGuard({
  port,
  frontendUrl,
}: OwnNames): (rawHeaders: readonly string[], pages?: 'own' | 'any') => void {
  const hosts = new Set(
    localNames.flatMap((name) => (port === 80 ? [name, `${name}:80`] : [`${name}:${port}`])),
  );
  const origins = new Set(localNames.map((name) => new URL(`http://${name}:${port}`).origin));
  if (frontendUrl !== undefined) {
    const { host, hostname, protocol, port: given, origin } = new URL(frontendUrl);
    hosts.add(host);
    hosts.add(given === '' ? `${hostname}:${protocol === 'https:' ? 443 : 80}` : host);
    origins.add(origin);
  }
  return (rawHeaders, pages = 'own') => {
    const seen = valuesOf(rawHeaders, 'host');
    if (seen.length !== 1 || !hosts.has(seen[0]?.toLowerCase() ?? ''))
      throw refuse(
        'host_forbidden',
        'the gateway does not answer to this host name: set FRONTEND_URL to the address it is reached by',
      );
    if (pages === 'any') return;
    const origin = valuesOf(rawHeaders, 'origin');
    if (origin.length > 1 || (origin[0] !== undefined && !origins.has(origin[0].toLowerCase())))
      throw refuse('origin_forbidden', 'web pages of another origin may not use the gateway');
  };
}

function valuesOf(rawHeaders: readonly string[], name: string): string[] {
  const values: string[] = [];
  for (let at = 0; at + 1 < rawHeaders.length; at += 2)
    if (rawHeaders[at]?.length === name.length && rawHeaders[at]?.toLowerCase() === name)
      values.push(rawHeaders[at + 1] ?? '');
  return values;
}
