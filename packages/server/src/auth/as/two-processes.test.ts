import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { agree, openBrowser } from './fixtures/browser.ts';
import { authorizeUrl, call, letIn, pkce, register, token } from './fixtures/client.ts';

// Two processes behind one public address, on one file: what one of them did, the other one knows, and of racers that ask
// both, one wins.

const child = new URL('./two-processes.test.child.ts', import.meta.url).pathname;
const key = randomBytes(32).toString('hex');

interface Instance {
  readonly process: ChildProcess;
  readonly origin: string;
  readonly person: { readonly cookie: string; readonly subject: string; readonly tenant: string };
}

let folder: string;
let one: Instance;
let two: Instance;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sealgate-two-'));
  one = await start();
  two = await start(one.origin);
});
afterAll(async () => {
  for (const { process } of [one, two]) {
    process.stdin?.end();
    await once(process, 'close');
  }
  await rm(folder, { recursive: true });
});

async function start(...issuer: readonly string[]): Promise<Instance> {
  const args = ['--conditions=@sealgate/source', child, join(folder, 'main.db'), key, ...issuer];
  const started = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const [line] = (await once(started.stdout, 'data')) as [Buffer];
  return { process: started, ...(JSON.parse(line.toString()) as Omit<Instance, 'process'>) };
}

/** Registered at the second, agreed to at the first by a session of the second; the code is not redeemed yet. */
async function toCode() {
  const client = await register(two.origin);
  const { verifier, challenge } = pkce();
  const browser = openBrowser(two.person.cookie);
  const page = await browser.follow(authorizeUrl(one.origin, client.client_id, challenge));
  const code = new URL((await agree(browser, page)).url).searchParams.get('code') ?? '';
  return {
    grant_type: 'authorization_code',
    client_id: client.client_id,
    code,
    code_verifier: verifier,
    redirect_uri: 'http://127.0.0.1:1/callback',
  };
}

const bothIn20 = <T>(ask: (origin: string) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: 20 }, (_, at) => ask((at % 2 === 0 ? one : two).origin)));

it('whoever signed in at one agrees at the other, and the client redeems at either', async () => {
  for (const { origin } of [one, two]) {
    const answer = await token(origin, await toCode());
    expect(answer.status).toBe(200);
    const authorization = `Bearer ${answer.body.access_token}`;
    for (const at of [one, two]) expect((await call(at.origin, 'docs', { authorization })).status).toBe(200);
  }
});

it('of 20 redemptions at both at once, at most one is answered with tokens', async () => {
  const form = await toCode();
  const answers = await bothIn20((origin) => token(origin, form));
  expect(answers.filter(({ status }) => status === 200).length).toBeLessThanOrEqual(1);
  expect(answers.filter(({ body }) => body.error === 'invalid_grant').length).toBeGreaterThanOrEqual(19);
});

it('20 that share a refresh token and ask both get one and the same new one', async () => {
  const form = await toCode();
  const { body } = await token(one.origin, form);
  const refresh = {
    grant_type: 'refresh_token',
    client_id: form.client_id,
    refresh_token: body.refresh_token,
  };
  const answers = await bothIn20((origin) => token(origin, refresh));
  expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(200));
  expect(new Set(answers.map((answer) => answer.body.refresh_token)).size).toBe(1);
});

it('a code that was redeemed at one ends, when it comes to the other, what the first one gave', async () => {
  const form = await toCode();
  const { body } = await token(one.origin, form);
  expect((await token(two.origin, form)).body.error).toBe('invalid_grant');
  const refresh = {
    grant_type: 'refresh_token',
    client_id: form.client_id,
    refresh_token: body.refresh_token,
  };
  expect((await token(one.origin, refresh)).body.error).toBe('invalid_grant');
});

it('a client that is deleted at one is unknown to the other', async () => {
  const { client } = await letIn({ origin: one.origin, signIn: async () => one.person });
  const deleted = await fetch(`${two.origin}/register/${client.client_id}`, {
    method: 'DELETE',
    headers: { authorization: `Bearer ${client.registration_access_token}` },
  });
  expect(deleted.status).toBe(204);
  const end = await openBrowser(one.person.cookie).follow(
    authorizeUrl(one.origin, client.client_id, pkce().challenge),
  );
  expect(end.answer.status).toBe(400);
});
