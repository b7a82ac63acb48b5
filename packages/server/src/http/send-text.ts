import type { FastifyReply } from 'fastify';
import { isRefusal } from './reply.ts';
import { replyOver } from './writer.ts';

/** How text is sent. */
export interface TextSending {
  readonly type: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Longest wait for a client to take a piece. */
  readonly unreadMs: number;
  /** Told of a fault that came when the answer had begun. */
  onFault(error: unknown): void;
}

/**
 * Send text piece by piece. No piece is asked for before the one ahead of it has left, and none for somebody who has gone. What
 * goes wrong on the way breaks the connection off, so that nobody takes a part for the whole.
 *
 * @throws whatever comes in place of the first piece: then nothing was sent
 */
export async function sendText(
  reply: FastifyReply,
  pieces: AsyncIterable<string>,
  { type, headers, unreadMs, onFault }: TextSending,
): Promise<void> {
  const from = pieces[Symbol.asyncIterator]();
  const first = await from.next();
  reply.hijack();
  const { raw } = reply;
  const out = replyOver(raw, { extra: headers, unreadMs });
  out.head(200, { 'content-type': type, 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' });
  try {
    for (let next = first; next.done !== true; next = await from.next()) {
      if (raw.destroyed) return;
      if (next.value !== '') await out.write(Buffer.from(next.value));
    }
    out.end();
  } catch (error) {
    if (!isRefusal(error)) onFault(error);
    out.cut();
  } finally {
    await from.return?.(undefined);
  }
}
