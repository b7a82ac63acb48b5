import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { answers, type Front, type Revision } from './front.ts';
import { apps, completions, prompts, resources, templates, tools } from './offer.ts';

// The features of the matrix: each is used through a front and held to what the upstream offers.

type Values = Record<string, unknown>;

/** A front, and what the address does to names. */
export interface Seat {
  readonly front: Front;
  /** The name under which a tool or prompt is offered at this address. */
  readonly named: (name: string) => string;
}

/** One row of the matrix. */
export interface Feature {
  readonly name: string;
  /** The first revision that has it. */
  readonly since: Revision;
  /** Throws when it does not work. */
  readonly use: (seat: Seat) => Promise<void>;
}

const legacy = (front: Front): boolean => front.revision !== '2026-07-28';

async function callTool({ front, named }: Seat, name: string, args: Values = {}): Promise<Values> {
  return front.request('tools/call', { name: named(name), arguments: args });
}

function textOf(result: Values): string {
  const [first] = result['content'] as readonly { readonly text: string }[];
  return first?.text ?? '';
}

async function all(
  front: Front,
  method: string,
  member: string,
): Promise<{ items: Values[]; pages: number }> {
  const items: Values[] = [];
  let cursor: string | undefined;
  let pages = 0;
  do {
    const page = await front.request(method, cursor === undefined ? {} : { cursor });
    items.push(...(page[member] as Values[]));
    cursor = page['nextCursor'] as string | undefined;
    pages += 1;
  } while (cursor !== undefined && pages < 50);
  return { items, pages };
}

async function listed({ front, named }: Seat, name: string): Promise<Values> {
  const { items } = await all(front, 'tools/list', 'tools');
  const found = items.find((tool) => tool['name'] === named(name));
  assert.ok(found !== undefined, `${named(name)} is not listed`);
  return { ...found, name };
}

async function eventually(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let turn = 0; turn < 500; turn += 1) {
    if (await holds()) return;
    await sleep(30);
  }
  assert.fail(`${what} did not come`);
}

/** A question of the upstream that reaches the client and comes back answered. */
function asking(tool: string, method: keyof typeof answers): Feature['use'] {
  return async (seat) => {
    const before = seat.front.asked.length;
    const said = JSON.parse(textOf(await callTool(seat, tool))) as Values;
    const [question] = seat.front.asked.slice(before);
    assert.equal(question?.method, method);
    for (const [member, value] of Object.entries(answers[method])) assert.deepEqual(said[member], value);
  };
}

const watch = (front: Front): Promise<{ close(): Promise<void> }> =>
  front.listen({ toolsListChanged: true, resourceSubscriptions: ['matrix://watched'] });

async function hears(seat: Seat, method: string): Promise<void> {
  const { front } = seat;
  const subscription = legacy(front)
    ? await front.request('resources/subscribe', { uri: 'matrix://watched' }).then(() => undefined)
    : await watch(front);
  // The stream of a session is opened beside it.
  await sleep(legacy(front) ? 150 : 0);
  const before = front.heard.length;
  await callTool(seat, 'announce');
  await eventually(method, () => front.heard.slice(before).some((notice) => notice.method === method));
  await subscription?.close();
  if (legacy(front)) await front.request('resources/unsubscribe', { uri: 'matrix://watched' });
}

async function cancels(seat: Seat): Promise<void> {
  const count = async (what: 'begun' | 'cancelled'): Promise<number> => {
    const { contents } = await seat.front.request('resources/read', { uri: `matrix://${what}` });
    return Number((contents as [{ text: string }])[0].text);
  };
  const [begun, cancelled] = [await count('begun'), await count('cancelled')];
  const stop = new AbortController();
  const call = seat.front.request(
    'tools/call',
    { name: seat.named('steps'), arguments: {} },
    { signal: stop.signal },
  );
  await eventually('the call', async () => (await count('begun')) === begun + 1);
  stop.abort();
  await assert.rejects(call);
  await eventually('cancellation', async () => (await count('cancelled')) === cancelled + 1);
}

async function logs({ front, named }: Seat): Promise<void> {
  const text = `log ${Math.random()}`;
  const call = { name: named('log'), arguments: { text } };
  if (legacy(front)) await front.request('logging/setLevel', { level: 'info' });
  const meta = legacy(front) ? {} : { _meta: { 'io.modelcontextprotocol/logLevel': 'info' } };
  await front.request('tools/call', { ...call, ...meta });
  const isIt = ({ method, params }: Front['heard'][number]): boolean =>
    method === 'notifications/message' &&
    JSON.stringify((params as { data: unknown }).data) === JSON.stringify({ said: text });
  await eventually('the log message', () => front.heard.some(isIt));
}

/** Every feature, in the order of the table. */
export const features: readonly Feature[] = [
  {
    name: 'tools: list and call',
    since: '2025-03-26',
    async use(seat) {
      assert.equal(textOf(await callTool(seat, 'echo', { text: 'ünï' })), 'ünï');
      const { icons: _, ...rest } = (await listed(seat, 'echo')) as Values & { icons: unknown };
      const { icons: __, ...offered } = tools[0] as Values & { icons: unknown };
      assert.deepEqual(rest, offered);
    },
  },
  {
    name: 'tool errors, and errors of the protocol',
    since: '2025-03-26',
    async use(seat) {
      assert.equal((await callTool(seat, 'failing'))['isError'], true);
      await assert.rejects(callTool(seat, 'nothing-here'), { code: -32_602 });
    },
  },
  {
    name: 'structured output',
    since: '2025-06-18',
    async use(seat) {
      const { structuredContent } = await callTool(seat, 'weather');
      assert.deepEqual(structuredContent, { sky: 'sunny', degrees: 21.5 });
      assert.deepEqual((await listed(seat, 'weather'))['outputSchema'], tools[1]?.['outputSchema' as never]);
    },
  },
  {
    name: 'icons',
    since: '2025-11-25',
    async use(seat) {
      assert.deepEqual((await listed(seat, 'echo'))['icons'], (tools[0] as Values)['icons']);
    },
  },
  {
    name: 'MCP Apps: `_meta` and `ui://`',
    since: '2025-11-25',
    async use(seat) {
      assert.deepEqual((await listed(seat, 'page'))['_meta'], { ui: { resourceUri: apps.uri } });
      const { contents } = await seat.front.request('resources/read', { uri: apps.uri });
      assert.deepEqual(contents, [{ uri: apps.uri, mimeType: apps.mimeType, text: apps.html }]);
      assert.deepEqual((await callTool(seat, 'echo', { text: 'x' }))['_meta'] !== undefined, true);
    },
  },
  {
    name: 'pagination',
    since: '2025-03-26',
    async use({ front, named }) {
      const { items, pages } = await all(front, 'tools/list', 'tools');
      const names = items.map((tool) => tool['name']);
      assert.deepEqual(
        names,
        tools.map(({ name }) => named(name)),
      );
      assert.ok(pages > 1, 'one page only');
      await assert.rejects(front.request('tools/list', { cursor: 'no cursor of ours' }));
    },
  },
  {
    name: 'resources',
    since: '2025-03-26',
    async use({ front }) {
      assert.deepEqual((await all(front, 'resources/list', 'resources')).items, resources);
      const { contents } = await front.request('resources/read', { uri: 'matrix://watched' });
      assert.deepEqual(contents, [{ uri: 'matrix://watched', mimeType: 'text/plain', text: 'watched' }]);
      await assert.rejects(front.request('resources/read', { uri: 'matrix://nowhere' }));
    },
  },
  {
    name: 'resource templates',
    since: '2025-03-26',
    async use({ front }) {
      assert.deepEqual((await all(front, 'resources/templates/list', 'resourceTemplates')).items, templates);
      const { contents } = await front.request('resources/read', { uri: 'matrix://item/abc' });
      assert.deepEqual((contents as [{ text: string }])[0].text, 'item abc');
    },
  },
  {
    name: 'subscriptions',
    since: '2025-03-26',
    use: (seat) => hears(seat, 'notifications/resources/updated'),
  },
  {
    name: 'changed lists',
    since: '2025-03-26',
    use: (seat) => hears(seat, 'notifications/tools/list_changed'),
  },
  {
    name: 'prompts',
    since: '2025-03-26',
    async use({ front, named }) {
      const { items } = await all(front, 'prompts/list', 'prompts');
      assert.deepEqual(items, [{ ...prompts[0], name: named('greet') }]);
      const { messages } = await front.request('prompts/get', {
        name: named('greet'),
        arguments: { who: 'Ada' },
      });
      assert.deepEqual(messages, [{ role: 'user', content: { type: 'text', text: 'Greet Ada' } }]);
    },
  },
  {
    name: 'completions',
    since: '2025-03-26',
    async use({ front, named }) {
      const { completion } = await front.request('completion/complete', {
        ref: { type: 'ref/prompt', name: named('greet') },
        argument: { name: 'who', value: 'ad' },
      });
      const values = completions.filter((value) => value.startsWith('ad'));
      assert.deepEqual(completion, { values, total: values.length, hasMore: false });
    },
  },
  { name: 'logging', since: '2025-03-26', use: logs },
  {
    name: 'progress',
    since: '2025-03-26',
    async use({ front, named }) {
      const seen: unknown[] = [];
      const onProgress = (progress: unknown): void => void seen.push(progress);
      await front.request('tools/call', { name: named('steps'), arguments: {} }, { onProgress });
      assert.deepEqual(
        // The SDK's client tells of a step twice at times, also without a gateway.
        [...new Set(seen.map((progress) => (progress as { progress: number }).progress))],
        [1, 2, 3],
      );
    },
  },
  { name: 'cancellation', since: '2025-03-26', use: cancels },
  { name: 'roots', since: '2025-03-26', use: asking('ask_roots', 'roots/list') },
  { name: 'sampling', since: '2025-03-26', use: asking('ask_model', 'sampling/createMessage') },
  { name: 'elicitation: form', since: '2025-06-18', use: asking('ask_form', 'elicitation/create') },
  { name: 'elicitation: URL', since: '2025-11-25', use: asking('ask_url', 'elicitation/create') },
  {
    name: 'extensions',
    since: '2026-07-28',
    async use({ front }) {
      const { extensions } = front.capabilities as { extensions?: Values };
      assert.deepEqual(extensions, { 'io.modelcontextprotocol/ui': { mimeTypes: [apps.mimeType] } });
    },
  },
  {
    name: 'unknown methods',
    since: '2025-03-26',
    async use({ front }) {
      // With a status of 404 in the newer era, of which the SDK makes an error of its own.
      await assert.rejects(
        front.request('example/unknown', { a: 1 }),
        (error: { code?: unknown; message: string }) =>
          error.code === -32_601 || (!legacy(front) && error.message.includes('-32601')),
      );
    },
  },
];
