import { ProtocolError } from '@modelcontextprotocol/client';
import { Refusal } from '@sealgate/vault';
import { modernRevisions } from '../../domain/eras.ts';
import type { Values } from './target.ts';

// A result or an error as 2026-07-28 has it. What an upstream says passes; what its revision did not know is added:
// the kind of the result, who answered, and that nobody may cache it when the upstream does not say.

const cacheable = new Set([
  'server/discover',
  'tools/list',
  'prompts/list',
  'resources/list',
  'resources/templates/list',
  'resources/read',
]);
const serverInfoKey = 'io.modelcontextprotocol/serverInfo';

/** The result of `server/discover`, out of what the target says of itself. */
export function discovered({ capabilities, instructions }: Values): Values {
  // Tasks of 2025-11-25 are not those of the extension that took their name.
  const { tasks: _, ...rest } = (capabilities ?? {}) as Values;
  return {
    supportedVersions: modernRevisions,
    capabilities: rest,
    ...(instructions === undefined ? {} : { instructions }),
  };
}

/** @param serverInfo of the target; `undefined`: it does not say */
export function stamped(method: string, answered: unknown, serverInfo: unknown): Values {
  const result = method === 'tools/list' ? withoutTasks(asObject(answered)) : asObject(answered);
  const resultType = result['resultType'] ?? 'complete';
  return {
    ...result,
    resultType,
    ...(resultType === 'complete' && cacheable.has(method) ? cacheOf(result) : {}),
    ...(serverInfo === undefined
      ? {}
      : { _meta: { [serverInfoKey]: serverInfo, ...asObject(result['_meta']) } }),
  };
}

/** A JSON-RPC error and the HTTP status of an answer that is nothing else. */
export interface ModernError {
  readonly status: number;
  readonly error: { readonly code: number; readonly message: string; readonly data?: unknown };
}

/** What a client is told of a failure. @param requestId by which the log has the rest */
export function modernError(failure: unknown, requestId: string): ModernError {
  if (failure instanceof Refusal)
    return {
      status: 200,
      error: { code: -32000, message: failure.message, data: { code: failure.code, requestId } },
    };
  if (!(failure instanceof ProtocolError))
    return {
      status: 200,
      error: { code: -32603, message: 'Internal error', data: { code: 'internal', requestId } },
    };
  const { code, message, data } = failure;
  // These speak of what the gateway sent to the upstream, not of what the client sent.
  if (code === -32020 || code === -32022)
    return {
      status: 200,
      error: {
        code: -32603,
        message: 'the upstream did not take the request',
        data: { code: 'internal', requestId },
      },
    };
  const error = { code: code === -32002 ? -32602 : code, message, ...(data === undefined ? {} : { data }) };
  return { status: code === -32601 ? 404 : code === -32021 ? 400 : 200, error };
}

function cacheOf({ ttlMs, cacheScope }: Values): Values {
  return {
    ttlMs: Number.isSafeInteger(ttlMs) && (ttlMs as number) >= 0 ? ttlMs : 0,
    cacheScope: cacheScope === 'public' ? 'public' : 'private',
  };
}

function withoutTasks(result: Values): Values {
  const tools = result['tools'];
  if (!Array.isArray(tools)) return result;
  return {
    ...result,
    tools: tools.map((tool: unknown) => {
      const { execution: _, ...rest } = asObject(tool);
      return rest;
    }),
  };
}

function asObject(value: unknown): Values {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Values) : {};
}
