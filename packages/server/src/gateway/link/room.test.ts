import { describe, expect, test } from 'vitest';
import { linkLimits } from './limits.ts';
import { makeRoom } from './room.ts';
import { emptySlot, hold, type Slot } from './slot.ts';

const limits = { ...linkLimits, childrenMax: 3, childrenPerPersonMax: 2 };

function slotOf(subject: string, lastUsedMs: number, held: readonly ('requests' | 'conversations')[]): Slot {
  const upstream = {
    name: 'tools',
    kind: 'stdio',
    command: 'tools',
    args: [],
    env: {},
    cwd: undefined,
  } as const;
  const key = `${subject}/${lastUsedMs}`;
  const owner = {
    key,
    tenant: 'home',
    upstream: { ...upstream, credential: undefined },
    connection: undefined,
    subject,
    holder: key,
  };
  const slot = emptySlot({ ...owner, capabilities: {} }, '', lastUsedMs);
  // What is in it does not matter here, only that something is.
  slot.link = Promise.withResolvers<never>().promise;
  for (const by of held) hold(slot, () => lastUsedMs, by);
  return slot;
}

const wanted = slotOf('ann', 9, []);

describe('room for one link more', () => {
  test('is there below the bounds', () => {
    expect(makeRoom([slotOf('ann', 1, ['conversations'])], wanted, limits)).toBeUndefined();
  });

  test('is made by what nobody needs before a quiet conversation is disturbed', () => {
    const unused = slotOf('ann', 2, []);
    expect(makeRoom([slotOf('ann', 1, ['conversations']), unused], wanted, limits)).toBe(unused);
  });

  test("is made by the person's own longest quiet conversation, for clients do not end their sessions", () => {
    const [old, recent] = [slotOf('ann', 1, ['conversations']), slotOf('ann', 2, ['conversations'])];
    expect(makeRoom([recent, old], wanted, limits)).toBe(old);
  });

  test('is never made by a request under way', () => {
    const busy = [1, 2].map((at) => slotOf('ann', at, ['conversations', 'requests']));
    expect(() => makeRoom(busy, wanted, limits)).toThrow('of this person');
  });

  test("is never made by another person's conversation", () => {
    const others = ['bob', 'cid', 'dan'].map((subject) => slotOf(subject, 1, ['conversations']));
    expect(() => makeRoom(others, wanted, limits)).toThrow('too many upstream processes are in use');
    const own = slotOf('ann', 5, ['conversations']);
    expect(makeRoom([...others.slice(1), own], wanted, limits)).toBe(own);
  });
});
