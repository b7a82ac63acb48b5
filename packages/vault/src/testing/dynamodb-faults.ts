import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

// A proxy before DynamoDB that speaks its protocol well enough to fail as it fails (AWS JSON 1.0 over HTTP). Whether an
// adapter counts twice, or calls its own write somebody else's, shows only when answers get lost.

/**
 * How one request fails: its answer is lost after it was carried out, its connection is reset before, it is turned down
 * as too many, as in conflict with another transaction or by a fault inside, or it is slow.
 */
export type Fault =
  'lost answer' | 'reset' | 'throttled' | 'conflict' | 'internal' | { readonly delayMs: number };

/** One request. */
export interface FaultyCall {
  /** Such as `PutItem`. */
  readonly operation: string;
  readonly body: string;
  /** Which one it is, from 1, repeated ones counted. */
  readonly count: number;
}

/** What happens to a request; `meanwhile` runs after it was carried out and before its answer is lost. */
export interface Planned {
  readonly fault: Fault;
  readonly meanwhile?: () => Promise<void>;
}

/** A proxy that fails as it is told. */
export interface FaultProxy {
  readonly url: string;
  /** What happens to each request from now on; `undefined`: nothing. */
  plan(decide: (call: FaultyCall) => Planned | undefined): void;
  /** Requests since the last {@link plan}. */
  count(): number;
  close(): Promise<void>;
}

/** Listen on a free port of loopback before the DynamoDB at `target`. */
export async function openFaultProxy(target: string): Promise<FaultProxy> {
  let decide: (call: FaultyCall) => Planned | undefined = () => undefined;
  let count = 0;
  const server = createServer((asked, answer) => {
    void (async () => {
      const body = await bodyOf(asked);
      count += 1;
      const operation = String(asked.headers['x-amz-target'] ?? '').split('.')[1] ?? '';
      const planned = decide({ operation, body: body.toString(), count });
      await carry({ target, asked, body, answer, operation }, planned);
    })().catch(() => answer.destroy());
  });
  server.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    plan(next) {
      decide = next;
      count = 0;
    },
    count: () => count,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

interface Carried {
  readonly target: string;
  readonly asked: IncomingMessage;
  readonly body: Buffer;
  readonly answer: ServerResponse;
  readonly operation: string;
}

async function carry(call: Carried, { fault, meanwhile }: Partial<Planned> = {}): Promise<void> {
  const { asked, answer, operation, body } = call;
  if (fault === 'reset') return void asked.socket.resetAndDestroy();
  if (fault === 'throttled') return fail(answer, 400, { __type: 'ThrottlingException' });
  if (fault === 'internal') return fail(answer, 500, { __type: 'InternalServerError' });
  if (fault === 'conflict') return fail(answer, 400, conflictOf(operation, body));
  if (typeof fault === 'object') await sleep(fault.delayMs);
  const { status, headers, bytes } = await forward(call);
  await meanwhile?.();
  if (fault === 'lost answer') return void asked.socket.resetAndDestroy();
  answer.writeHead(status, headers).end(bytes);
}

function fail(
  answer: ServerResponse,
  status: number,
  { __type, ...rest }: { readonly __type: string },
): void {
  const body = { __type: `com.amazonaws.dynamodb.v20120810#${__type}`, message: 'a planned fault', ...rest };
  answer.writeHead(status, { 'content-type': 'application/x-amz-json-1.0' }).end(JSON.stringify(body));
}

function conflictOf(operation: string, body: Buffer): { readonly __type: string } {
  if (operation !== 'TransactWriteItems') return { __type: 'TransactionConflictException' };
  const { TransactItems } = JSON.parse(body.toString()) as { readonly TransactItems: readonly unknown[] };
  const CancellationReasons = TransactItems.map((_, at) => ({
    Code: at === 0 ? 'TransactionConflict' : 'None',
  }));
  const canceled = { __type: 'TransactionCanceledException', CancellationReasons };
  return canceled;
}

async function bodyOf(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function forward({ target, asked, body }: Carried): Promise<{
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly bytes: Buffer;
}> {
  return new Promise((resolve, reject) => {
    const options = { method: asked.method ?? 'POST', headers: asked.headers };
    const onward = request(new URL(asked.url ?? '/', target), options, (response) => {
      bodyOf(response).then(
        (bytes) => resolve({ status: response.statusCode ?? 502, headers: response.headers, bytes }),
        reject,
      );
    });
    onward.once('error', reject).end(body);
  });
}
