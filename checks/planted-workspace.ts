// A small workspace in the shape of this one, in a temporary folder: the real configuration of every tool over a
// file or two for each room. Faults are planted there, so that a check can be seen to fail.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const vault = 'packages/vault/src';
const server = 'packages/server/src';

/** Files by path from the workspace's root. */
export type Files = Readonly<Record<string, string>>;

/** Every room, and only imports that the walls allow. */
export const sound: Files = {
  [`${vault}/refusal.ts`]: 'export const refuse = (code: string): Error => new Error(code);\n',
  [`${vault}/receipt.ts`]:
    "import { refuse } from './refusal.ts';\n\nexport const redeem = (): Error => refuse('x');\n",
  [`${vault}/seal/seal.ts`]:
    "import { randomBytes } from 'node:crypto';\nimport { refuse } from '../refusal.ts';\n\nexport const seal = (): unknown => [randomBytes, refuse];\n",
  [`${vault}/store/store.ts`]:
    "import { readFileSync } from 'node:fs';\nimport { refuse } from '../refusal.ts';\n\nexport const store = (): unknown => [readFileSync, refuse];\nexport const put = async (): Promise<number> => Promise.resolve(1);\n",
  [`${vault}/store/store-contract.ts`]:
    "import { store } from './store.ts';\n\nexport const storeContract = [store];\n",
  [`${vault}/store/store.test.ts`]:
    "import { storeContract } from './store-contract.ts';\n\nvoid storeContract;\n",
  [`${vault}/keys/keys.ts`]:
    "import { seal } from '../seal/seal.ts';\nimport { store } from '../store/store.ts';\nimport { redeem } from '../receipt.ts';\n\nexport const keys = [seal, store, redeem];\n",
  [`${vault}/tlog/tree.ts`]:
    "import { hash } from 'node:crypto';\nimport { refuse } from '../refusal.ts';\n\nexport const tree = (): unknown => [hash, refuse];\n",
  [`${vault}/audit-verify/verify.ts`]:
    "import { readFileSync } from 'node:fs';\nimport { tree } from '../tlog/tree.ts';\n\nexport const verify = [readFileSync, tree];\n",
  [`${vault}/audit-verify.ts`]: "export { verify } from './audit-verify/verify.ts';\n",
  [`${vault}/audit/audit.ts`]:
    "import { keys } from '../keys/keys.ts';\nimport { redeem } from '../receipt.ts';\nimport { tree } from '../tlog/tree.ts';\n\nexport const audit = [keys, redeem, tree];\n",
  [`${vault}/credentials/use.ts`]:
    "import { audit } from '../audit/audit.ts';\nimport { keys } from '../keys/keys.ts';\n\nexport const use = [audit, keys];\n",
  [`${vault}/sessions/sessions.ts`]:
    "import { audit } from '../audit/audit.ts';\n\nexport const sessions = [audit];\n",
  [`${vault}/tokens/tokens.ts`]:
    "import { audit } from '../audit/audit.ts';\n\nexport const tokens = [audit];\n",
  [`${vault}/tokens.ts`]: "export { tokens } from './tokens/tokens.ts';\n",
  [`${vault}/testing/index.ts`]: "export { storeContract } from '../store/store-contract.ts';\n",
  [`${vault}/index.ts`]:
    "export { use } from './credentials/use.ts';\nexport { sessions } from './sessions/sessions.ts';\nexport { put } from './store/store.ts';\n",
  [`${server}/errors.ts`]: 'export const codes = 1;\n',
  [`${server}/domain/people.ts`]: "import { codes } from '../errors.ts';\n\nexport const people = codes;\n",
  [`${server}/http/reply.ts`]:
    "import { people } from '../domain/people.ts';\n\nexport const reply = people;\n",
  [`${server}/auth/bearer.ts`]: "import { codes } from '../errors.ts';\n\nexport const bearer = codes;\n",
  [`${server}/gateway/call.ts`]: "import { use } from '@sealgate/vault';\n\nexport const call = use;\n",
  [`${server}/main.ts`]:
    "import { bearer } from './auth/bearer.ts';\nimport { call } from './gateway/call.ts';\nimport { reply } from './http/reply.ts';\n\nexport const main = [bearer, call, reply];\nexport type Shape = number;\n",
  [`${server}/cli/run.ts`]: "import { main } from '../main.ts';\n\nexport const run = main;\n",
  'packages/server/bin/sealgate.js': "await import('../src/cli/run.ts');\n",
  'packages/console/src/index.ts':
    "import type { sessions } from '@sealgate/vault';\n\nexport const page = (shown: typeof sessions): number => shown.length;\n",
};

const configured = [
  'package.json',
  'tsconfig.base.json',
  '.oxlintrc.json',
  '.prettierrc.json',
  '.prettierignore',
  'checks/walls.cjs',
  'checks/knip.json',
  'packages/vault/package.json',
  'packages/vault/tsconfig.json',
  'packages/server/package.json',
  'packages/server/tsconfig.json',
  'packages/console/package.json',
  'packages/console/tsconfig.json',
];

/** Write a workspace. Whoever makes it removes it: `using`. */
export function plant(files: Files): { readonly path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), 'planted-'));
  for (const name of configured) cpSync(join(root, name), join(path, name));
  mkdirSync(join(path, 'node_modules/@sealgate'), { recursive: true });
  for (const name of ['zod', '@types', 'vitest', 'undici-types'])
    symlinkSync(join(root, 'node_modules', name), join(path, 'node_modules', name));
  for (const name of ['vault', 'console'])
    symlinkSync(join(path, 'packages', name), join(path, 'node_modules/@sealgate', name));
  symlinkSync(join(path, 'packages/server'), join(path, 'node_modules/sealgate'));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(path, name)), { recursive: true });
    writeFileSync(join(path, name), text);
  }
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true }) };
}

/** Run one of the check's tools in a workspace. */
export function tool(
  path: string,
  command: string,
): { readonly status: number | null; readonly output: string } {
  const bins = [
    join(root, 'checks/node_modules/.bin'),
    join(root, 'node_modules/.bin'),
    process.env['PATH'] ?? '',
  ];
  const env = {
    ...process.env,
    PATH: bins.join(delimiter),
    NO_COLOR: '1',
    FORCE_COLOR: undefined,
    NODE_TEST_CONTEXT: undefined,
  };
  const { status, stdout, stderr } = spawnSync(command, {
    cwd: path,
    shell: true,
    encoding: 'utf8',
    env,
    maxBuffer: 1 << 26,
  });
  return { status, output: `${stdout}${stderr}` };
}
