import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { active } from '../packages/server/src/config/active.ts';
import { reserved } from '../packages/server/src/config/reserved.ts';
import { onSharedStores } from './backing/database.ts';
import { everythingStdio } from './fixtures/everything.ts';
import { startFailing, waysToFail } from './fixtures/failing.ts';
import { freePort } from '../packages/vault/src/testing/free-port.ts';
import { legacyCall, modernCall, rawHttp, type RawRequest } from './fixtures/raw-http.ts';
import { leaksIn, leaksUnder } from './leaks.ts';
import { freshDataDir, overSocket, removeDataDir, sealgate, startSealgate, type Running } from './start.ts';

// Everything that a gateway tells anybody, searched for every secret it was configured with: every variable that may
// carry one, the credentials of its upstreams, and the development bearer wherever that does not belong.

const atEnd: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  while (atEnd.length > 0) await atEnd.pop()?.();
});

async function dataDirForTest(): Promise<string> {
  const dataDir = await freshDataDir();
  atEnd.push(() => removeDataDir(dataDir));
  return dataDir;
}

const fresh = (): string => randomBytes(33).toString('base64url');

// Present at every start beside what each test is about: they are read by nothing, and say so in a warning.
const secretNames = [...reserved].flatMap(([name, { secret }]) => (secret ? [name] : []));
const addresses = ['SMTP_URL'];
function idleSecrets(): Record<string, string> {
  const named = secretNames.map((name) => [
    name,
    addresses.includes(name) ? `smtp://mailer:${fresh()}@mail.test:587` : fresh(),
  ]);
  return Object.fromEntries(named) as Record<string, string>;
}

/** The secret itself of a variable's value: an address holds it as its password. */
function secretIn(value: string): string {
  const password = URL.canParse(value) ? decodeURIComponent(new URL(value).password) : '';
  return password === '' ? value : password;
}

const rootKeys: Readonly<Record<string, () => string>> = {
  TOKEN_ENCRYPTION_KEY: () => randomBytes(32).toString('base64'),
  TOKEN_ENCRYPTION_PASSPHRASE: () => `correct horse ${fresh()}`,
  MCP_KMS_KEY: fresh,
};

/** Collects what was told, and searches it. */
function openRecord(secrets: readonly string[]) {
  const found: string[] = [];
  return {
    told(where: string, text: string): void {
      found.push(...leaksIn(where, Buffer.from(text), secrets));
    },
    found: (): readonly string[] => found,
  };
}

function allOf(answer: Awaited<ReturnType<typeof rawHttp>>): string {
  return `${answer.status}\n${JSON.stringify(answer.headers)}\n${Object.values(answer.headers).join('\n')}\n${answer.body}`;
}

const questions = [
  ['doctor', '--json'],
  ['status', '--json'],
  ['upstreams', 'list', '--json'],
  ['connections', 'list', '--json'],
  ['audit', 'list', '--json'],
];

/** Health, metrics and every question of the command line, put to a running gateway. */
async function askEverything(
  gateway: Running,
  env: Readonly<Record<string, string>>,
  told: (where: string, text: string) => void,
): Promise<void> {
  for (const path of ['/health', '/health/live', '/metrics', '/nothing'])
    told(path, allOf(await rawHttp(`${gateway.origin}${path}`, { method: 'GET' })));
  const ask = async (args: readonly string[]): Promise<void> => {
    const { stdout, stderr } = await sealgate(gateway.dataDir, args, { env });
    expect(stdout).not.toBe('');
    told(args.join(' '), stdout + stderr);
  };
  await Promise.all(questions.map(ask));
}

const stores = onSharedStores()
  ? { tables: 'dynamodb', records: 'redis', bus: 'redis', limits: 'redis' }
  : { tables: 'sqlite', records: 'tables', bus: 'process', limits: 'process' };

interface Target {
  readonly name: string;
  readonly secret: string;
}

// Upstreams that fail in every way, each with a credential in another place, one that nobody listens for, and children
// that print their whole environment and then serve, or end.
async function describeUpstreams(dataDir: string, failing: string): Promise<readonly Target[]> {
  const places = [
    { in: 'header' },
    { in: 'header', name: 'x-key', scheme: 'plain' },
    { in: 'query', name: 'key' },
  ];
  const ways = waysToFail.map((way, at) => [way, { url: `${failing}/${way}`, credential: places[at % 3] }]);
  const nobody = { url: `http://127.0.0.1:${await freePort()}/mcp`, credential: places[2] };
  const tell = 'console.error(JSON.stringify(process.env)); console.error(process.env.CHILD_KEY);';
  const child = async (name: string, then: string): Promise<object> => {
    const script = join(dataDir, `${name}.mjs`);
    await writeFile(script, `${tell} ${then}`);
    return { command: process.execPath, args: [script], credential: { in: 'env', name: 'CHILD_KEY' } };
  };
  const mcpServers: Record<string, object> = {
    ...(Object.fromEntries(ways) as Record<string, object>),
    nobody,
    serving: await child('serving', `await import(${JSON.stringify(everythingStdio.args[0])});`),
    ending: await child('ending', 'process.exit(3);'),
  };
  await writeFile(join(dataDir, 'mcp.json'), JSON.stringify({ mcpServers }));
  return Object.keys(mcpServers).map((name) => ({ name, secret: fresh() }));
}

const requests: readonly RawRequest[] = [
  modernCall(1, 'get-env', {}),
  legacyCall(2, 'get-env', {}),
  { ...modernCall(3, 'get-env', {}), body: '{"jsonrpc":' },
];

describe('a gateway whose every secret is set and whose every upstream fails', () => {
  it('tells none of them to anybody', async () => {
    const dataDir = await dataDirForTest();
    const key = randomBytes(32);
    const env = {
      ...idleSecrets(),
      AUTH_SECRET: fresh() + fresh(),
      TOKEN_ENCRYPTION_KEY: key.toString('base64'),
      LOG_LEVEL: 'debug',
      RATE_LIMIT_MCP_RPM: '100000',
    };
    const failing = await startFailing();
    atEnd.push(() => failing.close());
    const targets = await describeUpstreams(dataDir, failing.url);
    const { LOG_LEVEL: _, RATE_LIMIT_MCP_RPM: __, ...configured } = env;
    const gateway = await startSealgate({ dataDir, env });
    atEnd.push(() => gateway.kill());
    const secrets = [...Object.values(configured).map(secretIn), key.toString('latin1')].concat(
      targets.map(({ secret }) => secret),
    );
    const { told, found } = openRecord([...secrets, gateway.bearer]);

    for (const target of targets) {
      const credential = { upstream: target.name, secret: target.secret };
      const said = await overSocket(dataDir, 'connections.set', credential);
      expect(said).toContain('"ok":true');
      told('what is said of a credential', said);
    }
    const ask = async (name: string, { headers, body }: RawRequest, bearer: string): Promise<void> => {
      const sent = { headers: { ...headers, authorization: `Bearer ${bearer}` }, body: body ?? '' };
      const answer = await rawHttp(gateway.upstream(name).url, sent).then(allOf, String);
      told(`answer of ${name}`, answer);
    };
    for (const { name } of targets)
      await Promise.all(
        requests.flatMap((each) => [ask(name, each, gateway.bearer), ask(name, each, `sgd_${fresh()}`)]),
      );
    await askEverything(gateway, env, told);
    const health = await rawHttp(`${gateway.origin}/health`, { method: 'GET' });
    expect(JSON.parse(health.body)).toEqual({
      status: 'ok',
      stores: { journal: stores.tables, ...stores },
      failing: [],
      audit: { sealing: 'ok', journal: 'ok', anchors: 'off' },
      encryption: { on: true, keys: 'env' },
    });
    expect(await gateway.stop()).toEqual({ code: 0, signal: null });
    told('standard error', gateway.stderr());
    told('standard output', gateway.stdout().replaceAll(gateway.bearer, ''));
    expect(found()).toEqual([]);
    expect(await leaksUnder(dataDir, secrets)).toEqual([]);

    // Had nothing been there to tell, nothing would have been found.
    for (const { secret } of targets.filter(({ name }) => waysToFail.includes(name)))
      expect(failing.received()).toContain(secret);
    expect(gateway.stderr()).toContain('CHILD_KEY');
    for (const name of secretNames)
      expect(gateway.stderr()).toContain(`nothing in this version reads ${name}`);
  });
});

describe('a gateway with another root key', () => {
  const names = ['TOKEN_ENCRYPTION_PASSPHRASE', 'MCP_KMS_KEY', 'TOKEN_ENCRYPTION_KEY_FILE'];

  it.each(names)('%s tells none of it', async (name) => {
    const dataDir = await dataDirForTest();
    const variable = name.replace('_FILE', '');
    const secret = rootKeys[variable]?.() ?? '';
    const file = join(dataDir, 'key');
    if (name !== variable) await writeFile(file, secret, { mode: 0o600 });
    const env = { ...idleSecrets(), [name]: name === variable ? secret : file, LOG_LEVEL: 'debug' };
    const gateway = await startSealgate({ dataDir, env });
    atEnd.push(() => gateway.kill());
    const { told, found } = openRecord([secret, ...secretNames.map((each) => secretIn(env[each] ?? ''))]);
    for (const path of ['/health', '/metrics'])
      told(path, allOf(await rawHttp(`${gateway.origin}${path}`, { method: 'GET' })));
    const doctor = await sealgate(dataDir, ['doctor', '--json'], { env });
    told('doctor', doctor.stdout + doctor.stderr);
    await gateway.stop();
    told('standard output and error', gateway.stdout() + gateway.stderr());
    expect(found()).toEqual([]);
  });
});

describe('a start that is refused', () => {
  const arn = 'arn:aws:kms:eu-west-1:111122223333:key/8a1c6e0e-2a4b-4b0c-9c55-0d6b7f2f1e11';
  const url = (scheme: string): string => `${scheme}://user:${fresh()}@host.test:6379`;
  const refused: Readonly<Record<string, () => Record<string, string>>> = {
    'addresses with passwords, two ARNs, a slip and a secret with its file': () => ({
      KMS_KEY_ARN: arn,
      KMS_KEY_ID: arn.replace(/.$/, '2'),
      REDIS_URL: url('rediss'),
      FRONTEND_URL: url('https'),
      AUTH_SECERT: fresh(),
      AUTH_SECRET: fresh(),
      AUTH_SECRET_FILE: `/nowhere/${fresh()}`,
    }),
    'an ARN without credentials for it': () => ({ KEY_PROVIDER: 'kms', KMS_KEY_ID: arn }),
    'weak secrets in production and two root keys': () => ({
      NODE_ENV: 'production',
      AUTH_SECRET: fresh(),
      TOKEN_ENCRYPTION_KEY: fresh(),
      MCP_KMS_KEY: fresh(),
    }),
    'secrets where others belong': () =>
      Object.fromEntries(
        Object.entries(active).flatMap(([name, { secret, parse }]) => {
          const value = fresh();
          return secret || parse.safeParse(value).success ? [] : [[name, value]];
        }),
      ),
    'a root key that is none': () => ({ TOKEN_ENCRYPTION_KEY: `${fresh()}!` }),
    'a root key that is too short': () => ({ MCP_KMS_KEY: fresh().slice(0, 20) }),
    'a passphrase that is too short': () => ({ TOKEN_ENCRYPTION_PASSPHRASE: fresh().slice(0, 11) }),
  };

  // A key service that does not let us in says so of itself; where there is a DynamoDB, a Redis is in its place.
  const unnamed = ['NODE_ENV', 'KEY_PROVIDER', 'KMS_KEY_ID', ...(onSharedStores() ? ['REDIS_URL'] : [])];

  it.each(Object.keys(refused))('for %s names the variables and no value', async (why) => {
    const dataDir = await dataDirForTest();
    const values = refused[why]?.() ?? {};
    const env = { ...idleSecrets(), ...values };
    const secrets = Object.values(env)
      .map(secretIn)
      .filter((value) => !['production', 'kms'].includes(value));
    const { code, stdout, stderr } = await sealgate(dataDir, ['start'], { env });
    expect(code).toBe(1);
    expect(stderr).toMatch(/\((config_invalid|key_weak|key_unavailable)\)/);
    expect(leaksIn('printed', Buffer.from(stdout + stderr), secrets)).toEqual([]);
    for (const name of Object.keys(values).filter((each) => !unnamed.includes(each)))
      expect(stderr).toContain(name);
  });

  it('for a servers file with a secret in it, or an address with a password, quotes neither', async () => {
    const dataDir = await dataDirForTest();
    const [password, token] = [fresh(), fresh()];
    const address = `http://user:${password}@127.0.0.1:9/mcp`;
    const added = await sealgate(dataDir, ['upstreams', 'add', 'one', '--url', address]);
    expect(added.code).toBe(1);
    const headers = { Authorization: `Bearer ${token}` };
    const mcpServers = { one: { url: address }, two: { url: 'http://127.0.0.1:9/mcp', headers } };
    await writeFile(join(dataDir, 'mcp.json'), JSON.stringify({ mcpServers }));
    const started = await sealgate(dataDir, ['start']);
    expect(started.code).toBe(1);
    const printed = [added, started].map(({ stdout, stderr }) => stdout + stderr).join('\n');
    expect(printed).toContain('upstream_invalid');
    expect(leaksIn('printed', Buffer.from(printed), [password, token])).toEqual([]);
    expect(await readFile(join(dataDir, 'mcp.json'), 'utf8')).toContain(token);
  });
});
