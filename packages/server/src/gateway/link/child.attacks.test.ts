import { afterEach, describe, expect, test } from 'vitest';
import { heldMb } from '../../domain/fixtures/held-memory.ts';
import { until } from '../../domain/fixtures/until.ts';
import { openStage, type Stage } from './fixtures/stage.ts';
import { child, tiny } from './fixtures/upstreams.ts';

// A hostile child: it floods, it does not read, it never ends a line. The gateway stays, and so does everybody else.

let stage: Stage;
afterEach(async () => stage.close());

/** A child that shakes hands and then does this with each call; `say` writes a message, `out` whatever it is given. */
const hostile = (name: string, then: string) =>
  child(name, [
    '-e',
    `
    const out = (text) => process.stdout.write(text);
    const say = (message) => out(JSON.stringify({ jsonrpc: '2.0', ...message }) + '\\n');
    const introduced = { protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo: { name: 'x', version: '1' } };
    const onCall = (id, params) => { ${then} };
    require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
      const { id, method, params } = JSON.parse(line);
      if (method === 'initialize') say({ id, result: introduced });
      else if (method === 'server/discover') say({ id, error: { code: -32601, message: 'no' } });
      else if (method === 'tools/call') onCall(id, params);
    });
    `,
  ]);

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Somebody else's child answers while the attack goes on. */
async function othersAreServed(): Promise<void> {
  const other = stage.talk(tiny('other'), { subject: 'bob' });
  for (let calls = 0; calls < 3; calls += 1)
    expect(await other.text('echo', { text: 'still here' })).toBe('still here');
}

describe('a child', () => {
  test('that asks without end and reads nothing fills no memory', async () => {
    stage = openStage();
    const flood = `process.stdin.pause(); const go = () => { let room = true;
      while (room) room = out('{"jsonrpc":"2.0","id":' + Math.floor(Math.random() * 1e9) + ',"method":"ping"}\\n');
      process.stdout.once('drain', go); }; go();`;
    const talk = stage.talk(hostile('evil', flood));
    const calling = talk.request('tools/call', { name: 'any' }).catch(() => undefined);
    await othersAreServed();
    await pause(1000);
    const before = heldMb();
    await pause(4000);
    expect(heldMb() - before).toBeLessThan(100);
    await othersAreServed();
    await stage.links.retire('g1', 'evil');
    await calling;
  });

  test('that reads nothing is not sent more and more', async () => {
    stage = openStage();
    const talk = stage.talk(hostile('evil', 'require("node:child_process").execFileSync("sleep", ["60"]);'));
    const big = 'x'.repeat(1024 * 1024);
    const calls = Array.from({ length: 200 }, () =>
      talk.request('tools/call', { name: 'any', arguments: { big } }).then(
        () => 'answered',
        (error: { code?: string }) => error.code,
      ),
    );
    const first = await Promise.race(calls);
    expect(first).toBe('overloaded');
    await othersAreServed();
    await stage.links.retire('g1', 'evil');
    const codes = await Promise.all(calls);
    expect(codes.filter((code) => code === 'overloaded').length).toBeGreaterThan(100);
  });

  test('that never ends a line is ended, and its call with it', async () => {
    stage = openStage();
    const endless = `const go = () => { while (out('x'.repeat(65536))); process.stdout.once('drain', go); }; go();`;
    const talk = stage.talk(hostile('evil', endless));
    const before = heldMb();
    let most = before;
    const looking = setInterval(() => (most = Math.max(most, heldMb())), 100);
    await expect(talk.request('tools/call', { name: 'any' })).rejects.toMatchObject({
      code: 'upstream_unavailable',
    });
    clearInterval(looking);
    // The longest message, its copy as it grows, and what is on its way.
    expect(most - before).toBeLessThan(300);
    await othersAreServed();
  });

  test('that announces without end tells nobody what was not for them, and is heard beside others', async () => {
    stage = openStage();
    const flood = `const go = () => { let room = true;
      while (room) room = out('{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"x://' + 'y'.repeat(500) + '"}}\\n');
      process.stdout.once('drain', go); }; go();`;
    const talk = stage.talk(hostile('evil', flood));
    const calling = talk.request('tools/call', { name: 'any' }).catch(() => undefined);
    await othersAreServed();
    expect(talk.heard).toEqual([]);
    await stage.links.retire('g1', 'evil');
    await calling;
  });

  test('that writes what is no message, answers others and answers twice harms nobody', async () => {
    stage = openStage();
    const odd = `out('null\\n[]\\n{}\\n"x"\\n{broken\\n\\u0000\\n' + '['.repeat(100000) + '\\n');
      say({ id: id + 1, result: { content: [{ type: 'text', text: 'for another' }] } });
      say({ id: null, result: {} }); say({ id: '__proto__', error: { code: 1, message: 'x' } });
      say({ id, result: { content: [{ type: 'text', text: 'first' }] } });
      say({ id, result: { content: [{ type: 'text', text: 'second' }] } });`;
    const upstream = hostile('evil', odd);
    const [ann, bob] = [stage.talk(upstream), stage.talk(upstream, { subject: 'bob' })];
    for (let calls = 0; calls < 5; calls += 1) {
      expect(await ann.text('any')).toBe('first');
      expect(await bob.text('any')).toBe('first');
    }
  });

  test('that is given the capabilities of one asks nobody else, whatever it makes up', async () => {
    stage = openStage();
    const asks = `for (const method of ['sampling/createMessage', 'roots/list', 'elicitation/create', 'tools/call', '__proto__/x', 'constructor'])
        say({ id: 'q-' + method, method, params: {} });
      setTimeout(() => say({ id, result: { content: [{ type: 'text', text: 'done' }] } }), 200);`;
    const upstream = hostile('evil', asks);
    const holder = { holder: 'ann-holder', capabilities: { roots: {} }, answer: async () => ({ roots: [] }) };
    const [ann, bob] = [stage.talk(upstream, holder), stage.talk(upstream, { subject: 'bob' })];
    expect(await Promise.all([ann.text('any'), bob.text('any')])).toEqual(['done', 'done']);
    expect(ann.asked.map(({ method }) => method)).toEqual(['roots/list']);
    expect(bob.asked).toEqual([]);
    await until(() => stage.links.count().children === 2);
  });
});
