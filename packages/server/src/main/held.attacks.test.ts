import { expect, it } from 'vitest';
import { openHeld } from './held.ts';

// A thief of a token who knows that it will be revoked: whatever he began before must not outlive the grant.

const thief = {
  tenant: 'g',
  subject: 's',
  client: 'c',
  source: 'mcp' as const,
  grant: 'stolen',
  ip: undefined,
  agent: undefined,
};

function stage() {
  const state = { revoked: false, sessions: 0, ended: 0 };
  const held = openHeld({
    stands: async () => !state.revoked,
    holds: () => state.sessions > 0,
    endOf: async () => {
      state.ended += 1;
      state.sessions = 0;
    },
    onRevoked: () => () => undefined,
    failed: (error) => expect.fail(String(error)),
    everyMs: 1_000_000,
    now: Date.now,
  });
  return { state, held };
}

it('a session that takes long to open is not forgotten by the rounds before it is there', async () => {
  const { state, held } = stage();
  const over = held.note(thief);
  await held.recheck();
  state.sessions = 1;
  over();
  state.revoked = true;
  await held.recheck();
  expect(state).toMatchObject({ sessions: 0, ended: 1 });
});

it('a session that was being opened when its grant ended does not stay', async () => {
  const { state, held } = stage();
  const over = held.note(thief);
  state.revoked = true;
  await held.recheck();
  state.sessions = 1;
  over();
  await held.recheck();
  expect(state.sessions).toBe(0);
});

it('a call that runs when its grant ends is ended with it', async () => {
  const { state, held } = stage();
  held.note(thief);
  state.revoked = true;
  await held.recheck();
  expect(state.ended).toBe(1);
});
