import type { AuditOutcome } from '@sealgate/vault';
import type { Call } from './call.ts';
import { addPiece, joined } from './pieces.ts';

// What came of a call, for the log. A status of 200 is not success: the failure may be inside the JSON-RPC message.
// Answers are searched natively for the two words a failure needs and parsed only when one of them is there.

/** Bytes of an event stream's end that are kept to read its last event from. */
export const tailBytesMax = 64 * 1024;

const words = ['"error"', '"isError"'].map((word) => Buffer.from(word));

/** The outcome of an answer that is there as a whole. */
export function outcomeOf(call: Pick<Call, 'kind'>, status: number, body: Uint8Array): AuditOutcome {
  const bytes = body.byteLength;
  if (status >= 400) return { out: 'failure', code: String(status), bytes };
  if (call.kind !== 'request') return { out: 'success', bytes };
  const view = Buffer.from(body.buffer, body.byteOffset, bytes);
  if (words.every((word) => !view.includes(word))) return { out: 'success', bytes };
  return { ...(verdictOf(parse(view.toString('utf8'))) ?? { out: 'success' }), bytes };
}

/** Keeps the end of an event stream and says what its last event makes of the call. */
export interface EventTail {
  see(chunk: Uint8Array): void;
  /** `unknown` when the stream ended without the answer, or the answer is longer than {@link tailBytesMax}. */
  outcome(): AuditOutcome;
}

/** Watch the events of one answer as they pass, without parsing them. */
export function eventTail(call: Pick<Call, 'kind' | 'id'>): EventTail {
  let tail: Uint8Array[] = [];
  let tailBytes = 0;
  let bytes = 0;
  return {
    see(chunk) {
      bytes += chunk.byteLength;
      addPiece(tail, chunk);
      tailBytes += chunk.byteLength;
      // At twice as much, so that what is kept is copied once in a while and not with every chunk.
      if (tailBytes < 2 * tailBytesMax) return;
      tail = [joined(tail).subarray(-tailBytesMax)];
      tailBytes = tailBytesMax;
    },
    outcome() {
      if (call.kind !== 'request') return { out: 'success', bytes };
      return {
        ...verdictOfEvents(call, Buffer.concat(tail).subarray(-tailBytesMax).toString('utf8')),
        bytes,
      };
    },
  };
}

function verdictOfEvents(call: Pick<Call, 'id'>, text: string): AuditOutcome {
  for (const event of text.split(/\r\n\r\n|\n\n|\r\r/).reverse()) {
    const verdict = verdictOf(parse(dataOf(event)), call.id);
    if (verdict !== undefined) return verdict;
  }
  return { out: 'unknown' };
}

/** The data lines of an event, joined (WHATWG HTML, server-sent events). */
function dataOf(event: string): string {
  const lines = event.split(/\r\n|\n|\r/).filter((line) => line.startsWith('data:'));
  return lines.map((line) => line.slice(line[5] === ' ' ? 6 : 5)).join('\n');
}

/** @returns `undefined` when this is no response (to the request `id`, when one is given) */
function verdictOf(message: unknown, id?: Call['id']): AuditOutcome | undefined {
  if (typeof message !== 'object' || message === null) return undefined;
  const {
    error,
    result,
    id: answered,
  } = message as { readonly error?: unknown; readonly result?: unknown; readonly id?: unknown };
  if (id !== undefined && answered !== id) return undefined;
  if (typeof error === 'object' && error !== null) {
    const { code } = error as { readonly code?: unknown };
    return { out: 'failure', ...(typeof code === 'number' ? { code: String(code) } : {}) };
  }
  if (typeof result !== 'object' || result === null) return undefined;
  if ((result as { readonly isError?: unknown }).isError === true)
    return { out: 'failure', code: 'tool_error' };
  return { out: 'success' };
}

function parse(text: string): unknown {
  if (text === '') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
