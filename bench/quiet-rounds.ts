import { median } from './bars.ts';
import { quietMoment, quietShare, watchNeighbours } from './neighbours.ts';

// Ways of doing one thing, measured in turns: short rounds, each with the ways in another order, of which those count
// that the rest of the machine disturbed least.

/** What each way gave in one round, by its name. */
export type Round<Figures> = Readonly<Record<string, Figures>>;

/** The rounds that count, the least disturbed first. */
export interface QuietRounds<Figures> {
  /** How many rounds were measured in all. */
  readonly tries: number;
  /** The largest share of the machine that something else took in a round that counts; 0 where the system does not tell. */
  readonly othersShare: number;
  readonly rounds: readonly Round<Figures>[];
}

/** How long to go on. */
export interface Persistence {
  /** How many rounds count: the least disturbed of up to `triesMax`, which end as soon as so many were quiet. */
  readonly roundCount: number;
  readonly triesMax: number;
  /** How long all measurements together may wait for others to be quiet. */
  readonly patienceMs: number;
}

/** What is measured. */
export interface Contest<Way, Figures> {
  readonly ways: readonly Way[];
  /** The processes that work for it, beside this one. */
  readonly pids: readonly number[];
  /** One way in one round. */
  readonly figuresOf: (way: Way) => Promise<Figures>;
}

/** Measure in rounds; all that one of these measures shares its patience. */
export function quietRounds({ roundCount, triesMax, patienceMs }: Persistence) {
  let leftMs = patienceMs;
  return async <Way extends { readonly name: string }, Figures>({
    ways,
    pids,
    figuresOf,
  }: Contest<Way, Figures>): Promise<QuietRounds<Figures>> => {
    const tried: { readonly othersShare: number; readonly figures: Round<Figures> }[] = [];
    const quiet = (): number => tried.filter(({ othersShare }) => othersShare <= quietShare).length;
    while (quiet() < roundCount && tried.length < triesMax) {
      leftMs = await quietMoment(leftMs);
      const first = tried.length % ways.length;
      const othersShare = await watchNeighbours(pids);
      const figures: Record<string, Figures> = {};
      for (const way of [...ways.slice(first), ...ways.slice(0, first)])
        figures[way.name] = await figuresOf(way);
      tried.push({ othersShare: await othersShare(), figures });
    }
    const counted = tried.toSorted((a, b) => a.othersShare - b.othersShare).slice(0, roundCount);
    return {
      tries: tried.length,
      othersShare: counted.at(-1)?.othersShare ?? 0,
      rounds: counted.map(({ figures }) => figures),
    };
  };
}

/** Compare two ways within each round, and take the median of that. */
export function compared<Figures>(
  { rounds }: Pick<QuietRounds<Figures>, 'rounds'>,
  [one, other]: readonly [string, string],
  compare: (a: Figures, b: Figures) => number,
): number {
  return median(
    rounds.flatMap((round) => {
      const [a, b] = [round[one], round[other]];
      return a === undefined || b === undefined ? [] : [compare(a, b)];
    }),
  );
}
