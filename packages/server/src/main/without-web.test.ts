import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { initConfig } from '../config.ts';
import { openLog } from '../log.ts';
import { startServer, type Server } from '../main.ts';

const folder = mkdtempSync(join(tmpdir(), 'without-web-'));
const printed: string[] = [];
let server: Server;
beforeAll(async () => {
  const config = initConfig({ env: { DATA_DIR: folder, PORT: '0', ENABLE_WEBUI: 'false' }, cwd: folder });
  server = await startServer(config, openLog('error'), (line) => printed.push(line));
});
afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});

const authorize = `/authorize?${new URLSearchParams({
  client_id: 'x',
  response_type: 'code',
  redirect_uri: 'http://localhost:1/callback',
  code_challenge: 'a'.repeat(43),
  code_challenge_method: 'S256',
})}`;

test.each([
  ['GET', '/sign-in'],
  ['POST', '/sign-in'],
  ['GET', '/sign-in/link?token=x'],
  ['POST', '/sign-in/link'],
  ['POST', '/sign-out'],
  ['GET', '/interaction/x'],
  ['POST', '/interaction/x/confirm'],
  ['GET', authorize],
  ['POST', '/authorize'],
])('with ENABLE_WEBUI=false nothing answers %s %s, and no cookie is set', async (method, path) => {
  const form = new URLSearchParams({ email: 'ada@example.com', token: 'x' });
  const body = method === 'POST' ? { body: form } : {};
  const answer = await fetch(server.origin + path, { method, redirect: 'manual', ...body });
  expect([answer.status, answer.headers.getSetCookie()]).toEqual([404, []]);
});

test('with ENABLE_WEBUI=false no link is printed or given', async () => {
  expect([server.signInLink, printed]).toEqual([undefined, []]);
  expect((await server.ground.tables.scan('magic_links', { limit: 10 })).items).toEqual([]);
});

test('with ENABLE_WEBUI=false machines are still told where they are', async () => {
  const metadata = await fetch(`${server.origin}/.well-known/oauth-authorization-server`);
  expect(await metadata.json()).toMatchObject({ token_endpoint: `${server.origin}/token` });
  expect((await fetch(`${server.origin}/mcp/everything`, { method: 'POST' })).status).toBe(401);
});
