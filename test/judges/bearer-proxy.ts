import { createServer, request as ask, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline, type Transform } from 'node:stream';

// The conformance suite cannot send a token, and only speaks to a server on this machine. This stands before the gateway,
// adds the token and changes nothing else: a Host or Origin that is its own becomes the gateway's, any other one stays.

/** A proxy while it listens. */
export interface BearerProxy {
  readonly url: string;
  close(): Promise<void>;
}

/** Changes bodies on their way; what is left out passes as it is. */
export interface Mapping {
  /** @param body of a client's POST */
  asked(body: string): string;
  /** The `Mcp-Name` header of a POST that says which method it is. */
  header(method: string, name: string): string;
  /** What an answer's body runs through. */
  answered(): Transform;
}

/** Where it leads. */
export interface BearerProxyOptions {
  readonly target: URL;
  readonly bearer: string;
  readonly mapping?: Mapping;
}

/** Open one on a free port. */
export async function openBearerProxy(options: BearerProxyOptions): Promise<BearerProxy> {
  const server = createServer({ keepAliveTimeout: 60_000 }, (incoming, response) => {
    void pass(incoming, response, options).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://localhost:${port}${options.target.pathname}`,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

async function pass(
  incoming: IncomingMessage,
  response: ServerResponse,
  { target, bearer, mapping }: BearerProxyOptions,
): Promise<void> {
  const body = await read(incoming);
  const sent =
    mapping === undefined || body.length === 0 ? body : Buffer.from(mapping.asked(body.toString()));
  const outgoing = ask(
    { host: target.hostname, port: target.port, path: incoming.url, method: incoming.method },
    (answer) => {
      const change = mapping?.answered();
      const headers = { ...answer.headers };
      if (change !== undefined) delete headers['content-length'];
      response.writeHead(answer.statusCode ?? 502, headers).flushHeaders();
      // A stream that breaks off there breaks off here.
      const done = (error?: Error | null): void => void (error ? response.destroy() : undefined);
      if (change === undefined) pipeline(answer, response, done);
      else pipeline(answer, change, response, done);
    },
  );
  outgoing.once('error', () => response.destroy());
  response.once('close', () => outgoing.destroy());
  setHeaders(incoming, outgoing, target);
  const { 'mcp-method': method, 'mcp-name': name } = incoming.headers;
  if (mapping !== undefined && typeof method === 'string' && typeof name === 'string')
    outgoing.setHeader('mcp-name', mapping.header(method, name));
  outgoing.setHeader('authorization', `Bearer ${bearer}`);
  if (incoming.method === 'POST') outgoing.setHeader('content-length', sent.length);
  outgoing.end(sent);
}

const hopByHop = new Set(['connection', 'keep-alive', 'transfer-encoding', 'content-length']);

function setHeaders(incoming: IncomingMessage, outgoing: ReturnType<typeof ask>, target: URL): void {
  const own = `:${incoming.socket.localPort}`;
  for (const [name, values] of Object.entries(incoming.headersDistinct)) {
    if (hopByHop.has(name) || values === undefined) continue;
    const isOurs = (value: string): boolean => /^(http:\/\/)?(localhost|127\.0\.0\.1):\d+$/.test(value);
    const given = values.map((value) =>
      (name === 'host' || name === 'origin') && isOurs(value) && value.endsWith(own)
        ? value.slice(0, -own.length) + `:${target.port}`
        : value,
    );
    outgoing.setHeader(name, given.length === 1 ? (given[0] ?? '') : given);
  }
}

async function read(incoming: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
