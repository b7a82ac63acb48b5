import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import type { Log } from '../log.ts';
import { openArchive } from './archive.ts';

const warn = vi.fn<(fields: object, message: string) => void>();
const log = { warn } as unknown as Log;

/** An S3 that answers one question: whether its bucket keeps strangers out. */
async function answering(status: number, body: string) {
  const server = createServer((_, response) => {
    response.writeHead(status, { 'content-type': 'application/xml', connection: 'close' });
    response.end(body);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const storage = {
    type: 's3',
    bucket: 'blobs',
    region: 'eu-central-1',
    endpoint,
    kmsKeyId: undefined,
  } as const;
  return { storage, close: () => void server.close() };
}

const names = ['BlockPublicAcls', 'BlockPublicPolicy', 'IgnorePublicAcls', 'RestrictPublicBuckets'];
const block = (on: (name: string) => boolean): string =>
  `<PublicAccessBlockConfiguration>${names.map((name) => `<${name}>${on(name)}</${name}>`).join('')}</PublicAccessBlockConfiguration>`;

test('blobs lie in a folder that only its owner can read', async () => {
  const dataDirectory = mkdtempSync(join(tmpdir(), 'data-'));
  const archive = await openArchive(
    { storage: { type: 'filesystem' }, dataDirectory, environment: 'production' },
    log,
  );
  await archive.put('n', Buffer.from('x'));
  expect(statSync(join(dataDirectory, 'blobs')).mode & 0o777).toBe(0o700);
  rmSync(dataDirectory, { recursive: true });
});

test('a bucket that strangers may reach is refused in production and warned of elsewhere', async () => {
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'test');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'test');
  const open = await answering(
    200,
    block((name) => name !== 'IgnorePublicAcls'),
  );
  const at = { storage: open.storage, dataDirectory: '/nowhere' };
  await expect(openArchive({ ...at, environment: 'production' }, log)).rejects.toMatchObject({
    code: 'store_insecure',
    message: expect.stringContaining('turn on IgnorePublicAcls'),
  });
  await (await openArchive({ ...at, environment: 'development' }, log)).close();
  expect(warn).toHaveBeenCalledTimes(1);
  open.close();
  const closed = await answering(
    200,
    block(() => true),
  );
  await (await openArchive({ ...at, storage: closed.storage, environment: 'production' }, log)).close();
  expect(warn).toHaveBeenCalledTimes(1);
  closed.close();
  const silent = await answering(501, '<Error><Code>NotImplemented</Code></Error>');
  await (await openArchive({ ...at, storage: silent.storage, environment: 'production' }, log)).close();
  expect(warn).toHaveBeenCalledTimes(2);
  silent.close();
  vi.unstubAllEnvs();
});
