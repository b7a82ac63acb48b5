import { afterEach, expect, test } from 'vitest';
import { connectModern, openModernRoom, post, type ModernRoom } from './fixtures/modern-room.ts';
import { scriptedTarget } from './fixtures/scripted-target.ts';

let room: ModernRoom;
afterEach(() => room.close());

test('a client that answers by itself gets its result', async () => {
  const { openTarget, happened } = scriptedTarget();
  room = await openModernRoom(openTarget);
  const client = await connectModern(room, { autoFulfill: true });
  client.setRequestHandler('elicitation/create', async () => ({
    action: 'accept',
    content: { name: 'Ada' },
  }));
  client.setRequestHandler('roots/list', async () => ({ roots: [{ uri: 'file:///a' }] }));
  const result = await client.callTool({ name: 'both', arguments: {} });
  expect(JSON.stringify(result)).toContain('file:///a');
  expect(happened.begun).toHaveLength(1);
  await client.close();
});

test('questions, answers and logs of people who come and go never cross', async () => {
  const { openTarget, happened } = scriptedTarget();
  room = await openModernRoom(openTarget, {
    limits: { parkedPerPersonMax: 100, holdersPerPersonMax: 8, holderWaitSeconds: 60 },
  });
  const people = ['u1/c1', 'u2/c1', 'u1/c2'];
  await Promise.all(
    people.flatMap((as) =>
      Array.from({ length: 12 }, async (_, at) => {
        const canary = `canary-of-${as}-${at}`;
        const params = { name: at % 3 === 0 ? 'log' : 'elicit', arguments: { canary } };
        const meta = { 'io.modelcontextprotocol/logLevel': 'debug', progressToken: canary };
        const asked = await post(room, 'tools/call', params, { as, meta });
        const seen = [JSON.stringify(asked)];
        if (params.name === 'elicit') {
          const answer = { action: 'accept', content: { name: canary } };
          const retry = {
            ...params,
            requestState: asked.result.requestState,
            inputResponses: { [Object.keys(asked.result.inputRequests)[0]!]: answer },
          };
          seen.push(JSON.stringify(await post(room, 'tools/call', retry, { as, meta })));
        }
        for (const text of seen) {
          expect(text).toContain(canary);
          expect(new Set(text.match(/canary-of-[^"\\]+/g))).toEqual(new Set([canary]));
        }
      }),
    ),
  );
  for (const { holder } of happened.conversations) expect(holder).toEqual(expect.any(String));
  expect(room.modern.counts()).toMatchObject({ parked: 0 });
  expect(room.modern.counts().holders).toBeLessThanOrEqual(16);
});
