import { randomUUID } from 'node:crypto';
import type { Act } from '../audit/acts.ts';
import type { Audit } from '../audit/audit.ts';
import type { AuditClass, AuditContext, AuditOutcome } from '../audit/entry.ts';
import type { Receipt } from '../receipt.ts';
import { Refusal } from '../refusal.ts';
import { objectOf } from './token-store.ts';
import type { TokenOf } from './token-key.ts';

// Every call is an entry before it is done, and its outcome another one after it. The actor is the service that calls, whoever
// has stored the token; the tenant is the client.

/** What calls are written with. */
export interface EntryParts {
  readonly audit: Audit;
  /** The service that calls. */
  readonly service: string;
  /** How sure an entry must be before the call goes on. */
  readonly cls: AuditClass;
}

/** Do what is written down. */
export interface Entries {
  /**
   * Write the attempt, act, and write what came of it.
   *
   * @param outcomeOf what a result means; success when not given
   * @throws Refusal `audit_unavailable` when nothing can be written: then nothing was done; whatever `work` throws
   */
  done<V>(
    act: Act,
    of: TokenOf,
    work: (receipt: Receipt) => Promise<V>,
    outcomeOf?: (value: V) => AuditOutcome,
  ): Promise<V>;
}

const success: AuditOutcome = { out: 'success' };

/** Entries of one instance. */
export function entriesOf({ audit, service, cls }: EntryParts): Entries {
  const instance = randomUUID();
  let calls = 0;
  return {
    async done(act, of, work, outcomeOf) {
      calls += 1;
      const context: AuditContext = {
        tenant: of.client,
        actor: { type: 'client', id: service },
        source: 'api',
        correlation: `${instance}.${calls}`,
      };
      const fields = { act, object: objectOf(of), service: of.provider };
      const receipt = await audit.record(cls, context, fields);
      try {
        const value = await work(receipt);
        audit.outcome(receipt.entry, context, outcomeOf?.(value) ?? success);
        return value;
      } catch (error) {
        audit.outcome(receipt.entry, context, outcomeOfError(error));
        throw error;
      }
    },
  };
}

function outcomeOfError(error: unknown): AuditOutcome {
  return error instanceof Refusal ? { out: 'failure', code: error.code } : { out: 'error' };
}
