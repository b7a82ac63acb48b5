import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import type { Named } from './dumps.ts';
import { startCanaries } from './fixtures/canaries.ts';
import { startKeyed, type KeyPlace } from './fixtures/keyed.ts';
import { boundMemory, connectV2 } from './fixtures/oauth-client.ts';
import { modernCall, rawHttp } from './fixtures/raw-http.ts';
import { callback, letIn } from './fixtures/sign-in.ts';
import { openBrowser, type Browser } from './judges/browser.ts';
import { done, freshDataDir, removeDataDir, startSealgate, type Running } from './start.ts';

// A walk through everything that a gateway is told in confidence, each with a word of its own that stands nowhere else.
// What has not been used up or ended is left as it is: links, codes, sessions and tokens that still work.

/** A gateway after the walk. */
export interface Walked {
  readonly gateway: Running;
  /** Everything that nobody may read afterwards. */
  readonly secrets: Named;
  close(): Promise<void>;
}

const fresh = (): string => randomBytes(18).toString('base64url');

/** Start a gateway in this environment and walk. */
export async function walk(env: Readonly<Record<string, string>>): Promise<Walked> {
  const dataDir = await freshDataDir();
  const authSecret = randomBytes(48).toString('base64url');
  const limits = { RATE_LIMIT_LOGIN_RPM: '1000', RATE_LIMIT_OAUTH_RPM: '1000' };
  const gateway = await startSealgate({
    dataDir,
    env: { AUTH_SECRET: authSecret, LOG_LEVEL: 'debug', ...limits, ...env },
  });
  const ends: (() => Promise<unknown>)[] = [() => gateway.stop(), () => removeDataDir(dataDir)];
  const close = async (): Promise<void> => {
    for (const end of ends.splice(0)) await end();
  };
  try {
    const secrets = {
      AUTH_SECRET: authSecret,
      'bearer of the administrator': gateway.bearer,
      ...(await signIn(gateway)),
      ...(await letClientsIn(gateway)),
      ...(await connections(gateway, ends)),
      ...(await talk(gateway, ends)),
    };
    for (const [name, secret] of Object.entries(secrets))
      if (secret.length < 12) throw new Error(`the walk has no ${name}`);
    return { gateway, secrets, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** A person signs in from an address and with a browser that nobody else has, and asks for a link that stays unused. */
async function signIn(gateway: Running): Promise<Named> {
  const [a, b, c] = randomBytes(3);
  // Loopback is a whole network: from here the gateway sees an address of our own.
  const ip = `127.${100 + ((a ?? 0) % 100)}.${100 + ((b ?? 0) % 100)}.${100 + ((c ?? 0) % 100)}`;
  const agent = `CanaryBrowser/${fresh()}`;
  const email = `ada.${randomBytes(6).toString('hex')}@canary.example`;
  const from = { ip, agent };
  const used = await linkFor(gateway, email, from);
  const page = await send(`${gateway.origin}/sign-in/link`, { form: { token: used }, ...from });
  const cookie = /=([\w-]{43});/.exec(page.setCookie)?.[1] ?? '';
  const unused = await linkFor(gateway, email, from);
  return {
    'e-mail address': email,
    'part of the e-mail address': email.slice(0, email.indexOf('@')),
    'IP address': ip,
    'user agent': agent,
    'used link': used,
    'unused link': unused,
    'web session': cookie,
  };
}

interface From {
  readonly ip: string;
  readonly agent: string;
}

async function linkFor(gateway: Running, email: string, from: From): Promise<string> {
  const before = gateway.stdout().length;
  await send(`${gateway.origin}/sign-in`, { form: { email }, ...from });
  for (let tries = 0; tries < 500; tries += 1) {
    const printed = gateway.stdout().slice(before);
    const token = printed.includes(email) ? /token=([\w-]{43})/.exec(printed)?.[1] : undefined;
    if (token !== undefined) return token;
    await sleep(20);
  }
  throw new Error('no sign-in link was printed');
}

function send(
  url: string,
  { form, ip, agent }: From & { readonly form: Readonly<Record<string, string>> },
): Promise<{ readonly setCookie: string }> {
  const headers = {
    'content-type': 'application/x-www-form-urlencoded',
    origin: new URL(url).origin,
    'user-agent': agent,
  };
  return new Promise((resolve, reject) => {
    const asked = request(url, { method: 'POST', headers, localAddress: ip, agent: false }, (response) => {
      response.resume();
      if (response.socket.localAddress !== ip)
        reject(new Error(`it went out from another address than ${ip}`));
      if ((response.statusCode ?? 500) >= 400) reject(new Error(`${url}: ${response.statusCode}`));
      resolve({ setCookie: response.headers['set-cookie']?.[0] ?? '' });
    });
    asked.once('error', reject).end(new URLSearchParams(form).toString());
  });
}

/** Clients are let in with and without a key of their own; a code is left unredeemed and a page unanswered. */
async function letClientsIn(gateway: Running): Promise<Named> {
  const { dataDir, origin } = gateway;
  const jarFile = join(dataDir, '..', `jar-${fresh()}.json`);
  const browser = openBrowser({
    link: async () => (await done(dataDir, ['sign-in'])).trim(),
    jarFile,
    stopAt: callback,
  });
  const seen: string[] = [];
  const person: Browser = {
    async visit(url) {
      const visited = await browser.visit(url);
      seen.push(...visited.way);
      return visited;
    },
  };
  const name = `Canary ${fresh()}`;
  const client = await letIn(origin, person, { name, scope: 'mcp offline_access' });
  const ask = new URLSearchParams({
    client_id: client.clientId,
    response_type: 'code',
    redirect_uri: callback,
    scope: 'mcp',
    resource: `${origin}/mcp`,
    code_challenge: 'a'.repeat(43),
    code_challenge_method: 'S256',
  });
  await person.visit(`${origin}/authorize?${ask}`);
  const codes = seen.flatMap((url) => new URL(url).searchParams.get('code') ?? []);
  const steps = seen.flatMap((url) => /\/interaction\/([\w-]{20,})/.exec(url)?.[1] ?? []);
  const jar = JSON.parse(await readFile(jarFile, 'utf8')) as { name: string; value: string }[];
  return {
    'name of a client': name,
    'access token': client.accessToken,
    'refresh token': client.refreshToken,
    'registration token': client.registrationToken,
    'redeemed code': codes[0] ?? '',
    'code that was not redeemed': codes[1] ?? '',
    'step of an authorization': steps[0] ?? '',
    'another web session': jar.find(({ name }) => name === 'sealgate_session')?.value ?? '',
  };
}

const places: readonly (readonly [string, KeyPlace, string])[] = [
  ['header', { in: 'header', name: 'X-Api-Key' }, 'header:X-Api-Key'],
  ['query', { in: 'query', name: 'key' }, 'query:key'],
];

/** Credentials are set and used, in a header and in an address. */
async function connections(gateway: Running, ends: (() => Promise<unknown>)[]): Promise<Named> {
  const secrets: Record<string, string> = {};
  for (const [name, place, option] of places) {
    const secret = `${fresh()}/+=`;
    const upstream = await startKeyed(place, secret);
    ends.push(() => upstream.close());
    await done(gateway.dataDir, ['upstreams', 'add', name, '--url', upstream.url, '--credential', option]);
    await done(gateway.dataDir, ['connections', 'set', name], secret);
    const { url, bearer } = gateway.upstream(name);
    const call = modernCall(1, 'report', {});
    await rawHttp(url, { ...call, headers: { ...call.headers, authorization: `Bearer ${bearer}` } });
    if (upstream.received.at(-1)?.admitted !== true) throw new Error(`${name}: the credential was not used`);
    secrets[`credential in a ${name}`] = secret;
  }
  return secrets;
}

/** A session in which both sides talk stays open; beside it a client with a key of its own calls a tool. */
async function talk(gateway: Running, ends: (() => Promise<unknown>)[]): Promise<Named> {
  const upstream = await startCanaries();
  ends.push(() => upstream.close());
  await done(gateway.dataDir, ['upstreams', 'add', 'talk', '--url', upstream.url]);
  const { url, bearer } = gateway.upstream('talk');
  const [word, sampled, said] = [`word-${fresh()}`, `sampled-${fresh()}`, `said-${fresh()}`];
  const client = new Client(
    { name: 'dump-walk', version: '1' },
    { versionNegotiation: { mode: 'legacy' }, capabilities: { sampling: {}, elicitation: {} } },
  );
  client.setRequestHandler('sampling/createMessage', () => ({
    model: 'canary',
    role: 'assistant',
    content: { type: 'text', text: sampled },
  }));
  client.setRequestHandler('elicitation/create', () => ({ action: 'accept', content: { said } }));
  client.fallbackNotificationHandler = async () => undefined;
  const headers = { authorization: `Bearer ${bearer}` };
  const transport = new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } });
  await client.connect(transport);
  ends.unshift(() => client.close());
  const answers = [];
  for (const name of ['sample', 'elicit', 'echo', 'log'])
    answers.push(await client.callTool({ name, arguments: { word } }));
  for (const each of [word, sampled, said])
    if (!JSON.stringify(answers).includes(each)) throw new Error('not everything was said in the session');
  const { memory, close } = await boundClient(gateway, url, word);
  ends.unshift(close);
  return {
    'argument of a tool': word,
    'answer to sampling': sampled,
    'answer to elicitation': said,
    'MCP session': transport.sessionId ?? '',
    'bound access token': String(memory.tokens?.['access_token']),
    'bound refresh token': String(memory.tokens?.['refresh_token']),
  };
}

async function boundClient(gateway: Running, url: string, word: string) {
  const link = async (): Promise<string> => (await done(gateway.dataDir, ['sign-in'])).trim();
  const setup = { url, person: openBrowser({ link, stopAt: callback }), memory: await boundMemory() };
  const client = await connectV2(setup, 'modern');
  await client.callTool('echo', { word });
  return client;
}
