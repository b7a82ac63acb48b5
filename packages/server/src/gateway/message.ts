import { refuse } from '../errors.ts';
import { refuseCaseVariants } from './scan.ts';

/** A JSON-RPC 2.0 message as far as the gateway needs it. */
export interface Message {
  readonly kind: 'request' | 'notification' | 'response';
  /** `undefined` for a notification; `null` only in an error response that could not name its request. */
  readonly id: string | number | null | undefined;
  /** `''` for a response. */
  readonly method: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly meta: Readonly<Record<string, unknown>>;
}

const messageNames = ['jsonrpc', 'id', 'method', 'params', 'result', 'error'];
const paramNames = ['name', 'uri', 'taskId', 'arguments', '_meta'];
const none: Readonly<Record<string, unknown>> = Object.freeze({});

/**
 * Read the shape of a message out of a scanned body.
 *
 * @throws Refusal `message_invalid` for what is not one JSON-RPC 2.0 message, `duplicate_key` for names that differ in case only
 */
export function readMessage(body: Readonly<Record<string, unknown>>): Message {
  refuseCaseVariants(body, messageNames);
  if (body['jsonrpc'] !== '2.0') throw refuse('message_invalid', 'the body is not a JSON-RPC 2.0 message');
  const hasId = Object.hasOwn(body, 'id');
  if (!Object.hasOwn(body, 'method')) return readResponse(body);
  if (Object.hasOwn(body, 'result') || Object.hasOwn(body, 'error'))
    throw refuse('message_invalid', 'the body is a request and a response at once');
  const method = body['method'];
  if (typeof method !== 'string' || method === '' || method.length > 256 || !method.isWellFormed())
    throw refuse('message_invalid', 'the method is not a text of 1 to 256 characters');
  const params = objectAt(body, 'params');
  refuseCaseVariants(params, paramNames);
  return {
    kind: hasId ? 'request' : 'notification',
    id: hasId ? readId(body['id']) : undefined,
    method,
    params,
    meta: objectAt(params, '_meta'),
  };
}

function readResponse(body: Readonly<Record<string, unknown>>): Message {
  const failed = Object.hasOwn(body, 'error');
  if (failed === Object.hasOwn(body, 'result'))
    throw refuse('message_invalid', 'the body has no method and is no response either');
  const id = body['id'] === null && failed ? null : readId(body['id']);
  return { kind: 'response', id, method: '', params: none, meta: none };
}

/** MCP allows text and whole numbers; a number beyond 2^53 would be read differently by different parsers. */
function readId(id: unknown): string | number {
  if (typeof id === 'string' || Number.isSafeInteger(id)) return id as string | number;
  throw refuse('message_invalid', 'the id is neither a text nor a whole number');
}

function objectAt(holder: Readonly<Record<string, unknown>>, key: string): Readonly<Record<string, unknown>> {
  const value = Object.hasOwn(holder, key) ? holder[key] : undefined;
  if (value === undefined) return none;
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw refuse('message_invalid', `${key} is not an object`);
  return value as Record<string, unknown>;
}
