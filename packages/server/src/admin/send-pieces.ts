import type { ServerResponse } from 'node:http';
import { refuse } from '../errors.ts';
import type { Log } from '../log.ts';
import { refusedAnswer } from './refused-answer.ts';

// A line a piece: {"piece":…}. The last line is an answer without a result, or that of a refusal; without it the answer was
// cut off. No piece is asked for before the one ahead of it has left, and none for somebody who has gone.

/** Whether a result comes piece by piece. */
export function isPieces(result: unknown): result is AsyncIterable<unknown> {
  return typeof result === 'object' && result !== null && Symbol.asyncIterator in result;
}

/** @param ended whether the gateway stops, looked at between pieces */
export async function sendPieces(
  response: ServerResponse,
  pieces: AsyncIterable<unknown>,
  { log, ended }: { readonly log: Log; readonly ended: () => boolean },
): Promise<void> {
  const gone = new Promise<void>((resolve) => response.once('close', () => resolve()));
  response.writeHead(200, { 'content-type': 'application/x-ndjson', connection: 'close' });
  response.flushHeaders();
  const last = await send(response, pieces, { gone, ended }).catch((error: unknown) =>
    refusedAnswer(error, log),
  );
  response.end(`${JSON.stringify(last)}\n`);
  await gone;
}

async function send(
  response: ServerResponse,
  pieces: AsyncIterable<unknown>,
  { gone, ended }: { readonly gone: Promise<void>; readonly ended: () => boolean },
): Promise<{ readonly ok: true }> {
  for await (const piece of pieces) {
    if (ended()) throw refuse('gateway_unreachable', 'the gateway stops');
    if (response.destroyed) break;
    if (response.write(`${JSON.stringify({ piece })}\n`)) continue;
    await Promise.race([gone, new Promise((resolve) => response.once('drain', resolve))]);
  }
  return { ok: true };
}
