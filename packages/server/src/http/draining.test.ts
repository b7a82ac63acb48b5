import { once } from 'node:events';
import { Agent, request as ask, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { httpDefaults, openHttp, type HttpServer } from './server.ts';

// How a server stops that a load balancer keeps connections to: none of them is used again, and nobody who was let in is
// cut off, whatever they asked for.

const agent = new Agent({ keepAlive: true, maxSockets: 100 });
const atEnd: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of atEnd.splice(0)) await end();
});

interface Stage {
  readonly server: HttpServer;
  /** Resolves when so many requests are being answered. */
  under(count: number): Promise<void>;
  release(): void;
}

async function start(): Promise<Stage> {
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  let begun = 0;
  const config = { guard: 'public' } as const;
  const server = await openHttp<string>(
    { ...httpDefaults, host: '127.0.0.1', port: 0, frontendUrl: undefined },
    {
      mcp: {
        admit: async () => ({ admitted: 'ann', headers: {} }),
        async handle({ method, reply, signal }) {
          begun += 1;
          if (method === 'GET') {
            reply.head(200, { 'content-type': 'text/event-stream' });
            void reply.write(Buffer.from('data: 1\n\n'));
            await once(signal, 'abort');
            // What still comes for a stream that has ended is nobody's.
            void reply.write(Buffer.from('data: 2\n\n'));
            return reply.end();
          }
          await released;
          reply.send(200, {}, Buffer.from('{}'));
        },
        challenge: () => 'Bearer',
      },
      routes(app, load) {
        app.get('/page', { config }, async () => {
          begun += 1;
          await released;
          return 'a page';
        });
        app.get('/quick', { config }, () => 'a page');
        app.get('/hijacked', { config }, (_, reply) => {
          reply.hijack();
          reply.raw.writeHead(200).end('x');
        });
        expect(load.admit).toBeTypeOf('function');
      },
      health: async () => ({ well: true, facts: {} }),
      onFault: (error) => expect.unreachable(String(error)),
      now: Date.now,
    },
  );
  atEnd.push(() => server.drain(0));
  const under = async (count: number): Promise<void> => {
    while (begun < count) await new Promise((resolve) => setTimeout(resolve, 5));
  };
  return { server, under, release };
}

async function open({ server }: Stage, path: string, method = 'GET'): Promise<IncomingMessage> {
  const sent = ask({ agent, host: '127.0.0.1', port: server.port, path, method });
  sent.end(method === 'POST' ? '{}' : undefined);
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  return answer;
}

async function whole(coming: Promise<IncomingMessage>): Promise<readonly [unknown, unknown, string]> {
  const answer = await coming;
  let text = '';
  for await (const chunk of answer.setEncoding('utf8')) text += String(chunk);
  return [answer.statusCode, answer.headers.connection, text];
}

const addresses = ['/health', '/health/live', '/quick', '/hijacked', '/nothing-there', '/mcp/shop'];

it('answers on no connection twice while it is leaving, whatever was asked for', async () => {
  const stage = await start();
  stage.release();
  const closings = async (): Promise<unknown[]> => {
    const seen = [];
    for (const path of addresses) {
      const answer = await open(stage, path, path.startsWith('/mcp') ? 'POST' : 'GET');
      answer.resume();
      await once(answer, 'end');
      seen.push(answer.headers.connection);
    }
    return seen;
  };
  expect(await closings()).toEqual(addresses.map(() => 'keep-alive'));
  stage.server.leave();
  expect(await closings()).toEqual(addresses.map(() => 'close'));
});

it('says so too to whoever asked before', async () => {
  const stage = await start();
  const answers = [whole(open(stage, '/page')), whole(open(stage, '/mcp/shop', 'POST'))];
  await stage.under(2);
  stage.server.leave();
  stage.release();
  expect(await Promise.all(answers)).toEqual([
    [200, 'close', 'a page'],
    [200, 'close', '{}'],
  ]);
});

it('finishes pages as it finishes calls, and lets nobody in meanwhile', async () => {
  const stage = await start();
  const answers = [whole(open(stage, '/page')), whole(open(stage, '/mcp/shop', 'POST'))];
  await stage.under(2);
  const drained = stage.server.drain(10_000);
  await expect(open(stage, '/quick')).rejects.toThrow('ECONNREFUSED');
  stage.release();
  expect(await Promise.all(answers)).toMatchObject([
    [200, 'close', 'a page'],
    [200, 'close', '{}'],
  ]);
  await drained;
});

it('ends a stream in order, so that its client goes on elsewhere', async () => {
  const stage = await start();
  const stream = whole(open(stage, '/mcp/shop'));
  await stage.under(1);
  await stage.server.drain(10_000);
  expect(await stream).toEqual([200, 'keep-alive', 'data: 1\n\n']);
});

it('closes connections that nobody uses', async () => {
  const stage = await start();
  const idle = connect(stage.server.port, '127.0.0.1');
  idle.write('GET /quick HTTP/1.1\r\nHost: localhost:1\r\n\r\n');
  await once(idle, 'data');
  const closed = once(idle, 'close');
  await stage.server.drain(10_000);
  await closed;
});
