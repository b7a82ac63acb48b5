import { drawn } from '@sealgate/vault/testing';
import { randomInt } from 'node:crypto';
import { Client, StreamableHTTPClientTransport, type StandardSchemaV1 } from '@modelcontextprotocol/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { headersOf, type Address } from './fixtures/clients.ts';
import { openIsolationStage, type IsolationStage, type Resident } from './isolation-stage.ts';

// Two people on one upstream, all at once and in random order: whatever one of them says, is asked or is told carries
// their own word, and no byte of it may come to the other.

const steps = 24;
let stage: IsolationStage;
beforeAll(async () => {
  stage = await openIsolationStage();
}, 60_000);
afterAll(() => stage?.close());

const any: StandardSchemaV1<unknown, unknown> = {
  '~standard': { version: 1, vendor: 'sealgate-test', validate: (value) => ({ value }) },
};

interface Talker {
  readonly person: Resident;
  /** Everything that came, as text. */
  readonly came: string[];
  /** Ask for one thing, and check that what it said is in the answer. */
  act(tool: string, word: string): Promise<void>;
  subscribe(uri: string): Promise<void>;
  close(): Promise<void>;
}

const answering = { sampling: {}, elicitation: {}, roots: {} };

function answerFor(client: Client, name: string): void {
  client.setRequestHandler('sampling/createMessage', ({ params }) => ({
    model: 'canary',
    role: 'assistant',
    content: { type: 'text', text: `${name}-answers ${JSON.stringify(params.messages)}` },
  }));
  client.setRequestHandler('elicitation/create', ({ params }) => ({
    action: 'accept',
    content: { said: `${name}-answers ${'message' in params ? params.message : ''}` },
  }));
  client.setRequestHandler('roots/list', () => ({ roots: [{ uri: `file:///${name}-answers` }] }));
}

async function connect(
  person: Resident,
  address: Address,
  { era, asked }: { era: 'legacy' | 'modern'; asked: boolean },
): Promise<Talker> {
  const mode = era === 'modern' ? { pin: '2026-07-28' } : 'legacy';
  const client = new Client(
    { name: `${person.name}-client`, version: '1' },
    { versionNegotiation: { mode }, capabilities: asked ? answering : {} },
  );
  if (asked) answerFor(client, person.name);
  client.fallbackNotificationHandler = async () => undefined;
  const transport = new StreamableHTTPClientTransport(new URL(address.url), {
    requestInit: { headers: headersOf(address) },
  });
  const came: string[] = [];
  await client.connect(transport);
  const inner = transport.onmessage;
  transport.onmessage = (message) => {
    came.push(JSON.stringify(message));
    inner?.(message);
  };
  if (era === 'legacy') await client.request({ method: 'logging/setLevel', params: { level: 'debug' } }, any);
  return {
    person,
    came,
    async act(tool, word) {
      const params = { name: tool, arguments: { word } };
      const result = await client.callTool(params, { onprogress: () => undefined, timeout: 30_000 });
      const said = JSON.stringify(result);
      came.push(said);
      expect(said).toContain(word);
      if (['sample', 'elicit', 'roots'].includes(tool)) expect(said).toContain(`${person.name}-answers`);
    },
    subscribe: async (uri) =>
      void (await client.request({ method: 'resources/subscribe', params: { uri } }, any)),
    async close() {
      if (era === 'legacy') await transport.terminateSession();
      await client.close();
    },
  };
}

/** What `talker` was told that belongs to somebody else. */
function strays({ person, came }: Talker, others: readonly Talker[]): readonly string[] {
  const foreign = others.map((other) => other.person.name).filter((name) => name !== person.name);
  return came.filter((message) =>
    foreign.some((name) => message.includes(`${name}-word`) || message.includes(`${name}-answers`)),
  );
}

interface Cast {
  readonly people: readonly [Resident, Resident];
  readonly upstream: string;
  readonly era: 'legacy' | 'modern';
  /** Whether the clients can be asked; when not, a child may be shared. */
  readonly asked: boolean;
}

async function interleave({ people, upstream, era, asked }: Cast, seed: number): Promise<void> {
  const random = drawn(seed);
  const pick = <T>(of: readonly T[]): T => of[Math.floor(random() * of.length)]!;
  const talkers = await Promise.all(
    [...people, ...people].map((person) => connect(person, person.to(upstream), { era, asked })),
  );
  const quiet = ['echo', 'progress', 'touch', 'log'];
  const tools = asked ? [...quiet, 'sample', 'elicit', 'roots'] : quiet;
  const running: Promise<string | undefined>[] = [];
  try {
    for (let step = 0; step < steps; step += 1) {
      const talker = pick(talkers);
      const tool = pick(tools);
      const word = `canary://${talker.person.name}-word/${seed}-${step}`;
      const subscribed = tool === 'touch' && era === 'legacy' ? talker.subscribe(word) : Promise.resolve();
      const acted = subscribed.then(() => talker.act(tool, word));
      running.push(acted.then(undefined, (error: unknown) => `${tool}: ${String(error)}`.slice(0, 300)));
      await new Promise((resolve) => setTimeout(resolve, random() * 8));
    }
    const failed = (await Promise.all(running)).filter((one) => one !== undefined);
    // Notices that come on a stream of their own may still be on the way.
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect({ seed, failed }).toEqual({ seed, failed: [] });
    for (const talker of talkers)
      expect({ seed, strays: strays(talker, talkers) }).toEqual({ seed, strays: [] });
  } finally {
    await Promise.all(talkers.map((talker) => talker.close()));
  }
}

describe.each(['apart', 'together'] as const)('two people %s in groups', (way) => {
  describe.each(['http', 'child', 'child-of-both'])('on one upstream, %s', (upstream) => {
    it.each([
      ['legacy', true],
      ['legacy', false],
      ['modern', true],
      ['modern', false],
    ] as const)(
      '%s clients, that can be asked: %s',
      async (era, asked) => {
        const seed = randomInt(2 ** 31);
        console.log(`seed ${seed}: ${way} ${upstream} ${era} ${asked}`);
        await interleave({ people: stage[way], upstream, era, asked }, seed);
      },
      60_000,
    );
  });
});
