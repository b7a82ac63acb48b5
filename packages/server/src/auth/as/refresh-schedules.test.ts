import { drawn } from '@sealgate/vault/testing';
import { AsyncLocalStorage } from 'node:async_hooks';
import { expect, it } from 'vitest';
import { openAdapter } from './adapter.ts';
import { errors } from './provider-library.ts';
import { openReuse, type Asking } from './reuse.ts';
import type { Kept, Shelf } from './shelf.ts';

// Refreshes and redemptions on a virtual clock, where each use of the store takes as long as the schedule says, before and
// after it takes effect, or never returns. What each request does with the adapter is what the provider does.

const startMs = 1_800_000_000_000;
const dead = Infinity;

/** How long one use of the store takes. `use` counts from 0 for each request. */
type Delays = (
  request: number,
  use: number,
) => { readonly before: number; readonly after: number | ((value: unknown) => number) };

function openClock() {
  let nowMs = startMs;
  const events: { readonly atMs: number; readonly go: () => void }[] = [];
  return {
    now: () => nowMs,
    after: (ms: number) =>
      new Promise<void>((go) => {
        if (ms !== dead) events.push({ atMs: nowMs + ms, go });
      }),
    async run() {
      for (;;) {
        await new Promise(setImmediate);
        if (events.length === 0) return;
        const next = events.reduce((first, each) => (each.atMs < first.atMs ? each : first));
        events.splice(events.indexOf(next), 1);
        nowMs = next.atMs;
        next.go();
      }
    },
  };
}

type Clock = ReturnType<typeof openClock>;

function openShelf({ now }: Clock, take: <V>(act: () => V) => Promise<V>): Shelf {
  const rows = new Map<string, Kept & { readonly endsAtMs: number; readonly owners: readonly string[] }>();
  let revisions = 0;
  const read = (name: string) => {
    const row = rows.get(name);
    return row !== undefined && row.endsAtMs > now() ? row : undefined;
  };
  return {
    get: (name) => take(() => read(name)),
    put: (name, payload, { endsAtMs = Infinity, owners, guard }) =>
      take(() => {
        const there = read(name);
        if (guard !== undefined)
          if ('ifAbsent' in guard ? there !== undefined : there?.revision !== guard.ifRevision) return false;
        rows.set(name, { payload, revision: `r${(revisions += 1)}`, endsAtMs, owners });
        return true;
      }),
    remove: (name) => take(() => void rows.delete(name)),
    owns: (owner) => take(() => [...rows.values()].some(({ owners }) => owners.includes(owner))),
    removeOwned: (owner) =>
      take(() => {
        for (const [name, { owners }] of rows) if (owners.includes(owner)) rows.delete(name);
      }),
  };
}

interface Request extends Asking {
  readonly number: number;
  uses: number;
}

const tokenExp = startMs / 1000 + 3600;
const of = { exp: tokenExp, clientId: 'c1', accountId: 'a1', grantId: 'g1' };

function openWorld(delays: Delays) {
  const clock = openClock();
  const current = new AsyncLocalStorage<Request>();
  const take = async <V>(act: () => V): Promise<V> => {
    const request = current.getStore();
    if (request === undefined) return act();
    const { before, after } = delays(request.number, (request.uses += 1) - 1);
    await clock.after(before);
    const value = act();
    await clock.after(typeof after === 'number' ? after : after(value));
    return value;
  };
  const shelves = { lasting: openShelf(clock, take), passing: openShelf(clock, take), now: clock.now };
  const reuse = openReuse({ ...shelves, asking: () => current.getStore(), wait: clock.after });
  const adapter = openAdapter({ ...shelves, reuse, revoked: async () => undefined });
  return { clock, current, adapter: (model: string) => adapter(model) as Adapted, reuse };
}

type World = ReturnType<typeof openWorld>;
type Adapted = Exclude<ReturnType<ReturnType<typeof openAdapter>>, undefined | void>;

/** `undefined`: `invalid_grant`; `dead`: none yet. */
type Answer = string | undefined;

async function endFamily({ adapter }: World): Promise<void> {
  const tokens = ['AccessToken', 'RefreshToken', 'AuthorizationCode'].map(adapter);
  await Promise.all([...tokens.map((each) => each.revokeByGrantId('g1')), adapter('Grant').destroy('g1')]);
}

async function mint({ adapter }: World, name: string): Promise<string> {
  await adapter('RefreshToken').upsert(`refresh-${name}`, { jti: `refresh-${name}`, ...of }, 3600);
  await adapter('AccessToken').upsert(`access-${name}`, { jti: `access-${name}`, ...of }, 3600);
  return name;
}

// What lib/actions/grants/refresh_token.js does, and what refresh-answers.ts makes of it.
async function refresh(world: World, request: Request): Promise<Answer> {
  const { adapter, reuse } = world;
  const asked = { asking: request, token: 'x', scope: '', resource: '' };
  try {
    const found = await adapter('RefreshToken').find('x');
    if (!found || found.exp! <= world.clock.now() / 1000) throw new errors.InvalidGrant('not found');
    if (!(await adapter('Grant').find('g1'))) throw new errors.InvalidGrant('no grant');
    if (found['consumed'] !== undefined) {
      await Promise.all([adapter('RefreshToken').destroy('x'), endFamily(world)]);
      throw new errors.InvalidGrant('used');
    }
    await adapter('RefreshToken').consume('x');
    const body = await mint(world, `${request.number}`);
    return (await reuse.keep(asked, { body, grantId: 'g1' })) as Answer;
  } catch (error) {
    if (!(error instanceof errors.InvalidGrant)) throw error;
    return (await reuse.again(asked)) as Answer;
  }
}

// What lib/actions/grants/authorization_code.js does.
async function redeem(world: World, request: Request): Promise<Answer> {
  const { adapter } = world;
  try {
    const found = await adapter('AuthorizationCode').find('x');
    if (!found) throw new errors.InvalidGrant('not found');
    if (!(await adapter('Grant').find('g1'))) throw new errors.InvalidGrant('no grant');
    if (found['consumed'] !== undefined) {
      await endFamily(world);
      throw new errors.InvalidGrant('used');
    }
    await adapter('AuthorizationCode').consume('x');
    return await mint(world, `${request.number}`);
  } catch (error) {
    if (!(error instanceof errors.InvalidGrant)) throw error;
    return undefined;
  }
}

/** Let requests arrive and run to their ends. A request that died answers `dead`. */
async function play(
  act: typeof refresh,
  arrivalsMs: readonly number[],
  { delays, exp = tokenExp }: { readonly delays: Delays; readonly exp?: number },
) {
  const world = openWorld(delays);
  const model = act === refresh ? 'RefreshToken' : 'AuthorizationCode';
  await world.adapter('Grant').upsert('g1', { jti: 'g1', clientId: 'c1', accountId: 'a1' }, 36_000);
  await world.adapter(model).upsert('x', { jti: 'x', ...of, exp }, exp - startMs / 1000);
  const answers: Answer[] = arrivalsMs.map(() => 'dead');
  const running = arrivalsMs.map(async (arrivalMs, number) => {
    await world.clock.after(arrivalMs);
    const request = { number, uses: 0, clientId: 'c1', isPublic: true, askedAtMs: world.clock.now() };
    answers[number] = await world.current.run(request, () => act(world, request));
  });
  const failed = new Promise<never>((_, fail) => running.forEach((each) => each.catch(fail)));
  await Promise.race([world.clock.run(), failed]);
  const stands = async (model_: string, id: string) => (await world.adapter(model_).find(id)) !== undefined;
  return { answers, grantStands: await stands('Grant', 'g1'), stands };
}

const quick = { before: 1, after: 1 };
const given = (answers: readonly Answer[]): Set<Answer> => new Set(answers.filter((each) => each !== 'dead'));

/** Everybody who lived has the same answer, and it is good. */
function expectOne({ answers, grantStands }: Awaited<ReturnType<typeof play>>, schedule: unknown): void {
  const all = [...given(answers)];
  const one = all.slice(0, 1).map(String);
  expect({ schedule, all, grantStands }).toEqual({ schedule, all: one, grantStands: true });
}

interface Stall {
  readonly request: number;
  readonly use: number;
  readonly side: 'before' | 'after';
  readonly ms: number;
}

function stalls(lengthsMs: readonly number[], requests: readonly number[]): Stall[] {
  const uses = Array.from({ length: 12 }, (_, use) => use);
  const sides = ['before', 'after'] as const;
  return requests.flatMap((request) =>
    uses.flatMap((use) => sides.flatMap((side) => lengthsMs.map((ms) => ({ request, use, side, ms })))),
  );
}

const stalled =
  (...which: readonly Stall[]) =>
  (request: number, use: number) => {
    const delay = { ...quick };
    for (const each of which) if (each.request === request && each.use === use) delay[each.side] += each.ms;
    return delay;
  };

/** Mostly quick, now and then up to `mostMs`; one in `dies` uses never returns. */
function heavyTailed(random: () => number, mostMs: number, dies = Infinity): Delays {
  const one = (): number => (random() < 1 / dies ? dead : mostMs ** random());
  return () => ({ before: one(), after: one() });
}

it('wherever one of three stalls, however long, or dies: all get one answer', async () => {
  for (const stall of stalls([100, 2500, 29_000, 60_000, 200_000, dead], [0, 1]))
    for (const arrivalsMs of [
      [0, 0, 5],
      [0, 5, 28_000],
    ])
      expectOne(await play(refresh, arrivalsMs, { delays: stalled(stall) }), { stall, arrivalsMs });
});

it('wherever two of three stall or die, one after the other: all get one answer', async () => {
  const second = stalls([2100, 40_000, dead], [1]);
  let at = 0;
  for (const first of stalls([2100, 4300, 100_000, dead], [0]))
    for (const each of second)
      if ((at += 1) % 7 === 0)
        expectOne(await play(refresh, [0, 1, 3], { delays: stalled(first, each) }), { first, each });
});

it.each([
  ['of up to 50 ms', 50, Infinity],
  ['of up to 5 s', 5000, Infinity],
  ['of up to 20 s', 20_000, Infinity],
  ['of up to 5 s, and some die', 5000, 100],
])('20 that arrive within the interval, with delays %s, get one answer', async (_, mostMs, dies) => {
  for (let seed = 1; seed <= 40; seed += 1) {
    const random = drawn(seed);
    const arrivalsMs = Array.from({ length: 20 }, () => (seed % 2 === 0 ? 0 : random() * 25_000));
    const delays = heavyTailed(random, mostMs, dies);
    expectOne(await play(refresh, arrivalsMs, { delays }), { seed });
  }
});

it('who comes a moment after the token has ended gets the answer of who used it a moment before', async () => {
  const exp = startMs / 1000 + 2;
  expectOne(await play(refresh, [1500, 1600, 2500, 20_000], { exp, delays: () => quick }), { exp });
});

it('whoever arrives after the interval ends the family, also while others are slow or dead', async () => {
  for (const stall of stalls([2500, 20_000, dead], [0, 1])) {
    const { answers, grantStands } = await play(refresh, [0, 5, 90_000], { delays: stalled(stall) });
    expect({ stall, late: answers[2], grantStands }).toEqual({ stall, late: undefined, grantStands: false });
  }
});

it('of 20 the first 12 die one after the other, each when it has used the token: all others get one answer', async () => {
  // Only a change is answered `true`; the first one of each request is its use of the token.
  const delays: Delays = (request) => ({
    before: 1 + request,
    after: (value) => (request < 12 && value === true ? dead : 1),
  });
  const played = await play(refresh, Array(20).fill(0), { delays });
  expectOne(played, 'a chain of deaths');
  expect(played.answers.filter((answer) => answer === 'dead').length).toBeGreaterThanOrEqual(6);
  expect(played.answers.filter((answer) => answer !== 'dead').length).toBeGreaterThanOrEqual(8);
});

it('who takes it over does not begin the interval anew', async () => {
  // The first dies after its use, the second takes over at about 27 s; the third arrives within 30 s of that only.
  const delays: Delays = (request, use) => (request === 0 && use > 3 ? { before: dead, after: 1 } : quick);
  const { answers, grantStands } = await play(refresh, [0, 25_000, 45_000], { delays });
  expect(answers).toEqual(['dead', '1', undefined]);
  expect(grantStands).toBe(false);
});

it('of 20 redemptions at once one is answered, and what it got is good for nothing', async () => {
  for (const mostMs of [20, 500, 10_000])
    for (let seed = 1; seed <= 40; seed += 1) {
      const delays = heavyTailed(drawn(seed), mostMs);
      const exp = startMs / 1000 + 600;
      const { answers, grantStands } = await play(redeem, Array(20).fill(0), { delays, exp });
      const won = answers.filter((answer) => answer !== undefined).length;
      expect({ mostMs, seed, won, grantStands }).toEqual({ mostMs, seed, won: 1, grantStands: false });
    }
});
