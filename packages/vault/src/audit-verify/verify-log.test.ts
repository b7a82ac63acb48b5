import assert from 'node:assert/strict';
import { describe, expect, test } from 'vitest';
import { refuse } from '../refusal.ts';
import { signCheckpoint } from '../tlog/checkpoint.ts';
import { signerOf } from '../tlog/note.ts';
import { memorySource } from './fixtures/memory-source.ts';
import {
  sampleKey,
  sampleLog,
  samplePublications,
  sampleSigner,
  type LogFiles,
} from './fixtures/sample-log.ts';
import { tamperings } from './fixtures/tamperings.ts';
import { verifyLog, type VerifyOptions } from './verify-log.ts';

const sample = sampleLog();
const { files, vkey, notes } = sample;
const shard = 'logs/acme/202611';

function verify(changed: LogFiles, options: VerifyOptions = {}) {
  return verifyLog(memorySource(changed), { vkeys: [vkey], ...options });
}
const without = (path: string) => new Map([...files].filter(([each]) => each !== path));
const withFile = (path: string, bytes: Buffer | string) => new Map(files).set(path, Buffer.from(bytes));

describe('the sample', () => {
  test('is whole and right, with all that can be known of it', async () => {
    const verdict = await verify(files, { remembered: notes });
    expect(verdict).toEqual({
      state: 'ok',
      findings: [],
      keys: 'given',
      logs: 7,
      left: 0,
      entries: 42 + 7 + 3 + 330 + 10 + 1,
      bodies: 27 + 4 + 1 + 220 + 6,
      notes,
    });
  });

  test('agrees with itself when no key is given, and the verdict says that it means no more', async () => {
    const verdict = await verifyLog(memorySource(files));
    assert.deepEqual([verdict.state, verdict.keys], ['ok', 'stated']);
  });

  test.each([1, 2, 3, 4, 130, 257, 258, 259, 260, samplePublications])(
    'is right after %i publications, and what is published later is consistent with it',
    async (publications) => {
      const earlier = sampleLog({ publications });
      assert.equal((await verify(earlier.files)).state, 'ok');
      assert.equal((await verify(files, { remembered: earlier.notes })).state, 'ok');
      if (publications < samplePublications)
        assert.equal((await verify(earlier.files, { remembered: notes })).state, 'tampered');
    },
  );

  test('can be asked for one tenant alone, without the others’ files', async () => {
    const some = new Map([...files].filter(([path]) => !/^logs\/(b|_)/.test(path)));
    const acme = await verify(some, { scopes: ['acme'], remembered: notes });
    assert.equal(acme.state, 'ok');
    assert.deepEqual([acme.logs + acme.left, acme.left > 0], [7, true], 'what was not looked at is counted');
    const typo = await verify(some, { scopes: ['acme', 'acne'] });
    assert.deepEqual([typo.state, typo.findings.length], ['unreadable', 1]);
    const all = await verify(some);
    assert.equal(all.state, 'incomplete');
    assert.equal(all.findings.length, 4);
  });

  test.each([1, 7, 256])('is the same when %i statements are held at a time', async (statementsMax) => {
    const options = { statementsMax, remembered: notes };
    assert.deepEqual(await verify(files, options), await verify(files, { remembered: notes }));
    const forked = tamperings.find(({ name }) => name.includes('forked'))!.files(files);
    assert.equal((await verify(forked, options)).state, 'tampered');
  });

  test('may have lost partial tiles to full ones', async () => {
    const longer = sampleLog();
    const grown = new Map(sampleLog({ publications: 258 }).files);
    assert.ok(grown.delete(`${shard}/tile/entries/000.p/255`) || grown.has(`${shard}/tile/entries/000`));
    for (const path of ['tile/entries/000', 'tile/0/000'])
      grown.set(`${shard}/${path}`, longer.files.get(`${shard}/${path}`)!);
    for (const path of [...grown.keys()].filter(
      (each) => each.startsWith(`${shard}/tile/`) && /000\.p\/2\d\d$/.test(each),
    ))
      grown.delete(path);
    assert.equal((await verify(grown)).state, 'ok');
  });

  test('tells how far it has come', async () => {
    const seen: string[] = [];
    await verify(files, { progress: ({ log, done, size }) => seen.push(`${log} ${done}/${size}`) });
    assert.ok(seen.includes('gate.example/audit/root 256/309'));
    assert.ok(seen.includes('gate.example/audit/acme/202611 330/330'));
    assert.deepEqual(
      seen.filter((each) => each.includes(' 0/')),
      [
        'gate.example/audit/root 0/309',
        'gate.example/audit/acme/202610 0/42',
        'gate.example/audit/b%2Fv/202610 0/7',
        'gate.example/audit/_system/202610 0/3',
        'gate.example/audit/acme/202611 0/330',
        'gate.example/audit/b%2Fv/202611 0/10',
        'gate.example/audit/_system/202611 0/1',
      ],
    );
    assert.equal(seen.length, 7 + 2 + 1 + 1 + 1 + 2 + 1 + 1);
  });
});

describe('tampering is found', () => {
  test.each(tamperings)('$name', async ({ state, takes, files: tamper }) => {
    const changed = tamper(files);
    const verdict = await verify(changed, { remembered: takes === 'memory' ? notes : [] });
    assert.equal(verdict.state, state, JSON.stringify(verdict.findings));
    assert.ok(verdict.findings.length > 0 && verdict.findings.length < 20, JSON.stringify(verdict.findings));
    if (takes === 'memory') assert.equal((await verify(changed)).state, 'ok');
  });

  test('there are twelve of them', () => {
    assert.equal(new Set(tamperings.map(({ name }) => name)).size, 12);
  });

  test('whatever byte of whatever tile, bundle or checkpoint is changed', async () => {
    for (const [path, bytes] of files) {
      if (!/checkpoint$|tile/.test(path)) continue;
      for (const at of [0, bytes.length - 1]) {
        const changed = Buffer.from(bytes);
        changed[at]! ^= 0x20;
        assert.equal((await verify(withFile(path, changed))).state, 'tampered', `${path} ${at}`);
      }
    }
  });

  test('whatever tile, bundle or checkpoint is missing, it is said', async () => {
    for (const path of files.keys()) {
      if (!/checkpoint$|tile/.test(path)) continue;
      const { state, findings } = await verify(without(path));
      assert.equal(state, 'incomplete', path);
      assert.ok(findings.some((finding) => finding.path === path));
    }
  });

  test('files of one log in the place of another', async () => {
    const changed = new Map(files);
    for (const [path, bytes] of files)
      if (path.startsWith('logs/b%2Fv/202610/')) changed.set(path.replace('b%2Fv', 'acme'), bytes);
    assert.equal((await verify(changed)).state, 'tampered');
  });

  test('a log that is gone from the log over all logs, but known from elsewhere', async () => {
    const earlier = sampleLog({ publications: 2 });
    const remembered = notes.filter((note) => note.startsWith('gate.example/audit/b%2Fv/202611\n'));
    const { findings, state } = await verify(earlier.files, { remembered });
    assert.equal(state, 'tampered');
    assert.match(findings[0]!.says, /does not name it/);
  });

  test('an older state put back, by an anchor that was given', async () => {
    const earlier = sampleLog({ publications: 200 }).files;
    const { findings, state } = await verify(earlier, { anchors: notes });
    assert.equal(state, 'tampered');
    assert.ok(findings.some(({ says }) => says.includes('fewer than an anchor that was given says: 330')));
    assert.equal((await verify(files, { anchors: ['no note'] })).state, 'tampered');
    assert.equal((await verify(files, { anchors: notes })).state, 'ok');
  });

  test('a checkpoint that somebody remembers and that we never signed', async () => {
    const stranger = signerOf('gate.example/audit', sampleKey('a stranger'));
    const checkpoint = { origin: 'gate.example/audit/root', size: 1, root: Buffer.alloc(32) };
    for (const note of [signCheckpoint(checkpoint, [stranger]), 'no note', ''])
      assert.equal((await verify(files, { remembered: [note] })).state, 'tampered');
    const elsewhere = signCheckpoint({ ...checkpoint, origin: 'other.example/audit/root' }, [sampleSigner]);
    assert.equal((await verify(files, { remembered: [elsewhere] })).state, 'tampered');
  });
});

describe('the key’s own holder cannot', () => {
  /** Everything is signed anew, so no signature and no tile is wrong. */
  const rewritten = (folder: string, change: (leaves: readonly string[]) => readonly string[]) =>
    sampleLog({ rewrite: (leaves, each) => (each === folder ? change(leaves) : leaves) }).files;

  test.each([
    ['begin a log without naming the one before it', shard, (all: readonly string[]) => all.with(0, all[1]!)],
    [
      'leave out the one before it',
      shard,
      (all: readonly string[]) => all.with(0, '{"genesis":null,"reason":"first","ts":1,"v":1}'),
    ],
    [
      'name another size of the one before it',
      shard,
      (all: readonly string[]) => all.with(0, all[0]!.replace('"size":42', '"size":41')),
    ],
    [
      'name a log before the first',
      'logs/acme/202610',
      (all: readonly string[]) =>
        all.with(
          0,
          `{"genesis":{"origin":"gate.example/audit/acme/202609","root":"${Buffer.alloc(32).toString('base64')}","size":1},"reason":"month","ts":1,"v":1}`,
        ),
    ],
    ['go on after the close', 'logs/acme/202610', (all: readonly string[]) => all.with(30, all.at(-1)!)],
    [
      'leave a log open and begin the next',
      'logs/acme/202610',
      (all: readonly string[]) => all.with(41, all[40]!),
    ],
    [
      'commit to one body and disclose another',
      shard,
      (all: readonly string[]) => all.with(4, all[4]!.replace(/"c":"./, '"c":"_')),
    ],
  ])('%s', async (_, folder, change) => {
    const { state, findings } = await verify(rewritten(folder, change));
    assert.equal(state, 'tampered', JSON.stringify(findings));
  });

  test('publish a log as smaller than it once said, in the log over all logs', async () => {
    const checkpoints = [...sampleLog({ publications: 200 }).files].filter(([path]) =>
      path.startsWith(shard),
    );
    const changed = new Map([...files].filter(([path]) => !path.startsWith(shard)));
    for (const [path, bytes] of checkpoints) changed.set(path, bytes);
    const { state, findings } = await verify(changed);
    assert.equal(state, 'tampered');
    assert.match(findings[0]!.says, /fewer than/);
  });
});

describe('bodies', () => {
  const path = `${shard}/bodies/000.jsonl`;
  const lines = files.get(path)!.toString().trimEnd().split('\n');
  const bodies = (change: (lines: string[]) => string[]) =>
    withFile(
      path,
      change([...lines])
        .map((line) => `${line}\n`)
        .join(''),
    );

  test('may be withheld, one or all', async () => {
    assert.equal((await verify(without(path))).state, 'ok');
    const { state, bodies: compared } = await verify(bodies((all) => all.slice(10)));
    assert.equal(state, 'ok');
    assert.equal(compared, 258 - 10);
  });

  test.each([
    ['come twice', (all: string[]) => [all[0]!, ...all]],
    ['are out of order', (all: string[]) => [all[1]!, all[0]!, ...all.slice(2)]],
    ['are of no entry', (all: string[]) => [...all, all[0]!.replace('"ix":1,', '"ix":256,')]],
    [
      'are of an entry without one',
      (all: string[]) => [all[0]!.replace('"ix":1,', '"ix":0,'), ...all.slice(1)],
    ],
    [
      'have a salt in another writing',
      (all: string[]) => [all[0]!.replace(/("salt":"[^"]+)"/, '$1="'), ...all.slice(1)],
    ],
    ['are no JSON', (all: string[]) => ['{', ...all]],
    ['have an empty line', (all: string[]) => ['', ...all]],
  ])('are refused when they %s', async (_, change) => {
    assert.equal((await verify(bodies(change))).state, 'tampered');
  });

  test('are refused when they are no text', async () => {
    assert.equal((await verify(withFile(path, Buffer.of(0xff, 0x0a)))).state, 'tampered');
    assert.equal((await verify(withFile(path, lines.join('\n')))).state, 'tampered');
  });
});

describe('what cannot be read', () => {
  test.each([
    ['nothing', undefined],
    ['no JSON', '{'],
    ['another version', '{"v":2,"deployment":"gate.example","vkeys":["x"]}'],
    ['no key', '{"v":1,"deployment":"gate.example","vkeys":[]}'],
    ['a key that is none', '{"v":1,"deployment":"gate.example","vkeys":["x"]}'],
    ['no deployment', `{"v":1,"vkeys":["${vkey}"]}`],
  ])('is said: a policy that is %s', async (_, text) => {
    const changed = text === undefined ? without('policy.json') : withFile('policy.json', text);
    const { state, logs } = await verify(changed);
    assert.deepEqual([state, logs], ['unreadable', 0]);
  });

  test('does not hide what the rest tells', async () => {
    const bundle = `${shard}/tile/entries/000`;
    const failing = (changed: LogFiles) => {
      const source = memorySource(changed);
      return {
        read: async (path: string, bytesMax: number) => {
          if (path === bundle) throw refuse('log_unreadable', 'it is forbidden');
          return source.read(path, bytesMax);
        },
      };
    };
    const { state, findings } = await verifyLog(failing(files), { vkeys: [vkey] });
    assert.equal(state, 'unreadable');
    assert.ok(findings.some(({ says }) => says === 'it is forbidden'));
    const tampered = withFile('logs/b%2Fv/202611/checkpoint', 'x');
    assert.equal((await verifyLog(failing(tampered), { vkeys: [vkey] })).state, 'tampered');
  });

  test('is not asked for over and over', async () => {
    let asked = 0;
    const source = {
      async read(path: string): Promise<Uint8Array | undefined> {
        if (path === 'policy.json') return files.get(path);
        if (path === 'root/checkpoint') return files.get(path);
        if (path.startsWith('root/')) return files.get(path);
        asked += 1;
        throw refuse('log_unreadable', 'no answer');
      },
    };
    assert.equal((await verifyLog(source, { vkeys: [vkey] })).state, 'unreadable');
    assert.ok(asked <= 20, String(asked));
  });

  test('a bug of the source is no finding', async () => {
    const source = { read: () => Promise.reject(new TypeError('a bug')) };
    await expect(verifyLog(source, {})).rejects.toThrow('a bug');
  });
});

test('a key that is given and is none is refused', async () => {
  await expect(verify(files, { vkeys: ['x'] })).rejects.toMatchObject({ code: 'log_invalid' });
});

test('a key that is rotated: notes that both have signed hold under either', async () => {
  const next = signerOf('gate.example/audit', sampleKey('next'));
  const both = { vkey: next.vkey, line: (text: string) => sampleSigner.line(text) + next.line(text) };
  const rotated = new Map(sampleLog({ signer: both }).files);
  const policy = { v: 1, deployment: 'gate.example', vkeys: [vkey, next.vkey] };
  rotated.set('policy.json', Buffer.from(JSON.stringify(policy)));
  assert.equal((await verify(rotated, { vkeys: [next.vkey] })).state, 'ok');
  assert.equal((await verify(rotated, { vkeys: [vkey], remembered: notes })).state, 'ok');
});
