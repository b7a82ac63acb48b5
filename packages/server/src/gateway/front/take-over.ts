import type { Refusal } from '@sealgate/vault';
import { refuse } from '../../errors.ts';
import type { Passage, Served } from '../owner/owners.ts';
import type { StoreMark } from '../owner/store-mark.ts';
import { auditContext } from '../use.ts';
import { openEventRecords } from './event-records.ts';
import { heardBefore } from './heard.ts';
import { bare, served } from './legacy-answer.ts';
import type { LegacySession } from './legacy-session.ts';
import { isOwn, type Found, type SessionRecords } from './session-record.ts';
import type { SessionsParts } from './session-parts.ts';
import type { SessionTable } from './session-table.ts';

// A request for a session that is not served here: its owner answers it, and when the owner is gone this instance
// becomes the owner, if the target can go on. Of several instances that try, the one whose conditional write wins does.

/** Finds who serves a session. */
export interface TakeOver {
  /**
   * The owner's answer, or the session when it is now served here.
   *
   * @throws Refusal `session_unknown`, `session_lost`, `instance_unavailable`, `overloaded`
   */
  find(id: string, passage: Passage, request: Request): Promise<LegacySession | Served>;
}

/** As unknown as one that never was. */
export function sessionUnknown(): Refusal {
  return refuse('session_unknown', 'this session is unknown or has ended; initialize a new one');
}

// Right after the records were lost, whoever serves the session has not written it anew yet.
async function absent(mark: StoreMark): Promise<Refusal> {
  await mark.look();
  return mark.isNew()
    ? refuse('instance_unavailable', 'sessions are being found again; send the request again in a moment')
    : sessionUnknown();
}

const triesMax = 3;

/** Open the search. */
export function openTakeOver(parts: SessionsParts, stored: SessionRecords, table: SessionTable): TakeOver {
  const { owners } = parts;
  const adopting = new Map<string, Promise<LegacySession | undefined>>();
  const adopt = async (id: string, passage: Passage, found: Found): Promise<LegacySession | undefined> => {
    const free = await table.makeRoom(passage.caller);
    const session = await claim({ parts, stored, table }, id, passage, found).finally(free);
    if (session === undefined) return undefined;
    await session.restore(auditContext(passage.caller, passage.correlation));
    parts.log.info({ from: found.record.owner }, 'a session was taken over');
    return session;
  };
  const adoptOnce = (id: string, passage: Passage, found: Found): Promise<LegacySession | undefined> => {
    const going = adopting.get(id) ?? adopt(id, passage, found).finally(() => adopting.delete(id));
    adopting.set(id, going);
    return going;
  };
  return {
    async find(id, passage, request) {
      for (let tries = 0; tries < triesMax; tries += 1) {
        const found = await stored.load(passage.caller, id);
        if (found === undefined) throw await absent(owners.mark);
        if (!isOwn(found.record.principal, passage)) throw sessionUnknown();
        const { owner, principal, resumption } = found.record;
        if (owner !== owners.self) {
          const answer = await owners.pass(owner, passage, request);
          if (answer !== 'dead') return served(answer);
        }
        const here = await (table.sessions.get(id) ?? adopting.get(id));
        if (here !== undefined) return here;
        if (resumption === undefined) {
          await stored.bar(principal, id, table.barredUntilMs());
          if (request.method === 'DELETE') return served(bare(200));
          throw refuse(
            'session_lost',
            'the instance that served this session has ended; initialize a new session',
          );
        }
        const session = await adoptOnce(id, passage, found);
        if (session !== undefined) return session;
      }
      throw sessionUnknown();
    },
  };
}

interface Claiming {
  readonly parts: SessionsParts;
  readonly stored: SessionRecords;
  readonly table: SessionTable;
}

/** @returns `undefined` when another instance was faster */
async function claim(
  { parts, stored, table }: Claiming,
  id: string,
  passage: Passage,
  { record, revision: before }: Found,
): Promise<LegacySession | undefined> {
  const next = { ...record, owner: parts.owners.self, generation: record.generation + 1 };
  const revision = await stored.save(id, next, table.endsAtMs(), before);
  if (revision === undefined) return undefined;
  const { tenant, subject } = record.principal;
  const { records, sealer } = parts;
  const events = openEventRecords({ records, sealer, tenant, subject, session: id });
  const heard = await heardBefore(events, record);
  const session = table.make(passage, { id, record: { ...next, heard }, revision });
  table.add(session);
  return session;
}
