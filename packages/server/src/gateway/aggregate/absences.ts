import { ProtocolError } from '@modelcontextprotocol/client';
import { Refusal } from '@sealgate/vault';
import type { Log } from '../../log.ts';
import type { Conversation } from '../front/target.ts';

// A list without an upstream that is down looks like one where the upstream has nothing, and a model would act on it. So
// whoever gets such a list is told: in the list's `_meta`, and in a session by a log message too, once for each outage.

/** An upstream that has no part in an answer. Safe to show. */
export interface Absence {
  readonly upstream: string;
  readonly code: string;
  readonly message: string;
}

/** Where absences are told of. */
export const partialKey = 'io.sealgate/partial';

/** What one conversation was told. */
export interface Absences {
  /** @returns what to tell; @param error why the upstream is not there */
  note(upstream: string, error: unknown): Absence;
  /** The upstream is there. */
  back(upstream: string): void;
}

/** Nobody is absent. */
export function openAbsences(conversation: Conversation, log: Pick<Log, 'warn'>): Absences {
  const told = new Set<string>();
  return {
    note(upstream, error) {
      const absence = absenceOf(upstream, error);
      if (told.has(upstream)) return absence;
      told.add(upstream);
      if (absence.code === 'internal') log.warn({ upstream, err: error }, 'an upstream could not be asked');
      if (conversation.era === 'legacy')
        conversation.hear({
          method: 'notifications/message',
          params: { level: 'warning', logger: 'sealgate', data: absence },
        });
      return absence;
    },
    back: (upstream) => void told.delete(upstream),
  };
}

function absenceOf(upstream: string, error: unknown): Absence {
  if (error instanceof Refusal) return { upstream, code: error.code, message: error.message };
  if (error instanceof ProtocolError)
    return { upstream, code: String(error.code), message: error.message.slice(0, 300) };
  return { upstream, code: 'internal', message: `upstream "${upstream}" could not be asked` };
}
