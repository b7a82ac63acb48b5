import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { consentPage } from '../../packages/server/src/auth/pages/consent-page.ts';
import { closePage } from '../../packages/server/src/auth/pages/message-pages.ts';
import {
  confirmLinkPage,
  signedInPage,
  signInPage,
} from '../../packages/server/src/auth/pages/sign-in-pages.ts';
import { openBrowser } from './browser.ts';

// The browser against the gateway's own pages, with everything else made up.

let server: Server;
let origin: string;
let posted: { path: string; form: URLSearchParams; cookie: string | undefined; origin: string | undefined }[];

const consent = consentPage({
  client: { name: 'A & "B"', redirectHost: 'localhost', loopbackOnly: true, id: 'c' },
  resource: 'http://localhost/mcp',
  scopes: ['mcp'],
  groups: [
    { id: 'g"1', name: 'Mine' },
    { id: 'g2', name: 'Ours' },
  ],
  csrf: 'x&amp;y',
  action: '/interaction/u/confirm',
});

function pageAt(path: string, cookie: string | undefined): string | { to: string; cookie?: string } {
  const signedIn = cookie?.includes('session=1') === true;
  if (path === '/authorize') return { to: '/interaction/u', cookie: 'step=2; Path=/interaction/u; HttpOnly' };
  if (path === '/interaction/u') return signedIn ? consent : { to: '/sign-in?return=/interaction/u' };
  if (path === '/sign-in/link') return confirmLinkPage({ token: 't', who: 'me' });
  if (path === '/sign-in')
    return signedIn
      ? signedInPage({ who: 'me', csrf: 'z' })
      : signInPage({ links: 'none', returnTo: undefined });
  return closePage({ title: 'Done', message: 'close' });
}

beforeEach(async () => {
  posted = [];
  server = createServer((request, response) => {
    const path = new URL(request.url ?? '', 'http://x').pathname;
    const { cookie, origin: from } = request.headers;
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      if (request.method === 'POST') {
        posted.push({ path, form: new URLSearchParams(body), cookie, origin: from });
        const headers =
          path === '/sign-in/link'
            ? { location: '/sign-in', 'set-cookie': 'session=1; Path=/; HttpOnly' }
            : { location: '/callback?code=1' };
        return response.writeHead(303, headers).end();
      }
      const page = pageAt(path, cookie);
      if (typeof page === 'string') return response.writeHead(200, { 'content-type': 'text/html' }).end(page);
      const headers = {
        location: page.to,
        ...(page.cookie === undefined ? {} : { 'set-cookie': page.cookie }),
      };
      return response.writeHead(303, headers).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterEach(() => new Promise((resolve) => server.close(resolve)));

it('signs in with a link, agrees, and ends at the callback', async () => {
  const browser = openBrowser({ link: async () => `${origin}/sign-in/link?token=t` });
  const ended = await browser.visit(`${origin}/authorize?client_id=c`);
  expect(ended).toMatchObject({ url: `${origin}/callback?code=1`, status: 200 });
  expect(posted.map(({ path }) => path)).toEqual(['/sign-in/link', '/interaction/u/confirm']);
  expect([...(posted[1]?.form ?? [])]).toEqual([
    ['csrf', 'x&amp;y'],
    ['group', 'g"1'],
    ['decision', 'allow'],
  ]);
  expect(posted[1]).toMatchObject({ cookie: 'step=2; session=1', origin });
  posted = [];
  await browser.visit(`${origin}/authorize`);
  expect(posted.map(({ path }) => path)).toEqual(['/interaction/u/confirm']);
});

it('denies, and chooses another group', async () => {
  const link = async (): Promise<string> => `${origin}/sign-in/link?token=t`;
  await openBrowser({ link, decision: 'deny', group: 'g2' }).visit(`${origin}/authorize`);
  expect([...(posted[1]?.form ?? [])]).toEqual([
    ['csrf', 'x&amp;y'],
    ['group', 'g2'],
    ['decision', 'deny'],
  ]);
});

it('does not sign in without a link, nor out by itself', async () => {
  await expect(openBrowser().visit(`${origin}/authorize`)).rejects.toThrow('there is no link');
  const link = async (): Promise<string> => `${origin}/sign-in/link?token=t`;
  await openBrowser({ link }).visit(`${origin}/sign-in`);
  expect(posted.map(({ path }) => path)).toEqual(['/sign-in/link']);
});
