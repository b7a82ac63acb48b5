import { memoryBus, memoryTables, type Bus } from '@sealgate/vault';
import { oneKeySealer } from '@sealgate/vault/testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { call, letIn } from './fixtures/client.ts';
import { holder } from './fixtures/proofs.ts';
import { openStage, type Stage } from './fixtures/stage.ts';

// Two instances on one store. A thief shows a token to whichever of them still takes it.

let a: Stage;
let b: Stage;
let deaf: boolean;
let lateMs: number;
beforeEach(async () => {
  [deaf, lateMs] = [false, 0];
  const now = (): number => Date.now() + lateMs;
  const tables = memoryTables({ now });
  const sealer = oneKeySealer();
  const bus = memoryBus();
  const news: Bus = { ...bus, publish: async (...message) => (deaf ? undefined : bus.publish(...message)) };
  a = await openStage({ tables, sealer, news, now });
  b = await openStage({ tables, sealer, news, now, issuer: a.origin });
});
afterEach(async () => {
  await a.close();
  await b.close();
});

type Headers = Record<string, string>;
const statusAt = async ({ origin }: Stage, headers: Headers): Promise<number> =>
  (await call(origin, 'docs', headers)).status;

async function bearer() {
  const { tokens, client } = await letIn(a);
  return { tokens, client, shown: { authorization: `Bearer ${tokens.access_token}` } };
}

async function revoke(token: string, client: string): Promise<void> {
  const body = new URLSearchParams({ client_id: client, token });
  expect((await fetch(`${a.origin}/revoke`, { method: 'POST', body })).status).toBe(200);
}

const refusedAtB = (shown: Headers): Promise<void> =>
  vi.waitFor(async () => expect(await statusAt(b, shown)).toBe(401), { timeout: 4000 });

describe('what one instance revokes the other refuses as soon as it hears of it', () => {
  it.each(['access_token', 'refresh_token'] as const)('by its %s', async (which) => {
    const { tokens, client, shown } = await bearer();
    for (const stage of [a, b]) expect(await statusAt(stage, shown)).toBe(200);
    await revoke(tokens[which], client.client_id);
    expect(await statusAt(a, shown)).toBe(401);
    await refusedAtB(shown);
  });

  it('with the client, and says so to whoever listens there', async () => {
    const { client, shown } = await bearer();
    expect(await statusAt(b, shown)).toBe(200);
    let told = 0;
    b.server.onRevoked(() => (told += 1));
    expect(await a.server.clients.remove(client.client_id)).toBe(true);
    await refusedAtB(shown);
    expect(told).toBeGreaterThan(0);
  });

  it('by a code that is redeemed twice', async () => {
    const { form, tokens } = await letIn(a);
    const shown = { authorization: `Bearer ${tokens.access_token}` };
    expect(await statusAt(b, shown)).toBe(200);
    await fetch(`${a.origin}/token`, { method: 'POST', body: new URLSearchParams(form) });
    await refusedAtB(shown);
  });
});

it('where the news is lost, a token is remembered for five seconds and no longer', async () => {
  const { tokens, client, shown } = await bearer();
  expect(await statusAt(b, shown)).toBe(200);
  deaf = true;
  await revoke(tokens.refresh_token, client.client_id);
  lateMs += 5000;
  expect(await statusAt(b, shown)).toBe(401);
});

describe('a DPoP proof', () => {
  async function bound() {
    const prove = holder();
    const { tokens } = await letIn(a, 'ada@example.com', {}, { prove });
    const authorization = `DPoP ${tokens.access_token}`;
    const shown = (): Headers => ({
      authorization,
      dpop: prove('POST', `${a.origin}/mcp/docs`, tokens.access_token),
    });
    return { shown };
  }

  it('that was shown to one is refused by the other', async () => {
    const { shown } = await bound();
    const once = shown();
    expect(await statusAt(a, once)).toBe(200);
    expect(await statusAt(b, once)).toBe(401);
    expect(await statusAt(b, shown())).toBe(200);
  });

  it('of 20 racers at both one is taken', async () => {
    const { shown } = await bound();
    const once = shown();
    const statuses = await Promise.all(
      Array.from({ length: 20 }, (_, at) => statusAt(at % 2 === 0 ? a : b, once)),
    );
    expect(statuses.filter((status) => status === 200)).toHaveLength(1);
  });
});
