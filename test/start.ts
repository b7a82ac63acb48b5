import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { databaseOf } from './backing/database.ts';
import { obtainToken, openPerson } from './fixtures/sign-in.ts';

// The gateway as its users have it: a process that is started, spoken to, and ended. Nothing is shared with the test but
// the arguments, the environment, the two output streams and the data directory.

const root = fileURLToPath(new URL('../', import.meta.url));
const bin = fileURLToPath(new URL('../packages/server/bin/sealgate.js', import.meta.url));

/** How it ended: one of the two is `null`. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A gateway that printed its address. */
export interface Running {
  /** Origin without a trailing slash. */
  readonly origin: string;
  /** An access token of the local administrator for every upstream; empty when nobody signed in. */
  readonly bearer: string;
  readonly dataDir: string;
  /** Of the process that was started; under npm that is npm. */
  readonly pid: number;
  /** Everything it printed so far. */
  stdout(): string;
  /** Everything it logged so far. */
  stderr(): string;
  readonly exited: Promise<Exit>;
  /** Where a client connects. */
  upstream(name: string): { readonly url: string; readonly bearer: string };
  /** SIGTERM, and wait. */
  stop(): Promise<Exit>;
  /** SIGKILL, and wait. */
  kill(): Promise<Exit>;
}

/** How to start it. */
export interface StartOptions {
  /** A new one under the system's temporary folder when not given. */
  readonly dataDir?: string;
  /** Added to an environment that is otherwise empty but for `PATH`. */
  readonly env?: Readonly<Record<string, string>>;
  /** `false`: nobody signs in, and the printed link stays good. */
  readonly signedIn?: boolean;
  /** Through `npm start` instead of the program itself. */
  readonly npm?: boolean;
}

/** What a finished command gave. */
export interface Finished extends Exit {
  readonly stdout: string;
  readonly stderr: string;
}

/** A data directory of its own, with a name that says whose it is. */
export async function freshDataDir(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'sealgate-data-'));
}

/** Remove a data directory that no process uses any more. */
export async function removeDataDir(dataDir: string): Promise<void> {
  await rm(dataDir, { recursive: true, force: true });
}

type Variables = Readonly<Record<string, string>>;

function environment(dataDir: string, added: Variables = {}): Record<string, string> {
  return { PATH: process.env['PATH'] ?? '', HOME: dataDir, PORT: '0', DATA_DIR: dataDir, ...added };
}

const rootKeys = ['TOKEN_ENCRYPTION_KEY_FILE', 'TOKEN_ENCRYPTION_PASSPHRASE', 'MCP_KMS_KEY', 'KMS_KEY_ARN'];

// Who brings a root key is not given that of the stores beside it.
async function withStores(dataDir: string, own: Variables = {}): Promise<Record<string, string>> {
  const { TOKEN_ENCRYPTION_KEY: key, ...stores } = await databaseOf(dataDir);
  const brings = key === undefined || rootKeys.some((name) => name in own);
  return environment(dataDir, { ...stores, ...(brings ? {} : { TOKEN_ENCRYPTION_KEY: key }), ...own });
}

function gather(child: ChildProcess): { stdout(): string; stderr(): string; exited: Promise<Exit> } {
  const said = { stdout: '', stderr: '' };
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => (said.stdout += chunk));
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => (said.stderr += chunk));
  const exited = once(child, 'close').then(([code, signal]) => ({ code, signal }) as Exit);
  return { stdout: () => said.stdout, stderr: () => said.stderr, exited };
}

/** The one place that knows what the banner looks like; `undefined` until all of it is there. */
export function readBanner(printed: string): { origin: string; link: string | undefined } | undefined {
  const origin = /^Sealgate is listening on (http:\/\/\S+)$/m.exec(printed)?.[1];
  // Printed at once, and longer than one chunk only when a line is missing at its end.
  if (origin === undefined || !/^ {2}Data: .*\n/m.test(printed) || !printed.endsWith('\n')) return undefined;
  return { origin, link: /^\s*Sign in: (\S+)$/m.exec(printed)?.[1] };
}

// A token outlives the process that issued it: a gateway that is started again on its data takes the one of before.
const tokens = new Map<string, string>();

async function signIn(dataDir: string, { origin, link }: { origin: string; link: string | undefined }) {
  const known = tokens.get(dataDir);
  if (known !== undefined) return known;
  const token = await obtainToken(
    origin,
    openPerson(async () => link ?? (await done(dataDir, ['sign-in'])).trim()),
  );
  tokens.set(dataDir, token);
  return token;
}

/**
 * Start a gateway and wait for its banner.
 *
 * @throws Error with everything it printed, when it ends before that
 */
export async function startSealgate(options: StartOptions = {}): Promise<Running> {
  const dataDir = options.dataDir ?? (await freshDataDir());
  const [command, args] = options.npm === true ? ['npm', ['start']] : [process.execPath, [bin, 'start']];
  const env = await withStores(dataDir, options.env);
  // A group of its own, so that SIGKILL reaches what npm started; SIGTERM goes to npm alone, as a supervisor sends it.
  const child = spawn(command as string, args as string[], {
    cwd: root,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const { stdout, stderr, exited } = gather(child);
  const shown = await new Promise<{ origin: string; link: string | undefined }>((resolve, reject) => {
    const look = (): void => {
      const banner = readBanner(stdout());
      if (banner !== undefined) resolve(banner);
    };
    child.stdout.on('data', look);
    void exited.then(({ code }) =>
      reject(new Error(`sealgate start ended with ${code}\n${stdout()}${stderr()}`)),
    );
  });
  const bearer = options.signedIn === false ? '' : await signIn(dataDir, shown);
  const kill = async (): Promise<Exit> => {
    try {
      process.kill(-(child.pid ?? 0), 'SIGKILL');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
    return exited;
  };
  return {
    origin: shown.origin,
    bearer,
    dataDir,
    pid: child.pid ?? 0,
    stdout,
    stderr,
    exited,
    upstream: (name) => ({ url: `${shown.origin}/mcp/${name}`, bearer }),
    async stop() {
      child.kill('SIGTERM');
      return exited;
    },
    kill,
  };
}

/** Run one command to its end, such as `upstreams list --json`; after a minute it is killed. `stdin` is closed when not given. */
export async function sealgate(
  dataDir: string,
  args: readonly string[],
  options: { readonly stdin?: string; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<Finished> {
  const env = await withStores(dataDir, options.env);
  const child = spawn(process.execPath, [bin, ...args], {
    cwd: root,
    env,
    stdio: ['pipe', 'pipe', 'pipe'],
    timeout: 60_000,
    killSignal: 'SIGKILL',
  });
  const { stdout, stderr, exited } = gather(child);
  child.stdin.on('error', () => undefined).end(options.stdin ?? '');
  const exit = await exited;
  return { ...exit, stdout: stdout(), stderr: stderr() };
}

/**
 * The same, for a command that has to succeed.
 *
 * @throws Error with what it printed
 */
export async function done(dataDir: string, args: readonly string[], stdin?: string): Promise<string> {
  const finished = await sealgate(dataDir, args, stdin === undefined ? {} : { stdin });
  if (finished.code !== 0)
    throw new Error(`sealgate ${args.join(' ')}: ${finished.code}\n${finished.stdout}${finished.stderr}`);
  return finished.stdout;
}

/** Ask a running gateway over its socket, as a command does, without a process for it. Gives the whole answer as JSON text. */
export function overSocket(dataDir: string, operation: string, input: object): Promise<string> {
  return new Promise((resolve, reject) => {
    const socketPath = join(dataDir, 'sealgate.sock');
    const headers = { 'content-type': 'application/json' };
    const asked = request({ socketPath, path: `/${operation}`, method: 'POST', headers }, (response) => {
      let said = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (said += chunk));
      response.once('end', () => resolve(said)).once('error', reject);
    });
    asked.once('error', reject).end(JSON.stringify(input));
  });
}
