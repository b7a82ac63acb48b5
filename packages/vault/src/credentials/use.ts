import type { Act } from '../audit/acts.ts';
import type { Audit } from '../audit/audit.ts';
import type { AuditOutcome } from '../audit/entry.ts';
import type { Receipt } from '../receipt.ts';
import { redeem } from '../receipt.ts';
import { Refusal, refuse } from '../refusal.ts';
import { connectionOf, objectOf, type ConnectionRows } from './connections.ts';
import type { ConnectionRow, Found } from './found-rows.ts';
import type { Connection, Gate, Lent, Use } from './gate.ts';
import { inject } from './inject.ts';
import type { Carry } from './loan.ts';
import { needlesOf } from './needles.ts';
import { scrubAnswer } from './scrub.ts';

// The gate (stops 5 and 7 of the walk). The order is the rule: find whose it is, attempt durable, and only then
// open; if the attempt cannot be written nothing is opened. The plaintext lies in one buffer, wiped when the work ends;
// in the header or query value it becomes; and in the needles that scrub the answer, for as long as that is read.

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
      let loan: Loan | undefined;
      try {
        loan = lend(await release(parts, attempted, use), carry);
        outcome = await work(loan.lent);
      } catch (error) {
        outcome = failed(error);
        throw error;
      } finally {
        loan?.end();
        audit.outcome(attempted.receipt.entry, use.context, { ...outcome, ms: now() - startedAtMs });
      }
    },
    async lendToChild(use) {
      const attempted = await attempt(parts, use, 'child.lend');
      let released: Released;
      try {
        released = await release(parts, attempted, use);
        const loan = childLoan(released);
        audit.outcome(attempted.receipt.entry, use.context, { out: 'success' });
        return loan;
      } catch (error) {
        audit.outcome(attempted.receipt.entry, use.context, failed(error));
        throw error;
      } finally {
        released?.secret.fill(0);
      }
    },
    async lends({ tenant, subject, upstream }) {
      const row = (await connections.find(tenant, subject, upstream, 'default'))?.row;
      return row === undefined ? undefined : connectionOf(row);
    },
    onChange: connections.onChange,
  };
}

interface Attempt {
  readonly found: Found | undefined;
  readonly receipt: Receipt;
  readonly act: Act;
  readonly object: string;
}

/** An open credential and the row it is of; `undefined` when the upstream is reached without one. */
type Released = { readonly row: ConnectionRow; readonly secret: Buffer } | undefined;

async function attempt({ connections, audit }: GateParts, use: Omit<Use, 'act'>, act: Act): Promise<Attempt> {
  const { context, subject, upstream, request } = use;
  const found = await connections.find(context.tenant, subject, upstream, 'default');
  const object =
    found === undefined ? `upstream:${upstream}` : objectOf(found.row.groupId, found.row.connectionId);
  const receipt = await audit.record('strict', context, { act, object, service: upstream, request });
  return { found, receipt, act, object };
}

async function release(
  { connections }: GateParts,
  { found, receipt, act, object }: Attempt,
  { upstream, required }: Pick<Use, 'upstream' | 'required'>,
): Promise<Released> {
  if (found === undefined) {
    redeem(receipt, act, object);
    if (required) throw missing(upstream);
    return undefined;
  }
  // It may have been replaced or removed while the attempt was on its way to the disk.
  const row = await connections.current(found);
  if (row === undefined) throw missing(upstream);
  return { row, secret: await connections.open(receipt, act, row) };
}

/** One request's use of a credential. `end`: no request any more, and the plaintext is wiped. */
interface Loan {
  readonly lent: Lent;
  end(): void;
}

function lend(released: Released, carry: Carry): Loan {
  let spent = false;
  const lent: Lent = async (outgoing) => {
    if (spent) throw refuse('loan_spent', 'a credential is lent to one request only, until the work ends');
    spent = true;
    if (released === undefined) return carry(outgoing);
    const { row, secret } = released;
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
  return {
    lent,
    end() {
      spent = true;
      released?.secret.fill(0);
    },
  };
}

function childLoan(released: Released): {
  environment: Readonly<Record<string, string>>;
  connection: Connection | undefined;
} {
  if (released === undefined) return { environment: {}, connection: undefined };
  const { row, secret } = released;
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
