import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectStdioV1, connectV1 } from './fixtures/client-v1.ts';
import { connectHttp, connectStdio, type Connected } from './fixtures/clients.ts';
import { everythingStdio, filesystemStdio, memoryStdio } from './fixtures/everything.ts';
import { leakedForms, type Received } from './fixtures/keyed.ts';
import { everythingPlan, filesystemPlan, keyedPlan, memoryPlan, modernPlan } from './fixtures/plans.ts';
import { legacyCall, modernCall, rawHttp, type RawRequest } from './fixtures/raw-http.ts';
import { leaksIn, leaksUnder } from './leaks.ts';
import { parity, type Plan } from './parity.ts';
import { done } from './start.ts';
import { openStage, type Keyed, type Stage } from './walk-stage.ts';

// The walk: real clients reach real upstreams through a started gateway, and cannot tell it from the upstream. Credentials
// arrive where they belong and nowhere else. At the end every byte that the gateway wrote is searched for them.

let stage: Stage;
beforeAll(async () => {
  stage = await openStage();
}, 120_000);
afterAll(() => stage?.close());

const keyedNames = ['keyed-header', 'keyed-bearer', 'keyed-basic', 'keyed-query'];

function keyedOf(name: string): Keyed {
  return stage.keyed.find((keyed) => keyed.name === name)!;
}

async function expectParity(direct: Connected, through: Connected, plan: Plan): Promise<void> {
  try {
    expect(await parity(direct, through, plan)).toEqual([]);
  } finally {
    await Promise.all([direct.close(), through.close()]);
  }
}

/** A raw request as the gateway wants it: with the bearer, to the upstream's own address. */
function admitted(name: string, request: RawRequest): readonly [string, RawRequest] {
  const { url, bearer } = stage.gateway.upstream(name);
  return [url, { ...request, headers: { ...request.headers, authorization: `Bearer ${bearer}` } }];
}

describe('a client cannot tell the gateway from the upstream', () => {
  const to = (name: string) => stage.gateway.upstream(name);

  it('everything over HTTP, SDK v2', async () => {
    await expectParity(
      await connectHttp(stage.everything, 'legacy'),
      await connectHttp(to('everything'), 'legacy'),
      everythingPlan,
    );
  });
  it('everything over HTTP, SDK v1', async () => {
    await expectParity(await connectV1(stage.everything), await connectV1(to('everything')), everythingPlan);
  });
  it('everything over stdio, SDK v2', async () => {
    await expectParity(
      await connectStdio(everythingStdio),
      await connectHttp(to('child'), 'legacy'),
      everythingPlan,
    );
  });
  it('everything over stdio, SDK v1', async () => {
    const [direct, through] = [await connectStdioV1(everythingStdio), await connectV1(to('child'))];
    // SDK v1 keeps the agreed version in its HTTP transport only.
    const hello = { ...through.hello, version: undefined };
    await expectParity(direct, { ...through, hello }, everythingPlan);
  });
  it('filesystem over stdio', async () => {
    const direct = await connectStdio(filesystemStdio(stage.folder));
    await expectParity(direct, await connectHttp(to('files'), 'legacy'), filesystemPlan(stage.folder));
  });
  it('memory over stdio', async () => {
    const direct = await connectStdio(memoryStdio(join(stage.folder, 'graph-direct.jsonl')));
    await expectParity(direct, await connectHttp(to('memory'), 'legacy'), memoryPlan);
  });
  it.each(['modern', 'legacy'] as const)('the modern fixture, %s era', async (era) => {
    const direct = await connectHttp(stage.sessions, era);
    await expectParity(direct, await connectHttp(to('modern'), era), modernPlan(stage.sessions.seen));
    expect(stage.sessions.seen.running).toBe(0);
  });
  it('the modern fixture, SDK v1', async () => {
    await expectParity(
      await connectV1(stage.sessions),
      await connectV1(to('modern')),
      modernPlan(stage.sessions.seen),
    );
  });
  it('and ends its sessions at the upstream', () => expect(stage.sessions.sessions()).toBe(0));
  it.each(keyedNames)('%s, both eras, with a key that the client never had', async (name) => {
    const { upstream, secret, place } = keyedOf(name);
    for (const era of ['modern', 'legacy'] as const) {
      const shown =
        place.in === 'basic' ? `Basic ${Buffer.from(secret).toString('base64')}` : `Bearer ${secret}`;
      const headers =
        place.in === 'header'
          ? { [place.name]: secret }
          : place.in === 'query'
            ? {}
            : { authorization: shown };
      const url =
        place.in === 'query' ? `${upstream.url}?${place.name}=${encodeURIComponent(secret)}` : upstream.url;
      await expectParity(
        await connectHttp({ url, headers }, era),
        await connectHttp(to(name), era),
        keyedPlan,
      );
    }
  });
  it('a legacy-only child serves modern clients too', async () => {
    const [direct, through] = [await connectStdio(everythingStdio), await connectHttp(to('child'), 'modern')];
    const toolsOf = async ({ request }: typeof direct) =>
      ((await request('tools/list')) as { tools: Record<string, unknown>[] }).tools;
    // `execution.taskSupport` left the protocol with 2026-07-28: a modern list does not have it.
    const older = (await toolsOf(direct)).map(({ execution: _, ...tool }) => tool);
    expect(await toolsOf(through)).toEqual(older);
    const call = { name: 'get-sum', arguments: { a: 2, b: 3 } };
    expect(await through.request('tools/call', call)).toMatchObject(
      (await direct.request('tools/call', call)) as object,
    );
    await Promise.all([direct.close(), through.close()]);
  });
});

describe('raw HTTP', () => {
  const modern = modernCall(1, 'echo', { text: 'hi' });
  const changed = (headers: Record<string, string>, body = modern.body): RawRequest => ({
    headers: { ...modern.headers, ...headers },
    body,
  });
  const requests: Record<string, RawRequest> = {
    'a modern call': modern,
    'a call of a tool that is not there': modernCall(2, 'none', {}),
    'a call whose header names another tool': changed({ 'mcp-name': 'add' }),
    'a call whose header names another method': changed({ 'mcp-method': 'tools/list' }),
    'a version that nobody speaks': changed(
      { 'mcp-protocol-version': '2031-01-01' },
      modern.body.replace('2026-07-28', '2031-01-01'),
    ),
    'an unknown method': changed(
      { 'mcp-method': 'none/none' },
      modern.body.replace('tools/call', 'none/none'),
    ),
    'a body that is not JSON': changed({}, '{"jsonrpc":'),
    'a body that says it is text': changed({ 'content-type': 'text/plain' }),
    'a legacy call without a session': legacyCall(3, 'echo', { text: 'hi' }),
    'a session that nobody opened': {
      ...legacyCall(4, 'echo', {}),
      headers: { ...legacyCall(4, 'echo', {}).headers, 'mcp-session-id': 'nobody' },
    },
  };

  it.each(Object.keys(requests))('%s is answered with the same status and code', async (name) => {
    const request = requests[name]!;
    const direct = await rawHttp(stage.sessions.url, request);
    const through = await rawHttp(...admitted('modern', request));
    const codeOf = (body: string): unknown => (JSON.parse(body) as { error?: { code: unknown } }).error?.code;
    expect([through.status, codeOf(through.body)]).toEqual([direct.status, codeOf(direct.body)]);
  });

  it('a good answer is the same, byte for byte', async () => {
    const direct = await rawHttp(stage.sessions.url, modern);
    const through = await rawHttp(...admitted('modern', modern));
    expect(through.body).toBe(direct.body);
    expect(through.headers['content-type']).toBe(direct.headers['content-type']);
  });

  it('the body arrives byte for byte', async () => {
    const { upstream } = keyedOf('keyed-bearer');
    const odd = '{"n": 1.0, "big": 123456789012345678901234567890, "e": 1E400, "u": "\\u00e9\\/é" , "s":[ ]}';
    const body = modernCall(9, 'report', {}).body.replace('"arguments":{}', `"arguments" :${odd}`);
    expect(
      (await rawHttp(...admitted('keyed-bearer', { ...modernCall(9, 'report', {}), body }))).status,
    ).toBe(200);
    expect(upstream.received.at(-1)?.body).toBe(body);
  });

  it.each([undefined, 'Bearer wrong', 'Basic Og=='])('is refused when it shows %j', async (authorization) => {
    const headers = { ...modern.headers, ...(authorization === undefined ? {} : { authorization }) };
    const answer = await rawHttp(stage.gateway.upstream('modern').url, { ...modern, headers });
    expect(answer.status).toBe(401);
    expect(answer.headers['www-authenticate']).toMatch(/^Bearer/);
  });
});

describe('a credential', () => {
  const allowed = new Set([
    'host',
    'connection',
    'user-agent',
    'accept',
    'accept-encoding',
    'content-type',
    'content-length',
    'mcp-protocol-version',
    'mcp-method',
    'mcp-name',
  ]);
  const planted = {
    cookie: 'a=b',
    'x-forwarded-for': '10.0.0.1',
    forwarded: 'for=10.0.0.1',
    'x-custom': 'c',
    'x-api-key': 'the client has one too',
    'proxy-authorization': 'Basic Og==',
    te: 'trailers',
  };

  function namesOf({ rawHeaders }: Received): readonly string[] {
    return rawHeaders.filter((_value, index) => index % 2 === 0).map((name) => name.toLowerCase());
  }

  it.each(keyedNames)('of %s arrives, and nothing of the client does', async (name) => {
    const { upstream, place } = keyedOf(name);
    const [url, request] = admitted(name, modernCall(5, 'report', {}));
    await rawHttp(url, { ...request, headers: { ...request.headers, ...planted } });
    const last = upstream.received.at(-1)!;
    const own =
      place.in === 'header' ? place.name.toLowerCase() : place.in === 'query' ? '' : 'authorization';
    expect(last.admitted).toBe(true);
    expect(namesOf(last).filter((header) => !allowed.has(header) && header !== own)).toEqual([]);
    expect(last.rawHeaders.join('\n')).not.toContain(stage.gateway.bearer);
    expect(last.rawHeaders).not.toContain(planted['x-api-key']);
  });

  it.each(keyedNames)('of %s is scrubbed from the answer when the upstream gives it back', async (name) => {
    const { secret } = keyedOf(name);
    for (const tool of ['leak', 'leak-stream', 'report']) {
      const answer = await rawHttp(...admitted(name, modernCall(6, tool, {})));
      const all = JSON.stringify(answer.headers) + answer.body;
      expect(answer.status).toBe(200);
      for (const form of leakedForms(secret)) expect(all).not.toContain(form);
      // The random part, wherever it is: no encoding that the answer may have chosen changes it.
      expect(all).not.toContain(/[\w-]{24}/.exec(secret)?.[0]);
      expect(answer.headers['set-cookie']).toBeUndefined();
    }
  });

  it('of a child is in its environment and in no answer, and nothing of the gateway is there', async () => {
    const client = await connectHttp(stage.gateway.upstream('child-keyed'), 'legacy');
    const answer = (await client.request('tools/call', { name: 'get-env', arguments: {} })) as {
      content: { text: string }[];
    };
    const env = JSON.parse(answer.content[0]!.text) as Record<string, string>;
    expect(env['WALK_TOKEN']).toMatch(/^\*+$/);
    expect(
      Object.keys(env).filter((key) => /SECRET|DATA_DIR|RATE_LIMIT|TOKEN_ENC|LOG_LEVEL/.test(key)),
    ).toEqual([]);
    await client.close();
  });

  it('is not in what the command line prints, nor is it in the audit log', async () => {
    const { dataDir } = stage.gateway;
    const lists = [
      ['connections', 'list'],
      ['connections', 'list', '--json'],
      ['upstreams', 'list', '--json'],
      ['audit', 'list', '--limit', '500', '--json'],
    ];
    const said = [...stage.printed];
    for (const list of lists) said.push(await done(dataDir, list));
    expect(leaksIn('the command line', Buffer.from(said.join('\n')), stage.secrets)).toEqual([]);
    expect(said.join('\n')).toContain('keyed-basic');
  });

  it('that is removed is used no more: the call is refused before anything is sent', async () => {
    const { upstream } = keyedOf('keyed-bearer');
    const { dataDir } = stage.gateway;
    await done(dataDir, ['connections', 'remove', 'keyed-bearer']);
    const before = upstream.received.length;
    const answer = await rawHttp(...admitted('keyed-bearer', modernCall(7, 'report', {})));
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(answer.body).toContain('credential_missing');
    expect(upstream.received).toHaveLength(before);
  });
});

describe('after the walk', () => {
  it('no file of the data directory and no log line holds a secret, while it runs and after it stopped', async () => {
    const { gateway, secrets } = stage;
    const hidden = [...secrets, gateway.bearer];
    expect(await leaksUnder(gateway.dataDir, hidden)).toEqual([]);
    expect(await gateway.stop()).toEqual({ code: 0, signal: null });
    expect(await leaksUnder(gateway.dataDir, hidden)).toEqual([]);
    expect(leaksIn('the log', Buffer.from(gateway.stderr()), hidden)).toEqual([]);
    expect(leaksIn('what start printed', Buffer.from(gateway.stdout()), secrets)).toEqual([]);
    expect(gateway.stderr().length).toBeGreaterThan(0);
  });
});
