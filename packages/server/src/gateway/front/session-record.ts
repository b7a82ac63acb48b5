import {
  dropOwned,
  everyPage,
  sealedRecords,
  type Records,
  type Revision,
  type Sealer,
} from '@sealgate/vault';
import { pathOfAddress } from '../../domain/mcp-address.ts';
import type { Passage } from '../owner/owners.ts';
import type { LogLevel } from '../link/log-level.ts';
import type { Places, Values } from './target.ts';

// What makes a session outlive the instance that opened it. Sealed for its group and person, under a name nobody can
// read: whoever comes as somebody else does not even find it.

const table = 'mcp_sessions';
/** The owner that every record has. */
const everySession = 'sessions';

/** Who may use a session, and where. */
export interface Principal {
  readonly tenant: string;
  readonly subject: string;
  readonly client: string;
  /** Path of the address it was opened at. */
  readonly address: string;
}

/** A session as it is stored. */
export interface SessionRecord {
  readonly principal: Principal;
  /** The upstream it talks to; `undefined`: all of the group's as one. */
  readonly upstream: string | undefined;
  /** Negotiated protocol revision. */
  readonly version: string;
  /** What the client declared it can do, and who it says it is. */
  readonly capabilities: Values;
  readonly clientInfo: Values;
  /** Parameters of its `initialize`, as they came. */
  readonly initialize: Values;
  /** Least severe log message it asked for; `undefined`: it never said. */
  readonly level: LogLevel | undefined;
  /** URIs of resources it watches. */
  readonly subscriptions: readonly string[];
  /** Id of the instance that serves it. */
  readonly owner: string;
  /** How often it changed its owner; part of every event id, so that two owners never give out the same. */
  readonly generation: number;
  /** Names the conversation to its target; the same after a take-over. */
  readonly holder: string;
  /** What the target needs to go on elsewhere; `undefined`: it cannot. */
  readonly resumption: Values | undefined;
  /** How far its upstreams were heard when `told` was the last event. */
  readonly heard: Places;
  /** Id of an event of the standing stream; `undefined`: that was never opened. */
  readonly told: string | undefined;
}

/** A record that was read, and the revision to replace it under. */
export interface Found {
  readonly record: SessionRecord;
  readonly revision: Revision;
}

/** Stored sessions. Every method throws what `Records` throws. */
export interface SessionRecords {
  /** `undefined` when there is none of this person under this id. */
  load(of: { readonly tenant: string; readonly subject: string }, id: string): Promise<Found | undefined>;
  /** @param revision of what is replaced; `undefined`: there is nothing yet. Returns `undefined` when somebody else was faster, or the session has ended */
  save(
    id: string,
    record: SessionRecord,
    endsAtMs: number,
    revision?: Revision,
  ): Promise<Revision | undefined>;
  /** `false` when it has ended. */
  extend(principal: Principal, id: string, endsAtMs: number): Promise<boolean>;
  /** End it, for every instance; no slower write brings it back until then. */
  bar(principal: Principal, id: string, untilMs: number): Promise<void>;
  /** Ids of a person's sessions, living ones; for clean-up, may lag behind. */
  idsOf(tenant: string, subject: string): Promise<readonly string[]>;
}

/** Whose session a request may use. */
export function principalOf({ caller, address }: Pick<Passage, 'caller' | 'address'>): Principal {
  const { tenant, subject, client } = caller;
  return { tenant, subject, client, address: pathOfAddress(address) };
}

/** Whether a request comes from the session's own client, at the session's own address. */
export function isOwn(principal: Principal, passage: Pick<Passage, 'caller' | 'address'>): boolean {
  const asked = principalOf(passage);
  return (
    principal.tenant === asked.tenant &&
    principal.subject === asked.subject &&
    principal.client === asked.client &&
    principal.address === asked.address
  );
}

/** Remove the records of a person in a group, also when they cannot be opened any more. @returns how many there were */
export function dropSessionRecords(
  records: Records,
  sealer: Sealer,
  { tenant, subject }: { readonly tenant: string; readonly subject: string },
): Promise<number> {
  return dropOwned(records, sealer, { kind: 'session', table, tenant, subject }, everySession);
}

/** Sessions on any `Records`. */
export function openSessionRecords(records: Records, sealer: Sealer): SessionRecords {
  const of = ({ tenant, subject }: { readonly tenant: string; readonly subject: string }): Records =>
    sealedRecords(records, sealer, { kind: 'session', table, tenant, subject });
  return {
    async load(whose, id) {
      // Longer names are refused by the store; nobody was ever given one.
      if (id.length > 128 || id === '') return undefined;
      const found = await of(whose).get(id);
      if (found === undefined) return undefined;
      const { buffer, byteOffset, byteLength } = found.bytes;
      const text = Buffer.from(buffer, byteOffset, byteLength).toString('utf8');
      found.bytes.fill(0);
      const stored = JSON.parse(text) as Omit<SessionRecord, 'heard'> & { readonly heard?: Places };
      const { upstream, level, resumption, told, heard = {}, ...record } = stored;
      return { record: { ...record, upstream, level, resumption, heard, told }, revision: found.revision };
    },
    async save(id, record, endsAtMs, revision) {
      const bytes = Buffer.from(JSON.stringify(record));
      const guard = revision === undefined ? ({ ifAbsent: true } as const) : { ifRevision: revision };
      const owners = [everySession];
      return of(record.principal)
        .put(id, bytes, { endsAtMs, owners, guard })
        .finally(() => bytes.fill(0));
    },
    extend: async (principal, id, endsAtMs) => of(principal).extend(id, endsAtMs),
    bar: async (principal, id, untilMs) => of(principal).bar(id, untilMs),
    async idsOf(tenant, subject) {
      const ids: string[] = [];
      const mine = of({ tenant, subject });
      for await (const { names } of everyPage((from) => mine.list(everySession, { limit: 100, ...from })))
        ids.push(...names);
      return ids;
    },
  };
}
