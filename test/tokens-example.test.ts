import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { testService } from '@sealgate/vault/testing';
import { expect, it } from 'vitest';
import { openKmsStage } from '../packages/vault/src/keys/kms/fixtures/kms-stage.ts';
import { leaksUnder } from './leaks.ts';

// The programs of docs/tokens.md are the one beside this test, and that one is run: with nothing but the environment.

const example = fileURLToPath(new URL('tokens-example.ts', import.meta.url));
const redis = await testService('redis');

it('docs/tokens.md is the example, block by block', async () => {
  const page = await readFile(new URL('../docs/tokens.md', import.meta.url), 'utf8');
  const blocks = [...page.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, block]) => block ?? '');
  expect(blocks.join('\n')).toBe(await readFile(example, 'utf8'));
});

it.skipIf(redis === undefined)('the example does what it says, from its environment alone', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tokens-example-'));
  const stage = await openKmsStage();
  const { credentials, endpoint, region } = stage.connection;
  const aws = {
    ...(endpoint === undefined ? {} : { KMS_ENDPOINT: endpoint }),
    ...(region === undefined ? {} : { AWS_REGION: region }),
    ...(credentials === undefined
      ? {}
      : {
          AWS_ACCESS_KEY_ID: credentials.accessKeyId,
          AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
        }),
  };
  const env = {
    ...process.env,
    ...aws,
    REDIS_URL: redis,
    KMS_KEY_ID: await stage.makeKey(),
    SERVICE_NAME: 'checkout',
    AUDIT_LOG_DIR: join(folder, 'audit'),
  };
  const command = ['--conditions=@sealgate/source', example, await stage.makeKey()];
  const { stdout, stderr } = await promisify(execFile)(process.execPath, command, { env, cwd: folder });
  expect(stderr).toBe('');
  expect(stdout.trim().split('\n')).toEqual([
    'stripe: sk_live_4242',
    'deleted: null',
    'paypal: A21AAF-4242',
    'adyen: token-1 token-1 token-1',
  ]);
  expect(await leaksUnder(folder, ['sk_live_4242', 'A21AAF-4242', 'client-1', 'adyen'])).toEqual([]);
  await stage.close();
  await rm(folder, { recursive: true });
});
