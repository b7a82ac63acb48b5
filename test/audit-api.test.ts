import type { Entry } from '@sealgate/vault';
import { openTlogProof } from '@sealgate/vault/audit-verify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openAudited, tenants, type Audited } from './fixtures/audited.ts';
import { modernCall, rawHttp, type RawAnswer } from './fixtures/raw-http.ts';
import { openPerson, obtainToken } from './fixtures/sign-in.ts';

// The audit log over HTTP, as auditors have it, and what whoever else asks for it gets.

let stage: Audited;
let every: string;
let ours: string;
/** Of the log. */
let month: string;
const ids = { ours: [] as string[], theirs: [] as string[] };
beforeAll(async () => {
  stage = await openAudited();
  month = new Date().toISOString().slice(0, 7).replace('-', '');
  ids.ours = await stage.calls(tenants.ours, 7);
  ids.theirs = await stage.calls(tenants.theirs, 5);
  every = await stage.auditor('every', '*');
  ours = await stage.auditor('ours', tenants.ours);
  await stage.server.ground.auditLog.catchUp();
}, 60_000);
afterAll(() => stage.close());

interface Events {
  readonly events: readonly { readonly attempt: Entry; readonly outcome: Entry | null }[];
  readonly cursor: string | null;
}
const json = <T>({ body }: RawAnswer): T => JSON.parse(body) as T;
const events = async (query: string, token = ours): Promise<Events> =>
  json<Events>(await stage.get(`/audit/events${query}`, token));
const idsOf = ({ events: found }: Events): string[] => found.map(({ attempt }) => attempt.id);
const codeOf = (answer: RawAnswer): unknown => {
  const { error } = json<{ error?: { code: string } }>(answer);
  return [answer.status, error?.code];
};
const deployment = async (): Promise<string> =>
  json<{ deployment: string }>(await stage.get('/audit/log/policy.json', every)).deployment;
const newestFirst = (): string[] => ids.ours.toReversed();

describe('the log that an auditor reads', () => {
  it('is given the newest first, each attempt with its outcome', async () => {
    const found = await events('');
    expect(idsOf(found)).toEqual(newestFirst());
    expect(found.cursor).toBeNull();
    expect(found.events[0]).toMatchObject({
      attempt: { tenant: tenants.ours, act: 'tool.call', req: { tool: 'tool-6' } },
      outcome: { out: 'success', ms: 6 },
    });
  });

  it('comes in pages that leave out nothing and give nothing twice, whatever is recorded meanwhile', async () => {
    const seen: string[] = [];
    let cursor: string | null = '';
    for (let page = 0; cursor !== null && page < 10; page += 1) {
      const found: Events = await events(`?limit=2&act=tool.call${cursor === '' ? '' : `&cursor=${cursor}`}`);
      expect(found.events.length).toBeLessThanOrEqual(2);
      seen.push(...idsOf(found));
      cursor = found.cursor;
      if (page === 1) ids.ours.push(...(await stage.calls(tenants.ours, 1)));
    }
    expect(seen).toEqual(newestFirst().slice(1));
  });

  it.each([
    ['outcome=failure', 3],
    ['tool=tool-3', 1],
    ['slower=5', 2],
    ['service=docs&source=mcp&act=tool.call', 8],
    ['request=request-canary-tenant-one-2', 1],
    ['actor=nobody', 0],
    ['connection=one', 8],
    ['outcome=none', 0],
    ['param=order=4711', 0],
    ['until=2001-01-01', 0],
    ['since=2001-01-01T00:00:00Z&status=x', 0],
  ])('is narrowed by %s', async (query, count) => {
    // The outcome of what was asked before may be under way.
    await expect.poll(async () => (await events(`?${query}`)).events.length).toBe(count);
  });

  it('shows one call by the id of its attempt or its outcome', async () => {
    const [attempt = ''] = ids.ours;
    const shown = await stage.get(`/audit/events/${attempt}`, ours);
    const { outcome } = json<Events['events'][0]>(shown);
    expect(outcome?.cause).toBe(attempt);
    expect((await stage.get(`/audit/events/${outcome?.id}`, ours)).body).toBe(shown.body);
  });

  it('is counted, reported and exported', async () => {
    const stats = json<{ calls: number; acts: unknown }>(await stage.get('/audit/stats', ours));
    expect(stats).toMatchObject({ calls: 8, acts: [{ name: 'tool.call', calls: 8 }] });
    const report = await stage.get('/audit/reports/services?format=csv', ours);
    expect([report.status, report.body.split('\n')[0]]).toEqual([
      200,
      '"service","accesses","failed","clients","last"\r',
    ]);
    const lines = await stage.get('/audit/export?format=jsonl', ours);
    expect(lines.headers['content-type']).toBe('application/x-ndjson');
    expect(
      lines.body
        .trimEnd()
        .split('\n')
        .map((line) => (JSON.parse(line) as Entry).tenant),
    ).toEqual(Array<string>(16).fill(tenants.ours));
    expect((await stage.get('/audit/export?format=csv', ours)).body.trimEnd().split('\n')).toHaveLength(9);
    expect(
      (await stage.get('/audit/export?format=ocsf&outcome=failure', ours)).body.trimEnd().split('\n'),
    ).toHaveLength(3);
  });

  it('comes in pages the oldest first, the last of which has what was recorded meanwhile', async () => {
    const seen: string[] = [];
    let cursor: string | null = '';
    for (let page = 0; cursor !== null && page < 20; page += 1) {
      const after = cursor === '' ? '' : `&cursor=${cursor}`;
      const found: Events = await events(`?order=oldest&limit=3&act=tool.call${after}`);
      seen.push(...idsOf(found));
      cursor = found.cursor;
      if (page === 0) ids.ours.push(...(await stage.calls(tenants.ours, 1)));
    }
    expect(seen).toEqual(ids.ours);
    const { cursor: newest } = await events('?limit=1');
    const turned = await stage.get(`/audit/events?limit=1&order=oldest&cursor=${newest}`, ours);
    expect(codeOf(turned)).toEqual([400, 'cursor_invalid']);
  });

  it('is searched for a text, within the tenant alone, and says whether all was looked at', async () => {
    const search = async (query: string) =>
      json<Events & { looked: number; whole: boolean }>(await stage.get(`/audit/search?${query}`, ours));
    const found = await search('text=TOOL-3');
    expect(found.events.map(({ attempt }) => attempt.req?.tool)).toEqual(['tool-3']);
    expect([found.whole, found.looked]).toEqual([true, ids.ours.length]);
    const some = await search('text=tool-&act=tool.call&limit=2');
    expect([some.events.length, some.whole]).toEqual([2, false]);
    expect((await search(`text=${tenants.theirs}`)).events).toEqual([]);
    for (const query of ['', 'text=x', `text=${'x'.repeat(201)}`, 'text=abc&cursor=1'])
      expect(codeOf(await stage.get(`/audit/search?${query}`, ours))).toEqual([400, 'usage']);
  });

  it('is proven: the checkpoint, an entry in it, and what it grew from', async () => {
    const root = await stage.get('/audit/checkpoint', every);
    expect(root.body.split('\n')[0]).toBe(`${await deployment()}/audit/root`);
    const own = (await stage.get('/audit/checkpoint', ours)).body.split('\n');
    expect(own[0]).toContain(`/audit/${tenants.ours}/`);
    const proof = json<{ origin: string; leaf: string; proof: string }>(
      await stage.get(`/audit/proof?id=${ids.ours[0]}&format=json`, ours),
    );
    const { vkeys } = json<{ vkeys: string[] }>(await stage.get('/audit/log/policy.json', ours));
    expect(() =>
      openTlogProof(proof.proof, Buffer.from(proof.leaf), { origin: proof.origin, vkeys }),
    ).not.toThrow();
    const text = await stage.get(`/audit/proof?id=${ids.ours[0]}`, ours);
    expect(text.body.split('\n')[0]).toBe(proof.proof.split('\n')[0]);
    const grown = json<{ origin: string; newSize: number; proof: string[] }>(
      await stage.get(`/audit/consistency?old=3&origin=${encodeURIComponent(proof.origin)}`, ours),
    );
    expect(grown).toMatchObject({ origin: proof.origin, newSize: Number(own[1]) });
    expect(grown.proof.length).toBeGreaterThan(0);
    const ofRoot = await stage.get('/audit/consistency?old=1&new=2', every);
    expect(json<object>(ofRoot)).toMatchObject({ oldSize: 1, newSize: 2 });
    for (const sizes of ['old=5&new=3', 'old=1&new=999999', 'old=999999'])
      expect(codeOf(await stage.get(`/audit/consistency?${sizes}`, every))).toEqual([400, 'item_invalid']);
  });

  it('has in it who read it, and from where; an export is in it for sure', async () => {
    await stage.get('/audit/export?format=csv', ours, { 'user-agent': 'auditor-program/1' });
    // Outcomes are queued; what is strict takes them along to the disk.
    await stage.calls(tenants.theirs, 1);
    const found = await events('?actor=auditor:ours&act=audit.export&limit=1', every);
    expect(found.events[0]).toMatchObject({
      attempt: {
        cls: 'strict',
        obj: `log:${tenants.ours}`,
        actor: { type: 'client', id: 'auditor:ours' },
        src: { source: 'api', ip: '127.0.0.1', agent: 'auditor-program/1' },
      },
      outcome: { out: 'success' },
    });
    const reads = await events('?actor=auditor:ours&act=audit.read', every);
    expect(reads.events.length).toBeGreaterThan(5);
  });
});

const routes = [
  '/audit/events',
  '/audit/events/019a6d0e-6f0a-7b52-9e53-0d6f6d4f2a11',
  '/audit/search?text=tool',
  '/audit/stats',
  '/audit/reports/accesses',
  '/audit/export',
  '/audit/checkpoint',
  '/audit/proof?id=019a6d0e-6f0a-7b52-9e53-0d6f6d4f2a11',
  '/audit/consistency?old=1',
  '/audit/log/policy.json',
  '/audit/log/root/checkpoint',
];

describe('whoever is no auditor', () => {
  it.each(routes)('is told nothing at %s', async (route) => {
    for (const token of [undefined, 'x'.repeat(43), `sga_${'x'.repeat(43)}.every`]) {
      const answer = await stage.get(route, token);
      expect([codeOf(answer), answer.headers['www-authenticate']]).toEqual([
        [401, 'unauthorized'],
        'Bearer realm="audit"',
      ]);
    }
  });

  it.each<[string, (token: string) => Record<string, string | readonly string[]>]>([
    ['twice', (token) => ({ authorization: [`Bearer ${token}`, `Bearer ${token}`] })],
    ['after another', (token) => ({ authorization: ['Bearer x', `Bearer ${token}`] })],
    ['in a list', (token) => ({ authorization: `Bearer x, Bearer ${token}` })],
    ['with a letter more', (token) => ({ authorization: `Bearer ${token}x` })],
    ['under another name', (token) => ({ authorization: `Bearer ${token.replace('.every', '.ours')}` })],
    ['in capitals', (token) => ({ authorization: `Bearer ${token.toUpperCase()}` })],
    ['as Basic', (token) => ({ authorization: `Basic ${Buffer.from(`${token}:`).toString('base64')}` })],
    ['as a cookie', (token) => ({ cookie: `access_token=${token}` })],
    ['in other headers', (token) => ({ 'x-access-token': token, 'proxy-authorization': `Bearer ${token}` })],
    ['of ten thousand letters', () => ({ authorization: `Bearer ${'x'.repeat(10_000)}` })],
  ])('is nobody with a token %s', async (_, headers) => {
    expect((await stage.get('/audit/events', undefined, headers(every))).status).toBe(401);
  });

  it('is nobody with a token in the query', async () => {
    expect((await stage.get(`/audit/events?access_token=${every}`)).status).toBe(401);
  });

  it('may be an administrator, and the client of one: their token opens nothing here', async () => {
    const link = async (): Promise<string> =>
      ((await stage.server.operations.call('sign-in.link', {})) as { readonly link: string }).link;
    const token = await obtainToken(stage.server.origin, openPerson(link));
    const call = modernCall(1, 'echo', {});
    const mcp = await rawHttp(`${stage.server.origin}/mcp`, {
      ...call,
      headers: { ...call.headers, authorization: `Bearer ${token}` },
    });
    expect(mcp.status).not.toBe(401);
    for (const route of routes) expect((await stage.get(route, token)).status).toBe(401);
  });
});

describe('an auditor', () => {
  it('opens nothing but the log', async () => {
    const call = modernCall(1, 'echo', {});
    const headers = { ...call.headers, authorization: `Bearer ${every}` };
    for (const path of ['/mcp', '/mcp/docs', '/t/x/mcp'])
      expect((await rawHttp(`${stage.server.origin}${path}`, { ...call, headers })).status).toBe(401);
    const given = await rawHttp(`${stage.server.origin}/register`, {
      headers: { 'content-type': 'application/json', authorization: `Bearer ${every}` },
      body: '{"redirect_uris":["http://127.0.0.1/x"]}',
    });
    expect(given.status).toBe(401);
    const socket = { method: 'POST', headers: { authorization: `Bearer ${every}` }, body: '{}' } as const;
    expect((await rawHttp(`${stage.server.origin}/status`, socket)).status).toBe(404);
  });

  it('who is removed, or whose time is over, reads nothing from then on', async () => {
    const token = await stage.auditor('short', '*');
    expect((await stage.get('/audit/stats', token)).status).toBe(200);
    await stage.server.operations.call('audit.auditor.remove', { name: 'short' });
    expect((await stage.get('/audit/stats', token)).status).toBe(401);
    const again = await stage.auditor('short', '*');
    expect((await stage.get('/audit/stats', token)).status).toBe(401);
    expect((await stage.get('/audit/stats', again)).status).toBe(200);
    const acts = await events('?object=auditor:short', every);
    expect(acts.events.map(({ attempt }) => [attempt.act, attempt.cls])).toEqual([
      ['auditor.add', 'strict'],
      ['auditor.remove', 'strict'],
      ['auditor.add', 'strict'],
    ]);
  });

  it('is kept as a mark of the token: the token is in no file', async () => {
    const { ground } = stage.server;
    const kept: string[] = [];
    for (const name of ['records', 'record_owners'] as const) {
      const { items } = await ground.tables.scan(name, { limit: 1000 });
      kept.push(JSON.stringify(items));
    }
    expect(kept.join('')).toContain('auditors.');
    for (const word of [every, every.slice(4, 47), 'every', tenants.ours])
      expect(kept.join('')).not.toContain(word);
  });
});

describe('an auditor of one tenant', () => {
  const told = ({ status, headers, body }: RawAnswer): string =>
    JSON.stringify([
      status,
      body.replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f-]{17}/g, 'ID'),
      headers['www-authenticate'],
    ]);

  it.each([
    'events',
    'search',
    'stats',
    'export',
    'reports/services',
    'checkpoint',
    'consistency',
    'proof',
    'events/ID',
  ])('is answered the same at %s, whether there is another tenant or not', async (route) => {
    const rest = `${route === 'consistency' ? '&old=1' : ''}${route === 'search' ? '&text=tool' : ''}${route === 'proof' ? `&id=${ids.theirs[0]}` : ''}`;
    const at = (tenant: string): string =>
      `/audit/${route.replace('ID', ids.theirs[0] ?? '')}?tenant=${tenant}${rest}`;
    const there = await stage.get(at(tenants.theirs), ours);
    const nowhere = await stage.get(at('tenant-of-nobody'), ours);
    expect(codeOf(there)).toEqual([403, 'scope_insufficient']);
    expect(told(there)).toBe(told(nowhere));
    expect((await stage.get(at('*'), ours)).status).toBe(403);
  });

  it('finds nothing of another by id, cursor, origin, object or path', async () => {
    const name = await deployment();
    const [theirs = ''] = ids.theirs;
    const origin = encodeURIComponent(`${name}/audit/${tenants.theirs}/${month}`);
    const root = encodeURIComponent(`${name}/audit/root`);
    for (const target of [
      `/audit/events/${theirs}`,
      `/audit/proof?id=${theirs}`,
      `/audit/consistency?old=1&origin=${origin}`,
      `/audit/consistency?old=1&origin=${root}`,
      '/audit/consistency?old=1',
      `/audit/log/logs/${tenants.theirs}/${month}/checkpoint`,
      `/audit/log/logs/${tenants.theirs}/${month}/tile/entries/000.p/1`,
      '/audit/log/root/checkpoint',
      '/audit/log/root/tile/entries/000.p/1',
    ]) {
      expect([target, (await stage.get(target, ours)).status]).toEqual([target, 404]);
      expect([target, (await stage.get(target, every)).status]).toEqual([target, 200]);
    }
    expect((await events(`?object=connection:${tenants.theirs}/one`)).events).toEqual([]);
    const { cursor } = await events('?limit=1', every);
    expect(codeOf(await stage.get(`/audit/events?limit=1&cursor=${cursor}`, ours))).toEqual([
      400,
      'cursor_invalid',
    ]);
  });

  it('has the files of its own log, and no other tenant by any of them', async () => {
    const note = await stage.get(`/audit/log/logs/${tenants.ours}/${month}/checkpoint`, ours);
    expect([note.status, note.headers['cache-control']]).toEqual([200, 'no-store']);
    const size = Number(note.body.split('\n')[1]);
    const tile = await stage.get(`/audit/log/logs/${tenants.ours}/${month}/tile/entries/000.p/${size}`, ours);
    expect([tile.status, tile.headers['cache-control']]).toEqual([
      200,
      'private, max-age=31536000, immutable',
    ]);
    expect(tile.body).not.toContain(tenants.theirs);
    expect((await stage.get('/audit/log/policy.json', ours)).headers['cache-control']).toBe('no-store');
  });
});

describe('a question that is none', () => {
  it.each([
    'limit=0',
    'limit=1001',
    'limit=-1',
    'limit=1e2',
    'limit=5&limit=6',
    'limit=',
    'limit=NaN',
    'since=yesterday',
    'slower=-1',
    'source=nowhere',
    'outcome=maybe',
    'flag=odd',
    'param=odd',
    'param=a=1&param=odd',
    'order=odd',
    'madeup=1',
    '__proto__=1',
    'act=a&act=b',
    'connection=one&object=x',
  ])('is refused: %s', async (query) => {
    expect(codeOf(await stage.get(`/audit/events?${query}`, ours))).toEqual([400, 'usage']);
  });

  it('is refused when it is longer than a name or a request may be, and is not told back', async () => {
    const answer = await stage.get(`/audit/events?act=${'a'.repeat(3000)}`, ours);
    expect(codeOf(answer)).toEqual([400, 'usage']);
    expect(answer.body).not.toContain('aaaaaaaa');
    expect((await stage.get(`/audit/events?act=${'a'.repeat(40_000)}`, ours)).status).toBe(431);
  });

  it.each(['', 'x', '1.2.3', `1.${'0'.repeat(36)}.${'a'.repeat(43)}`, '%00', '..%2f..'])(
    'has a cursor that is none: %s',
    async (cursor) => {
      const answer = await stage.get(`/audit/events?limit=1&cursor=${cursor}`, ours);
      expect(answer.status).toBe(400);
    },
  );

  it('has a cursor of another question', async () => {
    const { cursor } = await events('?limit=1&act=tool.call');
    expect(codeOf(await stage.get(`/audit/events?limit=1&act=tool.list&cursor=${cursor}`, ours))).toEqual([
      400,
      'cursor_invalid',
    ]);
    expect(codeOf(await stage.get(`/audit/events?limit=1&cursor=${cursor}`, ours))).toEqual([
      400,
      'cursor_invalid',
    ]);
    expect((await stage.get(`/audit/events?limit=3&act=tool.call&cursor=${cursor}`, ours)).status).toBe(200);
  });

  it.each([
    '../main.db',
    '..%2fmain.db',
    '%2e%2e/main.db',
    '%2e%2e%2fmain.db',
    '%252e%252e/main.db',
    '..\\main.db',
    '..%5cmain.db',
    'root/./checkpoint',
    'root/../root/checkpoint',
    'root//checkpoint',
    'root%2fcheckpoint',
    'root/%63heckpoint',
    'root/checkpoint%00',
    'root/checkpoint/',
    'root/checkpoint?x=1',
    'root/tile/0/000',
    'root/tile/0/-1',
    'root/tile/0/000.p/0',
    'root/tile/0/000.p/256',
    'root/tile/99/000',
    '%ff',
    '%',
    '',
    'logs/_system/000000/checkpoint',
    `logs/${tenants.ours}/202611/bodies/000.jsonl`,
    'journal.db',
  ])('asks for a file that is none: %s', async (path) => {
    const answer = await stage.get(`/audit/log/${path}`, every);
    expect([400, 404]).toContain(answer.status);
    expect(answer.body).toContain('"error"');
  });
});

it('an auditor who asks too often is told when to come again; the files of the log are counted apart', async () => {
  const few = await openAudited({ RATE_LIMIT_ADMIN_RPM: '3' });
  try {
    const token = await few.auditor('often', '*');
    const statuses: number[] = [];
    for (let nth = 0; nth < 4; nth += 1) statuses.push((await few.get('/audit/stats', token)).status);
    expect(statuses).toEqual([200, 200, 200, 429]);
    const refused = await few.get('/audit/stats', token);
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
    const spoofed = await few.get('/audit/stats', token, {
      'x-forwarded-for': '203.0.113.9',
      'x-real-ip': '203.0.113.9',
    });
    expect(spoofed.status).toBe(429);
    expect((await few.get('/audit/log/policy.json', token)).status).toBe(200);
    expect((await few.get('/audit/stats', await few.auditor('another', '*'))).status).toBe(200);
  } finally {
    await few.close();
  }
}, 60_000);
