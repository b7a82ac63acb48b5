import { claimIssuer } from '../receipt.ts';
import { Refusal, refuse } from '../refusal.ts';
import type { Audit } from './audit.ts';
import type { AuditContext, AuditFlag } from './entry.ts';
import { attemptText, outcomeText } from './entry-text.ts';
import type { Journal } from './journal.ts';
import type { ParamsKeeper } from './kept-params.ts';
import { uuid7Source } from './uuid7.ts';

// Claimed once, as this module loads: every audit of the process issues through it, and nobody else can.
const issue = claimIssuer();

/** What an audit writes to. */
export interface AuditOptions {
  readonly journal: Pick<Journal, 'append' | 'queue' | 'offer' | 'stampMs'>;
  /** Random bytes for entry ids; of node:crypto when not given. */
  readonly random?: (size: number) => Uint8Array;
  /** What is kept of parameters; nothing when not given. */
  readonly params?: ParamsKeeper;
  /** What stands out of an attempt; nobody looks when not given. */
  readonly flagsOf?: (context: AuditContext, atMs: number) => readonly AuditFlag[];
  /** Told when an outcome could not be written down; for the log. */
  readonly failed?: (refusal: Refusal) => void;
}

/**
 * The way into a journal. `strict` starts a commit at once, `group` may wait 3 ms for company: both resolve when the
 * entry is on the disk. `async` resolves when it is queued. Outcomes are written as `async`.
 */
export function openAudit(options: AuditOptions): Audit {
  const { journal, random, failed = () => undefined } = options;
  const uuid7 = uuid7Source(random);
  return {
    async record(cls, context, asked) {
      const fields = { ...asked }; // what is written and what is issued must be the same, whatever happens to `asked`
      const { params: given, redaction } = fields.request ?? {};
      const keeping = given === undefined ? undefined : options.params?.(context.tenant, given, redaction);
      const params = keeping instanceof Promise ? await keeping : keeping;
      const ts = journal.stampMs();
      const id = uuid7(ts);
      const flags = options.flagsOf?.(context, ts);
      const line = attemptText({ id, ts, cls }, context, fields, { params, flags });
      if (cls === 'strict') await journal.append(line);
      else if (cls === 'group') await journal.append(line, 'patient');
      else await journal.queue(line);
      return issue(id, fields.act, fields.object);
    },
    outcome(attempt, context, outcome) {
      try {
        const ts = journal.stampMs();
        journal.offer(outcomeText({ id: uuid7(ts), ts, cls: 'async' }, attempt, context, outcome));
      } catch (error) {
        const refusal =
          error instanceof Refusal
            ? error
            : refuse('audit_unavailable', 'an audit outcome was lost', String(error), error);
        failed(refusal);
      }
    },
  };
}
