import { ProtocolError } from '@modelcontextprotocol/client';
import { Refusal } from '@sealgate/vault';

/** A JSON-RPC error as it goes out. */
export interface ErrorAnswer {
  readonly code: number;
  readonly message: string;
  readonly data?: unknown;
}

/** What a client is told of a failure inside a stream. `correlation` lets the operator find it in the log. */
export function errorAnswer(error: unknown, correlation: string): ErrorAnswer {
  if (error instanceof ProtocolError)
    return {
      code: error.code,
      message: error.message,
      ...(error.data === undefined ? {} : { data: error.data }),
    };
  if (error instanceof Refusal)
    return { code: -32000, message: error.message, data: { code: error.code, requestId: correlation } };
  return { code: -32603, message: 'Internal error', data: { code: 'internal', requestId: correlation } };
}
