import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sealedRecords, systemTenant, tableRecords } from '@sealgate/vault';
import { afterEach, expect, test } from 'vitest';
import { openWebSessions } from '../auth/web-session.ts';
import { initConfig } from '../config.ts';
import { openLog } from '../log.ts';
import { openGround, type Ground } from './ground.ts';
import { openSignIn, type SignIn } from './sign-in.ts';

const logged: string[] = [];
const log = openLog('info', { write: (line) => void logged.push(line) });
const opened: Ground[] = [];
const folders: string[] = [];
afterEach(async () => {
  for (const ground of opened.splice(0)) await ground.close();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
  logged.length = 0;
});

async function stage(env: Record<string, string> = {}, folder = mkdtempSync(join(tmpdir(), 'sign-in-'))) {
  if (!folders.includes(folder)) folders.push(folder);
  const config = initConfig({ env: { ...env, DATA_DIR: folder }, cwd: folder });
  const ground = await openGround(config, log, Date.now);
  opened.push(ground);
  const printed: string[] = [];
  const open = (): SignIn | undefined =>
    openSignIn(
      { ground, config, now: Date.now },
      {
        origin: () => config.publicOrigin ?? 'http://127.0.0.1:3000',
        log,
        print: (line) => printed.push(line),
      },
    );
  return { ground, folder, printed, open };
}

const tokenIn = (text: string) => /token=([\w-]{43})/.exec(text)?.[1] ?? '';
const facts = { ip: undefined, agent: undefined };
const production = {
  NODE_ENV: 'production',
  AUTH_SECRET: 'kJ8mX2qP9vR4tY7wZ1nB5cF3hL6dG0sAeUiOxVpQzWjMyTrNbKfHgDlSaCkEuIoP',
  FRONTEND_URL: 'https://gate.example.com',
};

test('with ENABLE_WEBUI=false there is nothing to sign in with', async () => {
  const { open } = await stage({ ENABLE_WEBUI: 'false' });
  expect(open()).toBeUndefined();
});

test('in development a link is printed for the one at the terminal, and the log has none', async () => {
  const { open, printed } = await stage();
  const { links } = open()!;
  await links.request({ email: 'ada@example.com', ip: undefined, returnTo: undefined });
  await links.close();
  expect(printed).toEqual([expect.stringMatching(/^Sign-in link for ada@example\.com: http:\/\/127/)]);
  expect(logged.join()).not.toContain('token=');
});

test('in production without mail no link is printed, and the cookie is for https alone', async () => {
  const { open, printed, ground } = await stage(production);
  const { links, sessions } = open()!;
  await links.request({ email: 'ada@example.com', ip: undefined, returnTo: undefined });
  await links.close();
  expect([links.delivers, printed]).toEqual([false, []]);
  expect(await links.firstStartLink(ground.administrator.subject)).toMatch(/^https:\/\/gate\.example\.com\//);
  const { setCookie } = await sessions.begin('ada', facts);
  expect(setCookie).toMatch(/^__Host-sealgate=.*; Secure$/);
});

test('sessions and links outlive a restart, and nothing of them is in clear in any file', async () => {
  const first = await stage();
  const { links, sessions } = first.open()!;
  const token = tokenIn((await links.firstStartLink(first.ground.administrator.subject))!);
  const cookie = (await sessions.begin('person-4711', facts)).setCookie.split(';')[0]!;
  await first.ground.close();
  opened.length = 0;
  for (const file of readdirSync(first.folder, { withFileTypes: true }).filter((entry) => entry.isFile())) {
    const bytes = readFileSync(join(first.folder, file.name));
    for (const secret of [token, cookie.split('=')[1]!, 'person-4711'])
      expect(bytes.includes(secret), `${file.name} holds ${secret}`).toBe(false);
  }
  const second = await stage({}, first.folder);
  const again = second.open()!;
  expect(await again.sessions.read(cookie)).toMatchObject({ subject: 'person-4711' });
  expect((await again.links.redeem(token))?.person.subject).toBe(second.ground.administrator.subject);
});

test('who was signed in by an earlier version stays so, and signs out', async () => {
  const { open, ground } = await stage();
  const records = sealedRecords(tableRecords(ground.tables, { now: Date.now }), ground.sealer, {
    kind: 'session',
    table: 'web_sessions',
    tenant: systemTenant,
  });
  const earlier = openWebSessions({ records, now: Date.now, secure: false });
  const cookie = (await earlier.begin('ada', facts)).setCookie.split(';')[0];
  const { sessions } = open()!;
  const session = await sessions.read(cookie);
  expect(session).toMatchObject({ subject: 'ada' });
  await sessions.end(session!.id);
  expect([await sessions.read(cookie), await earlier.read(cookie)]).toEqual([undefined, undefined]);
});

test('of two instances either takes what the other made, and a race across both has one winner', async () => {
  const { open, ground } = await stage();
  const [one, two] = [open()!, open()!];
  const cookie = (await one.sessions.begin('ada', facts)).setCookie.split(';')[0];
  const session = await two.sessions.read(cookie);
  expect(session).toMatchObject({ subject: 'ada' });
  await two.sessions.end(session!.id);
  expect(await one.sessions.read(cookie)).toBeUndefined();
  for (let round = 0; round < 10; round += 1) {
    const token = tokenIn(await one.links.linkFor(ground.administrator.subject));
    const racers = Array.from({ length: 20 }, (_, at) => (at % 2 ? one : two).links.redeem(token));
    expect((await Promise.all(racers)).filter((won) => won !== undefined)).toHaveLength(1);
  }
});
