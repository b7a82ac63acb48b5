import { expect, it } from 'vitest';
import { openHeld } from './held.ts';

// A thief of a token who knows that it will be revoked: whatever he began before must not outlive the grant, nor may what
// he only began be finished after it.

const thief = {
  tenant: 'g',
  subject: 's',
  client: 'c',
  source: 'mcp' as const,
  grant: 'stolen',
  ip: undefined,
  agent: undefined,
};

const still = async () => true;
const gone = async () => false;

function stage() {
  const state = { revoked: false, sessions: 0, ended: 0, nowMs: 1000, announce: () => undefined as void };
  const held = openHeld({
    stands: async () => !state.revoked,
    holds: () => state.sessions > 0,
    endOf: async () => {
      state.ended += 1;
      state.sessions = 0;
    },
    onRevoked(listener) {
      state.announce = listener;
      return () => undefined;
    },
    failed: (error) => expect.fail(String(error)),
    everyMs: 1_000_000,
    now: () => state.nowMs,
  });
  return { state, held };
}

it('a session that takes long to open is not forgotten by the rounds before it is there', async () => {
  const { state, held } = stage();
  const over = await held.enter(thief, held.mark(), still);
  held.holding(thief);
  await held.recheck();
  state.sessions = 1;
  over();
  state.revoked = true;
  await held.recheck();
  expect(state).toMatchObject({ sessions: 0, ended: 1 });
});

it('a session that was being opened when its grant ended does not stay', async () => {
  const { state, held } = stage();
  const over = await held.enter(thief, held.mark(), still);
  state.revoked = true;
  await held.recheck();
  state.sessions = 1;
  over();
  expect(state.sessions).toBe(0);
  await held.recheck();
  expect(state.ended).toBe(2);
});

it('a call that runs when its grant ends is ended with it', async () => {
  const { state, held } = stage();
  await held.enter(thief, held.mark(), still);
  state.revoked = true;
  await held.recheck();
  expect(state.ended).toBe(1);
});

it('a body that is kept back until the grant is over arrives for nothing', async () => {
  const { state, held } = stage();
  const mark = held.mark();
  state.announce();
  await expect(held.enter(thief, mark, gone)).rejects.toMatchObject({ code: 'unauthorized' });
});

it('nor does one that is kept back where nobody heard of the revocation', async () => {
  const { state, held } = stage();
  const mark = held.mark();
  state.nowMs += 1000;
  await expect(held.enter(thief, mark, gone)).rejects.toMatchObject({ code: 'unauthorized' });
  // A clock that was set back makes nothing younger.
  state.nowMs -= 2000;
  await expect(held.enter(thief, mark, gone)).rejects.toMatchObject({ code: 'unauthorized' });
});

it('a call that is passed through is cut when its grant ends', async () => {
  const { state, held } = stage();
  const leave = await held.enter(thief, held.mark(), still);
  let cut = 0;
  held.call(thief, () => (cut += 1));
  state.revoked = true;
  await held.recheck();
  expect(cut).toBe(1);
  leave();
});

it('a stream that is opened between the end of the grant and the end of its request is cut at once', async () => {
  const { state, held } = stage();
  const leave = await held.enter(thief, held.mark(), still);
  state.revoked = true;
  await held.recheck();
  const cut: string[] = [];
  held.stream(thief, () => cut.push('stream'));
  held.call(thief, () => cut.push('call'));
  expect(cut).toEqual(['stream', 'call']);
  leave();
});

it('a request under way does not wait for anything while nothing is revoked', () => {
  const { held } = stage();
  expect(held.enter(thief, held.mark(), still)).toBeTypeOf('function');
  expect(held.enter({ ...thief, grant: undefined }, held.mark(), still)).toBeTypeOf('function');
});

it('a thousand grants are asked about side by side, and one that cannot be read keeps none of the others', async () => {
  let under = 0;
  let most = 0;
  const ended: (string | undefined)[] = [];
  const held = openHeld({
    async stands({ grant }) {
      most = Math.max(most, (under += 1));
      await new Promise(setImmediate);
      under -= 1;
      if (grant === 'g500') throw new Error('unreadable');
      return grant !== 'g999';
    },
    holds: () => false,
    endOf: async ({ grant }) => void ended.push(grant),
    onRevoked: () => () => undefined,
    failed: () => undefined,
    everyMs: 1_000_000,
    now: Date.now,
  });
  for (let at = 0; at < 1000; at += 1) await held.enter({ ...thief, grant: `g${at}` }, held.mark(), still);
  await expect(held.recheck()).rejects.toThrow('unreadable');
  expect(ended).toEqual(['g999']);
  expect(most).toBe(16);
});

it('a token that was revoked by itself, its grant standing, is let in no more either', async () => {
  const { state, held } = stage();
  const mark = held.mark();
  state.announce();
  await expect(held.enter(thief, mark, gone)).rejects.toMatchObject({ code: 'unauthorized' });
  expect(await held.enter(thief, mark, still)).toBeTypeOf('function');
});
