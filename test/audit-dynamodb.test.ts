import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DeleteTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { createTables, describeTables } from '@sealgate/vault/dynamodb';
import { testService } from '@sealgate/vault/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectionOf, dynamoEnvironment } from './backing/database.ts';
import { leaveJournal } from './backing/leave-journal.ts';
import { freshDataDir, removeDataDir, sealgate, startSealgate, type Running } from './start.ts';

// A gateway in a container without a lasting disk: it is killed, its data directory is gone, and the next one has everything
// that was written down.

const endpoint = await testService('dynamodb');

type Listed = readonly { readonly id: string }[];

describe.skipIf(endpoint === undefined)('the audit journal on DynamoDB', () => {
  const dynamo = dynamoEnvironment(endpoint ?? '');
  const env = { ...dynamo, TOKEN_ENCRYPTION_KEY: randomBytes(32).toString('base64') };
  const connection = connectionOf(dynamo);
  const directories: string[] = [];
  let running: Running | undefined;

  beforeAll(async () => void (await createTables(connection)), 120_000);
  afterAll(async () => {
    await running?.stop();
    const client = new DynamoDBClient(connection);
    for (const { name: TableName } of await describeTables(connection))
      await client.send(new DeleteTableCommand({ TableName }));
    client.destroy();
    for (const directory of directories) await removeDataDir(directory);
  }, 120_000);

  async function start(): Promise<Running> {
    const dataDir = await freshDataDir();
    directories.push(dataDir);
    running = await startSealgate({ dataDir, env, signedIn: false });
    return running;
  }

  async function actsListed({ dataDir }: Pick<Running, 'dataDir'>): Promise<string[]> {
    const listed = await sealgate(dataDir, ['audit', 'list', '--limit', '500', '--json'], { env });
    expect(listed).toMatchObject({ code: 0, stderr: '' });
    return [...listed.stdout.matchAll(/"act":\s*"([a-z.]+)"/g)].map(([, act]) => act!);
  }

  it('outlives the gateway and its disk', { timeout: 240_000 }, async () => {
    const first = await start();
    const added = await sealgate(
      first.dataDir,
      ['upstreams', 'add', 'shop', '--url', 'https://shop.example/mcp'],
      {
        env,
      },
    );
    expect(added).toMatchObject({ code: 0, stderr: '' });
    expect(existsSync(join(first.dataDir, 'journal.db'))).toBe(false);
    const before = await actsListed(first);
    expect(before).toEqual(expect.arrayContaining(['gateway.start', 'upstream.add']));
    await first.kill();
    await removeDataDir(first.dataDir);

    const second = await start();
    const after = await actsListed(second);
    expect(after.filter((act) => act === 'gateway.start')).toHaveLength(2);
    expect(after).toEqual(expect.arrayContaining(before));
    const verified = await sealgate(second.dataDir, ['audit', 'verify'], { env });
    expect(verified).toMatchObject({ code: 0 });
    for (const name of ['journal.db', 'audit', 'audit-root.db'])
      expect(existsSync(join(second.dataDir, name))).toBe(false);
  });

  it(
    'gives pages, reports and what is searched for out of the sealed log, whatever has left it',
    { timeout: 240_000 },
    async () => {
      await running?.stop();
      const { dataDir } = await start();
      const done = async (args: readonly string[], stdin = ''): Promise<string> => {
        const finished = await sealgate(dataDir, args, { env, stdin });
        expect(finished).toMatchObject({ code: 0 });
        return finished.stdout;
      };
      await done([
        'upstreams',
        'add',
        'depot',
        '--url',
        'https://depot.example/mcp',
        '--credential',
        'bearer',
      ]);
      await done(['connections', 'set', 'depot'], 'key-of-the-depot');
      const { id } = (
        JSON.parse(await done(['audit', 'list', '--act', 'connection.set', '--json'])) as Listed
      )[0]!;
      expect(await leaveJournal(connection)).toBeGreaterThan(3);

      const acts = await actsListed({ dataDir });
      expect(acts).toEqual(expect.arrayContaining(['gateway.start', 'upstream.add', 'connection.set']));
      expect(await done(['audit', 'search', 'depot'])).toContain('connection.set');
      expect(await done(['audit', 'show', id])).toContain('connection.set');
      expect(await done(['audit', 'list', '--oldest', '--service', 'depot'])).toContain('connection.set');
      const services = await done(['audit', 'report', 'services', '--format', 'json']);
      expect(services).toMatch(/"depot"[^}]*"accesses":\s*1\b/);
      expect(await done(['audit', 'stats'])).toContain('connection.set');
    },
  );
});
