import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { memoryTables } from '@sealgate/vault';
import { oneKeySealer } from '@sealgate/vault/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { call, letIn, register, token } from './fixtures/client.ts';
import { openStage, type Stage, type StageOptions } from './fixtures/stage.ts';

const atEnd: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  while (atEnd.length > 0) await atEnd.pop()?.();
});

async function open(options: StageOptions = {}): Promise<Stage> {
  const stage = await openStage(options);
  atEnd.push(() => stage.close());
  return stage;
}

const refreshOf = (client: string, refreshToken: string) => ({
  grant_type: 'refresh_token',
  client_id: client,
  refresh_token: refreshToken,
});

describe.each([0, 15])('20 clients that share a refresh token (latency up to %i ms)', (latencyMs) => {
  it('all get the same answer, and it works', async () => {
    const stage = await open({ latencyMs });
    const { client, tokens } = await letIn(stage);
    const form = refreshOf(client.client_id, tokens['refresh_token']);
    const answers = await Promise.all(Array.from({ length: 20 }, () => token(stage.origin, form)));
    expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(200));
    expect(new Set(answers.map(({ body }) => JSON.stringify(body))).size).toBe(1);
    const authorization = `Bearer ${answers[0]?.body['access_token']}`;
    expect((await call(stage.origin, 'docs', { authorization })).status).toBe(200);
    const next = await token(stage.origin, refreshOf(client.client_id, answers[0]!.body['refresh_token']));
    expect(next.status).toBe(200);
  });

  it('also when half of them ask another instance', async () => {
    const shared = { tables: memoryTables({ now: Date.now }), sealer: oneKeySealer(), latencyMs };
    const one = await open(shared);
    // Behind one public address, as instances are.
    const two = await open({ ...shared, issuer: one.origin });
    const { client, tokens } = await letIn(one);
    const form = refreshOf(client.client_id, tokens['refresh_token']);
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, at) => token(at % 2 === 0 ? one.origin : two.origin, form)),
    );
    expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(200));
    expect(new Set(answers.map(({ body }) => body['refresh_token'])).size).toBe(1);
  });
});

describe('a used refresh token', () => {
  it('ends the whole family once the interval is over', async () => {
    let ms = Date.now();
    const stage = await open({ now: () => ms });
    const { client, tokens } = await letIn(stage);
    const form = refreshOf(client.client_id, tokens['refresh_token']);
    const fresh = (await token(stage.origin, form)).body;
    ms += 31_000;
    expect(await token(stage.origin, form)).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
    const after = await token(stage.origin, refreshOf(client.client_id, fresh['refresh_token']));
    expect(after.body['error']).toBe('invalid_grant');
    const authorization = `Bearer ${fresh['access_token']}`;
    expect((await call(stage.origin, 'docs', { authorization })).status).toBe(401);
  });

  it('is of no use to another client, within the interval or after', async () => {
    const stage = await open();
    const { client, tokens } = await letIn(stage);
    const form = refreshOf(client.client_id, tokens['refresh_token']);
    const other = await register(stage.origin);
    const stolen = refreshOf(other.client_id, tokens['refresh_token']);
    expect((await token(stage.origin, stolen)).body['error']).toBe('invalid_grant');
    expect((await token(stage.origin, form)).status).toBe(200);
    expect((await token(stage.origin, stolen)).body['error']).toBe('invalid_grant');
    expect((await token(stage.origin, form)).status).toBe(200);
  });

  it('gives no answer to who asks for something else than the first', async () => {
    const stage = await open();
    const { client, tokens } = await letIn(stage, 'a@example.com', { scope: 'mcp offline_access' });
    const form = refreshOf(client.client_id, tokens['refresh_token']);
    expect((await token(stage.origin, form)).status).toBe(200);
    const narrower = await token(stage.origin, { ...form, scope: 'mcp' });
    expect(narrower.body['error']).toBe('invalid_grant');
  });

  it('is not used by a request that cannot be answered: those who share it do not wait', async () => {
    const shared = { tables: memoryTables({ now: Date.now }), sealer: oneKeySealer() };
    const stage = await open(shared);
    const { client, tokens } = await letIn(stage);
    const form = refreshOf(client.client_id, tokens['refresh_token']);
    for (const resource of [`${stage.origin}/mcp/other`, 'https://elsewhere.example/mcp/docs']) {
      const foreign = await token(stage.origin, { ...form, resource });
      expect(foreign).toMatchObject({ status: 400, body: { error: 'invalid_target' } });
    }
    // An instance by another name, to which the token's own resource is unknown.
    const other = await open({ ...shared, issuer: 'https://elsewhere.example' });
    expect((await token(other.origin, form)).body['error']).toBe('invalid_target');
    const answers = await Promise.all([1, 2, 3].map(() => token(stage.origin, form)));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
  });

  it('is answered alike to a request that arrived in time and was slow after that', async () => {
    let ms = Date.now();
    const tables = memoryTables({ now: () => ms });
    const { get } = tables;
    const stage = await open({ tables, now: () => ms });
    const { client, tokens } = await letIn(stage);
    const form = refreshOf(client.client_id, tokens['refresh_token']);
    const [seen, held] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    let holds = true;
    (tables as { get: typeof get }).get = (async (...asked: Parameters<typeof get>) => {
      if (!holds) return get(...asked);
      holds = false;
      seen.resolve();
      await held.promise;
      return get(...asked);
    }) as typeof get;
    const slow = token(stage.origin, form);
    await seen.promise;
    const quick = await token(stage.origin, form);
    ms += 100_000;
    held.resolve();
    expect(quick.status).toBe(200);
    expect(await slow).toMatchObject({ status: 200, body: quick.body });
    const next = await token(stage.origin, refreshOf(client.client_id, quick.body['refresh_token']));
    expect(next.status).toBe(200);
  });

  it('is not answered alike to who began in time and sent the body after the interval', async () => {
    let ms = Date.now();
    const stage = await open({ now: () => ms });
    const { client, tokens } = await letIn(stage);
    const form = refreshOf(client.client_id, tokens['refresh_token']);
    const text = new URLSearchParams(form).toString();
    const late = request(`${stage.origin}/token`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded', 'content-length': text.length },
    });
    late.write(text.slice(0, 10));
    expect((await token(stage.origin, form)).status).toBe(200);
    ms += 31_000;
    late.end(text.slice(10));
    const [answer] = (await once(late, 'response')) as [IncomingMessage];
    answer.resume();
    expect(answer.statusCode).toBe(400);
    expect((await token(stage.origin, form)).body['error']).toBe('invalid_grant');
  });

  it('is not answered alike for a confidential client: a replay ends the family', async () => {
    const stage = await open();
    const secret = { token_endpoint_auth_method: 'client_secret_post' };
    const { client, tokens } = await letIn(stage, 'a@example.com', {}, secret);
    const form = {
      ...refreshOf(client.client_id, tokens['refresh_token']),
      client_secret: client.client_secret!,
    };
    const fresh = await token(stage.origin, form);
    expect(fresh.status).toBe(200);
    expect((await token(stage.origin, form)).body['error']).toBe('invalid_grant');
    const after = { ...form, refresh_token: fresh.body['refresh_token'] };
    expect((await token(stage.origin, after)).body['error']).toBe('invalid_grant');
  });

  it('stays spent when the grant is ended within the interval', async () => {
    const stage = await open();
    const { client, tokens } = await letIn(stage);
    const form = refreshOf(client.client_id, tokens['refresh_token']);
    const fresh = (await token(stage.origin, form)).body;
    await fetch(`${stage.origin}/revoke`, {
      method: 'POST',
      body: new URLSearchParams({ client_id: client.client_id, token: fresh['refresh_token'] }),
    });
    const again = await token(stage.origin, form);
    expect(again.body['error']).toBe('invalid_grant');
  });
});

describe('a refresh token whose first user never answered', () => {
  // Used, as a process leaves it that dies before it keeps its answer.
  async function abandoned(stage: Stage, token: string): Promise<void> {
    const tables = stage.tables;
    const transact = tables.transact;
    let used = false;
    (tables as { transact: typeof transact }).transact = async (steps) => {
      if (used) throw new Error('this process is dead');
      const done = await transact(steps);
      used = steps.some((step) => 'put' in step && step.put === 'oauth_server');
      return done;
    };
    await tokenOf(stage, token).catch(() => undefined);
    (tables as { transact: typeof transact }).transact = transact;
  }
  let clientId = '';
  const tokenOf = (stage: Stage, refreshToken: string) =>
    token(stage.origin, refreshOf(clientId, refreshToken));

  it('is used once more by one of those who wait, and all get that answer', async () => {
    const stage = await openStage();
    const { client, tokens } = await letIn(stage);
    clientId = client.client_id;
    await abandoned(stage, tokens['refresh_token']);
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => tokenOf(stage, tokens['refresh_token'])),
    );
    expect(answers.map(({ status }) => status)).toEqual(Array(10).fill(200));
    expect(new Set(answers.map(({ body }) => body['refresh_token'])).size).toBe(1);
    expect((await tokenOf(stage, answers[0]!.body['refresh_token'])).status).toBe(200);
    // The process that "died" has a fault in its log.
    await stage.close().catch(() => undefined);
  });

  it('is not taken over once its interval is over: the family ends', async () => {
    let ms = Date.now();
    const stage = await openStage({ now: () => ms });
    const { client, tokens } = await letIn(stage);
    clientId = client.client_id;
    await abandoned(stage, tokens['refresh_token']);
    ms += 31_000;
    expect((await tokenOf(stage, tokens['refresh_token'])).body['error']).toBe('invalid_grant');
    expect((await tokenOf(stage, tokens['refresh_token'])).body['error']).toBe('invalid_grant');
    await stage.close().catch(() => undefined);
  });

  it('was slow and not dead: everybody has the answer that was kept first', async () => {
    const stage = await open();
    const { client, tokens } = await letIn(stage);
    clientId = client.client_id;
    const { tables } = stage;
    const transact = tables.transact;
    const held = Promise.withResolvers<void>();
    let used = false;
    (tables as { transact: typeof transact }).transact = async (steps) => {
      const done = await transact(steps);
      if (used || !steps.some((step) => 'put' in step && step.put === 'oauth_server')) return done;
      used = true;
      await held.promise;
      return done;
    };
    const slow = tokenOf(stage, tokens['refresh_token']);
    while (!used) await new Promise((resolve) => setTimeout(resolve, 5));
    const taken = await tokenOf(stage, tokens['refresh_token']);
    held.resolve();
    expect(taken.status).toBe(200);
    expect((await slow).body).toEqual(taken.body);
  });
});
