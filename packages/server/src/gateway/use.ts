import type { AuditContext, AuditFields, Use } from '@sealgate/vault';
import type { Caller } from '../caller.ts';
import type { Call } from './call.ts';
import { policyOf } from '../domain/audit-policy.ts';
import type { HttpUpstream, Upstream } from '../domain/upstream.ts';
import type { Method } from './methods.ts';
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
    request: requestOf(call, upstream, passage.body?.byteLength ?? 0),
  };
}

/**
 * The question to the gate for one message of ours to an upstream.
 *
 * @param message a request, notification or answer; `undefined` for a GET or DELETE
 */
export function useFor(
  of: { readonly context: AuditContext; readonly subject: string; readonly upstream: HttpUpstream },
  is: Method,
  message: {
    readonly method: string;
    readonly name: unknown;
    readonly params: unknown;
    readonly bytes: number;
  },
): Use {
  const { context, subject, upstream } = of;
  const { name, bytes, params } = message;
  const tool = is.nameIn === 'name' && typeof name === 'string' ? name : undefined;
  return {
    context,
    subject,
    upstream: upstream.name,
    act: is.act,
    required: upstream.credential !== undefined,
    request: {
      method: message.method === '' ? is.act : message.method,
      bytes,
      ...askedOf(upstream, tool, params),
    },
  };
}

function requestOf(call: Call, upstream: HttpUpstream, bytes: number): NonNullable<AuditFields['request']> {
  const method = call.method === '' ? call.is.act : call.method;
  const tool = call.is.nameIn === 'name' ? call.name : undefined;
  return { method, bytes, ...askedOf(upstream, tool, call.params) };
}

/**
 * What an attempt says of the question itself. Names of tools and prompts are logged as they are, resource addresses are not:
 * they are parameters and may say anything.
 */
export function askedOf(
  { audit }: Pick<Upstream, 'audit'>,
  tool: string | undefined,
  params: unknown,
): Pick<NonNullable<AuditFields['request']>, 'params' | 'redaction' | 'tool'> {
  return {
    ...(tool === undefined ? {} : { tool: logged(tool) }),
    ...(params === undefined ? {} : { params, redaction: policyOf(audit, tool) }),
  };
}

function logged(name: string): string {
  return name.toWellFormed().slice(0, 256);
}
