import {
  Refusal,
  type KeyAdministration,
  type KeyProgress,
  type KeyWork,
  type KeyWorkDone,
} from '@sealgate/vault';

// Rotating the keys of many groups takes longer than a caller waits for an answer: it goes on by itself, and whoever wants to
// know asks how far it is.

/** How far work is, or what came of it. */
export interface KeyWorkLook {
  readonly work: KeyWork;
  /** `undefined` before the first row. */
  readonly progress: KeyProgress | undefined;
  /** `undefined`: it goes on. */
  readonly ended:
    | { readonly ok: true; readonly done: KeyWorkDone }
    | { readonly ok: false; readonly error: unknown }
    | undefined;
}

/** Work on keys that this process does. */
export interface KeyWorks {
  /**
   * Nothing where the same is under way already.
   *
   * @param run does it, with what it is to be given; its failure is kept for whoever looks
   * @throws Refusal `key_work_running` where it is under way in another way
   */
  begin(work: KeyWork, run: (options: WorkOptions) => Promise<KeyWorkDone>): void;
  /** @returns `undefined` where none of this kind on this tenant was begun here */
  look(work: Pick<KeyWork, 'kind' | 'tenant'>): KeyWorkLook | undefined;
  /** Stop between two rows; whoever begins it again goes on. */
  close(): Promise<void>;
}

type WorkOptions = NonNullable<Parameters<KeyAdministration['work']>[2]>;

/** None yet. */
export function openKeyWorks(): KeyWorks {
  const looks = new Map<string, KeyWorkLook>();
  const running = new Set<Promise<void>>();
  const stop = new AbortController();
  const nameOf = ({ kind, tenant = '*' }: Pick<KeyWork, 'kind' | 'tenant'>): string => `${kind} ${tenant}`;
  return {
    begin(work, run) {
      const name = nameOf(work);
      const known = looks.get(name);
      if (known !== undefined && known.ended === undefined) return refuseOther(known.work, work);
      const look = (part: Partial<KeyWorkLook>): void =>
        void looks.set(name, { work, progress: looks.get(name)?.progress, ended: undefined, ...part });
      look({ progress: undefined });
      const went = run({ progress: (progress) => look({ progress }), signal: stop.signal }).then(
        (done) => look({ ended: { ok: true, done } }),
        (error: unknown) => look({ ended: { ok: false, error } }),
      );
      running.add(went);
      void went.finally(() => running.delete(went));
    },
    look: (work) => looks.get(nameOf(work)),
    async close() {
      stop.abort();
      await Promise.all(running);
    },
  };
}

function refuseOther({ suite, to }: KeyWork, asked: KeyWork): void {
  if (suite !== asked.suite || to !== asked.to)
    throw new Refusal(
      'key_work_running',
      'this is under way in another way; look at it with: sealgate keys status',
    );
}
