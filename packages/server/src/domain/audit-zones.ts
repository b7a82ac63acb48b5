import { localClock, redeem, type Receipt, type Tables } from '@sealgate/vault';
import { refuse } from '../errors.ts';

// Whose clock says whether something was done outside business hours: a zone for each group that has one. All of them are
// one row of `settings`, in memory, since every entry asks: settingKey · zones · mark. Other instances read it again each minute.

const settingKey = '_system#audit-zones';
const againMs = 60_000;

/** The zones of groups. */
export interface AuditZones {
  /** IANA name. From memory. */
  zoneOf(tenant: string): string;
  /**
   * @param receipt of a `tenant.set` on {@link tenantObject}
   * @param zone IANA name; `undefined`: the deployment's own from now on
   * @throws Refusal `request_invalid` for a zone that there is not, `receipt_invalid`, `store_unavailable`
   */
  set(receipt: Receipt, tenant: string, zone: string | undefined): Promise<void>;
  close(): void;
}

/** What {@link openAuditZones} stands on. */
export interface AuditZoneParts {
  readonly tables: Tables;
  /** Of groups that have none of their own. */
  readonly fallback: string;
  /** A mark that only this deployment can make: whoever writes the table must not turn the clock. */
  readonly mark: (text: string) => string;
  /** Told that somebody else wrote the row: it does not count. */
  readonly foreign: () => void;
  /** Told that the row could not be read again. */
  readonly failed: (error: unknown) => void;
}

/** What receipts of changes to a group are bound to. */
export function tenantObject(tenant: string): string {
  return `tenant:${tenant}`;
}

/** @throws Refusal `request_invalid` for a zone that there is not */
export function refuseUnknownZone(zone: string): void {
  try {
    localClock(zone);
  } catch (error) {
    throw refuse(
      'request_invalid',
      'there is no such time zone; name one such as Europe/Berlin',
      zone,
      error,
    );
  }
}

interface Read {
  readonly zones: ReadonlyMap<string, string>;
  readonly revision: string | undefined;
}

/** Read them, and read them again now and then. @throws Refusal `store_unavailable` */
export async function openAuditZones(parts: AuditZoneParts): Promise<AuditZones> {
  const { tables, fallback, mark, failed } = parts;
  let { zones } = await read(parts);
  const again = async (): Promise<void> => void ({ zones } = await read(parts));
  const timer = setInterval(() => void again().catch(failed), againMs).unref();
  return {
    zoneOf: (tenant) => zones.get(tenant) ?? fallback,
    async set(receipt, tenant, zone) {
      redeem(receipt, 'tenant.set', tenantObject(tenant));
      if (zone !== undefined) refuseUnknownZone(zone);
      for (;;) {
        const { zones: before, revision } = await read(parts);
        const after = new Map(before);
        if (zone === undefined) after.delete(tenant);
        else after.set(tenant, zone);
        const text = textOf(after);
        const guard = revision === undefined ? ({ ifAbsent: true } as const) : { ifRevision: revision };
        if (
          (await tables.put('settings', { settingKey, zones: text, mark: mark(text) }, guard)) === undefined
        )
          continue;
        zones = after;
        return;
      }
    },
    close: () => clearInterval(timer),
  };
}

async function read({ tables, mark, foreign }: AuditZoneParts): Promise<Read> {
  const found = await tables.get('settings', { settingKey });
  if (found === undefined) return { zones: new Map(), revision: undefined };
  const { revision, item } = found;
  const text = item['zones'];
  if (typeof text === 'string' && item['mark'] === mark(text))
    return { zones: new Map(JSON.parse(text) as [string, string][]), revision };
  foreign();
  return { zones: new Map(), revision };
}

function textOf(zones: ReadonlyMap<string, string>): string {
  return JSON.stringify([...zones].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
