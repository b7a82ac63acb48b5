import { memoryTables, sealedSessions, sessionRecords } from '@sealgate/vault';
import { oneKeySealer } from '@sealgate/vault/testing';
import { expect, test } from 'vitest';
import { isCsrf, openWebSessions } from './web-session.ts';

const hourMs = 3_600_000;
const facts = { ip: '203.0.113.7', agent: 'Browser/1' };

function stage(secure = true) {
  let at = 1_700_000_000_000;
  const now = () => at;
  const tables = memoryTables({ now });
  const records = sealedSessions(sessionRecords(tables, { now }), oneKeySealer());
  const sessions = openWebSessions({ records, now, secure });
  // Another request ends the session just after this one has read it.
  const overtaken = openWebSessions({
    records: {
      ...records,
      async get(name) {
        const found = await records.get(name);
        await records.take(name);
        return found;
      },
    },
    now,
    secure,
  });
  const begin = async (subject = 'ada') => pairOf((await sessions.begin(subject, facts)).setCookie);
  return { tables, sessions, overtaken, begin, pass: (ms: number) => (at += ms) };
}

const pairOf = (setCookie: string) => setCookie.split(';')[0] ?? '';

test('under https the cookie cannot be read by scripts, set by neighbours or sent in clear', async () => {
  const { setCookie } = await stage(true).sessions.begin('ada', facts);
  expect(setCookie).toMatch(/^__Host-sealgate=[A-Za-z0-9_-]{43}; Path=\/; HttpOnly; SameSite=Lax; Secure$/);
});

test('without https the cookie has a name of its own, and under https that name is not read', async () => {
  const { setCookie } = await stage(false).sessions.begin('ada', facts);
  expect(setCookie).toMatch(/^sealgate_session=[A-Za-z0-9_-]{43}; Path=\/; HttpOnly; SameSite=Lax$/);
  const { sessions, begin } = stage(true);
  const value = (await begin()).split('=')[1] ?? '';
  expect(await sessions.read(`sealgate_session=${value}`)).toBeUndefined();
  expect(await sessions.read(`__Host-sealgate=${value}`)).toMatchObject({ subject: 'ada' });
});

test('each begin is a session of its own: a cookie that was there before never becomes signed in', async () => {
  const { sessions, begin } = stage();
  const cookies = new Set([await begin(), await begin(), await begin()]);
  expect(cookies.size).toBe(3);
  const prepared = `__Host-sealgate=${'A'.repeat(43)}`;
  await sessions.begin('ada', facts);
  expect(await sessions.read(prepared)).toBeUndefined();
});

test('whoever reads the store finds no cookie, no person and no address', async () => {
  const { tables, begin } = stage();
  const value = (await begin('person-1234')).split('=')[1] ?? '';
  const page = await tables.scan('sessions', { limit: 100 });
  const dump = JSON.stringify(page);
  expect(page.items).toHaveLength(1);
  expect(page.items[0]?.item).toMatchObject({ userId: expect.any(String), ttl: expect.any(Number) });
  for (const secret of [value, 'person-1234', facts.ip, facts.agent]) {
    expect(dump).not.toContain(secret);
    expect(dump).not.toContain(Buffer.from(secret).toString('base64url').slice(0, -2));
  }
});

test('the id that a list may show signs nobody in', async () => {
  const { sessions, begin } = stage();
  const session = await sessions.read(await begin());
  expect(await sessions.read(`__Host-sealgate=${session?.id}`)).toBeUndefined();
  expect(await sessions.read(`__Host-sealgate=${session?.csrf}`)).toBeUndefined();
});

test('a cookie with one letter changed, cut, quoted or empty signs nobody in', async () => {
  const { sessions, begin } = stage();
  const pair = await begin();
  const last = pair.endsWith('A') ? 'E' : 'A';
  for (const cookie of [pair.slice(0, -1) + last, pair.slice(0, -1), '__Host-sealgate=', 'x', '', undefined])
    expect(await sessions.read(cookie)).toBeUndefined();
});

test('of two cookies that contradict none is believed; other cookies do not matter', async () => {
  const { sessions, begin } = stage();
  const [mine, planted] = [await begin('ada'), await begin('mallory')];
  expect(await sessions.read(`${mine}; ${planted}`)).toBeUndefined();
  expect(await sessions.read(`${planted}; ${mine}`)).toBeUndefined();
  expect(await sessions.read(`a=b; ${mine};__Host-sealgate-x=1`)).toMatchObject({ subject: 'ada' });
});

test('a session ends exactly 12 hours after its last use', async () => {
  const { sessions, begin, pass } = stage();
  const cookie = await begin();
  pass(12 * hourMs - 1);
  expect(await sessions.read(cookie)).toBeDefined();
  pass(12 * hourMs - 1);
  expect(await sessions.read(cookie)).toBeDefined();
  pass(12 * hourMs);
  expect(await sessions.read(cookie)).toBeUndefined();
});

test('however often it is used, a session ends after 30 days', async () => {
  const { sessions, begin, pass } = stage();
  const cookie = await begin();
  for (let used = 0; used < 30 * 4 - 1; used += 1) {
    pass(6 * hourMs);
    expect(await sessions.read(cookie)).toBeDefined();
  }
  pass(6 * hourMs - 1);
  expect(await sessions.read(cookie)).toBeDefined();
  pass(1);
  expect(await sessions.read(cookie)).toBeUndefined();
});

test('a stolen cookie is worth nothing after sign-out, and uses under way do not bring it back', async () => {
  const { sessions, begin, pass } = stage();
  const cookie = await begin();
  const { id } = (await sessions.read(cookie))!;
  pass(hourMs);
  await Promise.all([sessions.read(cookie), sessions.end(id), sessions.read(cookie), sessions.read(cookie)]);
  expect(await sessions.read(cookie)).toBeUndefined();
  pass(13 * hourMs);
  expect(await sessions.read(cookie)).toBeUndefined();
});

test('a use that would keep a session alive while another ends it finds it ended', async () => {
  const { sessions, overtaken, begin, pass } = stage();
  const cookie = await begin();
  pass(hourMs);
  expect(await overtaken.read(cookie)).toBeUndefined();
  expect(await sessions.read(cookie)).toBeUndefined();
});

test('ending one session leaves the others of the same person', async () => {
  const { sessions, begin } = stage();
  const [here, there] = [await begin(), await begin()];
  await sessions.end((await sessions.read(here))!.id);
  expect(await sessions.read(there)).toMatchObject({ subject: 'ada' });
});

test('a CSRF token is worth something in its own session only', async () => {
  const { sessions, begin } = stage();
  const mine = (await sessions.read(await begin()))!;
  const other = (await sessions.read(await begin()))!;
  expect(isCsrf(mine, mine.csrf)).toBe(true);
  for (const sent of [other.csrf, '', undefined, `${mine.csrf} `, mine.csrf.toLowerCase(), mine.id])
    expect(isCsrf(mine, sent)).toBe(false);
});
