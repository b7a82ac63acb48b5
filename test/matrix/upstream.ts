import { appendFileSync, existsSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { toNodeHandler, type NodeIncomingMessageLike } from '@modelcontextprotocol/node';
import {
  createMcpHandler,
  ProtocolError,
  Server,
  WebStandardStreamableHTTPServerTransport as SessionTransport,
  type McpHttpHandler,
  type ServerContext,
} from '@modelcontextprotocol/server';
import { serveStdio, StdioServerTransport } from '@modelcontextprotocol/server/stdio';
import { apps, completions, prompts, questions, resources, templates, tools } from './offer.ts';

// The upstream of the matrix, as a process of one era: `--era legacy|modern`, over HTTP (prints its address) or `--stdio`.
// Each cancelled call adds a byte to the file `--count`.
// It has one of each thing that a revision knows.

const { era, stdio, count } = parseArgs({
  options: {
    era: { type: 'string', default: 'legacy' },
    stdio: { type: 'boolean', default: false },
    count: { type: 'string', default: '/dev/null' },
  },
}).values;

type Values = Record<string, unknown>;
type Result = Values;

const text = (value: string): Result => ({ content: [{ type: 'text', text: value }] });
const pageSize = 4;

interface Announce {
  readonly tools: () => void;
  readonly updated: (uri: string) => void;
}

async function call(name: string, args: Values, ctx: ServerContext, announce: Announce): Promise<Result> {
  if (name === 'echo') return { ...text(String(args['text'])), _meta: { 'example.test/kept': [1, null] } };
  if (name === 'weather') return { ...text('sunny'), structuredContent: { sky: 'sunny', degrees: 21.5 } };
  if (name === 'failing') return { ...text('on purpose'), isError: true };
  if (name === 'announce') {
    announce.tools();
    announce.updated('matrix://watched');
    return text('announced');
  }
  if (name === 'log') {
    await ctx.mcpReq.log('warning', { said: args['text'] }, 'matrix');
    return text('logged');
  }
  if (name === 'steps') return steps(ctx);
  const question = questions[name];
  if (question === undefined) throw new ProtocolError(-32_602, `Unknown tool: ${name}`);
  const answers = ctx.mcpReq.inputResponses;
  if (answers === undefined) return { resultType: 'input_required', inputRequests: { it: question } };
  return text(JSON.stringify(answers['it']));
}

async function steps(ctx: ServerContext): Promise<Result> {
  const progressToken = ctx.mcpReq._meta?.progressToken;
  for (let step = 1; step <= 40; step += 1) {
    if (progressToken !== undefined)
      await ctx.mcpReq.notify({
        method: 'notifications/progress',
        params: { progressToken, progress: step },
      });
    await sleep(50, undefined, { signal: ctx.mcpReq.signal }).catch(() => {
      // In a file: the next question may reach another process of this upstream.
      appendFileSync(count, '.');
      throw new ProtocolError(-32_603, 'cancelled');
    });
    if (step === 3 && progressToken !== undefined) return text('three steps');
  }
  return text('all steps');
}

function paged(cursor: string | undefined): Result {
  const from = cursor === undefined ? 0 : Number(Buffer.from(cursor, 'base64url').toString());
  if (Number.isNaN(from)) throw new ProtocolError(-32_602, 'Unknown cursor');
  const next = from + pageSize;
  return {
    tools: tools.slice(from, next),
    ...(next < tools.length ? { nextCursor: Buffer.from(String(next)).toString('base64url') } : {}),
  };
}

function read(uri: string): Values {
  if (uri === apps.uri) return { uri, mimeType: apps.mimeType, text: apps.html };
  if (uri === 'matrix://watched') return { uri, mimeType: 'text/plain', text: 'watched' };
  if (uri === 'matrix://cancelled')
    return { uri, mimeType: 'text/plain', text: String(existsSync(count) ? statSync(count).size : 0) };
  const id = /^matrix:\/\/item\/([a-z]+)$/.exec(uri)?.[1];
  if (id === undefined) throw new ProtocolError(-32_602, 'Resource not found', { uri });
  return { uri, mimeType: 'text/plain', text: `item ${id}` };
}

function offer(announce: Announce): Server {
  const server = new Server(
    {
      name: 'matrix',
      version: '1.0.0',
      icons: [{ src: 'data:image/png;base64,AA==', mimeType: 'image/png' }],
    },
    {
      capabilities: {
        tools: { listChanged: true },
        resources: { subscribe: true, listChanged: true },
        prompts: {},
        logging: {},
        completions: {},
        extensions: { 'io.modelcontextprotocol/ui': { mimeTypes: [apps.mimeType] } },
      } as never,
      instructions: 'Everything once.',
    },
  );
  server.setRequestHandler('tools/list', ({ params }) => paged(params?.cursor) as never);
  server.setRequestHandler(
    'tools/call',
    async ({ params }, ctx) => (await call(params.name, params.arguments ?? {}, ctx, announce)) as never,
  );
  server.setRequestHandler('resources/list', () => ({ resources }));
  server.setRequestHandler('resources/templates/list', () => ({ resourceTemplates: templates }));
  server.setRequestHandler('resources/read', ({ params }) => ({ contents: [read(params.uri) as never] }));
  server.setRequestHandler('resources/subscribe', () => ({}));
  server.setRequestHandler('resources/unsubscribe', () => ({}));
  server.setRequestHandler('prompts/list', () => ({ prompts }));
  server.setRequestHandler('prompts/get', ({ params }) => ({
    description: 'A greeting',
    messages: [{ role: 'user', content: { type: 'text', text: `Greet ${params.arguments?.['who']}` } }],
  }));
  server.setRequestHandler('completion/complete', ({ params }) => {
    const values = completions.filter((value) => value.startsWith(params.argument.value));
    return { completion: { values, total: values.length, hasMore: false } };
  });
  return server;
}

function ofSession(server: () => Server): Announce {
  return {
    tools: () => void server().sendToolListChanged(),
    updated: (uri) => void server().sendResourceUpdated({ uri }),
  };
}

function legacyFetch(): (request: Request) => Promise<Response> {
  const sessions = new Map<string, SessionTransport>();
  return async (request) => {
    const id = request.headers.get('mcp-session-id');
    const known = id === null ? undefined : sessions.get(id);
    if (known !== undefined) return known.handleRequest(request);
    if (id !== null) return new Response('no such session', { status: 404 });
    const transport = new SessionTransport({
      sessionIdGenerator: () => randomUUID(),
      onsessioninitialized: (fresh) => void sessions.set(fresh, transport),
      onsessionclosed: (ended) => void sessions.delete(ended),
    });
    const server = offer(ofSession(() => server));
    await server.connect(transport);
    return transport.handleRequest(request);
  };
}

function modernFetch(): (request: Request) => Promise<Response> {
  const handler: McpHttpHandler = createMcpHandler(
    () =>
      offer({
        tools: () => handler.notify.toolsChanged(),
        updated: (uri) => handler.notify.resourceUpdated(uri),
      }),
    { legacy: 'reject' },
  );
  return (request) => handler.fetch(request);
}

if (stdio && era === 'modern')
  serveStdio(
    () => {
      const server: Server = offer(ofSession(() => server));
      return server;
    },
    { legacy: 'reject' },
  );
else if (stdio) {
  const server: Server = offer(ofSession(() => server));
  await server.connect(new StdioServerTransport());
} else {
  const handle = toNodeHandler({ fetch: era === 'modern' ? modernFetch() : legacyFetch() });
  const server = createServer(
    (request, response) => void handle(request as NodeIncomingMessageLike, response),
  ).listen(0, '127.0.0.1', () => {
    const address = server.address();
    console.log(`http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/mcp`);
  });
}
