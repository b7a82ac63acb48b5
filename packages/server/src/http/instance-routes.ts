import type { ServerResponse } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { refuse } from '../errors.ts';
import { endsOf } from './ends.ts';
import type { Load } from './load.ts';

/** What another instance sent, before its body is read. */
export interface FromInstance {
  readonly authorization: string | undefined;
  /** The whole body. @throws Refusal `body_too_large` */
  read(): Promise<Uint8Array>;
  /** Aborts when the other instance goes away before the answer is complete. */
  readonly signal: AbortSignal;
}

/** What the route needs. */
export interface InstanceRouteParts {
  readonly bodyBytesMax: number;
  readonly load: Pick<Load, 'admit'>;
  /** @throws Refusal when no instance of this deployment sent it */
  answer(from: FromInstance): Promise<{
    readonly response: Response;
    readonly done: () => void;
    /** Whether the answer is a stream that belongs to no call. */
    readonly lasts: boolean;
  }>;
  write(answer: Response, response: ServerResponse): Promise<void>;
}

/** `POST /internal/mcp`: what other instances pass to this one. Everybody else finds nothing there. */
export function instanceRoutes(
  app: FastifyInstance,
  { bodyBytesMax, load, answer, write }: InstanceRouteParts,
): void {
  app.removeAllContentTypeParsers();
  // Read by the handler, which judges the sender first.
  app.addContentTypeParser('*', (_, payload, done) => done(null, payload));
  app.post('/internal/mcp', { config: { guard: 'instance' } }, async (request, reply) => {
    const gone = new AbortController();
    reply.raw.once('close', () => {
      if (!reply.raw.writableFinished) gone.abort();
    });
    let work = load.admit('call', endsOf(reply.raw, 'call'));
    reply.raw.once('close', () => work.done());
    const { response, done, lasts } = await answer({
      authorization: request.headers.authorization,
      read: () => collect(request.raw, bodyBytesMax),
      signal: gone.signal,
    });
    reply.hijack();
    try {
      const written = write(response, reply.raw);
      if (lasts && !reply.raw.destroyed) {
        work.done();
        work = load.admit('stream', endsOf(reply.raw, 'stream'));
      }
      await written;
    } finally {
      done();
    }
  });
}

async function collect(stream: AsyncIterable<Buffer>, bytesMax: number): Promise<Uint8Array> {
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of stream) {
    size += piece.length;
    if (size > bytesMax) throw refuse('body_too_large', `the body is over ${bytesMax} bytes`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}
