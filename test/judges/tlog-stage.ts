import { execFile, execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  sampleLog,
  writeFiles,
  type LogFiles,
  type SampleLog,
} from '../../packages/vault/src/audit-verify/fixtures/sample-log.ts';
import { programOrSkip } from '../programs.ts';

// A sample of an audit log, and the Go program that judges folders of logs. It is built from `tlog/` when it is first asked;
// its one dependency comes from the Go module proxy and is pinned.

/** What the program said. */
export interface GoVerdict {
  readonly accepted: boolean;
  readonly said: string;
}

/** The stage. */
export interface TlogStage {
  readonly sample: SampleLog;
  /** @param remembered signed checkpoints @returns `undefined` when there is no Go on this machine */
  goVerdict(files: LogFiles, remembered: readonly string[]): Promise<GoVerdict | undefined>;
  /** On a folder that lies somewhere. @returns `undefined` when there is no Go on this machine */
  goVerdictOn(directory: string, vkey: string): Promise<GoVerdict | undefined>;
  close(): Promise<void>;
}

const sources = fileURLToPath(new URL('tlog', import.meta.url));

/** Build it up. */
export async function openTlogStage(): Promise<TlogStage> {
  const folder = await mkdtemp(join(tmpdir(), 'sealgate-tlog-'));
  const sample = sampleLog();
  const program = join(folder, 'judge');
  let built: boolean | undefined;
  let logs = 0;
  function build(): boolean {
    const go = programOrSkip('go', 'apt-get install golang-go');
    if (go === undefined) return false;
    const env = { ...process.env, GOTOOLCHAIN: 'local' };
    execFileSync(go, ['build', '-trimpath', '-buildvcs=false', '-mod=readonly', '-o', program, '.'], {
      cwd: sources,
      env,
    });
    return true;
  }
  return {
    sample,
    async goVerdictOn(directory, vkey) {
      if (!(built ??= build())) return undefined;
      return run(program, ['-log', directory, '-vkey', vkey]);
    },
    async goVerdict(files, remembered) {
      if (!(built ??= build())) return undefined;
      const log = join(folder, `log-${++logs}`);
      await mkdir(log);
      await writeFiles(log, files);
      await writeFile(`${log}.json`, JSON.stringify(remembered));
      return run(program, ['-log', log, '-vkey', sample.vkey, '-remembered', `${log}.json`]);
    },
    close: () => rm(folder, { recursive: true }),
  };
}

function run(program: string, args: readonly string[]): Promise<GoVerdict> {
  return new Promise((resolve, reject) => {
    execFile(program, args, { timeout: 60_000 }, (error, stdout, stderr) => {
      // 1 is its verdict; anything else is no verdict.
      if (error !== null && error.code !== 1) reject(new Error(`${error.message}\n${stderr}`));
      else resolve({ accepted: error === null, said: stdout.trim() });
    });
  });
}
