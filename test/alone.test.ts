import { randomBytes } from 'node:crypto';
import { createTables } from '@sealgate/vault/dynamodb';
import { testService } from '@sealgate/vault/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { connectionOf, dynamoEnvironment } from './backing/database.ts';
import { rawHttp } from './fixtures/raw-http.ts';
import { freePort } from '../packages/vault/src/testing/free-port.ts';
import { freshDataDir, removeDataDir, sealgate, startSealgate, type Running } from './start.ts';

// Who may work on tables that several can reach: one gateway alone, or several that share a Redis. Whoever does not fit is
// told what to set.

const [database, redis] = [await testService('dynamodb'), await testService('redis')];
const dataDirs: string[] = [];
const running: Running[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((gateway) => gateway.kill()));
  await Promise.all(dataDirs.splice(0).map(removeDataDir));
});

async function dataDir(): Promise<string> {
  const made = await freshDataDir();
  dataDirs.push(made);
  return made;
}

/** Tables of their own, and what every gateway on them is told. */
async function tables(): Promise<Record<string, string>> {
  const env = dynamoEnvironment(database ?? '');
  await createTables(connectionOf(env));
  return { ...env, TOKEN_ENCRYPTION_KEY: randomBytes(32).toString('base64') };
}

async function start(env: Readonly<Record<string, string>>, at?: string): Promise<Running> {
  const gateway = await startSealgate({ dataDir: at ?? (await dataDir()), env, signedIn: false });
  running.push(gateway);
  return gateway;
}

async function sharing(env: Readonly<Record<string, string>>): Promise<Record<string, string>> {
  const port = `${await freePort()}`;
  const several = { REDIS_URL: redis ?? '', ADVERTISE_URL: `http://127.0.0.1:${port}`, PORT: port };
  return { ...env, ...several, AUTH_SECRET: 'the same on all of them' };
}

const storesOf = async ({ origin }: Running): Promise<unknown> =>
  (JSON.parse((await rawHttp(`${origin}/health`, { method: 'GET' })).body) as { stores: unknown }).stores;

describe.skipIf(database === undefined || redis === undefined)('tables that several can reach', () => {
  it('serve one gateway alone: a second one ends and says what to set, and a command too', async () => {
    const env = await tables();
    const alone = await start(env);
    expect(await storesOf(alone)).toMatchObject({ records: 'tables', bus: 'process', limits: 'process' });
    for (const command of [['start'], ['upstreams', 'list']])
      expect(await sealgate(await dataDir(), command, { env })).toMatchObject({
        code: 4,
        stderr: expect.stringMatching(/REDIS_URL and ADVERTISE_URL on both.*\(deployment_in_use\)/),
      });
    expect(await sealgate(await dataDir(), ['start'], { env: await sharing(env) })).toMatchObject({
      code: 4,
      stderr: expect.stringMatching(
        /an instance without a Redis works on these tables.*\(deployment_in_use\)/,
      ),
    });
    expect((await alone.stop()).code).toBe(0);
    const next = await start(env);
    expect(next.stderr()).not.toContain('waiting');
  });

  it('serve several that share a Redis, and none without beside them', async () => {
    const env = await tables();
    const limited = { ...env, RATE_LIMIT_OAUTH_RPM: '5' };
    const [one, other] = [await start(await sharing(limited)), await start(await sharing(limited))];
    for (const each of [one, other])
      expect(await storesOf(each)).toMatchObject({ records: 'redis', bus: 'redis', limits: 'redis' });
    // Eight requests at once, four to each: the limit of five is that of both.
    const asked = [one, other, one, other, one, other, one, other].map(async ({ origin }) =>
      rawHttp(`${origin}/jwks`, { method: 'GET' }),
    );
    const statuses = (await Promise.all(asked)).map(({ status }) => status).toSorted((a, b) => a - b);
    expect(statuses).toEqual([200, 200, 200, 200, 200, 429, 429, 429]);
    const doctor = await sealgate(one.dataDir, ['doctor'], { env: await sharing(env) });
    expect(doctor.stdout).toMatch(/instances: several; records: redis, bus: redis, limits: redis/);
    expect(await sealgate(await dataDir(), ['start'], { env })).toMatchObject({
      code: 4,
      stderr: expect.stringMatching(/set REDIS_URL and ADVERTISE_URL here as well.*\(deployment_in_use\)/),
    });
  });

  it('are had at once by a gateway on the data directory of one that was killed, and soon by another', async () => {
    const env = await tables();
    const first = await start(env);
    await first.kill();
    const second = await start(env, first.dataDir);
    expect(second.stderr()).not.toContain('waiting');
    await second.kill();
    const third = await start(env);
    expect(third.stderr()).toContain('waiting up to 30 s whether they are gone');
  }, 120_000);

  it('are not touched when the Redis that was named cannot be reached', async () => {
    const env = { ...(await sharing(await tables())), REDIS_URL: 'redis://user:word@127.0.0.1:1' };
    const ended = await sealgate(await dataDir(), ['start'], { env });
    expect(ended).toMatchObject({ code: 1, stdout: '' });
    expect(ended.stderr).toMatch(/does not start without the Redis of REDIS_URL \(store_unavailable\)/);
    expect(ended.stderr).not.toContain('word');
  });
});
