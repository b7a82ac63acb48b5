import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { freePort } from '../../packages/vault/src/testing/free-port.ts';
import { findProgram } from '../programs.ts';
import type { Missing, Service } from './backing-server.ts';
import { startChild } from './child.ts';

// Amazon's DynamoDB Local. Its licence allows use, not distribution: it is fetched when the tests first need it, into a
// folder that git ignores, and its bytes are compared. It listens on every interface; there is no option against that.

const run = promisify(execFile);
const cache = fileURLToPath(new URL('../../.cache/', import.meta.url));
const archive = 'amplify-dynamodb-simulator@2.9.30';
const sha512 = 'xTeeRLvzEfqyd5lh3bH4c0kHvSHHmmhD5ZDsHFKAQ5g2Zl6JqlFdutaQhCLHzxEp6Ry1o7TB6niIoXuQAnSewQ==';

/** DynamoDB Local on a free port, in memory. */
export async function startDynamoDb(): Promise<Service | Missing> {
  const java = findProgram('java');
  if (java === undefined) return { missing: 'java is not installed (apt-get install default-jre-headless)' };
  const home = await fetched();
  const port = await freePort();
  const endpoint = `http://127.0.0.1:${port}`;
  const args = [
    '-Xms64m',
    '-Xmx512m',
    '-XX:+UseSerialGC',
    '-XX:TieredStopAtLevel=1',
    '-Djava.library.path=./DynamoDBLocal_lib',
    '-jar',
    'DynamoDBLocal.jar',
    '-inMemory',
    '-sharedDb',
    '-disableTelemetry',
    '-port',
    `${port}`,
  ];
  const { pid, stop } = await startChild(java, args, { cwd: home, answers: () => answers(endpoint) });
  return { endpoint, pid, stop };
}

async function answers(endpoint: string): Promise<boolean> {
  const answer = await fetch(endpoint, { signal: AbortSignal.timeout(2000) }).catch(() => undefined);
  // It asks for a signature: it is up.
  return answer?.status === 400;
}

/** The folder of DynamoDB Local. @throws Error when the fetched bytes are not those that are known */
async function fetched(): Promise<string> {
  const home = join(cache, archive.replace('@', '-'));
  if (existsSync(home)) return join(home, 'package', 'emulator');
  await mkdir(cache, { recursive: true });
  const folder = await mkdtemp(join(cache, 'fetch-'));
  try {
    await run('npm', ['pack', archive, '--pack-destination', folder], { cwd: folder });
    const file = join(folder, `${archive.replace('@', '-')}.tgz`);
    const found = createHash('sha512')
      .update(await readFile(file))
      .digest('base64');
    if (found !== sha512) throw new Error(`${archive} is not what it was: sha512-${found}`);
    await run('tar', ['xzf', file, '-C', folder, 'package/emulator']);
    await rm(file);
    // Whole or not at all: two runs may fetch at the same time.
    await rename(folder, home).catch((error: unknown) => {
      if (!existsSync(home)) throw error;
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return join(home, 'package', 'emulator');
}
