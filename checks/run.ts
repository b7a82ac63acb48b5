// The whole check: `npm run check`. Its tools lie in checks/node_modules, outside the root install (decision 0002),
// and are installed when they are first needed.
//   --fix       format, then check nothing else
//   --scanners  the three security scanners as well (`npm run validate`)
//   --no-tests  all but the product's own tests, for a caller that has just run them
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const tools = join(root, 'checks', 'node_modules', '.bin');
const path = [tools, join(root, 'node_modules', '.bin'), process.env['PATH'] ?? ''].join(delimiter);
// Node keeps what it compiled of the tools there: the compiler alone is 9 MB of JavaScript.
const compiled = join(root, 'node_modules', '.cache', 'compiled');
const asked = new Set(process.argv.slice(2));

interface Check {
  readonly name: string;
  readonly commands: readonly string[];
}

const checks: readonly Check[] = [
  { name: 'format', commands: ['prettier --check --log-level warn .'] },
  { name: 'types', commands: ['tsc -b'] },
  { name: 'lint', commands: ['oxlint --type-aware'] },
  { name: 'walls', commands: ['depcruise --config checks/walls.cjs packages test bench checks'] },
  { name: 'house rules', commands: ['node checks/house.ts'] },
  {
    name: 'dead code',
    commands: ['knip -c checks/knip.json', 'knip -c checks/knip.json --production --strict --dependencies'],
  },
  { name: 'packaging', commands: ['publint packages/vault --strict', 'publint packages/server --strict'] },
  { name: 'docs', commands: ['node --conditions=@sealgate/source checks/docs.ts --check'] },
  { name: 'planted faults', commands: ['node --test "checks/*.test.ts"'] },
];
const scanners: Check = { name: 'scanners', commands: ['node checks/scan.ts'] };
const tests: Check = { name: 'tests', commands: ['vitest run'] };

function run(command: string): { readonly ok: boolean; readonly output: string } {
  const { status, stdout, stderr, error } = spawnSync(command, {
    cwd: root,
    shell: true,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    env: {
      ...process.env,
      PATH: path,
      NODE_OPTIONS: '',
      FORCE_COLOR: undefined,
      NO_COLOR: '1',
      NODE_COMPILE_CACHE: compiled,
    },
  });
  return { ok: status === 0, output: `$ ${command}\n${stdout}${stderr}${error?.message ?? ''}` };
}

function passes({ name, commands }: Check): boolean {
  const startedAtMs = performance.now();
  const failed = commands.map(run).filter(({ ok }) => !ok);
  const seconds = ((performance.now() - startedAtMs) / 1000).toFixed(1);
  console.log(`${failed.length === 0 ? 'ok  ' : 'FAIL'}  ${name}  ${seconds} s`);
  for (const { output } of failed) console.log(output.trimEnd());
  return failed.length === 0;
}

function install(): void {
  if (existsSync(join(tools, 'tsc'))) return;
  console.log('installing the tools of the check into checks/node_modules, once');
  // `ci` wants every optional package of every platform in the lockfile; a registry that lacks one still serves `install`.
  const options = '--prefix checks --loglevel=error';
  const { ok, output } = run(`npm ci ${options} || npm install --no-save ${options}`);
  if (ok) return;
  console.log(output);
  console.log('0 passed, 1 failed');
  process.exit(1);
}

function main(): void {
  install();
  const chosen = asked.has('--fix')
    ? [{ name: 'format', commands: ['prettier --write --log-level warn .'] }]
    : [
        ...checks,
        ...(asked.has('--scanners') ? [scanners] : []),
        ...(asked.has('--no-tests') ? [] : [tests]),
      ];
  const passed = chosen.map(passes).filter((ok) => ok).length;
  console.log(`${passed} passed, ${chosen.length - passed} failed`);
  process.exitCode = passed === chosen.length ? 0 : 1;
}

const unknown = [...asked].filter((word) => !['--fix', '--scanners', '--no-tests'].includes(word));
if (unknown.length > 0) {
  console.log(`unknown: ${unknown.join(' ')}; known: --fix --scanners --no-tests`);
  process.exitCode = 2;
} else main();
