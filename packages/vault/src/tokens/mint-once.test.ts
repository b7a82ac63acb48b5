import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Refusal } from '../refusal.ts';
import { memoryBus } from '../store/memory/bus.ts';
import { instances, type Instances } from './fixtures/test-manager.ts';

let stage: Instances;
beforeEach(() => void (stage = instances()));
afterEach(() => stage.close());

/** A making that waits until it is let go. */
function heldMint(token: string) {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const started = Promise.withResolvers<AbortSignal>();
  return {
    mint: (signal: AbortSignal) => (started.resolve(signal), promise),
    started: started.promise,
    end: () => resolve(token),
    fail: reject,
  };
}

const never = (): never => {
  throw new Error('made twice');
};

describe('a token that is not there', () => {
  it('is made once for a crowd on several instances, with the bus and without', async () => {
    for (const bus of [undefined, memoryBus()]) {
      const client = `client-${bus === undefined ? 'silent' : 'told'}`;
      const managers = await Promise.all([stage.open({ bus }), stage.open({ bus }), stage.open({ bus })]);
      let made = 0;
      const mint = async (): Promise<string> => {
        made += 1;
        await sleep(20);
        return `token-${made}`;
      };
      const calls = managers.flatMap((manager) =>
        Array.from({ length: 50 }, () => manager.getOrCreate(client, 'stripe', mint)),
      );
      expect(new Set(await Promise.all(calls))).toEqual(new Set(['token-1']));
      expect(await managers[0]?.getToken(client, 'stripe')).toBe('token-1');
    }
  });
  it('lives as long as the making says, else as the call says', async () => {
    const manager = await stage.open();
    await manager.getOrCreate('client-1', 'stripe', () => ({ token: 'a', ttlSeconds: 5 }), {
      ttlSeconds: 60,
    });
    await manager.getOrCreate('client-2', 'stripe', () => 'b', { ttlSeconds: 60 });
    stage.clock.ms += 5000;
    expect(await manager.getToken('client-1', 'stripe')).toBeNull();
    expect(await manager.getToken('client-2', 'stripe')).toBe('b');
  });
  it('is absent while it is made', async () => {
    const [one, other] = [await stage.open(), await stage.open()];
    const held = heldMint('a');
    const made = one.getOrCreate('client-1', 'stripe', held.mint);
    await held.started;
    expect(await other.getToken('client-1', 'stripe')).toBeNull();
    expect(await other.deleteToken('client-2', 'stripe')).toBe(false);
    held.end();
    expect(await made).toBe('a');
    expect(await other.getOrCreate('client-1', 'stripe', never)).toBe('a');
  });
});

describe('a making that fails', () => {
  it('fails for those who waited here, and the next caller makes the token at once', async () => {
    const [one, other] = [await stage.open(), await stage.open()];
    const held = heldMint('a');
    const calls = [held.mint, never].map((mint) => one.getOrCreate('client-1', 'stripe', mint));
    await held.started;
    const elsewhere = other.getOrCreate('client-1', 'stripe', () => 'b');
    held.fail(new Error('no answer from the bank'));
    for (const call of calls) await expect(call).rejects.toThrow('no answer from the bank');
    expect(await elsewhere).toBe('b');
    expect(await one.getOrCreate('client-1', 'stripe', never)).toBe('b');
  });
  it('by taking too long is no bad token, and leaves the way free', async () => {
    const manager = await stage.open({ mintSecondsMax: 0.05 });
    const held = heldMint('late');
    const late = manager.getOrCreate('client-1', 'stripe', held.mint);
    await expect(late).rejects.toMatchObject({ code: 'token_pending' });
    expect((await held.started).aborted).toBe(true);
    held.end();
    expect(await manager.getOrCreate('client-1', 'stripe', () => 'b')).toBe('b');
  });
  it('with a token outside the rules stores nothing', async () => {
    const manager = await stage.open();
    const made = manager.getOrCreate('client-1', 'stripe', () => '');
    await expect(made).rejects.toMatchObject({ code: 'item_invalid' });
    expect(await manager.getOrCreate('client-1', 'stripe', () => 'b')).toBe('b');
  });
});

describe('a making that loses its claim', () => {
  it('because the process slept does not overwrite what was made meanwhile', async () => {
    const [one, other] = [await stage.open(), await stage.open()];
    const held = heldMint('stale');
    const slow = one.getOrCreate('client-1', 'stripe', held.mint);
    await held.started;
    stage.clock.ms += 10_001;
    expect(await other.getOrCreate('client-1', 'stripe', () => 'fresh')).toBe('fresh');
    held.end();
    expect(await slow).toBe('fresh');
    expect(await other.getToken('client-1', 'stripe')).toBe('fresh');
  });
  it('to one that is still under way waits for it', async () => {
    const [one, other] = [await stage.open(), await stage.open()];
    const [stale, fresh] = [heldMint('stale'), heldMint('fresh')];
    const slow = one.getOrCreate('client-1', 'stripe', stale.mint);
    await stale.started;
    stage.clock.ms += 10_001;
    const quick = other.getOrCreate('client-1', 'stripe', fresh.mint);
    await fresh.started;
    stale.end();
    fresh.end();
    expect(await Promise.all([slow, quick])).toEqual(['fresh', 'fresh']);
  });
  it('because a token was stored gives that one', async () => {
    const [one, other] = [await stage.open(), await stage.open()];
    const held = heldMint('stale');
    const slow = one.getOrCreate('client-1', 'stripe', held.mint);
    await held.started;
    await other.storeToken('client-1', 'stripe', 'stored');
    held.end();
    expect(await slow).toBe('stored');
  });
  it('because the token was deleted makes another one', async () => {
    const [one, other] = [await stage.open(), await stage.open()];
    const held = heldMint('before the deletion');
    let made = 0;
    const slow = one.getOrCreate('client-1', 'stripe', (signal) =>
      (made += 1) === 1 ? held.mint(signal) : 'after it',
    );
    await held.started;
    await other.deleteToken('client-1', 'stripe');
    held.end();
    expect(await slow).toBe('after it');
    expect(await other.getToken('client-1', 'stripe')).toBe('after it');
  });
  it('is told so while it works', async () => {
    const manager = await stage.open({ claimSeconds: 0.03 });
    const held = heldMint('stale');
    const slow = manager.getOrCreate('client-1', 'stripe', held.mint);
    const signal = await held.started;
    await manager.storeToken('client-1', 'stripe', 'stored');
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve));
    held.end();
    expect(await slow).toBe('stored');
  });
});

it('a making that takes longer than its claim keeps it', async () => {
  const [one, other] = [await stage.open({ claimSeconds: 0.3 }), await stage.open({ claimSeconds: 0.3 })];
  const held = heldMint('a');
  const slow = one.getOrCreate('client-1', 'stripe', held.mint);
  await held.started;
  const waiting = other.getOrCreate('client-1', 'stripe', never);
  for (let round = 0; round < 20; round += 1) {
    await sleep(50);
    stage.clock.ms += 50;
  }
  held.end();
  expect(await Promise.all([slow, waiting])).toEqual(['a', 'a']);
});

it('whoever waits longer than a making may take is told that it is pending', async () => {
  const [one, other] = [await stage.open(), await stage.open({ mintSecondsMax: 0.05, claimSeconds: 0.05 })];
  const held = heldMint('a');
  const slow = one.getOrCreate('client-1', 'stripe', held.mint);
  await held.started;
  const waiting = other.getOrCreate('client-1', 'stripe', never);
  await expect(waiting).rejects.toBeInstanceOf(Refusal);
  await expect(waiting).rejects.toMatchObject({ code: 'token_pending' });
  held.end();
  expect(await slow).toBe('a');
});
