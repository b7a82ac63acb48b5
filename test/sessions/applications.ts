import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import fastifyCookie from '@fastify/cookie';
import fastifySession from '@fastify/session';
import type { SealedSessionStore } from '@sealgate/vault';
import fastify from 'fastify';

// The same small application under both frameworks: somebody signs in, counts, and signs out; a slow count waits until
// the test lets it go on.

/** What of a session the application uses, under either framework. */
interface AppSession {
  userId?: string;
  count?: number;
  destroy(done: (error?: unknown) => void): void;
  regenerate(done: (error?: unknown) => void): void;
}

/** An application that listens. */
export interface Application {
  readonly url: string;
  /** Resolves when a slow request has read its session. */
  arrived(): Promise<void>;
  /** Let the slow request go on. */
  release(): void;
  close(): Promise<void>;
}

const secret = 'a secret of the application, longer than thirty-two';
const cookie = { maxAge: 3_600_000, secure: false, httpOnly: true };

interface Gate {
  readonly pass: () => Promise<void>;
  readonly arrived: () => Promise<void>;
  readonly release: () => void;
}

function gate(): Gate {
  const arrival = Promise.withResolvers<void>();
  const leave = Promise.withResolvers<void>();
  const pass = async (): Promise<void> => {
    arrival.resolve();
    await leave.promise;
  };
  return { pass, arrived: () => arrival.promise, release: () => leave.resolve() };
}

interface Visit {
  readonly path: string;
  session(): AppSession;
  readonly slow: Gate;
}

async function visit({ path, session, slow }: Visit): Promise<object> {
  const done = (call: (end: (error?: unknown) => void) => void) =>
    new Promise<void>((resolve, reject) => {
      call((error) => (error ? reject(error as Error) : resolve()));
    });
  if (path === '/sign-in') Object.assign(session(), { userId: 'ada@lovelace.example', count: 0 });
  if (path === '/slow') await slow.pass();
  if (path === '/count' || path === '/slow') session().count = (session().count ?? 0) + 1;
  if (path === '/renew') {
    await done((end) => session().regenerate(end));
    Object.assign(session(), { userId: 'ada@lovelace.example', count: 100 });
  }
  if (path === '/sign-out') {
    await done((end) => session().destroy(end));
    return {};
  }
  return { userId: session().userId ?? null, count: session().count ?? null };
}

type Handler = (
  request: IncomingMessage & { session: AppSession },
  response: ServerResponse,
  next: (error?: unknown) => void,
) => void;
const expressSession = createRequire(import.meta.url)('express-session') as (options: object) => Handler;

/** Under express-session; rolling, so that every request moves the session's end. */
export async function onExpress(store: SealedSessionStore): Promise<Application> {
  const slow = gate();
  const middleware = expressSession({
    store,
    secret,
    cookie,
    resave: false,
    saveUninitialized: false,
    rolling: true,
  });
  const server = createServer((request, response) => {
    const asked = request as IncomingMessage & { session: AppSession };
    const fail = (error: unknown): void => {
      response.statusCode = 500;
      response.end(JSON.stringify({ error: (error as { code?: string }).code }));
    };
    middleware(asked, response, (error) => {
      if (error) return fail(error);
      visit({ path: asked.url ?? '', session: () => asked.session, slow }).then(
        (answer) => response.end(JSON.stringify(answer)),
        fail,
      );
    });
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    arrived: slow.arrived,
    release: slow.release,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Under `@fastify/session`, which saves every session with every request. */
export async function onFastify(store: SealedSessionStore): Promise<Application> {
  const slow = gate();
  const server = fastify();
  await server.register(fastifyCookie);
  await server.register(fastifySession, { store, secret, cookie, saveUninitialized: false });
  server.post('/*', (request) =>
    visit({ path: request.url, session: () => request.session as unknown as AppSession, slow }),
  );
  const url = await server.listen({ port: 0, host: '127.0.0.1' });
  return { url, arrived: slow.arrived, release: slow.release, close: () => server.close() };
}

/** A browser with one cookie. */
export interface Browser {
  post(path: string): Promise<{ readonly status: number; readonly body: unknown }>;
  /** The value of its cookie. */
  readonly cookie: string;
  /** Another one with the same cookie. */
  copy(): Browser;
}

/** A browser of this application. */
export function browser({ url }: Application, cookieOf = ''): Browser {
  let kept = cookieOf;
  return {
    async post(path) {
      const response = await fetch(url + path, {
        method: 'POST',
        headers: kept === '' ? {} : { cookie: kept },
      });
      const [set] = response.headers.getSetCookie();
      const pair = set?.split(';')[0];
      if (pair !== undefined) kept = pair;
      return { status: response.status, body: JSON.parse(await response.text()) as unknown };
    },
    get cookie() {
      return kept;
    },
    copy: () => browser({ url } as Application, kept),
  };
}
