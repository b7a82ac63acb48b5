import { request, type IncomingMessage } from 'node:http';
import { localHost } from '../domain/local-host.ts';
import { version } from '../version.ts';

// One HTTP request over the MCP socket. Each has a connection of its own: a socket of this machine costs little, and one
// that the gateway has just closed can then never be taken for a request that it may have seen.

/** What is sent. */
export interface Sent {
  readonly method: 'POST' | 'GET' | 'DELETE';
  /** Such as `/mcp/docs`. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal: AbortSignal;
}

/** The connection failed. `unseen`: before anything can have been read at the other end. */
export interface WireFailure {
  readonly unseen: boolean;
  readonly error: Error;
}

/** An answer whose body has not been read yet, or why there is none. */
export type WireAnswer = { readonly answer: IncomingMessage } | { readonly failure: WireFailure };

const unseenCodes = new Set(['ECONNREFUSED', 'ENOENT', 'EACCES', 'ENOTSOCK', 'EAGAIN']);

/** Send over the socket at `socketPath`. Never rejects. */
export function sendOver(
  socketPath: string,
  { method, path, headers, body, signal }: Sent,
): Promise<WireAnswer> {
  return new Promise((resolve) => {
    const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
    const all = { ...headers, ...length, host: localHost, 'user-agent': `sealgate-stdio/${version}` };
    const asked = request({ socketPath, path, method, headers: all, agent: false, signal }, (answer) =>
      resolve({ answer }),
    );
    asked.on('error', (error: NodeJS.ErrnoException) =>
      resolve({ failure: { unseen: unseenCodes.has(error.code ?? ''), error } }),
    );
    asked.end(body);
  });
}

/** The whole body as text; `undefined` when it is longer than `bytesMax` or breaks off. */
export async function bodyText(answer: IncomingMessage, bytesMax: number): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > bytesMax) return undefined;
      chunks.push(chunk);
    }
  } catch {
    return undefined;
  }
  return Buffer.concat(chunks).toString('utf8');
}
