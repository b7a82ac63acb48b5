import type { AuditContext, AuditFields, AuditOutcome } from '@sealgate/vault';
import { requestId } from '../packages/server/src/domain/request-id.ts';

// Calls as a gateway writes them down: of so many groups with four people each, to twenty upstreams; three in a hundred fail,
// and one of those because nothing could be opened.

const people = 4;
const upstreams = 20;
const failsEvery = 33;
const unopenedEvery = 3 * failsEvery;

/** What is written of one call. */
export interface AuditedCall {
  readonly context: AuditContext;
  readonly fields: AuditFields;
  readonly outcome: AuditOutcome;
}

/** Who calls: a person, whose part of an entry is sealed for itself, or a program, which has none. */
export type Actor = Extract<AuditContext['actor']['type'], 'person' | 'client'>;

/** Call number `n`, at `atMs`. */
export function auditedCall(n: number, atMs: number, tenants: number, actor: Actor = 'person'): AuditedCall {
  const tenant = `group-${n % tenants}`;
  const own = Math.floor(n / tenants);
  const who = own % people;
  const service = `upstream-${n % upstreams}`;
  const fails = own % failsEvery === failsEvery - 1;
  const code = own % unopenedEvery === unopenedEvery - 1 ? 'key_disabled' : '502';
  return {
    context: {
      tenant,
      actor: { type: actor, id: `${tenant}-caller-${who}` },
      source: 'mcp',
      correlation: requestId(atMs),
      ip: `192.0.2.${who}`,
      agent: 'bench/1.0',
    },
    fields: {
      act: 'tool.call',
      object: `connection:${tenant}/${service}-default`,
      service,
      request: { method: 'tools/call', tool: `orders.list-${n % 7}`, bytes: 200 + (n % 50) },
    },
    outcome: fails
      ? { out: 'failure', code, ms: n % 30 }
      : { out: 'success', ms: n % 30, bytes: 800 + (n % 90) },
  };
}
