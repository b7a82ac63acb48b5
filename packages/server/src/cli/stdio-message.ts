import { valuesOf, type Values } from './stdio-mirror.ts';

// What a line of the client is. Only as much is looked at as the bridge needs: the gateway judges the message itself.

/** A line, read. */
export type LineRead =
  | {
      readonly kind: 'request';
      readonly id: string | number;
      readonly method: string;
      readonly params: Values;
    }
  | { readonly kind: 'notification'; readonly method: string; readonly params: Values }
  | { readonly kind: 'response' }
  | { readonly kind: 'unreadable'; readonly why: string; readonly rpcCode: number };

const unreadable = (why: string, rpcCode = -32_600): LineRead => ({ kind: 'unreadable', why, rpcCode });

/** Read it. @param line `undefined` for one that was too long */
export function readLine(line: string | undefined): LineRead {
  if (line === undefined) return unreadable('the message is too long');
  let parsed: unknown;
  try {
    parsed = JSON.parse(line);
  } catch {
    return unreadable('the line is not JSON', -32_700);
  }
  const message = valuesOf(parsed);
  const { id, method } = message;
  if (typeof method !== 'string')
    return 'result' in message || 'error' in message
      ? { kind: 'response' }
      : unreadable('the line is not a JSON-RPC message');
  const params = valuesOf(message['params']);
  if (!Object.hasOwn(message, 'id')) return { kind: 'notification', method, params };
  if (typeof id !== 'string' && typeof id !== 'number')
    return unreadable('the id is neither a text nor a number');
  return { kind: 'request', id, method, params };
}
