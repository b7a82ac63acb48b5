import { chmodSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { Refusal } from '@sealgate/vault';
import type { AdminAnswer } from '../domain/admin-answers.ts';
import { refuse } from '../errors.ts';
import type { Log } from '../log.ts';
import { refusedAnswer } from './refused-answer.ts';
import type { Operations } from './operations.ts';
import { isPieces, sendPieces } from './send-pieces.ts';

// Administration over a Unix socket: `POST /<operation>`, JSON in and out. Who may open the socket is the local
// administrator, which the file system decides (0600 in a 0700 directory). A secret travels here in the body alone. What comes
// piece by piece is answered a line a piece (NDJSON), and a last line says that it was all, or why it was not.

const bodyBytesMax = 1024 * 1024;
const bodySeconds = 30;
/** How long operations under way may take when the socket is closed. */
const finishMs = 5000;

/** What the socket needs. */
export interface AdminSocketParts {
  /** Of `adminSocketPath`. */
  readonly path: string;
  readonly operations: Pick<Operations, 'call'>;
  readonly log: Log;
}

/**
 * Listen. The caller holds the data directory's lock, so a socket that lies there is left over from a process that died.
 *
 * @returns how to stop; operations under way get five seconds, connections without one are cut
 * @throws Refusal `data_directory_unsafe` when the socket cannot be made
 */
export async function openAdminSocket({
  path,
  operations,
  log,
}: AdminSocketParts): Promise<{ close(): Promise<void> }> {
  rmSync(path, { force: true });
  const running = new Set<Promise<unknown>>();
  let closing = false;
  const server = createServer({ requestTimeout: bodySeconds * 1000 }, (request, response) => {
    const gone = new Promise((resolve) => response.once('close', resolve));
    const done = answer(operations, request, log)
      .then((body) => {
        if (body.ok && isPieces(body.result))
          return sendPieces(response, body.result, { log, ended: () => closing });
        response
          .writeHead(200, { 'content-type': 'application/json', connection: 'close' })
          .end(JSON.stringify(body));
        return gone;
      })
      .finally(() => running.delete(done));
    running.add(done);
  });
  server.maxConnections = 64;
  const before = process.umask(0o177);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject).listen(path, resolve);
    });
    chmodSync(path, 0o600);
  } catch (error) {
    throw new Refusal('data_directory_unsafe', 'the administration socket cannot be made in DATA_DIR', path, {
      cause: error,
    });
  } finally {
    process.umask(before);
  }
  return {
    async close() {
      closing = true;
      const closed = new Promise((resolve) => server.close(resolve));
      await Promise.race([Promise.all(running), sleep(finishMs, undefined, { ref: false })]);
      // Node no longer times requests once it closes: one that is never sent would keep the process from ending.
      server.closeAllConnections();
      await closed;
    },
  };
}

async function answer(
  operations: Pick<Operations, 'call'>,
  request: IncomingMessage,
  log: Log,
): Promise<AdminAnswer> {
  try {
    if (request.method !== 'POST')
      throw refuse('method_not_allowed', 'administration takes POST /<operation>');
    const input = await bodyOf(request);
    const result = await operations.call((request.url ?? '/').slice(1), input);
    return { ok: true, result: result ?? null };
  } catch (error) {
    return refusedAnswer(error, log);
  }
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > bodyBytesMax)
      throw refuse('body_too_large', `the body is larger than ${bodyBytesMax} bytes`);
    chunks.push(chunk);
  }
  const body = Buffer.concat(chunks);
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    throw refuse('body_invalid', 'the body is not JSON');
  } finally {
    body.fill(0);
    for (const chunk of chunks) chunk.fill(0);
  }
}
