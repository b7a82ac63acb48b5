import { afterEach, expect, test } from 'vitest';
import { openSignInStage, type SignInStage, type StageSettings } from './fixtures/sign-in-stage.ts';

let stage: SignInStage;
const open = async (settings?: StageSettings) => (stage = await openSignInStage(settings));
afterEach(() => stage.close());

const minuteMs = 60_000;
const redeem = (token: string) => stage.ask('POST', '/sign-in/link', { form: { token } });
const askFor = (email: string, headers = {}) => stage.ask('POST', '/sign-in', { headers, form: { email } });
const rows = async () => (await stage.tables.scan('magic_links', { limit: 1000 })).items;
const sent = async () => {
  await stage.links.close();
  return stage.mails.map(({ address }) => address);
};

/** Nobody gets an answer about a link before `count` have asked: all of them have read it, and none has used it up. */
async function meetAfterReading(count: number): Promise<void> {
  const real = stage.tables.get.bind(stage.tables);
  const met = Promise.withResolvers<void>();
  let waiting = 0;
  const get: typeof real = async (table, key) => {
    const found = await real(table, key);
    if (table !== 'magic_links') return found;
    waiting += 1;
    if (waiting === count) met.resolve();
    await met.promise;
    return found;
  };
  Object.assign(stage.tables, { get });
}

test('a link works once', async () => {
  await open();
  const token = await stage.tokenFor('ada@example.com');
  expect((await redeem(token)).status).toBe(303);
  for (const replay of [await redeem(token), await stage.ask('GET', `/sign-in/link?token=${token}`)]) {
    expect([replay.status, replay.cookie]).toEqual([400, undefined]);
    expect(replay.text).toContain('This link does not work any more');
  }
});

test('of 20 who race for one link one is signed in, and there is one account', async () => {
  await open();
  const token = await stage.tokenFor('ada@example.com');
  await meetAfterReading(20);
  const answers = await Promise.all(Array.from({ length: 20 }, () => redeem(token)));
  expect(answers.filter(({ status }) => status === 303)).toHaveLength(1);
  expect(answers.filter(({ cookie }) => cookie !== undefined)).toHaveLength(1);
  expect((await stage.tables.scan('sessions', { limit: 100 })).items).toHaveLength(1);
  expect((await stage.tables.scan('users', { limit: 100 })).items).toHaveLength(1);
});

test('20 links of one new address that are redeemed at once make one account', async () => {
  await open();
  const tokens: string[] = [];
  for (let n = 0; n < 5; n += 1) tokens.push(await stage.tokenFor('ada@example.com'));
  expect(new Set(tokens).size).toBe(5);
  const answers = await Promise.all(tokens.map(redeem));
  expect(answers.map(({ status }) => status)).toEqual([303, 303, 303, 303, 303]);
  expect((await stage.tables.scan('users', { limit: 100 })).items).toHaveLength(1);
});

test('a link ends after 15 minutes', async () => {
  await open();
  const early = await stage.tokenFor('ada@example.com');
  stage.pass(15 * minuteMs - 2_000);
  expect((await redeem(early)).status).toBe(303);
  const late = await stage.tokenFor('ada@example.com');
  stage.pass(15 * minuteMs);
  expect((await redeem(late)).status).toBe(400);
});

test('at the very millisecond of its end a link is over', async () => {
  await open();
  const { redeem: use, linkFor } = stage.links;
  const { subject } = await stage.people.ensureByEmail('ada@example.com');
  const token = new URL(await linkFor(subject)).searchParams.get('token')!;
  const endsAtMs = Number((await rows())[0]?.item['endsAtMs']);
  stage.pass(endsAtMs - Date.now());
  expect(await stage.links.look(token)).toBeUndefined();
  expect(await use(token)).toBeUndefined();
});

test('whoever reads the store has no link', async () => {
  await open();
  const token = await stage.tokenFor('ada@example.com');
  const [row] = await rows();
  expect(JSON.stringify(await rows())).not.toContain(token);
  expect((await redeem(row!.item.linkHash)).status).toBe(400);
});

test.each([
  '',
  'x',
  'A'.repeat(43),
  '../../x',
  '\0',
  `${'A'.repeat(42)}=`,
  '%00',
  'A'.repeat(5000),
  "' OR 1=1",
])('a made-up token is refused as a spent one is: %o', async (token) => {
  await open();
  const spent = await stage.tokenFor('ada@example.com');
  await redeem(spent);
  const [made, used] = [await redeem(token), await redeem(spent)];
  const plain = ({ text }: { text: string }) => text.replace(/[0-9a-f-]{36}/, '');
  expect([made.status, plain(made)]).toEqual([used.status, plain(used)]);
});

test('the answer does not say whether an address is known', async () => {
  await open({ signUp: 'closed' });
  await stage.people.ensureByEmail('known@example.com');
  const [known, unknown] = [await askFor('known@example.com'), await askFor('unknown@example.com')];
  expect(known.text).toBe(unknown.text);
  const facts = ({ status, headers: { date: _, ...others } }: typeof known) => ({ status, ...others });
  const { ratelimit: _a, ...left } = facts(known) as Record<string, unknown>;
  const { ratelimit: _b, ...right } = facts(unknown) as Record<string, unknown>;
  for (const headers of [left, right])
    for (const name of ['x-ratelimit-remaining', 'x-ratelimit-reset']) delete headers[name];
  expect(left).toEqual(right);
  expect(await sent()).toEqual(['known@example.com']);
});

test('the same work is done for every address: as many reads, as many writes, rows alike', async () => {
  await open({ signUp: 'closed' });
  await stage.people.ensureByEmail('known@example.com');
  const calls: string[] = [];
  for (const name of ['get', 'put', 'query', 'transact', 'remove'] as const) {
    const real = stage.tables[name].bind(stage.tables) as (...given: unknown[]) => unknown;
    Object.assign(stage.tables, {
      [name]: (...given: unknown[]) => {
        calls.push(`${name} ${String(given[0])}`);
        return real(...given);
      },
    });
  }
  await askFor('known@example.com');
  const forKnown = calls.splice(0);
  await askFor('other@example.com');
  expect(calls).toEqual(forKnown);
  expect(forKnown).toEqual(['get uniques', 'put magic_links']);
  const shapes = (await rows()).map(({ item }) => Object.keys(item).toSorted());
  expect(shapes[0]).toEqual(shapes[1]);
});

test('nobody waits for the mail server: the answer is there before the mail is begun', async () => {
  let begun = 0;
  const stuck = Promise.withResolvers<void>();
  await open({ deliver: async () => ((begun += 1), stuck.promise) });
  const answer = await askFor('ada@example.com');
  expect(answer.status).toBe(200);
  await expect.poll(() => begun).toBe(1);
  stuck.resolve();
});

test('not even the first step of sending is taken before the answer', async () => {
  let begun = 0;
  await open({ deliver: async () => void (begun += 1) });
  await stage.links.request({ email: 'ada@example.com', ip: undefined, returnTo: undefined });
  expect(begun).toBe(0);
  await sent();
  expect(begun).toBe(1);
});

test('links leave at moments that nobody can tell beforehand, and at the latest when the gateway stops', async () => {
  await open({ spreadMs: 3_600_000 });
  for (const name of ['a', 'b', 'c']) await askFor(`${name}@example.com`);
  expect(stage.mails).toEqual([]);
  expect(await sent()).toEqual(['a@example.com', 'b@example.com', 'c@example.com']);
});

test('a mail that cannot be sent is the operator’s business, and the answer stays the same', async () => {
  await open({
    deliver: async () => {
      throw new Error('550 no such mailbox');
    },
  });
  const answer = await askFor('ada@example.com');
  expect([answer.status, answer.text]).toEqual([200, expect.stringContaining('Look into your mail')]);
  await sent();
  expect(stage.failures).toEqual([new Error('550 no such mailbox')]);
});

test('closed to new people, an unknown address gets no mail and a guess at its link is no account', async () => {
  await open({ signUp: 'closed' });
  await askFor('new@example.com');
  expect(await sent()).toEqual([]);
  expect((await stage.tables.scan('users', { limit: 10 })).items).toEqual([]);
});

test('the limit on sign-ups is silent and leaves people who are known alone', async () => {
  await open({ signUps: 2 });
  await stage.people.ensureByEmail('known@example.com');
  const answers = [];
  for (const name of ['a', 'b', 'c', 'd', 'known']) answers.push(await askFor(`${name}@example.com`));
  expect(new Set(answers.map(({ status, text }) => `${status}${text}`)).size).toBe(1);
  expect(await sent()).toEqual(['a@example.com', 'b@example.com', 'known@example.com']);
  stage.pass(minuteMs + 1_000);
  await askFor('e@example.com');
  expect((await sent()).at(-1)).toBe('e@example.com');
});

test('nobody’s mailbox is flooded: five links in a quarter of an hour', async () => {
  await open();
  for (let n = 0; n < 9; n += 1) await askFor('ada@example.com');
  expect(await sent()).toHaveLength(5);
});

test.each([
  'ada@example.com\r\nBcc: all@example.com',
  'ada@example.com\nSubject: hello',
  'ada@example.com, mallory@example.com',
  'ada@example.com mallory@example.com',
  '"ada@evil.example"@example.com',
  'Ada <ada@example.com>',
  'ada@example.com>',
  'ada@@example.com',
  '@nowhere.example',
  'ada@',
  'ada@exa mple.com',
  'ada@[127.0.0.1]',
  'аda@example.com',
  'ada\0@example.com',
  `${'a'.repeat(65)}@example.com`,
  '<script>alert(1)</script>@example.com',
])('%o is no address, and no mail is sent', async (email) => {
  await open();
  const answer = await askFor(email);
  expect([answer.status, answer.text]).toEqual([200, expect.stringContaining('not an e-mail address')]);
  expect(answer.text).not.toContain(email);
  expect(await rows()).toEqual([]);
});

test.each([
  { host: 'evil.example' },
  { 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'http', forwarded: 'host=evil.example' },
  { 'x-original-url': 'https://evil.example/', origin: 'https://evil.example' },
])('no header changes where a mailed link leads: %o', async (headers) => {
  await open();
  await askFor('ada@example.com', headers);
  await sent();
  for (const { link } of stage.mails) expect(link).toMatch(/^https:\/\/gate\.example\.com\/sign-in\/link\?/);
});

test('the first link is for the one who runs the gateway, until somebody has signed in', async () => {
  await open({ delivery: 'none' });
  const { subject } = await stage.people.ensureByEmail('operator@example.com');
  const link = await stage.links.firstStartLink(subject);
  expect(await stage.links.firstStartLink(subject)).not.toBe(link);
  const done = await redeem(new URL(link!).searchParams.get('token')!);
  expect(done.status).toBe(303);
  expect(await stage.links.firstStartLink(subject)).toBeUndefined();
  expect(await stage.links.linkFor(subject)).toContain('/sign-in/link?token=');
});

test('a link for somebody who is no longer there signs nobody in', async () => {
  await open();
  const token = new URL(await stage.links.linkFor('gone')).searchParams.get('token')!;
  const answer = await redeem(token);
  expect([answer.status, answer.cookie]).toEqual([400, undefined]);
});
