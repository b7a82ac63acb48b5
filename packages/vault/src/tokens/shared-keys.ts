import { contextAt } from '../keys/place.ts';
import type { Records } from '../store/records.ts';
import type { OpenedKeys } from './find-key.ts';
import { heldKeys } from './held-keys.ts';
import type { KeyRecords, WrappedKey } from './token-key.ts';
import { systemTenant } from '../keys/system-tenant.ts';

// Opened token keys, for the other instances of the same service (decision 0013). Each is sealed under a key of the service
// that every instance asks the key service for, and bound to its end, which is that of the instance that opened it first:
//
//   tokens.open.<name>   name of the sharing key (43) · end in ms (16 digits) · sealed record of kind `record`
//
// It only makes things cheaper: whatever goes wrong here, the key service is asked.

const nameLength = 43;
const endDigits = 16;
const sealedAt = nameLength + endDigits;
/** Longest life of a token key in memory, jitter included. */
const keyLifeMsMax = 330_000;
const clientsMax = 10_000;

/** Opened keys of one service. */
export interface SharedKeys extends OpenedKeys {
  /** What was opened so far is not to be used; `undefined`: of nobody. @param tag the client's blinded name */
  distrust(tag: string | undefined): void;
  close(): void;
}

/** Share with the instances of this service. */
export function sharedKeys(parts: KeyRecords, service: string): SharedKeys {
  const { records, names, now } = parts;
  const sharing = { client: systemTenant, provider: 'shared_keys', service, kmsKeyId: '' };
  const keys = heldKeys({ ...parts, opened: undefined }, 1);
  const trust = trusting(now);
  const placed = (key: WrappedKey, endsAtMs: number) => contextOf(names().deployment, key, endsAtMs);
  const trusted = ({ scope }: WrappedKey): boolean => trust.in(names().blind('client', scope.client));
  return {
    async get(key) {
      if (key.scope.service !== service || !trusted(key)) return undefined;
      try {
        const found = await readOpened(records, key);
        if (found === undefined || found.endsAtMs <= now()) return undefined;
        const { endsAtMs } = found;
        const bytes = await keys.named(found.sharingName, sharing, (held) =>
          held.key.open('record', placed(key, endsAtMs), found.sealed),
        );
        return { bytes, endsAtMs };
      } catch {
        return undefined;
      }
    },
    async put(key, bytes, lifeEndsAtMs) {
      if (key.scope.service !== service || !trusted(key)) return;
      try {
        const endsAtMs = Math.floor(lifeEndsAtMs);
        const text = await keys.sealing(sharing, endsAtMs, (held) =>
          Buffer.concat([
            Buffer.from(held.version + String(endsAtMs).padStart(endDigits, '0'), 'latin1'),
            held.key.seal('record', placed(key, endsAtMs), bytes),
          ]),
        );
        await records.put(recordOf(key), text, { endsAtMs });
      } catch {
        // The others ask the key service themselves.
      }
    },
    distrust(tag) {
      trust.end(tag);
      if (tag === undefined) keys.drop(undefined);
    },
    close: () => keys.close(),
  };
}

// For as long as something that was opened before may still lie about.
function trusting(now: () => number) {
  const untilMs = new Map<string, number>();
  let nobodyUntilMs = 0;
  return {
    in: (tag: string): boolean => now() >= Math.max(nobodyUntilMs, untilMs.get(tag) ?? 0),
    end(tag: string | undefined): void {
      for (const [each, endsAtMs] of untilMs) if (endsAtMs <= now()) untilMs.delete(each);
      if (tag === undefined || untilMs.size >= clientsMax) nobodyUntilMs = now() + keyLifeMsMax;
      else untilMs.set(tag, now() + keyLifeMsMax);
    },
  };
}

async function readOpened(records: Records, key: WrappedKey) {
  const bytes = Buffer.from((await records.get(recordOf(key)))?.bytes ?? []);
  if (bytes.length <= sealedAt) return undefined;
  return {
    sharingName: bytes.toString('latin1', 0, nameLength),
    endsAtMs: Number(bytes.toString('latin1', nameLength, sealedAt)),
    sealed: bytes.subarray(sealedAt),
  };
}

function recordOf({ name }: WrappedKey): string {
  return `tokens.open.${name}`;
}

function contextOf(deployment: string, key: WrappedKey, endsAtMs: number) {
  const { client: tenant, provider: subject, service: field } = key.scope;
  const place = { tenant, subject, table: 'tokens', record: recordOf(key), field, epoch: endsAtMs };
  return contextAt(deployment, 'record', place);
}
