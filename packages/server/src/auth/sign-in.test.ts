import { afterEach, expect, test } from 'vitest';
import {
  configuredOrigin,
  openSignInStage,
  type Answer,
  type SignInStage,
  type StageSettings,
} from './fixtures/sign-in-stage.ts';
import { localReturn } from './sign-in.ts';

let stage: SignInStage;
const open = async (settings?: StageSettings) => (stage = await openSignInStage(settings));
afterEach(() => stage.close());

const signIn = async (address = 'ada@example.com', cookie?: string): Promise<Answer> =>
  stage.ask('POST', '/sign-in/link', { form: { token: await stage.tokenFor(address) }, cookie });
const csrfIn = (page: string) => /name="csrf" value="([^"]+)"/.exec(page)?.[1] ?? '';

test('an address, a mail, a link and a button sign a new person in, with a group of their own', async () => {
  await open();
  const token = await stage.tokenFor(' Ada@Example.com ');
  expect(stage.mails).toEqual([
    { address: 'ada@example.com', link: `${configuredOrigin}/sign-in/link?token=${token}`, token },
  ]);
  const page = await stage.ask('GET', `/sign-in/link?token=${token}`);
  expect(page.text).toContain('Sign in as ada@example.com?');
  const done = await stage.ask('POST', '/sign-in/link', { form: { token } });
  expect([done.status, done.headers.location]).toEqual([303, '/sign-in']);
  expect((await stage.ask('GET', '/sign-in', { cookie: done.cookie })).text).toContain('You are signed in');
  const person = (await stage.people.findByEmail('ada@example.com'))!;
  expect(await stage.people.groupsOf(person.subject)).toEqual([{ id: person.tenant, name: 'Personal' }]);
});

test('whoever comes back finds the same account', async () => {
  await open();
  await signIn();
  const first = await stage.people.findByEmail('ada@example.com');
  await signIn('ADA@example.com');
  expect(await stage.people.findByEmail('ada@example.com')).toEqual(first);
  expect((await stage.tables.scan('users', { limit: 10 })).items).toHaveLength(1);
});

test('signing in and out is in the journal, with the person, the address and no secret', async () => {
  await open();
  const { cookie } = await signIn();
  const csrf = csrfIn((await stage.ask('GET', '/sign-in', { cookie })).text);
  await stage.ask('POST', '/sign-out', { cookie, form: { csrf } });
  const { subject, tenant } = (await stage.people.findByEmail('ada@example.com'))!;
  const attempts = stage.journal.lines.filter(({ act }) => act !== undefined);
  expect(attempts.map(({ act }) => act)).toEqual(['person.sign_in', 'person.sign_out']);
  for (const line of attempts)
    expect(line).toMatchObject({ tenant, actor: { id: subject }, src: { ip: '127.0.0.1' } });
  expect(JSON.stringify(stage.journal.lines)).not.toContain(stage.mails[0]?.token);
});

test('what cannot be logged does not happen: without a journal nobody is signed in', async () => {
  await open();
  const token = await stage.tokenFor('ada@example.com');
  stage.journal.fail();
  const answer = await stage.ask('POST', '/sign-in/link', { form: { token } });
  expect([answer.status, answer.cookie]).toEqual([503, undefined]);
});

test('signing in leads on to the authorization that it was begun for', async () => {
  await open();
  const token = await stage.tokenFor('ada@example.com', '/interaction/abc_DEF-1');
  const { headers, cookie } = await stage.ask('POST', '/sign-in/link', { form: { token } });
  expect(headers.location).toBe('/interaction/abc_DEF-1');
  const again = await stage.ask('GET', '/sign-in?return=/interaction/next', { cookie });
  expect([again.status, again.headers.location]).toEqual([303, '/interaction/next']);
});

test.each([
  'https://evil.example/',
  '//evil.example/interaction/a',
  '/\\evil.example',
  '/interaction/../../evil',
  '/interaction/a/../b',
  '/interaction/a?next=https://evil.example',
  '/interaction/a#x',
  '/interaction/%2e%2e',
  '/interaction/',
  '/interaction/a\r\nset-cookie: x=y',
  '/interaction/a\n',
  'javascript:alert(1)',
  '/sign-out',
  ' /interaction/a',
  `/interaction/${'a'.repeat(65)}`,
])('nobody is led to %o after signing in', async (target) => {
  await open();
  expect(localReturn(target)).toBeUndefined();
  expect(localReturn([target, '/interaction/a'])).toBeUndefined();
  const token = await stage.tokenFor('ada@example.com', target);
  const { headers, cookie } = await stage.ask('POST', '/sign-in/link', { form: { token } });
  expect(headers.location).toBe('/sign-in');
  const shown = await stage.ask('GET', `/sign-in?return=${encodeURIComponent(target)}`, { cookie });
  expect([shown.status, shown.headers.location]).toEqual([200, undefined]);
});

test('opening a link changes nothing: not for scanners, not for previews, however often', async () => {
  await open();
  const token = await stage.tokenFor('ada@example.com');
  for (let times = 0; times < 5; times += 1) {
    const page = await stage.ask('GET', `/sign-in/link?token=${token}`);
    expect([page.status, page.cookie]).toEqual([200, undefined]);
  }
  expect((await stage.ask('HEAD', `/sign-in/link?token=${token}`)).status).toBe(404);
  expect((await stage.ask('POST', '/sign-in/link', { form: { token } })).status).toBe(303);
});

test('a link signs in whom it was made for, whatever else is sent with it', async () => {
  await open();
  const token = await stage.tokenFor('mallory@example.com');
  const { cookie } = await stage.ask('POST', '/sign-in/link', {
    form: { token, email: 'ada@example.com', userId: 'ada', subject: 'ada' },
  });
  expect((await stage.ask('GET', '/sign-in', { cookie })).text).toContain('mallory@example.com');
  expect(await stage.people.findByEmail('ada@example.com')).toBeUndefined();
});

test('a session from before sign-in is over afterwards, and its cookie does not become the new one', async () => {
  await open();
  const before = (await signIn('mallory@example.com')).cookie;
  const after = (await signIn('ada@example.com', before)).cookie;
  expect(after).not.toBe(before);
  expect(await stage.sessions.read(before)).toBeUndefined();
  expect(await stage.sessions.read(after)).toBeDefined();
  const prepared = `sealgate_session=${'A'.repeat(43)}`;
  expect((await signIn('ada@example.com', prepared)).cookie).not.toBe(prepared);
  expect(await stage.sessions.read(prepared)).toBeUndefined();
});

test('signing out needs the token of the same session', async () => {
  await open();
  const mine = (await signIn('ada@example.com')).cookie;
  const other = (await signIn('mallory@example.com')).cookie;
  const foreign = csrfIn((await stage.ask('GET', '/sign-in', { cookie: other })).text);
  for (const form of [{ csrf: foreign }, { csrf: '' }, { other: 'x' }]) {
    const refused = await stage.ask('POST', '/sign-out', { cookie: mine, form });
    expect([refused.status, refused.text]).toEqual([403, expect.stringContaining('out of date')]);
  }
  expect((await stage.ask('GET', '/sign-out', { cookie: mine })).status).toBe(404);
  expect(await stage.sessions.read(mine)).toBeDefined();
});

test('after signing out a stolen cookie signs nobody in', async () => {
  await open();
  const { cookie } = await signIn();
  const csrf = csrfIn((await stage.ask('GET', '/sign-in', { cookie })).text);
  const out = await stage.ask('POST', '/sign-out', { cookie, form: { csrf } });
  expect([out.status, out.headers['set-cookie']?.[0]]).toEqual([303, expect.stringContaining('Max-Age=0')]);
  expect((await stage.ask('GET', '/sign-in', { cookie })).text).toContain('Send me a link');
});

const paths = ['/sign-in', '/sign-in/link', '/sign-out'];
test.each([
  { origin: 'https://evil.example' },
  { origin: 'null' },
  { origin: 'http://localhost' },
  { 'sec-fetch-site': 'cross-site' },
  { 'sec-fetch-site': 'same-site' },
  { 'sec-fetch-site': 'none' },
  { 'sec-fetch-site': 'nonsense' },
])('a form from another page is refused before it is read: %o', async (headers) => {
  await open();
  const token = await stage.tokenFor('mallory@example.com');
  for (const path of paths) {
    const refused = await stage.ask('POST', path, { headers, form: { token, email: 'ada@example.com' } });
    expect([refused.status, refused.cookie]).toEqual([403, undefined]);
  }
  expect(stage.mails).toHaveLength(1);
});

test('a form of our own page is taken', async () => {
  await open();
  const headers = { origin: stage.origin, 'sec-fetch-site': 'same-origin' };
  expect((await stage.ask('POST', '/sign-in', { headers, form: { email: 'a@b.example' } })).status).toBe(200);
});

test.each([
  ['another type', { headers: { 'content-type': 'application/json' }, form: '{"token":"x"}' }, 415],
  [
    'text that a page elsewhere may send',
    { headers: { 'content-type': 'text/plain' }, form: 'email=a' },
    415,
  ],
  ['no body', {}, 400],
  ['a field twice', { form: 'email=a@example.com&email=b@example.com' }, 400],
  ['too much', { form: `email=${'a'.repeat(20_000)}` }, 413],
])('%s is no form', async (_, asked, status) => {
  await open();
  const answer = await stage.ask('POST', '/sign-in', asked);
  expect([answer.status, answer.headers['content-type']]).toEqual([status, 'text/html; charset=utf-8']);
  expect(stage.mails).toEqual([]);
});

test('every answer of every route is kept out of frames, caches, scripts and other origins', async () => {
  await open();
  const token = await stage.tokenFor('ada@example.com');
  const answers = [
    await stage.ask('GET', '/sign-in'),
    await stage.ask('GET', `/sign-in/link?token=${token}`),
    await stage.ask('GET', '/sign-in/link?token=wrong'),
    await stage.ask('POST', '/sign-in', { form: { email: 'nonsense' } }),
    await stage.ask('POST', '/sign-in', { form: { email: 'a@example.com' } }),
    await stage.ask('POST', '/sign-out', { headers: { origin: 'null' }, form: {} }),
  ];
  for (const { headers } of answers) {
    expect(headers['cache-control']).toBe('no-store');
    expect(headers['x-content-type-options']).toBe('nosniff');
    if (!headers['content-type']?.startsWith('text/html')) continue;
    expect(headers['x-frame-options']).toBe('DENY');
    expect(headers['referrer-policy']).toBe('same-origin');
    expect(headers['content-security-policy']).toMatch(
      /^default-src 'none'; style-src 'sha256-[^']+'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'$/,
    );
  }
  const done = await stage.ask('POST', '/sign-in/link', { form: { token } });
  expect(done.headers['cache-control']).toBe('no-store');
});

test('over the limit of sign-in attempts a page says to wait; a minute later it goes on', async () => {
  await open({ logins: 5 });
  const answers: Answer[] = [];
  for (let tries = 0; tries < 7; tries += 1)
    answers.push(await stage.ask('POST', tries % 2 ? '/sign-in' : '/sign-in/link', { form: { token: 'x' } }));
  expect(answers.map(({ status }) => status)).toEqual([400, 200, 400, 200, 400, 429, 429]);
  expect(answers[5]?.headers).toMatchObject({ 'x-ratelimit-limit': '5', 'retry-after': expect.any(String) });
  expect(answers[5]?.text).toContain('That was too often');
  stage.pass(61_000);
  expect((await stage.ask('POST', '/sign-in', { form: { email: 'a@example.com' } })).status).toBe(200);
});

test('nobody escapes the limit by saying that they come from elsewhere', async () => {
  await open({ logins: 1 });
  const forwarded = (n: number) => ({
    'x-forwarded-for': `198.51.100.${n}`,
    forwarded: `for=198.51.100.${n}`,
  });
  const ask = (n: number) => stage.ask('POST', '/sign-in', { headers: forwarded(n), form: { email: 'x' } });
  expect([(await ask(1)).status, (await ask(2)).status]).toEqual([200, 429]);
});

test('where nobody delivers links the page says whom to ask, and an address is not taken', async () => {
  await open({ delivery: 'none' });
  const form = { email: 'ada@example.com' };
  for (const page of [await stage.ask('GET', '/sign-in'), await stage.ask('POST', '/sign-in', { form })])
    expect(page.text).toContain('sends no mail');
  expect((await stage.tables.scan('magic_links', { limit: 10 })).items).toEqual([]);
});
