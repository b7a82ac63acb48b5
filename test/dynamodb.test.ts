import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DynamoDBClient, UpdateTableCommand, UpdateTimeToLiveCommand } from '@aws-sdk/client-dynamodb';
import { describeTables } from '@sealgate/vault/dynamodb';
import { testService } from '@sealgate/vault/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectionOf, dynamoEnvironment } from './backing/database.ts';
import { startDynamoDb } from './backing/dynamodb.ts';
import { dumpDynamo, foundIn } from './dumps.ts';
import { connectHttp } from './fixtures/clients.ts';
import { everythingPlan, keyedPlan } from './fixtures/plans.ts';
import { modernCall, rawHttp } from './fixtures/raw-http.ts';
import { parity } from './parity.ts';
import { done, freshDataDir, removeDataDir, sealgate, startSealgate } from './start.ts';
import { openStage, type Stage } from './walk-stage.ts';

// The product on DynamoDB: its tables are made by command, a gateway walks on them, and what lies there afterwards is
// searched for every secret of the walk.

// One of its own where it can be had: beside the hundreds of tables that other tests leave behind, DynamoDB Local takes minutes
// to make an index.
const own = await startDynamoDb();
const endpoint = 'endpoint' in own ? own.endpoint : await testService('dynamodb');
afterAll(async () => {
  if ('endpoint' in own) await own.stop();
});

describe('without the package of the AWS SDK', () => {
  const hook = `import { registerHooks } from 'node:module';
    registerHooks({ resolve(name, context, next) {
      if (!name.startsWith('@aws-sdk/')) return next(name, context);
      throw Object.assign(new Error('Cannot find package ' + name), { code: 'ERR_MODULE_NOT_FOUND' });
    } });`;
  const NODE_OPTIONS = `--import data:text/javascript,${encodeURIComponent(hook)}`;
  let dataDir = '';
  beforeAll(async () => void (dataDir = await freshDataDir()));
  afterAll(() => removeDataDir(dataDir));

  it('SQLite works: nothing of DynamoDB is loaded', async () => {
    const listed = await sealgate(dataDir, ['upstreams', 'list'], { env: { NODE_OPTIONS } });
    expect(listed).toMatchObject({ code: 0, stderr: '' });
  });

  it('DynamoDB says what to install', async () => {
    const env = { ...dynamoEnvironment('http://127.0.0.1:9'), NODE_OPTIONS };
    for (const command of [
      ['tables', 'check'],
      ['upstreams', 'list'],
    ])
      expect(await sealgate(dataDir, command, { env })).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('npm install @aws-sdk/client-dynamodb (config_invalid)'),
      });
  });
});

describe.skipIf(endpoint === undefined)('on DynamoDB', () => {
  const env = { ...dynamoEnvironment(endpoint ?? '') };
  const connection = connectionOf(env);
  const client = new DynamoDBClient(connection);
  const name = (table: string): string => `${env.DYNAMODB_TABLE_PREFIX}${table}`;
  let dataDir = '';
  beforeAll(async () => void (dataDir = await freshDataDir()));
  afterAll(async () => {
    client.destroy();
    await removeDataDir(dataDir);
  });
  const tables = (...args: readonly string[]) => sealgate(dataDir, ['tables', ...args], { env });

  it('a gateway without its tables does not start, and says what makes them', async () => {
    await expect(startSealgate({ dataDir, env })).rejects.toThrow(/sealgate tables create/);
    const checked = await tables('check');
    expect(checked).toMatchObject({ code: 1, stderr: '' });
    expect(checked.stdout).toContain(`${name('users')}`);
  });

  it('tables are made once, and what DynamoDB Local cannot do is said', async () => {
    const made = await tables('create');
    expect(made).toMatchObject({ code: 0, stderr: '' });
    expect(made.stdout).toMatch(/^Made 28 tables: /);
    expect(made.stdout).toContain('This DynamoDB does not offer: point-in-time recovery.');
    const again = JSON.parse((await tables('create', '--json')).stdout) as object;
    expect(again).toEqual({
      created: [],
      tables: 28,
      differences: [],
      notOffered: ['point-in-time recovery'],
    });
  });

  it('what somebody changed is told line by line, and set right where that can be done', async () => {
    const TimeToLiveSpecification = { Enabled: false, AttributeName: 'ttl' };
    const sessions = { TableName: name('sessions') };
    await client.send(new UpdateTimeToLiveCommand({ ...sessions, TimeToLiveSpecification }));
    await client.send(
      new UpdateTableCommand({
        ...sessions,
        GlobalSecondaryIndexUpdates: [{ Delete: { IndexName: 'userId-index' } }],
      }),
    );
    await client.send(new UpdateTableCommand({ TableName: name('users'), DeletionProtectionEnabled: false }));
    const checked = await tables('check', '--json');
    expect(checked.code).toBe(1);
    // DynamoDB Local takes the protection off a table whose index is deleted.
    const { differences } = JSON.parse(checked.stdout) as { differences: object[] };
    expect(differences).toEqual(
      expect.arrayContaining([
        { name: name('users'), setting: 'deletion protection', found: 'off', wanted: 'on' },
        { name: name('sessions'), setting: 'index userId-index', found: 'none', wanted: 'userId (S)' },
        { name: name('sessions'), setting: 'time to live', found: 'off', wanted: 'ttl' },
      ]),
    );
    expect(await tables('create')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('28 tables, all'),
    });
    const keyed = await tables('check', '--kms-key', 'arn:aws:kms:eu-central-1:111122223333:key/x');
    expect(keyed.stdout).toMatch(/encryption +key owned by AWS +arn:aws:kms/);
  });

  it('tables are described as they are', async () => {
    const described = await tables('describe');
    expect(described.stdout).toMatch(/typeStatus-runAt-index +typeStatus \(S\), runAt \(N\)/);
    const states = await describeTables(connection);
    expect(states.every(({ settings }) => settings?.['billing'] === 'PAY_PER_REQUEST')).toBe(true);
  });

  it('SQLite has nothing to make', async () => {
    expect(await sealgate(dataDir, ['tables', 'create'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('MAIN_DB_TYPE=dynamodb'),
    });
  });

  describe('a gateway', () => {
    let stage: Stage;
    beforeAll(async () => void (stage = await openStage(env)), 120_000);
    afterAll(() => stage?.close());

    it('cannot be told from the upstream', async () => {
      const [direct, through] = [
        await connectHttp(stage.everything, 'legacy'),
        await connectHttp(stage.gateway.upstream('everything'), 'legacy'),
      ];
      expect(await parity(direct, through, everythingPlan)).toEqual([]);
      await Promise.all([direct.close(), through.close()]);
    });

    it('lends credentials of every kind', async () => {
      for (const { name: upstream } of stage.keyed) {
        const client = await connectHttp(stage.gateway.upstream(upstream), 'modern');
        for (const request of keyedPlan.requests ?? [])
          expect(await client.request(request.method, request.params)).toHaveProperty('tools');
        await client.close();
      }
    });

    it('gives its children nothing of its own AWS credentials', async () => {
      const client = await connectHttp(stage.gateway.upstream('child'), 'legacy');
      const said = JSON.stringify(await client.request('tools/call', { name: 'get-env', arguments: {} }));
      expect(said).toContain('PATH');
      expect(said).not.toMatch(/AWS_|DYNAMODB_|MAIN_DB/);
      await client.close();
    });

    it('finds its database in order', async () => {
      const findings = JSON.parse(await done(stage.gateway.dataDir, ['doctor', '--json'])) as {
        readonly check: string;
      }[];
      expect(findings.find(({ check }) => check === 'database')).toMatchObject({
        state: 'ok',
        message: 'DynamoDB, 28 tables',
      });
      const health = (await (await fetch(`${stage.gateway.origin}/health`)).json()) as object;
      expect(health).toMatchObject({ stores: { tables: 'dynamodb', journal: 'dynamodb' } });
    });

    it('wrote no secret of the walk or of a call into any table, and no database file', async () => {
      const canary = (): string => randomBytes(18).toString('base64url');
      const planted = { header: canary(), parameter: canary(), address: canary(), refused: canary() };
      const { url } = stage.gateway.upstream(stage.keyed[0]!.name);
      const send = async (
        bearer: string,
        { headers, body }: ReturnType<typeof modernCall>,
      ): Promise<number> => {
        const sent = { ...headers, authorization: `Bearer ${bearer}`, 'x-canary': planted.header };
        return (await rawHttp(url, { headers: sent, body })).status;
      };
      const asked = {
        text: planted.parameter,
        deep: [{ [planted.parameter]: 1 }],
        uri: `https://shop.example/list?key=${planted.address}`,
      };
      expect(await send(stage.gateway.bearer, modernCall(1, 'report', asked))).toBe(200);
      // The upstream has no such tool: what fails is written down, too.
      expect(await send(stage.gateway.bearer, modernCall(2, 'of-nobody', asked))).not.toBe(401);
      expect(await send(planted.refused, modernCall(3, 'report', asked))).toBe(401);
      const { size } = JSON.parse(await done(stage.gateway.dataDir, ['audit', 'checkpoint', '--json'])) as {
        size: number;
      };
      expect(size).toBeGreaterThan(0);
      const walked = Object.fromEntries(stage.secrets.map((secret, nth) => [`secret ${nth}`, secret]));
      const dumps = await dumpDynamo(env);
      const of = (table: string): number => dumps.find(({ where }) => where === name(table))!.bytes.length;
      for (const table of ['audit_journal', 'audit_segments', 'audit_root'])
        expect(of(table)).toBeGreaterThan(1000);
      expect(foundIn(dumps, { ...walked, ...planted, bearer: stage.gateway.bearer })).toEqual([]);
      const received = stage.keyed[0]!.upstream.received.map(({ body }) => JSON.stringify(body)).join();
      expect(received).toContain(planted.parameter);
      for (const file of ['main.db', 'journal.db', 'audit-root.db'])
        expect(existsSync(join(stage.gateway.dataDir, file))).toBe(false);
    });
  });
});
