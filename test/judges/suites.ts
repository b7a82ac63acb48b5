import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runProgram } from './programs.ts';

// The conformance suites, both releases of them. 0.1.16 knows the sessions of 2025 only; the newer one knows all revisions
// and has for each a frozen list of what has to pass.

/** A suite: a release, or the requirements of a revision by the newer release. */
export type Suite = '0.1.16' | '2025-11-25' | '2026-07-28';

/** All of them. */
export const suites: readonly Suite[] = ['0.1.16', '2025-11-25', '2026-07-28'];

/** What a suite found, in the scenarios that count. */
export interface Judged {
  /** Single checks that passed. */
  readonly checks: number;
  /** Scenarios that passed. */
  readonly scenarios: number;
  /** Scenarios that failed as `expected/*.yml` expects, each with what was wrong. */
  readonly failed: readonly string[];
}

/** How to run one. */
export interface Judgement {
  readonly suite: Suite;
  /** Names the file of expected failures together with the suite. */
  readonly name: string;
  /** `server` or `client` and their options. */
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** It is killed after this long. */
  readonly timeoutMs?: number;
  /** Whether the revision's frozen list is run; else `args` say what. */
  readonly required?: boolean;
}

/** Run a suite against a server. @throws AssertionError with what was wrong, unless it was expected */
export async function judgeServer(suite: Suite, url: string, name: string): Promise<Judged> {
  const judged = await judge({ suite, name, args: ['server', '--url', url], required: suite !== '0.1.16' });
  // A suite that ran nothing would also end well.
  assert.ok(judged.scenarios >= 20, `only ${judged.scenarios} scenarios passed`);
  return judged;
}

/** Run a suite. @throws AssertionError with what was wrong, unless it was expected */
export async function judge({
  suite,
  name,
  args,
  env = {},
  timeoutMs = 150_000,
  required = false,
}: Judgement): Promise<Judged> {
  const expected = fileURLToPath(new URL(`expected/${name}-${suite}.yml`, import.meta.url));
  const folder = await mkdtemp(join(tmpdir(), 'sealgate-conformance-'));
  try {
    const all = [...args, ...(required ? ['--requirements', suite] : []), '-o', folder];
    const program = suite === '0.1.16' ? 'conformance01' : 'conformance02';
    const environment = { PATH: process.env['PATH'] ?? '', ...env };
    const ended = await runProgram(program, all, { env: environment, timeoutMs });
    const counted = countOf(ended.stdout);
    const alone = /^Starting scenario: (\S+)[\s\S]+OVERALL: FAILED/m.exec(ended.stderr)?.[1];
    if (alone !== undefined) counted.failed.push(alone);
    const failed = await Promise.all(counted.failed.map((scenario) => wrongIn(folder, scenario)));
    const told = [...failed, `${counted.scenarios} scenarios passed`, ended.stderr.slice(-2000)].join('\n');
    // Compared here: given the file, the suite would also judge what the revision does not require.
    const listed = existsSync(expected) ? await readFile(expected, 'utf8') : '';
    const names = [...listed.matchAll(/^ {2}- (\S+)$/gm)].map(([, scenario = '']) => scenario);
    assert.deepEqual(counted.failed.toSorted(byText), names.toSorted(byText), told);
    assert.equal(ended.code, names.length === 0 ? 0 : 1, told);
    return { ...counted, failed };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function countOf(printed: string): Omit<Judged, 'failed'> & { failed: string[] } {
  const [counted = '', unscored = ''] = printed.split(/^Not scored/m);
  const left = new Set([...unscored.matchAll(/^\s+[✓✗] (\S+)/gm)].map(([, name]) => name));
  let checks = 0;
  let scenarios = 0;
  const failed: string[] = [];
  for (const [, mark, name = '', passed] of counted.matchAll(/^([✓✗]) (\S+): (\d+) passed/gm)) {
    if (left.has(name)) continue;
    if (mark === '✗') failed.push(name);
    else scenarios++;
    checks += Number(passed);
  }
  return { checks, scenarios, failed };
}

interface Check {
  readonly id: string;
  readonly status: string;
  readonly errorMessage?: string;
}

const byText = (a: string, b: string): number => (a < b ? -1 : 1);

/** What the checks of a failed scenario say; the suite prints none of it. */
async function wrongIn(folder: string, scenario: string): Promise<string> {
  const names = await readdir(folder, { recursive: true });
  const file = names.find((each) => each.includes(scenario) && each.endsWith('checks.json'));
  if (file === undefined) return `✗ ${scenario}: it left no checks`;
  const checks = JSON.parse(await readFile(join(folder, file), 'utf8')) as readonly Check[];
  const wrong = checks
    .filter(({ status }) => status === 'FAILURE' || status === 'WARNING')
    .map(({ id, status, errorMessage = '' }) => `    ${status} ${id}: ${errorMessage.slice(0, 400)}`);
  return [`✗ ${scenario}`, ...wrong].join('\n');
}
