import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chromiumFile, openChromium, type Chromium, type Look } from './fixtures/chromium.ts';
import { done, freshDataDir, removeDataDir, startSealgate, type Running } from './start.ts';

// The pages in a real browser without scripts, by keyboard alone: from a client that asks, over the sign-in link and the
// consent, to the window that may be closed. With `PICTURES=<folder>` a picture of each page is left there, to be looked at.

const looks: Readonly<Record<string, Look>> = {
  'phone, light': { width: 390, height: 844, mobile: true, scheme: 'light' },
  'phone, dark': { width: 390, height: 844, mobile: true, scheme: 'dark' },
  'small phone, light': { width: 320, height: 568, mobile: true, scheme: 'light' },
  'desktop, light': { width: 1280, height: 800, mobile: false, scheme: 'light' },
  'desktop, dark': { width: 1280, height: 800, mobile: false, scheme: 'dark' },
};
const pictures = process.env['PICTURES'];
const verifier = 'v'.repeat(43);

let dataDir: string;
let gateway: Running;
let client: Server;
let callback: string;
let clientId: string;
let chromium: Chromium;
let faults: string;

describe.skipIf(chromiumFile === undefined)('in Chromium, without scripts', () => {
  beforeAll(async () => {
    dataDir = await freshDataDir();
    gateway = await startSealgate({ dataDir, signedIn: false, env: { RATE_LIMIT_LOGIN_RPM: '1000' } });
    client = createServer((_, response) => response.end('back at the client'));
    await new Promise<void>((resolve) => client.listen(0, '127.0.0.1', resolve));
    callback = `http://127.0.0.1:${(client.address() as AddressInfo).port}/callback`;
    const asked = await fetch(`${gateway.origin}/register`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ client_name: 'A desktop program', redirect_uris: [callback] }),
    });
    clientId = ((await asked.json()) as { client_id: string }).client_id;
    faults = await readFile(new URL('fixtures/page-faults.js', import.meta.url), 'utf8');
    if (pictures !== undefined) await mkdir(pictures, { recursive: true });
    chromium = await openChromium();
  });
  afterAll(async () => {
    await chromium?.close();
    await gateway?.stop();
    client?.close();
    await removeDataDir(dataDir);
  });

  const authorize = () =>
    `${gateway.origin}/authorize?${new URLSearchParams({
      client_id: clientId,
      response_type: 'code',
      redirect_uri: callback,
      scope: 'mcp offline_access',
      state: 's',
      resource: `${gateway.origin}/mcp/docs`,
      code_challenge: createHash('sha256').update(verifier).digest('base64url'),
      code_challenge_method: 'S256',
    })}`;

  /** Look at a page in every way, and keep pictures when they are wanted. */
  async function examine(name: string): Promise<readonly string[]> {
    const found: string[] = [];
    for (const [how, look] of Object.entries(looks)) {
      await chromium.tab.as(look);
      found.push(...(await chromium.tab.look<string[]>(faults)).map((fault) => `${name}, ${how}: ${fault}`));
      if (pictures === undefined) continue;
      const file = `${name}, ${how}`.replaceAll(/\W+/g, '-');
      await writeFile(join(pictures, `${file}.png`), await chromium.tab.picture());
    }
    return found;
  }

  /** What has the focus, and whether it shows. */
  const focused = () =>
    chromium.tab.look<{ says: string; shows: boolean }>(`(() => {
      const at = document.activeElement;
      return { says: at.textContent.trim() || at.name || at.tagName, shows: getComputedStyle(at).outlineStyle !== 'none' };
    })()`);
  const alert = () =>
    chromium.tab.look<string | undefined>(`document.querySelector('[role=alert]')?.textContent`);
  const heading = () => chromium.tab.look<string>(`document.querySelector('h1').textContent`);

  it('a client leads to sign-in, which asks for an address and says what is wrong with one', async () => {
    const { tab } = chromium;
    await tab.open(authorize());
    expect(await tab.until('/sign-in?return=')).toContain(gateway.origin);
    expect(await examine('sign-in')).toEqual([]);
    expect(await focused()).toEqual({ says: 'email', shows: true });
    await tab.type('ada..lovelace@example.com');
    await tab.press('Enter');
    await expect.poll(alert).toMatch(/not an e-mail address/);
    expect(await examine('sign-in refused')).toEqual([]);
    expect(await focused()).toEqual({ says: 'email', shows: true });
    await tab.open(authorize());
    await tab.until('/sign-in?return=');
    await tab.type('ada@example.com');
    await tab.press('Tab', 'Enter');
    await expect.poll(heading).toMatch(/terminal/);
    expect(await examine('link sent')).toEqual([]);
  });

  it('a link signs in by a button, says so, and the window may be closed', async () => {
    const { tab } = chromium;
    await tab.open((await done(dataDir, ['sign-in'])).trim());
    await tab.until('/sign-in/link');
    expect(await examine('link')).toEqual([]);
    await tab.press('Tab');
    expect(await focused()).toEqual({ says: 'Sign in', shows: true });
    await tab.press('Enter');
    await expect.poll(heading).toBe('You are signed in');
    expect(await tab.look('document.body.textContent')).toContain('You may close this window');
    expect(await examine('signed in')).toEqual([]);
  });

  it('whoever only presses Enter on the consent page has refused', async () => {
    const { tab } = chromium;
    await tab.open(authorize());
    await tab.until('/interaction/');
    expect(await examine('consent')).toEqual([]);
    await tab.press('Tab');
    expect(await focused()).toEqual({ says: 'Do not allow', shows: true });
    await tab.press('Enter');
    expect(new URL(await tab.until(callback)).searchParams.get('error')).toBe('access_denied');
  });

  it('whoever goes one further and presses Enter has allowed, and the client gets its token', async () => {
    const { tab } = chromium;
    await tab.open(authorize());
    await tab.until('/interaction/');
    await tab.press('Tab', 'Tab');
    expect(await focused()).toEqual({ says: 'Allow', shows: true });
    await tab.press('Enter');
    const back = new URL(await tab.until(callback)).searchParams;
    expect(back.get('state')).toBe('s');
    const answer = await fetch(`${gateway.origin}/token`, {
      method: 'POST',
      body: new URLSearchParams({
        grant_type: 'authorization_code',
        client_id: clientId,
        code: back.get('code') ?? '',
        code_verifier: verifier,
        redirect_uri: callback,
      }),
    });
    expect(answer.status).toBe(200);
  });

  it('what cannot be gone on with is said on a page', async () => {
    const { tab } = chromium;
    await tab.open(`${gateway.origin}/authorize?client_id=nobody`);
    expect(await examine('error')).toEqual([]);
    await tab.open(`${gateway.origin}/sign-in/link?token=spent`);
    expect(await examine('spent link')).toEqual([]);
  });

  it('a page with faults would be noticed', async () => {
    const page =
      '<h1>a</h1><h1 style="color:#ccc">b</h1><input name="x" style="width:2000px"><button></button>';
    await chromium.tab.open(`data:text/html,${encodeURIComponent(page)}`);
    const found = (await chromium.tab.look<string[]>(faults)).join('\n');
    for (const fault of [
      'language',
      'title',
      '2 first headings',
      'main',
      'wider',
      'style',
      'label',
      'name',
      'small',
      'contrast',
    ])
      expect(found).toContain(fault);
  });

  it('another site can neither frame nor send a page', async () => {
    const { tab } = chromium;
    const form = `<form method="post" action="${gateway.origin}/sign-out"><button autofocus>x</button></form>`;
    const site = createServer((_, response) =>
      response
        .setHeader('content-type', 'text/html')
        .end(`<title>evil</title>${form}<iframe src="${gateway.origin}/sign-in"></iframe>`),
    );
    await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve));
    const before = chromium.tab.complaints().length;
    await tab.open(`http://localhost:${(site.address() as AddressInfo).port}/`);
    await expect.poll(() => tab.complaints().slice(before).join()).toMatch(/frame/i);
    await tab.press('Enter');
    await tab.until('/sign-out');
    await tab.open(`${gateway.origin}/sign-in`);
    expect(await heading()).toBe('You are signed in');
    site.close();
  });
});
