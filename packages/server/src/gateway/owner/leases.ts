import type { Records } from '@sealgate/vault';

// Which instances run: one sealed record each, renewed until the instance ends, gone soon after it dies.

/** How long an instance counts as running after its last word, and how often it gives one. */
const leaseMs = 15_000;
const renewMs = 5_000;

/** How long an address that was read is taken for granted: so long do others come to an instance that has left. */
export const knownMs = 1_000;
const idsKnownMax = 1_000;

/** Where an instance answers others. */
export interface Lease {
  readonly id: string;
  readonly url: string;
  readonly startedAtMs: number;
}

/** The instances that run. */
export interface Leases {
  /** `undefined`: it does not run, or nobody can reach it. */
  find(id: string): Promise<Lease | undefined>;
  /** It is gone. Should it live after all, its next renewal brings it back. */
  drop(id: string): Promise<void>;
  /** Give up this instance's own lease; others are found as before. */
  close(): Promise<void>;
}

/** What {@link openLeases} stands on. */
export interface LeaseParts {
  /** Sealed, of the deployment itself. */
  readonly records: Records;
  /** This instance; `undefined`: no other one can reach it, so it takes no lease. */
  readonly own: Lease | undefined;
  readonly now: () => number;
  /** Told when the lease was gone, and is there again. */
  readonly returned: () => Promise<void>;
  /** Told when a lease could not be renewed. */
  readonly failed: (error: unknown) => void;
}

const nameOf = (id: string): string => `instance/${id}`;

/** Take this instance's lease and keep it. */
export async function openLeases({ records, own, now, returned, failed }: LeaseParts): Promise<Leases> {
  const known = new Map<string, { readonly lease: Lease | undefined; readonly untilMs: number }>();
  const renew = async (): Promise<boolean> => {
    if (own === undefined) return false;
    const endsAtMs = now() + leaseMs;
    if (await records.extend(nameOf(own.id), endsAtMs)) return false;
    await records.put(nameOf(own.id), Buffer.from(JSON.stringify(own)), { endsAtMs });
    return true;
  };
  await renew();
  let renewing = Promise.resolve();
  let held = own !== undefined;
  const timer = setInterval(() => {
    renewing = renewing
      .then(renew)
      // Not waited for: what is written anew may be much, and the next renewal must not come late.
      .then((was) => void (was && returned().catch(failed)))
      .catch(failed);
  }, renewMs).unref();
  const giveUp = async (): Promise<void> => {
    clearInterval(timer);
    await renewing;
    if (held && own !== undefined) await records.take(nameOf(own.id)).catch(failed);
    held = false;
  };
  return {
    async find(id) {
      const found = known.get(id);
      if (found !== undefined && found.untilMs > now()) return found.lease;
      const stored = await records.get(nameOf(id));
      const lease =
        stored === undefined ? undefined : (JSON.parse(Buffer.from(stored.bytes).toString('utf8')) as Lease);
      if (known.size >= idsKnownMax) known.clear();
      known.set(id, { lease, untilMs: now() + knownMs });
      return lease;
    },
    async drop(id) {
      known.delete(id);
      await records.take(nameOf(id));
    },
    close: giveUp,
  };
}
