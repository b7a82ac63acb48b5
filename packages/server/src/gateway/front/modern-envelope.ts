import { classifyInboundRequest } from '@modelcontextprotocol/server';
import { logLevelOf, type LogLevel } from '../link/log-level.ts';
import { modernRevisions } from '../../domain/eras.ts';
import type { Values } from './target.ts';

// What a message of 2026-07-28 says of itself in `_meta`. It is said to this hop: the target says its own to the next,
// so the keys are taken out here, and the progress token with them.

/** One request, read. */
export interface ModernRequest {
  readonly id: string | number;
  readonly method: string;
  /** Without the envelope's keys. */
  readonly params: Values;
  readonly capabilities: Values;
  /** Least severe log message that is wanted; `undefined`: none. */
  readonly logLevel: LogLevel | undefined;
  readonly progressToken: string | number | undefined;
}

/** What came. */
export type Inbound =
  | { readonly kind: 'request'; readonly request: ModernRequest }
  | { readonly kind: 'notification'; readonly method: string; readonly params: Values }
  | { readonly kind: 'refused'; readonly response: Response };

const prefix = 'io.modelcontextprotocol/';
const mine = new Set(
  ['protocolVersion', 'clientCapabilities', 'clientInfo', 'logLevel'].map((key) => prefix + key),
);

/** Read a POST. Its headers were compared with its body before (`readCall`), save what a caller without headers lacks. */
export function readInbound(body: unknown, headers: Headers): Inbound {
  const field = (name: string): string | undefined => headers.get(name) ?? undefined;
  const found = classifyInboundRequest({
    httpMethod: 'POST',
    protocolVersionHeader: field('mcp-protocol-version'),
    mcpMethodHeader: field('mcp-method'),
    mcpNameHeader: field('mcp-name'),
    body,
  } as Parameters<typeof classifyInboundRequest>[0]);
  const id = idOf(body);
  if (found.kind === 'reject') return refused(found.httpStatus, id, found);
  const revision = found.kind === 'modern' ? found.classification.revision : undefined;
  if (found.kind === 'legacy' || revision === undefined || !modernRevisions.includes(revision))
    return refused(400, id, {
      code: -32022,
      message: `Unsupported protocol version: ${revision ?? 'none was named'}`,
      data: { supported: modernRevisions, requested: revision ?? 'unknown' },
    });
  const { method, params = {} } = found.message as { method: string; params?: Values };
  if (found.messageKind === 'notification') return { kind: 'notification', method, params };
  return { kind: 'request', request: read(id!, method, params) };
}

function read(id: string | number, method: string, params: Values): ModernRequest {
  const { _meta, ...rest } = params;
  const meta = _meta as Values;
  const left = Object.entries(meta).filter(([key]) => !mine.has(key) && key !== 'progressToken');
  const token = meta['progressToken'];
  return {
    id,
    method,
    params: left.length === 0 ? rest : { ...rest, _meta: Object.fromEntries(left) },
    capabilities: meta[`${prefix}clientCapabilities`] as Values,
    logLevel: logLevelOf(meta[`${prefix}logLevel`]),
    progressToken: typeof token === 'string' || typeof token === 'number' ? token : undefined,
  };
}

function idOf(body: unknown): string | number | undefined {
  const { id, method } = (body ?? {}) as { id?: unknown; method?: unknown };
  return typeof method === 'string' && (typeof id === 'string' || typeof id === 'number') ? id : undefined;
}

function refused(
  status: number,
  id: string | number | undefined,
  { code, message, data }: { readonly code: number; readonly message: string; readonly data?: unknown },
): Inbound {
  const error = { code, message, ...(data === undefined ? {} : { data }) };
  return { kind: 'refused', response: Response.json({ jsonrpc: '2.0', id: id ?? null, error }, { status }) };
}
