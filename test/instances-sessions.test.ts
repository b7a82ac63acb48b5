import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { eventually } from './census.ts';
import { openSession, watchNamed } from './fixtures/cluster-client.ts';
import { everythingStdio } from './fixtures/everything.ts';
import { startModern, type ModernUpstream } from './fixtures/modern.ts';
import { startNumbered, talk } from './fixtures/numbered.ts';
import { openPerson } from './fixtures/sign-in.ts';
import { agreed, partedClient, type At } from './instances-client.ts';
import { openDeployment, type Deployment, type To } from './instances-stage.ts';
import { overSocket } from './start.ts';

// Conversations of two gateways that are one deployment: a session with a child lives on one of them and is reached
// through either; one that hangs on no process goes on where its owner has died.

let site: Deployment;
let upstream: ModernUpstream;
let token: string;
const open: Client[] = [];

beforeEach(async () => {
  site = await openDeployment();
  upstream = await startModern();
  const admin = (operation: string, input: object) => overSocket(site.a.dataDir, operation, input);
  const child = { kind: 'stdio', name: 'child', ...everythingStdio };
  for (const one of [child, { kind: 'http', name: 'modern', url: upstream.url }])
    await admin('upstreams.add', { upstream: one });
  const client = partedClient(site.origin);
  const { client_id: clientId = '' } = await client.register('a');
  const person = openPerson(async () => {
    const { result } = JSON.parse(await admin('sign-in.link', {})) as { result: { link: string } };
    return result.link;
  });
  const { body } = await client.token('b', await agreed(client, person, clientId));
  token = body['access_token'] ?? '';
  // B has heard of the upstreams.
  while ((await client.ping('b', 'modern', { authorization: `Bearer ${token}` })).status === 404);
});

afterEach(async () => {
  await Promise.all(open.splice(0).map((client) => client.close().catch(() => undefined)));
  await site.close();
  await upstream.close();
});

interface Connected {
  readonly client: Client;
  /** Where its requests go from now on. */
  to(at: To): void;
}

async function connect(
  name: string,
  era: 'legacy' | 'modern',
  at: At,
  capabilities: object = {},
): Promise<Connected> {
  let to: To = at;
  let turn: At = 'a';
  const transport = new StreamableHTTPClientTransport(new URL(`${site.origin}/mcp/${name}`), {
    fetch: (url, init) => {
      const headers = new Headers(init?.headers);
      turn = turn === 'a' ? 'b' : 'a';
      headers.set('x-to', to === 'turns' ? turn : to);
      headers.set('authorization', `Bearer ${token}`);
      return fetch(url, { ...init, headers });
    },
  });
  const client = new Client(
    { name: 'parted', version: '1' },
    { capabilities, versionNegotiation: { mode: era === 'modern' ? { pin: '2026-07-28' } : 'legacy' } },
  );
  open.push(client);
  if ('elicitation' in capabilities)
    client.setRequestHandler('elicitation/create', async () => ({
      action: 'accept',
      content: { name: 'Ada Canary' },
    }));
  await client.connect(transport);
  return { client, to: (next) => void (to = next) };
}

const echo = async ({ client }: Connected, message: string): Promise<string> =>
  JSON.stringify(await client.callTool({ name: 'echo', arguments: { message } }));
const failure = async (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'worked',
    (error: Error) => `${error.message} ${JSON.stringify(error)}`,
  );

it('a session with a child that is opened on one is served through the other', async () => {
  const one = await connect('child', 'legacy', 'a');
  one.to('b');
  expect(await echo(one, 'through b')).toContain('through b');
  one.to('turns');
  for (let call = 0; call < 4; call += 1) expect(await echo(one, `call ${call}`)).toContain(`call ${call}`);
});

it('what an upstream asks on one is answered through the other', async () => {
  const one = await connect('child', 'legacy', 'a', { elicitation: {} });
  one.to('turns');
  for (let round = 0; round < 2; round += 1) {
    const said = await one.client.callTool({ name: 'trigger-elicitation-request', arguments: {} });
    expect(JSON.stringify(said)).toContain('Ada Canary');
  }
});

it('a parked call of 2026-07-28 is gone on with through the other', async () => {
  const one = await connect('child', 'modern', 'a', { elicitation: {} });
  one.to('turns');
  for (let round = 0; round < 3; round += 1) {
    const said = await one.client.callTool({ name: 'trigger-elicitation-request', arguments: {} });
    expect(JSON.stringify(said)).toContain('Ada Canary');
  }
});

it('when the owner of a session with a child of its own dies, the other says so, and a new session works', async () => {
  const one = await connect('child', 'legacy', 'a', { elicitation: {} });
  expect(await echo(one, 'before')).toContain('before');
  one.to('b');
  await site.a.kill();
  expect(await failure(echo(one, 'after'))).toContain('session_lost');
  const next = await connect('child', 'legacy', 'b');
  expect(await echo(next, 'anew')).toContain('anew');
});

it('a session whose child is shared has nothing there to lose: the other goes on with a child of its own', async () => {
  const one = await connect('child', 'legacy', 'a');
  expect(await echo(one, 'before')).toContain('before');
  one.to('b');
  await site.a.kill();
  expect(await echo(one, 'after')).toContain('after');
});

it('when the owner dies in the middle of a call, the other does not run it again by itself', async () => {
  const one = await connect('child', 'legacy', 'a', { elicitation: {} });
  one.to('b');
  const begun = Promise.withResolvers<void>();
  one.client.setRequestHandler('elicitation/create', () => {
    begun.resolve();
    return new Promise(() => undefined);
  });
  const call = failure(one.client.callTool({ name: 'trigger-elicitation-request', arguments: {} }));
  await begun.promise;
  await site.a.kill();
  expect(await failure(echo(one, 'after'))).toContain('session_lost');
  await one.client.close();
  expect(await call).not.toBe('worked');
});

it('a parked call whose owner has died is refused, and never run again by itself', async () => {
  const one = await connect('child', 'modern', 'a', { elicitation: {} });
  one.client.setRequestHandler('elicitation/create', async () => {
    await site.a.kill();
    one.to('b');
    return { action: 'accept', content: { name: 'Ada Canary' } };
  });
  const calling = failure(one.client.callTool({ name: 'trigger-elicitation-request', arguments: {} }));
  expect(await calling).toMatch(/request_state_invalid|-32602/);
});

it('what an upstream says while an owner dies is told by the other, every bit of it once', async () => {
  const numbered = await startNumbered();
  const upstream = { kind: 'http', name: 'numbered', url: numbered.url };
  await overSocket(site.a.dataDir, 'upstreams.add', { upstream });
  site.to = 'a';
  const session = await openSession(site.origin, '/mcp', token);
  await watchNamed(session, 'said');
  const following = session.follow();
  expect(await eventually(() => numbered.listening() === 1 && following.opened() === 1)).toBe(true);
  const hush = talk(numbered, following, 2);
  expect(await eventually(() => following.numbers.length > 100)).toBe(true);
  await site.a.kill();
  site.to = 'b';
  // A request moves the session before the client has come back for its stream.
  expect((await session.send('tools/list', {})).status).toBe(200);
  const sofar = following.numbers.length;
  expect(await eventually(() => following.numbers.length > sofar + 200)).toBe(true);
  hush();
  const last = numbered.say();
  expect(await eventually(() => following.numbers.at(-1) === last)).toBe(true);
  expect(following.numbers).toEqual(Array.from({ length: last }, (_, n) => n + 1));
  await following.stop();
  await numbered.close();
});

it('when the owner of a session dies that hangs on no process, the other goes on with it', async () => {
  const one = await connect('modern', 'legacy', 'a');
  const tools = await one.client.listTools();
  one.to('b');
  await site.a.kill();
  expect(await one.client.listTools()).toEqual(tools);
  // What comes back is another instance, and is reached like any other.
  await site.again('a');
  one.to('turns');
  for (let call = 0; call < 4; call += 1) expect(await one.client.listTools()).toEqual(tools);
});
