import { isDeepStrictEqual } from 'node:util';
import type { Connected } from './fixtures/clients.ts';

// Puts the same questions to two clients of one upstream, one straight and one through the gateway, and lists where the
// answers differ. An error is an answer: its code, message and data are compared like a result.

/** A question with a name; `ask` says what a client sees. */
interface Question {
  readonly name: string;
  ask(client: Connected): Promise<unknown>;
}

/** What to ask one upstream, beyond what every upstream is asked. */
export interface Plan {
  /** Tool calls, each answered with a result or an error. */
  readonly calls?: readonly { readonly name: string; readonly arguments?: Record<string, unknown> }[];
  /** Requests of any other method. */
  readonly requests?: readonly { readonly method: string; readonly params?: Record<string, unknown> }[];
  /** A call that reports progress. */
  readonly progress?: { readonly name: string; readonly arguments: Record<string, unknown> };
  /** A call that is cancelled after its first progress, and how to ask the upstream how many it saw cancelled. */
  readonly cancel?: {
    readonly name: string;
    readonly arguments: Record<string, unknown>;
    readonly seen?: () => number;
  };
  /** Requests after which the server says something by itself, and the method of what it says. */
  readonly heard?: {
    readonly requests: readonly { readonly method: string; readonly params?: Record<string, unknown> }[];
    readonly method: string;
  };
  /** Takes out of an answer what cannot be equal, such as a time. Told the question's name. */
  readonly settle?: (question: string, answer: unknown) => unknown;
}

/** One question that was answered differently. */
export interface Difference {
  readonly question: string;
  readonly direct: unknown;
  readonly through: unknown;
}

interface Failure {
  readonly code?: unknown;
  readonly message?: unknown;
  readonly data?: unknown;
}

/** What came of a request, as plain data. */
async function answerOf(work: () => Promise<unknown>): Promise<unknown> {
  try {
    return { result: plain(await work()) };
  } catch (error) {
    const { code, message, data } = error as Failure;
    return { error: plain({ code, message, data }) };
  }
}

/**
 * For a plan's `settle`, where one side is HTTP and the other is not: an SDK client wraps an error that came with a status
 * into one of its own.
 */
export function withoutStatus(_question: string, answer: unknown): unknown {
  const { data } = (answer as { error?: { data?: { text?: unknown } } }).error ?? {};
  if (typeof data?.text !== 'string') return answer;
  const { code, message } = (JSON.parse(data.text) as { error: { code: number; message: string } }).error;
  return { error: { code, message } };
}

// Through JSON: what is compared is what could have been on the wire, not an SDK's objects.
function plain(value: unknown): unknown {
  return value === undefined ? undefined : (JSON.parse(JSON.stringify(value)) as unknown);
}

async function pages(client: Connected, method: string): Promise<unknown> {
  const results: unknown[] = [];
  let cursor: string | undefined;
  do {
    const result = (await client.request(method, cursor === undefined ? {} : { cursor })) as {
      nextCursor?: string;
    };
    results.push(result);
    cursor = result.nextCursor;
  } while (cursor !== undefined && results.length < 100);
  return results;
}

/** Calls the tool and gives its progress beside its result. */
async function withProgress(
  client: Connected,
  name: string,
  args: Record<string, unknown>,
): Promise<unknown> {
  const progress: unknown[] = [];
  const onProgress = (step: unknown): void => void progress.push(step);
  const result = await answerOf(() =>
    client.request('tools/call', { name, arguments: args }, { onProgress }),
  );
  return { progress, result };
}

async function until(holds: () => boolean): Promise<boolean> {
  for (let tries = 0; tries < 250 && !holds(); tries += 1)
    await new Promise((resolve) => setTimeout(resolve, 20));
  return holds();
}

/** Starts the call, cancels it after its first progress, and says whether the upstream noticed. */
async function cancelled(client: Connected, plan: NonNullable<Plan['cancel']>): Promise<unknown> {
  const before = plan.seen?.() ?? 0;
  const stop = new AbortController();
  const following = { signal: stop.signal, onProgress: () => stop.abort('enough') };
  const answer = await answerOf(() =>
    client.request('tools/call', { name: plan.name, arguments: plan.arguments }, following),
  );
  const seen = plan.seen;
  return { answer, noticed: seen === undefined ? 'not asked' : await until(() => seen() > before) };
}

/** The requests that come before it are answered; then what the server said of itself, without repetitions. */
async function heard(client: Connected, { requests, method }: NonNullable<Plan['heard']>): Promise<unknown> {
  const said = (): readonly unknown[] =>
    client.notifications.filter((one) => one.method === method).map(({ params }) => plain(params));
  // Of a child that is shared somebody else may have asked for it before, and some switch it off when asked again.
  for (let tries = 0; tries < 2 && said().length === 0; tries += 1) {
    for (const request of requests) await answerOf(() => client.request(request.method, request.params));
    await until(() => said().length > 0);
  }
  return [...new Set(said().map((params) => JSON.stringify(params)))].toSorted();
}

/** Reads whatever the lists name, interfaces of MCP Apps (`ui://`) included. */
async function readAll(client: Connected): Promise<unknown> {
  const { resources = [] } =
    ((await answerOf(() => client.request('resources/list'))) as ListAnswer).result ?? {};
  const { tools = [] } = ((await answerOf(() => client.request('tools/list'))) as ListAnswer).result ?? {};
  const interfaces = tools.flatMap(({ _meta }) => _meta?.ui?.resourceUri ?? []);
  const uris = [...new Set([...resources.map(({ uri }) => uri), ...interfaces])].slice(0, 30);
  const read = async (uri: string) => [uri, await answerOf(() => client.request('resources/read', { uri }))];
  return Object.fromEntries((await Promise.all(uris.map(read))) as [string, unknown][]);
}

interface ListAnswer {
  readonly result?: {
    readonly resources?: readonly { readonly uri: string }[];
    readonly tools?: readonly { readonly _meta?: { readonly ui?: { readonly resourceUri?: string } } }[];
  };
}

const lists = ['tools/list', 'resources/list', 'resources/templates/list', 'prompts/list'];
const meta = { _meta: { 'example.test/asked': { deep: [1, null, 'ü'] } } };
/** What is wrong in one way or another, and has to be answered with the same error. */
const wrong: readonly { readonly method: string; readonly params?: Record<string, unknown> }[] = [
  ...lists.map((method) => ({ method, params: { cursor: 'no-such-cursor' } })),
  { method: 'tools/call', params: { name: 'no-such-tool', arguments: {} } },
  { method: 'tools/call', params: {} },
  { method: 'tools/call', params: { name: 'no-such-tool', arguments: 'text' } },
  { method: 'resources/read', params: { uri: 'none://none' } },
  { method: 'resources/read', params: {} },
  { method: 'resources/subscribe', params: {} },
  { method: 'prompts/get', params: { name: 'none' } },
  {
    method: 'completion/complete',
    params: { ref: { type: 'ref/prompt', name: 'none' }, argument: { name: 'a', value: '' } },
  },
  { method: 'completion/complete', params: {} },
  { method: 'logging/setLevel', params: { level: 'no-such-level' } },
  { method: 'example/none', params: { a: 1 } },
];

function standard(): readonly Question[] {
  const asked = (method: string, params?: Record<string, unknown>): Question => ({
    name: `${method} ${JSON.stringify(params ?? {})}`,
    ask: (client) => answerOf(() => client.request(method, params)),
  });
  return [
    { name: 'hello', ask: async (client) => plain(client.hello) },
    ...lists.map((method) => ({
      name: method,
      ask: (client: Connected) => answerOf(() => pages(client, method)),
    })),
    ...lists.map((method) => asked(method, meta)),
    asked('ping'),
    ...wrong.map(({ method, params }) => asked(method, params)),
    { name: 'resources/read of everything', ask: readAll },
  ];
}

/** Every question of a plan, the standard ones first. */
function questionsOf(plan: Plan): readonly Question[] {
  const { progress, cancel, heard: telling } = plan;
  return [
    ...standard(),
    ...(plan.calls ?? []).map((call) => ({
      name: `call ${JSON.stringify(call)}`,
      ask: (client: Connected) => answerOf(() => client.request('tools/call', { arguments: {}, ...call })),
    })),
    ...(plan.requests ?? []).map(({ method, params }) => ({
      name: `${method} ${JSON.stringify(params ?? {})}`,
      ask: (client: Connected) => answerOf(() => client.request(method, params)),
    })),
    ...(progress === undefined
      ? []
      : [
          {
            name: 'progress',
            ask: (client: Connected) => withProgress(client, progress.name, progress.arguments),
          },
        ]),
    ...(telling === undefined
      ? []
      : [{ name: `heard ${telling.method}`, ask: (client: Connected) => heard(client, telling) }]),
    ...(cancel === undefined
      ? []
      : [{ name: 'cancellation', ask: (client: Connected) => cancelled(client, cancel) }]),
  ];
}

/** Ask both, one question at a time, and give back what differs: nothing when the gateway cannot be told from the upstream. */
export async function parity(
  direct: Connected,
  through: Connected,
  plan: Plan,
): Promise<readonly Difference[]> {
  const differences: Difference[] = [];
  const settle = plan.settle ?? ((_question: string, answer: unknown) => answer);
  for (const question of questionsOf(plan)) {
    const one = settle(question.name, await question.ask(direct));
    const other = settle(question.name, await question.ask(through));
    if (!isDeepStrictEqual(one, other))
      differences.push({ question: question.name, direct: one, through: other });
  }
  return differences;
}
