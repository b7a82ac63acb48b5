import type { AuditContext } from '@sealgate/vault';
import type { Caller } from '../../caller.ts';
import type { StdioUpstream } from '../../domain/upstream.ts';
import { auditContext } from '../use.ts';
import type { Ask } from './children.ts';

/** One HTTP request to a stdio upstream, after it was let in. */
export interface Entrant {
  readonly caller: Caller;
  readonly upstream: StdioUpstream;
  /** UUIDv7 of the request. */
  readonly correlation: string;
  /** The parsed JSON body; `undefined` for GET and DELETE. */
  readonly body: unknown;
  /** Length of the body as it came. */
  readonly bytes: number | undefined;
}

/** Who asks, for the journal. */
export function contextOf({ caller, correlation }: Entrant): AuditContext {
  return auditContext(caller, correlation);
}

/** The method of a JSON-RPC request or notification; `undefined` for anything else. */
export function methodNameOf(body: unknown): string | undefined {
  const method =
    typeof body === 'object' && body !== null ? (body as { method?: unknown }).method : undefined;
  return typeof method === 'string' ? method : undefined;
}

/** What is asked of the children. */
export function askOf(entrant: Entrant): Ask {
  const method = methodNameOf(entrant.body);
  return {
    context: contextOf(entrant),
    subject: entrant.caller.subject,
    upstream: entrant.upstream,
    request: {
      ...(method === undefined ? {} : { method }),
      ...(entrant.bytes === undefined ? {} : { bytes: entrant.bytes }),
    },
  };
}
