import type { Audit } from '../audit/audit.ts';
import type { AuditOutcome } from '../audit/entry.ts';
import type { Receipt } from '../receipt.ts';
import { redeem } from '../receipt.ts';
import { Refusal, refuse } from '../refusal.ts';
import { connectionOf, objectOf, type ConnectionRow, type ConnectionRows } from './connections.ts';
import type { Connection, Gate, Lent, Use } from './gate.ts';
import { inject } from './inject.ts';
import type { Carry } from './loan.ts';
import { needlesOf } from './needles.ts';
import { scrubAnswer } from './scrub.ts';

// The gate (stops 5 and 7 of the walk). The order is the rule: find whose it is, attempt durable, and only then
// open; if the attempt cannot be written nothing is opened. The plaintext lives in this file's stack frames, in the
// one header or query value it becomes, and in the needles that scrub the answer, and is wiped when the work ends.

/** What the gate stands on. */
export interface GateParts {
  readonly connections: ConnectionRows;
  readonly audit: Audit;
  readonly carry: Carry;
  readonly now: () => number;
}

/** Open the gate. */
export function openGate(parts: GateParts): Gate {
  const { connections, audit, carry, now } = parts;
  return {
    async use(use, work) {
      const startedAtMs = now();
      const attempted = await attempt(parts, use, use.act);
      let outcome: AuditOutcome = { out: 'unknown' };
      let secret: Buffer | undefined;
      try {
        secret = await release(parts, attempted, use);
        outcome = await work(lend(attempted.row, secret, carry));
      } catch (error) {
        outcome = failed(error);
        throw error;
      } finally {
        secret?.fill(0);
        audit.outcome(attempted.receipt.entry, use.context, { ...outcome, ms: now() - startedAtMs });
      }
    },
    async lendToChild(use) {
      const attempted = await attempt(parts, use, 'child.lend');
      let secret: Buffer | undefined;
      try {
        secret = await release(parts, attempted, use);
        audit.outcome(attempted.receipt.entry, use.context, { out: 'success' });
        return childLoan(attempted.row, secret);
      } catch (error) {
        audit.outcome(attempted.receipt.entry, use.context, failed(error));
        throw error;
      } finally {
        secret?.fill(0);
      }
    },
    onChange: connections.onChange,
  };
}

interface Attempt {
  readonly row: ConnectionRow | undefined;
  readonly receipt: Receipt;
  readonly act: string;
  readonly object: string;
}

async function attempt(
  { connections, audit }: GateParts,
  use: Omit<Use, 'act'>,
  act: string,
): Promise<Attempt> {
  const { context, subject, upstream, request } = use;
  const row = (await connections.find(context.tenant, subject, upstream, 'default'))?.item;
  const object = row === undefined ? `upstream:${upstream}` : objectOf(row.groupId, row.connectionId);
  const receipt = await audit.record('strict', context, { act, object, service: upstream, request });
  return { row, receipt, act, object };
}

async function release(
  { connections }: GateParts,
  { row, receipt, act, object }: Attempt,
  { upstream, required }: Pick<Use, 'upstream' | 'required'>,
): Promise<Buffer | undefined> {
  if (row !== undefined) return connections.open(receipt, act, row);
  redeem(receipt, act, object);
  if (required) throw missing(upstream);
  return undefined;
}

function lend(row: ConnectionRow | undefined, secret: Buffer | undefined, carry: Carry): Lent {
  let spent = false;
  return async (outgoing) => {
    if (spent) throw refuse('loan_spent', 'a credential is lent to one request only');
    spent = true;
    if (row === undefined || secret === undefined) return carry(outgoing);
    const { origin, placement, upstream } = connectionOf(row);
    if (origin !== outgoing.origin)
      throw refuse(
        'credential_misdirected',
        `the credential of "${upstream}" was set for another address; set it again with: sealgate connections set ${upstream}`,
        `set for ${origin}, asked for ${outgoing.origin}`,
      );
    const needles = needlesOf(secret, placement);
    return scrubAnswer(await carry(inject(outgoing, placement, secret)), needles);
  };
}

function childLoan(
  row: ConnectionRow | undefined,
  secret: Buffer | undefined,
): { environment: Readonly<Record<string, string>>; connection: Connection | undefined } {
  if (row === undefined || secret === undefined) return { environment: {}, connection: undefined };
  const connection = connectionOf(row);
  if (connection.placement.in !== 'env')
    throw refuse(
      'credential_misdirected',
      `the credential of "${connection.upstream}" was set for HTTP; set it again with: sealgate connections set ${connection.upstream}`,
    );
  return { environment: { [connection.placement.name]: secret.toString('utf8') }, connection };
}

function missing(upstream: string): Refusal {
  return refuse(
    'credential_missing',
    `no credential is set for "${upstream}"; set one with: sealgate connections set ${upstream}`,
  );
}

function failed(error: unknown): AuditOutcome {
  if (error instanceof Refusal)
    return { out: error.code === 'credential_missing' ? 'denied' : 'error', code: error.code };
  return {
    out: error instanceof Error && error.name === 'AbortError' ? 'aborted' : 'error',
    code: 'internal',
  };
}
