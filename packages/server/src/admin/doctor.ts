import { statSync } from 'node:fs';
import { Refusal, type PlantedSwap, type Verdict } from '@sealgate/vault';
import type { Finding } from '../domain/admin-answers.ts';
import type { Upstream } from '../domain/upstream.ts';

// Checks that somebody can act on. Each asks one question through a function it was given, a question that cannot be
// answered is a failed check, and no answer holds a secret.

/** The questions. */
export interface DoctorParts {
  /** Such as `26.9.0`. */
  readonly nodeVersion: string;
  readonly dataDirectory: string;
  /** Names of files in it, to be looked at; those that are not there are left out. */
  readonly files: readonly string[];
  /** Which key provider is in use. */
  readonly keys: () => Promise<{ readonly provider: string; readonly roots: number }>;
  /** What the database says of itself; `advice` when something is wrong. */
  readonly database: () => Promise<{ readonly message: string; readonly advice: string | undefined }>;
  /** What the instances of the deployment share and where that lies, once it has answered. */
  readonly instances: () => Promise<string>;
  readonly verifyJournal: () => Promise<Verdict>;
  /** Time of the newest entry, in milliseconds since 1970; `undefined` when there is none. */
  readonly newestEntryMs: () => Promise<number | undefined>;
  readonly plantedSwaps: () => Promise<readonly PlantedSwap[]>;
  readonly upstreams: () => readonly Upstream[];
  /** Reach it as a call would. @throws Refusal */
  readonly reach: (upstream: Upstream) => Promise<void>;
  /** Of the configuration. */
  readonly warnings: readonly string[];
  readonly now: () => number;
}

const ok = (check: string, message: string): Finding => ({ check, state: 'ok', message, advice: undefined });
const warn = (check: string, message: string, advice: string): Finding => ({
  check,
  state: 'warn',
  message,
  advice,
});
const fail = (check: string, message: string, advice: string): Finding => ({
  check,
  state: 'fail',
  message,
  advice,
});

/** Ask all of them, in a fixed order. */
export async function runDoctor(parts: DoctorParts): Promise<readonly Finding[]> {
  const asked: readonly (readonly [string, () => Promise<readonly Finding[]>])[] = [
    ['node', async () => [nodeFinding(parts.nodeVersion)]],
    ['configuration', async () => configurationFindings(parts.warnings)],
    ['data directory', async () => directoryFindings(parts)],
    ['keys', async () => [await keysFinding(parts)]],
    ['seal', async () => [await sealFinding(parts)]],
    ['database', async () => [await databaseFinding(parts)]],
    ['instances', async () => [ok('instances', await parts.instances())]],
    ['clock', async () => [await clockFinding(parts)]],
    ['journal', async () => [await journalFinding(parts)]],
  ];
  const findings: Finding[] = [];
  for (const [check, ask] of asked)
    findings.push(...(await ask().catch((error: unknown) => [unanswered(check, error)])));
  return [...findings, ...(await upstreamFindings(parts))];
}

function unanswered(check: string, error: unknown): Finding {
  const message = error instanceof Refusal ? error.message : 'the question could not be answered';
  return fail(check, message, 'the log of the gateway has the reason');
}

function nodeFinding(version: string): Finding {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const enough = major > 24 || (major === 24 && minor >= 7);
  return enough
    ? ok('node', `Node ${version}`)
    : fail('node', `Node ${version} is too old`, 'use Node 24.7 or newer; npm scripts bring their own');
}

function configurationFindings(warnings: readonly string[]): readonly Finding[] {
  if (warnings.length === 0) return [ok('configuration', 'nothing to remark')];
  return warnings.map((warning) =>
    warn('configuration', warning, 'docs/configuration.md lists every variable'),
  );
}

function directoryFindings({ dataDirectory, files }: DoctorParts): readonly Finding[] {
  const open = ['', ...files].flatMap((name) => {
    const path = name === '' ? dataDirectory : `${dataDirectory}/${name}`;
    const mode = statSync(path, { throwIfNoEntry: false })?.mode;
    return mode === undefined || (mode & 0o077) === 0 ? [] : [path];
  });
  if (open.length === 0) return [ok('data directory', `${dataDirectory}: for its owner only`)];
  return open.map((path) => fail('data directory', `${path} can be read by others`, `chmod go-rwx ${path}`));
}

async function keysFinding({ keys }: DoctorParts): Promise<Finding> {
  const { provider, roots } = await keys();
  const message = `${provider}, ${roots} root ${roots === 1 ? 'key' : 'keys'}`;
  if (provider !== 'keyring') return ok('keys', message);
  return ok('keys', `${message}; keep a copy of keyring.json apart from the data: without it nothing opens`);
}

async function sealFinding({ plantedSwaps }: DoctorParts): Promise<Finding> {
  const swaps = await plantedSwaps();
  const taken = swaps.filter(({ refused }) => !refused);
  if (taken.length === 0) return ok('seal', `${swaps.length} planted swaps, all refused`);
  return fail(
    'seal',
    `planted swaps were not refused: ${taken.map(({ name }) => name).join(', ')}`,
    'stop the gateway: sealed records can be moved',
  );
}

async function databaseFinding({ database }: DoctorParts): Promise<Finding> {
  const { message, advice } = await database();
  return advice === undefined ? ok('database', message) : fail('database', message, advice);
}

async function clockFinding({ newestEntryMs, now }: DoctorParts): Promise<Finding> {
  const [nowMs, newestMs] = [now(), await newestEntryMs()];
  if (nowMs < Date.UTC(2026, 0, 1))
    return fail('clock', `the clock says ${new Date(nowMs).toISOString()}`, 'set the clock');
  if (newestMs !== undefined && newestMs - nowMs > 2000)
    return warn(
      'clock',
      `the clock is ${Math.round((newestMs - nowMs) / 1000)} s behind the journal's newest entry`,
      'set the clock; entries keep their order meanwhile',
    );
  return ok('clock', new Date(nowMs).toISOString());
}

async function journalFinding({ verifyJournal }: DoctorParts): Promise<Finding> {
  const verdict = await verifyJournal();
  if (verdict.state === 'intact')
    return ok('journal', `${verdict.entries} entries in ${verdict.batches} batches, chain intact`);
  return fail(
    'journal',
    `the chain is broken at batch ${verdict.at} (${verdict.reason})`,
    'keep the file as it is: somebody or something changed it',
  );
}

async function upstreamFindings({ upstreams, reach }: DoctorParts): Promise<readonly Finding[]> {
  const all = upstreams();
  if (all.length === 0)
    return [warn('upstreams', 'there is none', 'sealgate upstreams add <name> --url <address>')];
  const findings: Finding[] = [];
  for (const upstream of all) {
    const check = `upstream ${upstream.name}`;
    try {
      await reach(upstream);
      findings.push(ok(check, upstream.kind === 'http' ? 'answers' : 'starts'));
    } catch (error) {
      const missing = error instanceof Refusal && error.code === 'credential_missing';
      const message = error instanceof Refusal ? error.message : 'cannot be reached';
      findings.push(
        missing
          ? warn(check, message, `sealgate connections set ${upstream.name}`)
          : fail(check, message, 'start it, or correct its description'),
      );
    }
  }
  return findings;
}
