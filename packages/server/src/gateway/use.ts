import type { AuditContext, AuditFields, Use } from '@sealgate/vault';
import type { Caller } from '../caller.ts';
import type { Call } from './call.ts';
import type { Passage } from './passage.ts';

/** What the log is told of a caller. @param correlation UUIDv7 of the request */
export function auditContext(caller: Caller, correlation: string): AuditContext {
  return {
    tenant: caller.tenant,
    actor: { type: 'person', id: caller.subject },
    source: caller.source,
    correlation,
    ...(caller.ip === undefined ? {} : { ip: caller.ip }),
    ...(caller.agent === undefined ? {} : { agent: caller.agent }),
  };
}

/** The question to the gate for one call. */
export function useOf(passage: Pick<Passage, 'caller' | 'upstream' | 'call' | 'body' | 'correlation'>): Use {
  const { caller, upstream, call } = passage;
  return {
    context: auditContext(caller, passage.correlation),
    subject: caller.subject,
    upstream: upstream.name,
    act: call.is.act,
    required: upstream.credential !== undefined,
    request: requestOf(call, passage.body?.byteLength ?? 0),
  };
}

/** Names of tools and prompts are logged, resource addresses are not: they are parameters and may say anything. */
function requestOf(call: Call, bytes: number): NonNullable<AuditFields['request']> {
  const method = call.method === '' ? call.is.act : call.method;
  const tool = call.is.nameIn === 'name' ? call.name?.toWellFormed().slice(0, 256) : undefined;
  return { method, bytes, ...(tool === undefined ? {} : { tool }) };
}
