import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, test } from 'vitest';
import { openFindings } from './findings.ts';
import { memorySource } from './fixtures/memory-source.ts';
import { sampleLog, type SampleOptions } from './fixtures/sample-log.ts';
import { openNumbers } from './numbers.ts';
import { verifyLog, type VerifyOptions } from './verify-log.ts';

// What a log lacks that was never in it shows by the numbers that writers give.

const dayMs = 24 * 3600_000;
const startMs = Date.UTC(2026, 9, 30);
const november = 'logs/acme/202611';

const leafOf = (writer: string, n: number, ts: number): Buffer =>
  Buffer.from(JSON.stringify({ act: 'x', c: 'y', kid: 'k', n, svc: 's', ts, v: 1, w: writer }));

function said(leaves: readonly Buffer[]): readonly string[] {
  const [numbers, findings] = [openNumbers(), openFindings()];
  for (const leaf of leaves) numbers.see(leaf);
  numbers.finish(findings);
  return findings.list().map(({ state, says }) => `${state} ${says.slice(0, says.indexOf(' of a writer'))}`);
}

/** The sample without number 200, and how long after it the newest entry comes. */
const lacking = (laterMs: number): SampleOptions => ({
  rewrite: (leaves, folder) =>
    folder === november
      ? leaves.map((leaf, index) =>
          index === 200
            ? leaf.replace('"n":200', '"n":199')
            : index === 329
              ? leaf.replace(/"ts":\d+/, `"ts":${startMs + laterMs}`)
              : leaf,
        )
      : leaves,
});

describe('a log in which a number is in no entry', () => {
  const verified = (options: SampleOptions, given: VerifyOptions = {}) => {
    const { files, vkey } = sampleLog(options);
    return verifyLog(memorySource(files), { vkeys: [vkey], ...given });
  };

  test('is incomplete, and it is said which', async () => {
    const { state, findings } = await verified(lacking(3 * dayMs));
    assert.deepEqual([state, findings.length], ['incomplete', 1]);
    assert.match(findings[0]!.says, /^entry 200 of a writer: in no log/);
  });

  test('is not while the entry may still be on its way', async () => {
    assert.equal((await verified(lacking(3600_000))).state, 'ok');
  });

  test('is left alone where another log may have the entry', async () => {
    const some = await verified(lacking(3 * dayMs), { scopes: ['acme'] });
    assert.deepEqual([some.state, some.findings], ['ok', []]);
    const { files, vkey } = sampleLog(lacking(3 * dayMs));
    const without = new Map([...files].filter(([path]) => !path.startsWith('logs/b%2Fv/202611/')));
    const { findings } = await verifyLog(memorySource(without), { vkeys: [vkey] });
    assert.ok(findings.every(({ says }) => !says.includes('of a writer')));
  });
});

describe('the numbers of writers', () => {
  const last = (writer: string, n: number): Buffer => leafOf(writer, n, startMs + 30 * dayMs);

  test('are missed as stretches, each writer by itself, whichever log has them in whichever order', () => {
    const whole = Array.from({ length: 300 }, (_, at) =>
      leafOf(`a/${1 + Math.floor(at / 50)}`, at + 1, startMs + at),
    );
    assert.deepEqual(said([...whole, last('b/1', 5)]), []);
    const less = whole.filter((_, at) => at !== 9 && (at < 100 || at > 219)).toReversed();
    assert.deepEqual(said([...less, leafOf('b/1', 10, startMs), last('b/1', 500)]), [
      'incomplete entry 10',
      'incomplete entries 101 to 220',
    ]);
  });

  test('may begin anywhere, and stand twice', () => {
    const twice = [40, 41, 42, 41, 42, 43].map((n, at) => leafOf('a/1', n, startMs + at));
    assert.deepEqual(said([...twice, last('b/1', 1)]), []);
  });

  test('are found by whatever was taken out', () => {
    const sets = fc.uniqueArray(fc.integer({ min: 2, max: 399 }), { minLength: 1, maxLength: 15 });
    fc.assert(
      fc.property(sets, (out) => {
        const leaves = Array.from({ length: 400 }, (_, at) => at + 1)
          .filter((n) => !out.includes(n))
          .map((n) => leafOf('a/1', n, startMs + n));
        const missed = said([...leaves, last('b/1', 1)]).flatMap((says) => {
          const [from = 0, to = from] = [...says.matchAll(/\d+/g)].map(Number);
          return Array.from({ length: to - from + 1 }, (_, at) => from + at);
        });
        assert.deepEqual(
          missed,
          out.toSorted((a, b) => a - b),
        );
      }),
    );
  });

  test('that no writer gives are passed over', () => {
    const odd = [
      '{}',
      '',
      '{"act":"x","n":1,"ts":1,"w":"no-boot"}',
      `{"act":"x","n":1,"ts":1,"w":"${'w'.repeat(200)}/1"}`,
      '{"act":"x","n":-4,"ts":1,"w":"a/1"}',
      '{"act":"x","n":null,"ts":1,"w":"a/1"}',
      '{"genesis":null,"reason":"first","ts":1,"v":1}',
    ];
    assert.deepEqual(said([...odd.map((text) => Buffer.from(text)), last('b/1', 1)]), []);
  });

  test('that are said in a text are none', () => {
    const spoken = JSON.stringify({ act: 'x', corr: 'q,"n":900,"w":"a/1"', n: 2, ts: startMs, w: 'a/1' });
    const leaves = [
      leafOf('a/1', 1, startMs),
      Buffer.from(spoken),
      leafOf('a/1', 3, startMs),
      last('b/1', 1),
    ];
    assert.deepEqual(said(leaves), []);
  });

  test('that lie far apart are told of in no more than twenty lines', () => {
    const leaves = Array.from({ length: 50 }, (_, at) => leafOf('a/1', at * 1e9 + 1, startMs));
    assert.equal(said([...leaves, last('b/1', 1)]).length, 20);
  });
});
