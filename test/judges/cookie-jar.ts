import { existsSync, readFileSync, writeFileSync } from 'node:fs';

// Cookies as a browser keeps them (RFC 6265bis), for one person on one machine: by host without the port, by path, with
// the `__Host-` prefix held to its word.

interface Cookie {
  readonly host: string;
  readonly path: string;
  readonly name: string;
  readonly value: string;
  readonly secure: boolean;
  /** Milliseconds since 1970; `null` for as long as the jar. */
  readonly endsAtMs: number | null;
}

/** What a browser remembers. */
export interface CookieJar {
  /** The `Cookie` header of a request; `undefined` when there is none to send. */
  header(url: URL): string | undefined;
  /** Take the `Set-Cookie` headers of an answer. */
  take(url: URL, headers: readonly string[]): void;
}

/** @param file keeps the cookies from one process to the next; in memory when left out */
export function openCookieJar(file?: string): CookieJar {
  let cookies: Cookie[] =
    file !== undefined && existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Cookie[]) : [];
  return {
    header(url) {
      const sent = cookies.filter((cookie) => belongs(cookie, url));
      return sent.length === 0 ? undefined : sent.map(({ name, value }) => `${name}=${value}`).join('; ');
    },
    take(url, headers) {
      for (const header of headers) {
        const taken = read(header, url);
        const same = (other: Cookie): boolean =>
          other.host === taken.host && other.path === taken.path && other.name === taken.name;
        cookies = [...cookies.filter((other) => !same(other)), taken];
      }
      cookies = cookies.filter(({ endsAtMs }) => endsAtMs === null || endsAtMs > Date.now());
      if (file !== undefined) writeFileSync(file, JSON.stringify(cookies), { mode: 0o600 });
    },
  };
}

function belongs({ host, path, secure, endsAtMs }: Cookie, url: URL): boolean {
  const under = url.pathname === path || url.pathname.startsWith(path.endsWith('/') ? path : `${path}/`);
  const alive = endsAtMs === null || endsAtMs > Date.now();
  return host === url.hostname && under && alive && (!secure || trustworthy(url));
}

function read(header: string, url: URL): Cookie {
  const [pair = '', ...attributes] = header.split(';').map((part) => part.trim());
  const at = pair.indexOf('=');
  const name = pair.slice(0, at);
  const told = new Map(
    attributes.map((attribute) => {
      const [key = '', ...value] = attribute.split('=');
      return [key.toLowerCase(), value.join('=')];
    }),
  );
  const age = told.get('max-age');
  const expires = told.get('expires');
  const byExpires = expires === undefined ? null : Date.parse(expires);
  const cookie = {
    host: url.hostname,
    path: told.get('path') ?? url.pathname.replace(/\/[^/]*$/, '/'),
    name,
    value: pair.slice(at + 1),
    secure: told.has('secure'),
    endsAtMs: age === undefined ? byExpires : Date.now() + Number(age) * 1000,
  };
  if (name.startsWith('__Host-') && !(cookie.secure && cookie.path === '/' && !told.has('domain')))
    throw new Error(`a browser would not take the cookie ${name}`);
  return cookie;
}

function trustworthy({ protocol, hostname }: URL): boolean {
  return protocol === 'https:' || ['localhost', '127.0.0.1', '[::1]'].includes(hostname);
}
