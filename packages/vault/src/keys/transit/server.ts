import {
  Agent as PlainAgent,
  request as plainRequest,
  type ClientRequest,
  type IncomingMessage,
} from 'node:http';
import { Agent as SecureAgent, request as secureRequest } from 'node:https';
import { Refusal, refuse } from '../../refusal.ts';
import { isLoopback } from '../../store/loopback.ts';
import type { Answer, Call } from './exchange.ts';
import { notReached } from './refusals.ts';

// One Vault or OpenBao over HTTP. Certificates are always checked, no redirect is followed (the token would go along),
// no proxy is asked, and every answer is bounded in time and size.

const timeoutMsDefault = 5000;
const answerBytesMax = 262_144;
const socketsMax = 32;

/** Where the server is. */
export interface ServerAddress {
  /** An origin: `https`, or `http` on this machine. */
  readonly address: string;
  /** Sent with every call, log-in and renewal included; `undefined`: the root namespace. */
  readonly namespace?: string | undefined;
  /** Certificates in PEM that the server's is checked against; `undefined`: those that Node trusts. */
  readonly ca?: string | undefined;
  /** For one call, from its start to the last byte of the answer; 5 seconds when not given. */
  readonly timeoutMs?: number | undefined;
}

/** A server that can be asked. */
export interface Server {
  /** @throws Refusal `key_unavailable` when there is no whole answer in time */
  ask(call: Call): Promise<Answer>;
  /** End the connections; calls that are under way fail. */
  close(): void;
}

/**
 * The server at an address. Nothing is asked yet.
 *
 * @throws Refusal `key_unavailable` for an address that is none, or over which token and keys would travel in clear
 */
export function serverAt(where: ServerAddress): Server {
  const base = originOf(where.address);
  const { namespace, ca, timeoutMs = timeoutMsDefault } = where;
  const secure = base.protocol === 'https:';
  const keeping = { keepAlive: true, maxSockets: socketsMax };
  // Said outright: a variable of the environment can switch Node's own default off.
  const agent = secure
    ? new SecureAgent({ ...keeping, rejectUnauthorized: true, ...(ca === undefined ? {} : { ca }) })
    : new PlainAgent(keeping);
  const request = secure ? secureRequest : plainRequest;
  let closed = false;
  const send = async ({ method, path, token, body }: Call): Promise<Answer> => {
    if (closed) throw notReached('the provider is closed');
    const content = body === undefined ? Buffer.alloc(0) : Buffer.from(JSON.stringify(body));
    const headers = {
      'x-vault-request': 'true',
      'content-length': content.length,
      ...(namespace === undefined ? {} : { 'x-vault-namespace': namespace }),
      ...(token === undefined ? {} : { 'x-vault-token': token }),
    };
    const signal = AbortSignal.timeout(timeoutMs);
    try {
      return await exchange(
        request(new URL(`/v1/${path}`, base), { agent, method, headers, signal }),
        content,
      );
    } finally {
      content.fill(0);
    }
  };
  return {
    async ask(call) {
      try {
        // The server may end a connection just when it is used again: it has not seen that call.
        return await send(call).catch((error: unknown) =>
          isStale(error) ? send(call) : Promise.reject(error),
        );
      } catch (error) {
        if (error instanceof Refusal) throw error;
        throw notReached(`${call.path}: ${error instanceof Error ? error.message : String(error)}`, error);
      }
    },
    close() {
      closed = true;
      agent.destroy();
    },
  };
}

function originOf(address: string): URL {
  const url = URL.parse(address);
  const bare =
    url !== null && `${url.username}${url.password}${url.search}${url.hash}` === '' && url.pathname === '/';
  if (bare && (url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url.hostname))))
    return url;
  throw refuse(
    'key_unavailable',
    'VAULT_ADDR must be an origin with https://, or with http:// on this machine: tokens and keys travel there',
  );
}

const stale = Symbol('stale');

function exchange(asked: ClientRequest, content: Buffer): Promise<Answer> {
  return new Promise((resolve, reject) => {
    asked.on('error', (error: NodeJS.ErrnoException) => {
      const ended = error.code === 'ECONNRESET' || error.code === 'EPIPE';
      reject(asked.reusedSocket && ended ? Object.assign(error, { [stale]: true }) : error);
    });
    asked.once('response', (response) => answerOf(response).then(resolve, reject));
    asked.end(content);
  });
}

function isStale(error: unknown): boolean {
  return error instanceof Error && stale in error;
}

async function answerOf(response: IncomingMessage): Promise<Answer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    // Leaving the loop ends the connection.
    if (bytes > answerBytesMax) throw notReached(`an answer of more than ${answerBytesMax} bytes`);
    chunks.push(chunk);
  }
  const whole = Buffer.concat(chunks);
  const body = objectOf(whole);
  // It may hold a key in plain; the text that was parsed from it cannot be wiped.
  for (const each of [whole, ...chunks]) each.fill(0);
  return { status: response.statusCode ?? 0, body };
}

function objectOf(content: Buffer): Answer['body'] {
  try {
    const parsed: unknown = JSON.parse(content.toString('utf8'));
    return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)
      ? (parsed as Readonly<Record<string, unknown>>)
      : undefined;
  } catch {
    // A proxy's page, or nothing: the status says enough. The parser's words could quote a key.
    return undefined;
  }
}
