import { appendFileSync, existsSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import {
  createMcpHandler,
  ProtocolError,
  Server,
  type McpHttpHandler,
  type ServerContext,
} from '@modelcontextprotocol/server';
import { serveStdio, StdioServerTransport } from '@modelcontextprotocol/server/stdio';
import { listenFetch } from '../fixtures/listen-fetch.ts';
import { sessionServing } from '../fixtures/session-serving.ts';
import { apps, completions, prompts, questions, resources, templates, tools } from './offer.ts';

// The upstream of the matrix, as a process of one era: `--era legacy|modern`, over HTTP (prints its address) or `--stdio`.
// Each cancelled call of `steps` adds a byte to the file `--count`, and each that begins to another beside it.
// It has one of each thing that a revision knows.

const { era, stdio, count } = parseArgs({
  options: {
    era: { type: 'string', default: 'legacy' },
    stdio: { type: 'boolean', default: false },
    count: { type: 'string', default: '/dev/null' },
  },
}).values;

const counted = {
  'matrix://cancelled': count,
  'matrix://begun': count === '/dev/null' ? count : `${count}.begun`,
};

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
  // In files: the next question may reach another process of this upstream.
  appendFileSync(counted['matrix://begun'], '.');
  for (let step = 1; step <= 400; step += 1) {
    if (progressToken !== undefined)
      await ctx.mcpReq.notify({
        method: 'notifications/progress',
        params: { progressToken, progress: step },
      });
    await sleep(50, undefined, { signal: ctx.mcpReq.signal }).catch(() => {
      appendFileSync(counted['matrix://cancelled'], '.');
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
  if (uri === 'matrix://cancelled' || uri === 'matrix://begun') {
    const file = counted[uri];
    return { uri, mimeType: 'text/plain', text: String(existsSync(file) ? statSync(file).size : 0) };
  }
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

function offerSession(): Server {
  const server = offer({
    tools: () => void server.sendToolListChanged(),
    updated: (uri) => void server.sendResourceUpdated({ uri }),
  });
  return server;
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

if (stdio && era === 'modern') serveStdio(offerSession, { legacy: 'reject' });
else if (stdio) await offerSession().connect(new StdioServerTransport());
else {
  const { url } = await listenFetch(era === 'modern' ? modernFetch() : sessionServing(offerSession).serve);
  console.log(url);
}
