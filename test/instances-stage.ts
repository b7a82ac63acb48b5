import { fork, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { request as ask, type IncomingMessage, type ServerResponse } from 'node:http';
import { fileURLToPath } from 'node:url';
import { onSharedStores, sharedStores } from './backing/database.ts';
import { freePort } from '../packages/vault/src/testing/free-port.ts';
import { listen } from './fixtures/listen.ts';
import { freshDataDir, removeDataDir } from './start.ts';

// Two gateways that are one deployment: two processes with a data directory each, one store, one root key, one public
// address. Behind that address stands a balancer that sends each request where the test wants it.

const conditions = ['--conditions=@sealgate/source'];
const program = (name: string): string => fileURLToPath(new URL(`./fixtures/${name}.ts`, import.meta.url));

/** One of the gateways. */
export interface Instance {
  readonly name: string;
  /** Where it listens itself; clients use the deployment's address. */
  readonly url: string;
  readonly dataDir: string;
  readonly pid: number;
  /** What it logged. */
  stderr(): string;
  /** Die right after the next refresh token was used, before its answer is kept. */
  dieAtRefresh(): void;
  readonly exited: Promise<unknown>;
  kill(): Promise<void>;
}

/** Where a request goes. */
export type To = 'a' | 'b' | 'turns';

/** The deployment. */
export interface Deployment {
  /** The public address. */
  readonly origin: string;
  readonly a: Instance;
  readonly b: Instance;
  /** Where requests without an `x-to` header go; `turns`: each to the other one. */
  to: To;
  /** A link that signs the administrator in. */
  readonly signInLink: string;
  /** Another gateway in place of one that died, on its data directory. */
  again(name: 'a' | 'b'): Promise<Instance>;
  close(): Promise<void>;
}

interface Told {
  readonly origin: string;
  readonly signInLink: string | undefined;
}

async function startInstance(
  name: string,
  dataDir: string,
  env: Readonly<Record<string, string>>,
): Promise<{ readonly instance: Instance; readonly link: string | undefined }> {
  const port = await freePort();
  const child = fork(program('instance'), {
    execArgv: conditions,
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    env: {
      PATH: process.env['PATH'] ?? '',
      HOME: dataDir,
      DATA_DIR: dataDir,
      PORT: String(port),
      ADVERTISE_URL: `http://127.0.0.1:${port}`,
      ...env,
    },
  });
  let logged = '';
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => (logged += chunk));
  const exited = once(child, 'exit');
  const { signInLink } = await firstMessage(child, () => logged);
  const instance: Instance = {
    name,
    url: `http://127.0.0.1:${port}`,
    dataDir,
    pid: child.pid ?? 0,
    stderr: () => logged,
    dieAtRefresh: () => void child.send('die after the next refresh token is used'),
    exited,
    async kill() {
      child.kill('SIGKILL');
      await exited;
    },
  };
  return { instance, link: signInLink };
}

function firstMessage(child: ChildProcess, logged: () => string): Promise<Told> {
  return new Promise((resolve, reject) => {
    child.on('message', (message: object) => {
      if ('origin' in message) resolve(message as Told);
    });
    child.once('exit', (code) => reject(new Error(`an instance ended with ${code}\n${logged()}`)));
  });
}

interface Store {
  /** What the gateways are told of it. */
  readonly env: Readonly<Record<string, string>>;
  end(): void;
}

async function startStore(): Promise<Store> {
  if (onSharedStores()) return { env: await sharedStores(), end: () => undefined };
  const child = fork(program('store-server'), {
    execArgv: conditions,
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    env: { PATH: process.env['PATH'] ?? '' },
  });
  const [url] = (await once(child.stdout!.setEncoding('utf8'), 'data')) as [string];
  return { env: { STORE_URL: url.trim() }, end: () => void child.kill('SIGKILL') };
}

/** Start it. */
export async function openDeployment(): Promise<Deployment> {
  const store = await startStore();
  const state: { to: To; turn: 'a' | 'b'; at: Partial<Record<'a' | 'b', Instance>> } = {
    to: 'turns',
    turn: 'a',
    at: {},
  };
  const balancer = await listen((request, response) => {
    const to = (request.headers['x-to'] as 'a' | 'b' | undefined) ?? state.to;
    state.turn = state.turn === 'a' ? 'b' : 'a';
    balance(state.at[to === 'turns' ? state.turn : to]?.url ?? '', request, response);
  }, '');
  const env = {
    FRONTEND_URL: balancer.url,
    TOKEN_ENCRYPTION_KEY: randomBytes(32).toString('base64'),
    AUTH_SECRET: randomBytes(48).toString('base64url'),
    ...store.env,
    RATE_LIMIT_MCP_RPM: '1000000',
    RATE_LIMIT_OAUTH_RPM: '1000000',
    RATE_LIMIT_LOGIN_RPM: '1000000',
    REQUEST_TIMEOUT_SECONDS: '20',
  };
  const start = async (name: 'a' | 'b', dataDir: string) => {
    const started = await startInstance(name, dataDir, env);
    state.at[name] = started.instance;
    return started;
  };
  const { link } = await start('a', await freshDataDir());
  await start('b', await freshDataDir());
  return {
    origin: balancer.url,
    get a() {
      return state.at.a!;
    },
    get b() {
      return state.at.b!;
    },
    get to() {
      return state.to;
    },
    set to(name) {
      state.to = name;
    },
    signInLink: link ?? '',
    again: async (name) => (await start(name, state.at[name]!.dataDir)).instance,
    async close() {
      await Promise.all(Object.values(state.at).map((one) => one.kill()));
      await balancer.close();
      store.end();
      await Promise.all(Object.values(state.at).map((one) => removeDataDir(one.dataDir)));
    },
  };
}

function balance(url: string, request: IncomingMessage, response: ServerResponse): void {
  const { method, url: path, rawHeaders } = request;
  const target = URL.parse(path ?? '/', url);
  const onward = ask(
    target ?? url,
    { method: method ?? 'GET', headers: rawHeaders, agent: false },
    (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
      response.flushHeaders();
      answer.pipe(response);
      answer.once('error', () => response.destroy());
    },
  );
  onward.once('error', () => (response.headersSent ? response.destroy() : response.writeHead(502).end()));
  response.once('close', () => onward.destroy());
  request.pipe(onward);
}
