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

function standard(): readonly Question[] {
  const lists = ['tools/list', 'resources/list', 'resources/templates/list', 'prompts/list'];
  return [
    { name: 'hello', ask: async (client) => plain(client.hello) },
    ...lists.map((method) => ({
      name: method,
      ask: (client: Connected) => answerOf(() => pages(client, method)),
    })),
    {
      name: 'unknown tool',
      ask: (client) => answerOf(() => client.request('tools/call', { name: 'no-such-tool', arguments: {} })),
    },
    { name: 'unknown method', ask: (client) => answerOf(() => client.request('example/none', { a: 1 })) },
    {
      name: 'unknown resource',
      ask: (client) => answerOf(() => client.request('resources/read', { uri: 'none://none' })),
    },
    {
      name: 'unknown prompt',
      ask: (client) => answerOf(() => client.request('prompts/get', { name: 'none' })),
    },
  ];
}

/** Every question of a plan, the standard ones first. */
function questionsOf(plan: Plan): readonly Question[] {
  const { progress, cancel } = plan;
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
