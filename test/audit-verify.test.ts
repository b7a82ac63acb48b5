import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LogVerdict } from '@sealgate/vault/audit-verify';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { productOf, runLine, type Said } from '../packages/server/src/cli/fixtures/command-line.ts';
import {
  sampleKey,
  sampleLog,
  samplePublications,
  writeFiles,
  type LogFiles,
} from '../packages/vault/src/audit-verify/fixtures/sample-log.ts';
import { tamperings } from '../packages/vault/src/audit-verify/fixtures/tamperings.ts';
import { signerOf } from '../packages/vault/src/tlog/note.ts';
import { sealgate } from './start.ts';

// `sealgate audit verify` over a log that was published: by somebody who has nothing but the log, and what they kept themselves.

const { files, vkey, notes } = sampleLog();
const stranger = signerOf('gate.example/audit', sampleKey('another'));
const older = sampleLog({ publications: samplePublications - 20 });
let directory = '';
beforeEach(() => void (directory = mkdtempSync(join(tmpdir(), 'sealgate-verify-'))));
afterEach(() => rmSync(directory, { recursive: true }));

/** Whoever verifies has no gateway and no configuration: asking for either fails. */
const nothing = (): never => {
  throw new Error('a log is verified without it');
};
const run = (argv: readonly string[], fetching = fetch): Promise<Said> =>
  runLine(productOf(nothing, { openHere: nothing, fetch: fetching }), ['audit', 'verify', ...argv], {
    cwd: directory,
  });
const put = (name: string, text: string): void => writeFileSync(join(directory, name), text);
const text = (name: string): string => readFileSync(join(directory, name), 'utf8');
async function publish(changed: LogFiles = files, name = 'log'): Promise<void> {
  rmSync(join(directory, name), { recursive: true, force: true });
  await writeFiles(join(directory, name), changed);
}

describe('a log in a folder', () => {
  test('is verified, and what that rests on is said', async () => {
    await publish();
    const said = await run(['log', '--vkey', vkey]);
    expect(said.code).toBe(0);
    expect(said.stdout.split('\n')).toEqual([
      'Ok: whole and unchanged',
      'Logs: 7, with 393 entries; 258 disclosed bodies were compared with them',
      'Keys: those you gave',
      'Before: NOT compared with an earlier run; an older state put back would not show (--remember)',
      '',
    ]);
    expect(readdirSync(directory)).toEqual(['log']);
  });

  test('agrees with itself at most when no key is given, and that is said plainly', async () => {
    await publish();
    const said = await run(['log']);
    expect(said).toMatchObject({ code: 0, stdout: expect.stringContaining('Keys: NOT compared') as string });
    expect(JSON.parse((await run(['log', '--json'])).stdout)).toMatchObject({ state: 'ok', keys: 'stated' });
  });

  test('takes no more than the folder: the program itself, where nothing else is', async () => {
    await publish();
    const argv = ['audit', 'verify', join(directory, 'log'), '--vkey', vkey];
    const said = await sealgate(join(directory, 'none'), argv);
    expect([said.code, said.stdout.split('\n')[0]]).toEqual([0, 'Ok: whole and unchanged']);
    expect(readdirSync(directory)).toEqual(['log']);
  });

  test('shows how far it is, in lines on standard error, and not with --json', async () => {
    await publish();
    const { stderr } = await run(['log']);
    expect(stderr).toMatch(/^reading which logs there are: 0 %, 0 of 309\n/);
    expect(stderr).toMatch(/\nverifying entries: 100 %, 393 of 393(, \d+ a second)?\n$/);
    expect(stderr).toMatch(/^[ -~\n]+$/);
    expect((await run(['log', '--json'])).stderr).toBe('');
  });

  test('keys come from files too, several of them', async () => {
    await publish();
    const { vkey: another } = sampleLog({ signer: stranger });
    put('keys', `${another}\n\n${vkey}\n`);
    expect((await run(['log', '--vkey', '@keys'])).code).toBe(0);
    expect((await run(['log', '--vkey', another, '--vkey', vkey])).code).toBe(0);
    expect((await run(['log', '--vkey', another])).code).toBe(1);
  });
});

describe('each planted tampering', () => {
  const codes = { tampered: 1, incomplete: 2, unreadable: 3 };
  test.each(tamperings)('$name', async ({ state, takes, files: tamper }) => {
    put('memory', JSON.stringify(notes));
    await publish(tamper(files));
    const memory = takes === 'memory' ? ['--remember', 'memory'] : [];
    const said = await run(['log', '--vkey', vkey, ...memory]);
    expect([said.code, said.stdout.toLowerCase().split(':')[0]]).toEqual([codes[state], state]);
    expect(said.stdout).toMatch(/^FOUND +LOG +ENTRY +FILE +WHAT$/m);
    const json = await run(['log', '--vkey', vkey, ...memory, '--json']);
    expect(json.code).toBe(codes[state]);
    const { state: printed, findings } = JSON.parse(json.stdout) as LogVerdict;
    expect([printed, findings.length > 0]).toEqual([state, true]);
    expect(text('memory')).toBe(JSON.stringify(notes));
  });
});

describe('what was seen before', () => {
  test('is kept after an ok for its owner alone, and compared with next time', async () => {
    await publish(older.files);
    const first = await run(['log', '--vkey', vkey, '--remember', 'memory']);
    expect(first).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('nothing was remembered') as string,
    });
    expect(JSON.parse(text('memory'))).toEqual(older.notes);
    expect(statSync(join(directory, 'memory')).mode & 0o777).toBe(0o600);
    await publish();
    const next = await run(['log', '--vkey', vkey, '--remember', 'memory']);
    expect(next).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(
        /compared with 7 checkpoints of \S+memory, which has those of this run/,
      ) as string,
    });
    expect(JSON.parse(text('memory'))).toEqual(notes);
    expect(readdirSync(directory).toSorted()).toEqual(['log', 'memory']);
  });

  test('is kept beside the file of the key that is named, unless that is not wanted', async () => {
    put('gate.vkey', `${vkey}\n`);
    await publish();
    expect((await run(['log', '--vkey', '@gate.vkey', '--no-remember'])).code).toBe(0);
    expect(readdirSync(directory).toSorted()).toEqual(['gate.vkey', 'log']);
    expect((await run(['log', '--vkey', '@gate.vkey'])).stdout).toMatch(/gate\.vkey\.seen has this run now/);
    expect(JSON.parse(text('gate.vkey.seen'))).toEqual(notes);
    await publish(older.files);
    expect((await run(['log', '--vkey', '@gate.vkey'])).code).toBe(1);
    expect((await run(['log', '--vkey', '@gate.vkey', '--no-remember'])).code).toBe(0);
  });

  test('is left out where nobody asked for it and it cannot be written, and that is said', async () => {
    put('gate.vkey', `${vkey}\n`);
    await publish();
    // As a shell gives it: --vkey @<(cat gate.vkey)
    const file = openSync(join(directory, 'gate.vkey'), 'r');
    try {
      const said = await run(['log', '--vkey', `@/dev/fd/${file}`]);
      expect([said.code, said.stdout]).toEqual([0, expect.stringMatching(/\.seen was not made/)]);
    } finally {
      closeSync(file);
    }
  });

  test('finds a store that went back, and stays as it was', async () => {
    await publish();
    await run(['log', '--vkey', vkey, '--remember', 'memory']);
    const kept = text('memory');
    await publish(older.files);
    const said = await run(['log', '--vkey', vkey, '--remember', 'memory']);
    expect(said.code).toBe(1);
    expect(said.stdout).toMatch(/fewer than a remembered checkpoint says: 330/);
    expect(said.stdout).toMatch(/which is left as it is/);
    expect(text('memory')).toBe(kept);
    // Without it, the older state is as good as any.
    expect((await run(['log', '--vkey', vkey])).code).toBe(0);
  });

  test('finds a log that is signed with other keys throughout, though none was given', async () => {
    await publish();
    await run(['log', '--remember', 'memory']);
    await publish(sampleLog({ signer: stranger }).files);
    expect((await run(['log'])).code).toBe(0);
    expect((await run(['log', '--remember', 'memory'])).code).toBe(1);
  });

  test('is not replaced by a verdict that is not ok', async () => {
    const missing = new Map(files);
    missing.delete('logs/acme/202610/checkpoint');
    await publish(missing);
    expect((await run(['log', '--remember', 'memory'])).code).toBe(2);
    expect(readdirSync(directory)).toEqual(['log']);
  });

  test.each(['', '[]', '{}', '["x", 1]', '["cut off'])('is never taken for nothing: %j', async (content) => {
    await publish();
    put('memory', content);
    const said = await run(['log', '--vkey', vkey, '--remember', 'memory']);
    expect(said).toMatchObject({
      code: 3,
      stdout: '',
      stderr: expect.stringContaining('has no checkpoints') as string,
    });
    expect(text('memory')).toBe(content);
  });

  test('has to have a place before anything is read, and one that can be written', async () => {
    await publish();
    mkdirSync(join(directory, 'folder'));
    for (const [file, complaint] of [
      ['nowhere/memory', 'no folder'],
      ['folder', 'cannot be read'],
    ] as const)
      expect(await run(['log', '--remember', file])).toMatchObject({
        code: 3,
        stdout: '',
        stderr: expect.stringContaining(complaint) as string,
      });
  });
});

describe('an anchor that somebody noted elsewhere', () => {
  const forms = {
    'a file as one run leaves it': JSON.stringify(notes, undefined, 2),
    'a JSON string a line': notes.map((note) => `${JSON.stringify(note)}\n`).join(''),
    'one checkpoint as it was signed': notes.find((note) =>
      note.startsWith('gate.example/audit/acme/202611\n'),
    )!,
    'several as they were signed, one behind the other': notes.join(''),
  };
  test.each(Object.entries(forms))('is taken as %s', async (_, content) => {
    put('anchors', content);
    await publish();
    const said = await run(['log', '--vkey', vkey, '--anchors', 'anchors']);
    expect(said).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^Anchors: compared with [17] /m) as string,
    });
    await publish(older.files);
    const back = await run(['log', '--vkey', vkey, '--anchors', 'anchors']);
    expect(back.code).toBe(1);
    expect(back.stdout).toMatch(/fewer than an anchor that was given says: 330/);
  });

  test('is taken from every file of a folder, and from several', async () => {
    mkdirSync(join(directory, 'anchors', 'below'), { recursive: true });
    for (const [at, note] of notes.entries()) put(at % 2 ? `anchors/${at}` : `anchors/below/${at}`, note);
    put('one', notes[0]!);
    await publish();
    const said = await run(['log', '--vkey', vkey, '--anchors', 'anchors', '--anchors', 'one']);
    expect(said).toMatchObject({
      code: 0,
      stdout: expect.stringContaining(`Anchors: compared with ${notes.length + 1} `) as string,
    });
    await publish(older.files);
    expect((await run(['log', '--vkey', vkey, '--anchors', 'anchors'])).code).toBe(1);
    mkdirSync(join(directory, 'empty'));
    expect((await run(['log', '--anchors', 'empty'])).code).toBe(3);
    put('anchors/below/0', 'no note');
    expect(await run(['log', '--anchors', 'anchors'])).toMatchObject({ code: 3, stdout: '' });
  });

  test.each(['', 'no note', '"x', '[1]', `${notes[0]!}and more`, `more\n${notes[0]!}`.repeat(2) + '\n'])(
    'is refused when it is none: %j',
    async (content) => {
      await publish();
      put('anchors', content);
      expect(await run(['log', '--anchors', 'anchors'])).toMatchObject({ code: 3, stdout: '' });
      expect(await run(['log', '--anchors', 'nowhere'])).toMatchObject({ code: 3, stdout: '' });
    },
  );
});

describe('no verdict is 3, which no script takes for tampering', () => {
  test('a folder that is none, a file, an empty one, and one that leads away', async () => {
    mkdirSync(join(directory, 'empty'));
    put('file', 'text');
    await publish();
    mkdirSync(join(directory, 'linked'));
    for (const name of readdirSync(join(directory, 'log')))
      symlinkSync(join(directory, 'log', name), join(directory, 'linked', name));
    for (const log of ['nowhere', 'empty', 'file', 'linked']) {
      const said = await run([log, '--vkey', vkey]);
      expect([log, said.code, said.stdout.split(':')[0]]).toEqual([log, 3, 'Unreadable']);
    }
  });

  test.each([
    ['--vkey', 'x'],
    ['--vkey', '@nowhere'],
    ['--vkey', '@empty'],
  ])('%s %s', async (...option) => {
    await publish();
    put('empty', '\n');
    expect(await run(['log', ...option])).toMatchObject({
      code: 3,
      stdout: '',
      stderr: expect.stringMatching(/\(\w+\)\n$/) as string,
    });
  });

  test('options of a log without one are refused as usage: nobody believes that they took effect', async () => {
    for (const option of ['--vkey', '--remember', '--anchors'])
      expect(await run([option, 'x'])).toMatchObject({
        code: 2,
        stdout: '',
        stderr: expect.stringContaining('name its folder or address') as string,
      });
  });

  test('what a log calls itself does not move the cursor', async () => {
    const hostile = new Map(files);
    hostile.set(
      'policy.json',
      Buffer.from(JSON.stringify({ v: 1, deployment: 'gate\u202Eexample', vkeys: [vkey] })),
    );
    await publish(hostile);
    const said = await run(['log']);
    expect(said.code).toBe(1);
    expect(said.stdout).toContain('gate?example');
    expect(said.stdout).not.toContain('\u202E');
  });
});

describe('a log at an address', () => {
  let servers: Server[] = [];
  afterEach(async () => {
    for (const server of servers.splice(0)) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
    servers = [];
  });

  async function serve(answer: RequestListener): Promise<string> {
    const server = createServer(answer);
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/log`;
  }
  const pathOf = (url: string | undefined): string => decodeURIComponent(url ?? '').replace('/log/', '');
  const give: RequestListener = (request, response) => {
    const body = files.get(pathOf(request.url));
    response.writeHead(body === undefined ? 404 : 200).end(body);
  };

  test('is verified as a folder is; by the program itself, too', async () => {
    const log = await serve(give);
    const said = await run([log, '--vkey', vkey, '--remember', 'memory', '--json']);
    expect(said.code).toBe(0);
    expect(JSON.parse(said.stdout)).toMatchObject({ state: 'ok', logs: 7, entries: 393, notes });
    const again = await sealgate(directory, ['audit', 'verify', log, '--vkey', vkey]);
    expect([again.code, again.stdout.split('\n')[0]]).toEqual([0, 'Ok: whole and unchanged']);
  });

  test('is compared with anchors at an address; one that has none, or is no such address, is no verdict', async () => {
    const log = await serve(give);
    const from = log.replace(/log$/, 'noted/anchors.txt');
    const away = await run([log, '--vkey', vkey, '--anchors', from]);
    expect(away).toMatchObject({ code: 3, stdout: '' });
    const kept = await serve((_, response) => void response.end(notes.join('')));
    expect((await run([log, '--vkey', vkey, '--anchors', kept])).stdout).toContain(
      'Anchors: compared with 7',
    );
    for (const wrong of [`${kept}?a=b`, 'http://noted.example/anchors', 'https:///'])
      expect(await run([log, '--anchors', wrong])).toMatchObject({ code: 3, stdout: '' });
    await publish(older.files);
    const back = await run(['log', '--vkey', vkey, '--anchors', kept]);
    expect(back).toMatchObject({
      code: 1,
      stdout: expect.stringContaining('an anchor that was given says') as string,
    });
  });

  test('that is tampered with is found there as well', async () => {
    const [edited] = tamperings;
    const changed = edited!.files(files);
    const log = await serve((request, response) => void response.end(changed.get(pathOf(request.url))));
    expect((await run([log, '--vkey', vkey])).code).toBe(1);
  });

  test('where nobody answers is given up', async () => {
    const asked: string[] = [];
    const log = await serve((request) => void asked.push(request.url ?? ''));
    // Its bound is a minute; what it does at the bound is seen sooner.
    const hasty: typeof fetch = (url, init) =>
      fetch(url, { ...init, signal: AbortSignal.any([init!.signal!, AbortSignal.timeout(300)]) });
    const said = await run([log, '--vkey', vkey], hasty);
    expect(said).toMatchObject({
      code: 3,
      stdout: expect.stringContaining('the log does not answer') as string,
    });
    expect(asked).toEqual(['/log/policy.json']);
  });

  test.each(['policy.json', 'root/checkpoint', 'logs/acme/202611/tile/entries/000'])(
    'that answers endless bytes for %s is left',
    async (endless) => {
      const log = await serve((request, response) => {
        if (pathOf(request.url) !== endless) return give(request, response);
        const pour = (): void => {
          while (!response.destroyed && response.write(Buffer.alloc(65_536, '{'))) void 0;
        };
        response.on('drain', pour);
        return pour();
      });
      const said = await run([log, '--vkey', vkey]);
      expect(said).toMatchObject({ code: 3, stdout: expect.stringContaining('too large') as string });
    },
  );

  test('that leads to another host is not followed', async () => {
    const asked: string[] = [];
    const other = await serve((request, response) => {
      asked.push(request.url ?? '');
      give(request, response);
    });
    const log = await serve(({ url }, response) => {
      const location = `${new URL(other).origin}${url ?? ''}`;
      response.writeHead(302, { location }).end();
    });
    expect((await run([log, '--vkey', vkey])).code).toBe(3);
    expect(asked).toEqual([]);
  });

  test.each(['http://log.example/x', 'https://me:hunter22@log.example/x', 'file:///etc'])(
    'is refused before anything is asked: %s',
    async (log) => {
      const said = await run([log], () => nothing());
      expect(said).toMatchObject({
        code: 3,
        stdout: '',
        stderr: expect.stringContaining('(log_unreadable)') as string,
      });
      expect(said.stderr).not.toContain('hunter22');
    },
  );

  test('of which parts are forbidden is unreadable', async () => {
    const log = await serve((request, response) =>
      pathOf(request.url).startsWith('logs/b') ? void response.writeHead(403).end() : give(request, response),
    );
    const said = await run([log, '--vkey', vkey]);
    expect(said).toMatchObject({ code: 3, stdout: expect.stringContaining('status 403') as string });
  });
});
