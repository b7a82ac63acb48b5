import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, test } from 'vitest';
import { drawn } from '../../testing/drawn.ts';
import type { CallReader } from '../call-reader.ts';
import type { Call, CallFilter } from '../calls.ts';
import { severalJournals, steps, type SeveralJournals, type Step } from './fixtures/several-journals.ts';
import type { Period, Segments } from './segments.ts';

const all = async <V>(pages: AsyncIterable<readonly V[]>): Promise<V[]> => {
  const found: V[] = [];
  for await (const page of pages) found.push(...page);
  return found;
};

const idsOf = (found: readonly Call[]): string[] => found.map(({ attempt }) => attempt.id);

const filters: readonly CallFilter[] = [
  {},
  { tenant: 'g1' },
  { out: 'none' },
  { service: 's1', out: 'success' },
];

const things = ['g0', 'g1', 'g2'].map((tenant) => ({ object: `connection:${tenant}/shop#c#x`, tenant }));
const startMs = Date.UTC(2026, 10, 20);
const stretches = [
  { sinceMs: 0, untilMs: Infinity },
  { sinceMs: startMs + 5, untilMs: startMs + 20 },
  { sinceMs: startMs + 26 * 24 * 3600_000, untilMs: Infinity },
];

const accessesIn = async (from: CallReader): Promise<number> =>
  (await from.services({})).reduce((sum, { accesses }) => sum + accesses, 0);
const openingsIn = async (from: CallReader): Promise<number> => {
  const openings = await from.openings(things, stretches[0]!);
  return [...openings.values()].reduce<number>((sum, each) => sum + Number(each), 0);
};

async function assertSame(sealed: CallReader, recorded: CallReader, asked = filters): Promise<void> {
  for (const filter of asked) {
    assert.deepEqual(await all(sealed.newest(filter)), await all(recorded.newest(filter)));
    assert.deepEqual(await all(sealed.ended(filter)), await all(recorded.ended(filter)));
  }
  for (const within of stretches)
    assert.deepEqual(await sealed.openings(things, within), await recorded.openings(things, within));
  const byService = async (reader: CallReader) =>
    (await reader.services({})).toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
  assert.deepEqual(await byService(sealed), await byService(recorded));
}

async function onSeveral(
  happenings: readonly Step[],
  work: (several: SeveralJournals) => Promise<void>,
): Promise<void> {
  const several = await severalJournals();
  try {
    for (const step of happenings) await several.happen(step);
    await work(several);
  } finally {
    await several.close();
  }
}

const step = (of: Step['of'], writer = 0, n = 0): Step => ({ of, writer, n });
const calls = (writer: number, count: number): Step[] =>
  Array.from({ length: count }, (_, n) => [
    step('begin', writer, n % 6),
    step('end', writer, n % 6),
    step('pass', 0, 1),
  ])
    .flat()
    .concat(step('commit', writer));

interface Watched {
  /** Called before a look begins. */
  readonly begun: () => Promise<void>;
  /** Called while it is under way, twice. */
  readonly disturb: () => Promise<void>;
}

/** Segments that tell of each look. */
function watched(segments: Segments, { begun, disturb }: Watched): Segments {
  const within = (period: Period): Period => ({
    ...period,
    async heldScopes() {
      await disturb();
      return period.heldScopes();
    },
    async logs(scopes) {
      const found = await period.logs(scopes);
      await disturb();
      return found;
    },
  });
  return {
    ...segments,
    async periods() {
      await begun();
      return segments.periods();
    },
    period: async (name) => within(await segments.period(name)),
  };
}

describe('the sealed log, with what each of several journals has beyond it', () => {
  test('is the same as the journals that were never sealed, whatever happened', async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (happenings) => {
        await onSeveral(happenings, ({ sealed, recorded }) => assertSame(sealed(), recorded));
      }),
      { numRuns: 80 },
    );
  }, 240_000);

  test('leads from each entry to its call', async () => {
    const happenings = [...calls(0, 5), step('seal', 0), ...calls(1, 5), ...calls(0, 3), step('trim', 0)];
    await onSeveral([...happenings, step('begin', 2), step('commit', 2)], async ({ sealed, recorded }) => {
      const found = await all(recorded.newest({}));
      assert.equal(found.length, 14);
      for (const call of found)
        for (const entry of [call.attempt, ...(call.outcome === undefined ? [] : [call.outcome])])
          assert.deepEqual(await sealed().find(undefined, entry.id), call);
    });
  });

  test('holds everything once while others seal, whenever somebody looks', async () => {
    const random = drawn(7);
    await onSeveral([...calls(0, 9), ...calls(1, 9), ...calls(2, 9)], async (several) => {
      const { segments, sealed, recorded, happen } = several;
      await happen(step('seal', 0));
      let [looks, committed, counted] = [0, [] as string[], 0];
      let count: (from: CallReader) => Promise<number> = accessesIn;
      const begun = async (): Promise<void> => {
        looks += 1;
        committed = idsOf(await all(recorded.newest({})));
        counted = await count(recorded);
      };
      const disturb = async (): Promise<void> => {
        for (const writer of [0, 1, 2]) for (const each of calls(writer, 2)) await happen(each);
        await happen(step('seal', Math.floor(random() * 3)));
      };
      const reader = sealed(watched(segments, { begun, disturb }));
      for (const read of [() => all(reader.newest({})), () => all(reader.ended({}))])
        for (let times = 0; times < 4; times += 1) {
          const ids = idsOf(await read());
          assert.equal(new Set(ids).size, ids.length, 'nothing twice');
          const missing = committed.filter((id) => !ids.includes(id));
          assert.deepEqual(missing, []);
        }
      for (count of [accessesIn, openingsIn])
        for (let times = 0; times < 4; times += 1) {
          const found = await count(reader);
          assert.ok(counted > 0 && found >= counted && found <= (await count(recorded)));
        }
      assert.equal(looks, 16 * 5, 'no look was quiet');
    });
  });

  test('has what a journal has that came back from a backup, once, before it is sealed anew and after it', async () => {
    await onSeveral([...calls(0, 3), ...calls(0, 3), ...calls(1, 3), step('seal', 0, 7)], async (several) => {
      const { journals, sealed, recorded, happen } = several;
      const known = idsOf(await all(recorded.newest({})));
      journals[0]!.turnBack(1);
      for (const each of [...calls(0, 4), ...calls(0, 1), ...calls(1, 1)]) await happen(each);
      const fresh = idsOf(await all(recorded.newest({})));
      const wanted = [...new Set([...known, ...fresh])].toSorted();
      for (let times = 0; times < 2; times += 1) {
        assert.deepEqual(idsOf(await all(sealed().newest({}))).toSorted(), wanted);
        assert.deepEqual(idsOf(await all(sealed().ended({}))).toSorted(), wanted);
        await happen(step('seal', 0, 7));
      }
    });
  });
});
