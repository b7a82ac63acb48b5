import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { programOrSkip } from '../programs.ts';

// The schemas of OCSF as others package them, and the validator of JSON Schema for Python. They are installed beside the other
// judges when first needed, each in the version that `ocsf/requirements.txt` names.

/** What the judge said. */
export interface OcsfVerdict {
  /** Events of each class, by its number. */
  readonly classes: Readonly<Record<string, number>>;
  readonly faults: readonly string[];
}

/** The stage. */
export interface OcsfStage {
  /** @returns `undefined` when there is no Python on this machine */
  verdict(events: readonly unknown[]): OcsfVerdict | undefined;
  close(): Promise<void>;
}

const fileOf = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const home = fileOf('node_modules/.ocsf');
const python = `${home}/bin/python`;
const requirements = fileOf('ocsf/requirements.txt');

/** Build it up; nothing is installed before it is asked. */
export async function openOcsfStage(): Promise<OcsfStage> {
  async function install(): Promise<boolean> {
    const found = programOrSkip('python3', 'apt-get install python3-venv');
    if (found === undefined) return false;
    if (isInstalled()) return true;
    await rm(home, { recursive: true, force: true });
    execFileSync(found, ['-m', 'venv', home], { stdio: 'pipe' });
    const pip = [
      '-m',
      'pip',
      'install',
      '--quiet',
      '--disable-pip-version-check',
      '--no-deps',
      '-r',
      requirements,
    ];
    execFileSync(python, pip, { stdio: 'pipe' });
    return true;
  }
  const ready = await install();
  return {
    verdict(events) {
      if (!ready) return undefined;
      const input = events.map((event) => `${JSON.stringify(event)}\n`).join('');
      const said = execFileSync(python, [fileOf('ocsf/judge.py')], { input, encoding: 'utf8' });
      return JSON.parse(said) as OcsfVerdict;
    },
    close: async () => undefined,
  };
}

/** Whether all is there that is named, in these versions. */
function isInstalled(): boolean {
  if (!existsSync(python)) return false;
  const check = [
    '-m',
    'pip',
    'install',
    '--quiet',
    '--no-index',
    '--no-deps',
    '--dry-run',
    '-r',
    requirements,
  ];
  return spawnSync(python, check, { stdio: 'ignore' }).status === 0;
}
