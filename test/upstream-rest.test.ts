import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { bodyOf, standardResult, withEra, type Message } from './fixtures/bare.ts';
import { freePort } from '../packages/vault/src/testing/free-port.ts';
import { modernCall, rawHttp, type RawAnswer } from './fixtures/raw-http.ts';
import { done, freshDataDir, removeDataDir, startSealgate, type Running } from './start.ts';

// An upstream that dies behind a started gateway and comes back.

let dataDir: string;
let gateway: Running;
let port: number;
let server: Server | undefined;

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const message = JSON.parse((await bodyOf(request)).toString()) as Message;
  const result = standardResult(message, 'mortal', []) ?? withEra(message, { content: [] });
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify({ jsonrpc: '2.0', id: message.id, result }));
}

async function live(): Promise<void> {
  server = createServer((request, response) => void answer(request, response));
  await new Promise<void>((resolve) => server?.listen(port, '127.0.0.1', resolve));
}

async function die(): Promise<void> {
  server?.closeAllConnections();
  await new Promise((resolve) => (server === undefined ? resolve(undefined) : server.close(resolve)));
  server = undefined;
}

beforeAll(async () => {
  port = await freePort();
  await live();
  dataDir = await freshDataDir();
  gateway = await startSealgate({ dataDir });
  await done(dataDir, ['upstreams', 'add', 'mortal', '--url', `http://127.0.0.1:${port}/mcp`]);
});

afterAll(async () => {
  await gateway.stop();
  await die();
  await removeDataDir(dataDir);
});

function call(): Promise<RawAnswer> {
  const { url, bearer } = gateway.upstream('mortal');
  const { headers, body } = modernCall(1, 'any', {});
  return rawHttp(url, { headers: { ...headers, authorization: `Bearer ${bearer}` }, body });
}

async function resting(): Promise<string | undefined> {
  const { body } = await rawHttp(`${gateway.origin}/metrics`, { method: 'GET' });
  return /^sealgate_upstreams_resting(?:\{.*\})? (\d+)$/m.exec(body)?.[1];
}

test('calls are refused at once with the time of the next try, and go again when the upstream is back', async () => {
  expect((await call()).status).toBe(200);
  expect(await resting()).toBe('0');
  await die();
  const failed: RawAnswer[] = [];
  while (failed.at(-1)?.headers['retry-after'] === undefined && failed.length < 10) failed.push(await call());
  expect(new Set(failed.map(({ status }) => status))).toEqual(new Set([502]));
  // Calls that take longer than the rest are tries themselves, on a machine that is busy.
  expect(failed.length).toBeGreaterThanOrEqual(6);
  const refused = failed.at(-1);
  const message = /^the upstream "mortal" is resting after \d+ failures: it is tried again in (\d+) s$/;
  const said = JSON.parse(refused?.body ?? '') as { id: unknown; error: { message: string; data: unknown } };
  expect(said).toMatchObject({ id: 1, error: { data: { code: 'upstream_unavailable' } } });
  expect(refused?.headers['retry-after']).toBe(message.exec(said.error.message)?.[1]);
  expect(await resting()).toBe('1');
  await live();
  await expect.poll(async () => (await call()).status, { timeout: 10_000, interval: 200 }).toBe(200);
  expect(await resting()).toBe('0');
});
