import { randomBytes, timingSafeEqual } from 'node:crypto';
import {
  dropOwned,
  everyPage,
  sealedRecords,
  systemTenant,
  tableRecords,
  type RecordSealing,
  type Records,
  type Sealer,
  type Tables,
} from '@sealgate/vault';
import { refuse } from '../errors.ts';

// Auditors read the audit log and do nothing else. An auditor is known by a token that names its record and carries 256 random
// bits; the record holds its HMAC, sealed, in the tables that all instances share. It is read at each request, so whoever is
// removed is out at once.
//
//   token: sga_<43 characters>.<name>

const secretBytes = 32;
const nameForm = /^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$/;
const tokenForm = /^sga_[A-Za-z0-9_-]{43}\.([a-z0-9-]{1,32})$/;
const daysMax = 366;
const dayMs = 24 * 3600_000;
const everyAuditor = 'every';
const sealing: RecordSealing = { kind: 'record', table: 'auditors', tenant: systemTenant };

/** Somebody who may read the audit log. */
export interface Auditor {
  /** Small letters, digits and `-`; 1 to 32. */
  readonly name: string;
  /** Whose log; `undefined`: everybody's. */
  readonly tenant: string | undefined;
  readonly addedAtMs: number;
  /** From then on it is none any more. */
  readonly endsAtMs: number;
}

/** An auditor to be made. */
export interface NewAuditor extends Pick<Auditor, 'name' | 'tenant'> {
  /** 1 to 366. */
  readonly days: number;
}

/** The auditors of a deployment. */
export interface Auditors {
  /** The token is shown once and kept nowhere. @throws Refusal `usage` for another form of name or time, or a name that is taken */
  add(auditor: NewAuditor): Promise<{ readonly auditor: Auditor; readonly token: string }>;
  /** By name. */
  list(): Promise<readonly Auditor[]>;
  /** @returns `false`: there is none of this name */
  remove(name: string): Promise<boolean>;
  /** Whose token it is; `undefined` for one that is malformed, unknown, removed or over. */
  identify(token: string): Promise<Auditor | undefined>;
  /** Whether this one is still there, and not another of its name. */
  stands(auditor: Auditor): Promise<boolean>;
}

/** What auditors stand on. */
export interface AuditorParts {
  readonly tables: Tables;
  readonly sealer: Sealer;
  readonly now: () => number;
  /** `node:crypto` when not given. */
  readonly random?: ((bytes: number) => Uint8Array) | undefined;
}

interface Kept {
  readonly auditor: Auditor;
  /** HMAC of the token. */
  readonly mark: string;
}

/** Open the auditors of a deployment. */
export function openAuditors(parts: AuditorParts): Auditors {
  const { tables, sealer, now } = parts;
  const records = sealedRecords(tableRecords(tables, { now }), sealer, sealing);
  const markOf = (token: string): string => sealer.blind('auditors.token', token);
  const find = async (name: string): Promise<Kept | undefined> => {
    const stored = await records.get(name);
    return stored && keptIn(name, stored);
  };
  return {
    add: (auditor) => add(parts, records, auditor, markOf),
    async list() {
      const all: Auditor[] = [];
      for await (const { names } of everyPage((from) => records.list(everyAuditor, { limit: 100, ...from })))
        for (const name of names) {
          const found = await find(name);
          if (found !== undefined) all.push(found.auditor);
        }
      return all.toSorted((one, other) => (one.name < other.name ? -1 : 1));
    },
    remove: async (name) => nameForm.test(name) && (await records.take(name)) !== undefined,
    async identify(token) {
      const name = tokenForm.exec(token)?.[1];
      if (name === undefined || !nameForm.test(name)) return undefined;
      const found = await find(name);
      return isSame(markOf(token), found?.mark ?? '') ? found?.auditor : undefined;
    },
    async stands({ name, tenant, addedAtMs }) {
      const found = (await find(name))?.auditor;
      return found !== undefined && found.tenant === tenant && found.addedAtMs === addedAtMs;
    },
  };
}

/** Remove those who may read this tenant's log alone: it is gone. @returns how many there were */
export async function dropAuditorsOf(
  { tables, sealer, now }: Pick<AuditorParts, 'tables' | 'sealer' | 'now'>,
  tenant: string,
): Promise<number> {
  return dropOwned(tableRecords(tables, { now }), sealer, sealing, ownerOf(tenant));
}

async function add(
  { now, random = randomBytes }: AuditorParts,
  records: Records,
  { name, tenant, days }: NewAuditor,
  markOf: (token: string) => string,
): Promise<{ readonly auditor: Auditor; readonly token: string }> {
  if (!nameForm.test(name))
    throw refuse('usage', 'an auditor is called by small letters, digits and -, 32 at most');
  if (!(Number.isInteger(days) && days >= 1 && days <= daysMax))
    throw refuse('usage', `an auditor is one for 1 to ${daysMax} days`);
  const token = `sga_${Buffer.from(random(secretBytes)).toString('base64url')}.${name}`;
  const addedAtMs = now();
  const endsAtMs = addedAtMs + days * dayMs;
  const facts = { mark: markOf(token), tenant: tenant ?? null, addedAtMs };
  const owners = [everyAuditor, ...(tenant === undefined ? [] : [ownerOf(tenant)])];
  const written = await records.put(name, Buffer.from(JSON.stringify(facts)), {
    endsAtMs,
    owners,
    guard: { ifAbsent: true },
  });
  if (written === undefined) throw refuse('usage', 'there is an auditor of this name; remove it first');
  return { auditor: { name, tenant, addedAtMs, endsAtMs }, token };
}

// Nobody is called so: names of auditors have no such sign.
function ownerOf(tenant: string): string {
  return `tenant:${tenant}`;
}

function keptIn(name: string, { bytes, endsAtMs }: { readonly bytes: Uint8Array; endsAtMs: number }): Kept {
  const { mark, tenant, addedAtMs } = JSON.parse(Buffer.from(bytes).toString('utf8')) as {
    readonly mark: string;
    readonly tenant: string | null;
    readonly addedAtMs: number;
  };
  return { auditor: { name, tenant: tenant ?? undefined, addedAtMs, endsAtMs }, mark };
}

function isSame(given: string, kept: string): boolean {
  const [one, other] = [Buffer.from(given), Buffer.from(kept)];
  return one.length === other.length && timingSafeEqual(one, other);
}
