// A name is blinded again and again while what lies under it is in use, and a look-up costs a twentieth of blinding. Names may
// be the ids of sessions, so few are kept, and none for longer than a minute after its last use.

const keptMax = 2048;
const turnMs = 30_000;

const ofBlinder = new WeakMap<object, RecentNames>();

/** Blinded names by what they were made of. */
export interface RecentNames {
  /** What was found for this text lately, or what `make` makes of it. */
  get(text: string, make: () => string): string;
}

/** The names that this sealer, or whatever else blinds, has blinded lately. */
export function recentNames(blinding: object): RecentNames {
  const known = ofBlinder.get(blinding);
  if (known !== undefined) return known;
  const names = namesKept();
  ofBlinder.set(blinding, names);
  return names;
}

// Two halves: what is asked for moves into the young one, and the old one is dropped when the young one is full or its time
// is over.
function namesKept(): RecentNames {
  let young = new Map<string, string>();
  let old = young;
  let timer: NodeJS.Timeout | undefined;
  const turn = (): void => {
    old = young;
    young = new Map();
  };
  const age = (): void => {
    turn();
    if (old.size === 0) timer = undefined;
    else timer?.refresh();
  };
  return {
    get(text, make) {
      const known = young.get(text);
      if (known !== undefined) return known;
      const name = old.get(text) ?? make();
      if (young.size >= keptMax / 2) turn();
      young.set(text, name);
      timer ??= setTimeout(age, turnMs).unref();
      return name;
    },
  };
}
