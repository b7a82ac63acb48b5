import { afterEach, describe, expect, test } from 'vitest';
import { until } from '../../domain/fixtures/until.ts';
import { openStage, type Stage, type Talk } from './fixtures/stage.ts';
import { startRestartable, type Restartable } from './fixtures/restartable.ts';
import { http } from './fixtures/upstreams.ts';

// What HTTP upstreams announce, in both eras, and what is left of it when one of them is started anew.

const watched = { uri: 'matrix://watched' };
const updated = { method: 'notifications/resources/updated', params: watched };
const changed = 'notifications/tools/list_changed';

let stage: Stage;
let upstream: Restartable;
afterEach(async () => {
  await stage.close();
  await upstream.close();
});

const methods = ({ heard }: Talk): string[] => heard.map(({ method }) => method);

/** Have it announce until it was heard: what the upstream sends before a stream stands is lost, as it would be directly. */
async function announce(by: Talk, heard: () => boolean): Promise<void> {
  await until(async () => {
    await by.text('announce').catch(() => undefined);
    return heard();
  });
}

describe.each([
  ['legacy', 'legacy'],
  ['legacy', 'modern'],
  ['modern', 'legacy'],
  ['modern', 'modern'],
] as const)('a %s conversation with a %s upstream', (era, upstreamEra) => {
  test('hears of the resource it subscribed to and of changed lists, also after the upstream was started anew', async () => {
    upstream = await startRestartable(upstreamEra);
    stage = openStage();
    const talk = stage.talk(http(upstream.url), { era });
    const hearsBoth = (): boolean =>
      methods(talk).includes(updated.method) && methods(talk).includes(changed);
    await talk.request('resources/subscribe', watched);
    await announce(talk, hearsBoth);
    expect(talk.heard).toContainEqual(updated);
    await upstream.restart();
    talk.heard.length = 0;
    await announce(talk, hearsBoth);
    expect(talk.heard).toContainEqual(updated);
  });

  test('hears nothing of a resource that only others subscribed to, nor of one it left', async () => {
    upstream = await startRestartable(upstreamEra);
    stage = openStage();
    const ann = stage.talk(http(upstream.url), { era });
    const quiet = stage.talk(http(upstream.url), { era });
    const bob = stage.talk(http(upstream.url), { era, subject: 'bob' });
    const left = stage.talk(http(upstream.url), { era });
    await Promise.all([ann, left].map((talk) => talk.request('resources/subscribe', watched)));
    await Promise.all([quiet, bob].map((talk) => talk.text('echo', { text: 'here' })));
    await left.request('resources/unsubscribe', watched);
    await announce(ann, () => methods(ann).includes(updated.method));
    for (const talk of [quiet, bob, left]) expect(methods(talk)).not.toContain(updated.method);
  });

  test('has the progress of its calls after the upstream was started anew', async () => {
    upstream = await startRestartable(upstreamEra);
    stage = openStage();
    const talk = stage.talk(http(upstream.url), { era });
    await talk.text('echo', { text: 'here' });
    await upstream.restart();
    await until(() => talk.text('echo', { text: 'again' }).then(Boolean, () => false));
    const steps: unknown[] = [];
    await talk.request(
      'tools/call',
      { name: 'steps', arguments: {} },
      { onProgress: ({ progress }) => steps.push(progress) },
    );
    expect(steps).toEqual([1, 2, 3]);
  });

  test('has its own log messages, and nobody else has them', async () => {
    upstream = await startRestartable(upstreamEra);
    stage = openStage();
    const ann = stage.talk(http(upstream.url), { era, holder: 'h1' });
    const others = [
      stage.talk(http(upstream.url), { era, holder: 'h2' }),
      stage.talk(http(upstream.url), { era, subject: 'bob', holder: 'h3' }),
    ];
    for (const talk of [ann, ...others]) await talk.request('logging/setLevel', { level: 'debug' });
    await ann.text('log', { text: 'of ann' });
    await until(() => ann.heard.length > 0);
    expect(JSON.stringify(ann.heard)).toContain('of ann');
    for (const other of others) {
      await other.text('echo', { text: 'here' });
      expect(JSON.stringify(other.heard)).not.toContain('of ann');
    }
  });
});
