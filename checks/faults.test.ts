import assert from 'node:assert/strict';
import { test } from 'node:test';
import { houseFaults } from './house.ts';
import { plant, sound, tool, type Files } from './planted-workspace.ts';
import { treesOf } from './source-trees.ts';

const server = 'packages/server/src';
const vault = 'packages/vault/src';
const lines = (count: number) => Array.from({ length: count }, (_, index) => `void ${index};\n`).join('');

function run(files: Files, command: string): { readonly status: number | null; readonly output: string } {
  using workspace = plant({ ...sound, ...files });
  return tool(workspace.path, command);
}

const compile = 'tsc -b packages/vault packages/server packages/console';

test('tsc: a sound workspace compiles', () => {
  assert.deepEqual(run({}, compile), { status: 0, output: '' });
});

/** Name of the fault, its file, its text, and what the tool must say of that file. */
type Fault = readonly [name: string, file: string, text: string, says: string];

const filesOf = (faults: readonly Fault[]): Files =>
  Object.fromEntries(faults.map(([, file, text]) => [file, text]));

const untyped: readonly Fault[] = [
  ['a wrong type', `${vault}/keys/p1.ts`, "export const n: number = 'x';\n", 'TS2322'],
  [
    'an unchecked index',
    `${vault}/keys/p2.ts`,
    'export const n = (a: number[]): number => a[0];\n',
    'TS2322',
  ],
  ['an enum', `${vault}/keys/p3.ts`, 'export enum Colour { Red }\n', 'TS1294'],
  [
    'a parameter property',
    `${vault}/keys/p4.ts`,
    'export class P { constructor(readonly n: number) {} }\n',
    'TS1294',
  ],
];

test('tsc turns red for each fault', () => {
  const { status, output } = run(filesOf(untyped), 'tsc -b packages/vault');
  assert.notEqual(status, 0);
  for (const [name, file, , code] of untyped) assert.match(output, new RegExp(`${file}.*${code}`), name);
});

test('tsc turns red for an import past the exports of a package, and for a path into it', () => {
  const past = { [`${server}/p1.ts`]: "export { seal } from '@sealgate/vault/src/seal/seal.ts';\n" };
  assert.match(run(past, compile).output, /p1\.ts.*TS2307/);
  const into = { [`${server}/p2.ts`]: "export { use } from '../../vault/src/index.ts';\n" };
  assert.match(run(into, compile).output, /TS2878/);
});

const promise = "import { put } from '@sealgate/vault';\n\n";
const odd: readonly Fault[] = [
  [
    'an unawaited promise',
    `${server}/p1.ts`,
    `${promise}export const go = (): void => {\n  put();\n};\n`,
    'no-floating-promises',
  ],
  [
    'a promise as a condition',
    `${server}/p2.ts`,
    `${promise}export const go = (): number => (put() ? 1 : 2);\n`,
    'no-misused-promises',
  ],
  [
    'the environment',
    `${server}/domain/p3.ts`,
    "export const port = process.env['PORT'];\n",
    'no-process-env',
  ],
  ['a default export', `${server}/p4.ts`, 'export default 1;\n', 'no-default-export'],
  ['console', `${server}/p5.ts`, "console.log('x');\n", 'no-console'],
  ['any', `${server}/p6.ts`, 'export const n = (a: any): unknown => a;\n', 'no-explicit-any'],
  ['301 lines', `${server}/p7.ts`, lines(301), 'max-lines'],
  ['501 lines of tests', `${server}/p8.test.ts`, lines(501), 'max-lines'],
  [
    '51 lines in a function',
    `${server}/p9.ts`,
    `export function f(): void {\n${lines(51)}}\n`,
    'max-lines-per-function',
  ],
  [
    '5 parameters',
    `${server}/q1.ts`,
    'export const f = (a: 1, b: 1, c: 1, d: 1, e: 1): number => a + b + c + d + e;\n',
    'max-params',
  ],
  [
    'a forgotten case',
    `${server}/q2.ts`,
    "export function f(a: 'x' | 'y'): number {\n  switch (a) {\n    case 'x':\n      return 1;\n  }\n  return 0;\n}\n",
    'switch-exhaustiveness-check',
  ],
  ['camelCase', `${server}/qThree.ts`, 'export const n = 1;\n', 'filename-case'],
  ['path without node:', `${server}/q4.ts`, "export { join } from 'path';\n", 'prefer-node-protocol'],
  [
    'a promise to do it later',
    `${server}/q5.ts`,
    `// ${'TO'}DO later\nexport const n = 1;\n`,
    'no-warning-comments',
  ],
  [
    'a second issuer of receipts',
    `${vault}/keys/q6.ts`,
    "export { claimIssuer } from '../receipt.ts';\n",
    'no-restricted-imports',
  ],
];

test('oxlint turns red for each fault', () => {
  const { status, output } = run(filesOf(odd), 'oxlint --type-aware -f unix packages');
  assert.notEqual(status, 0);
  for (const [name, file, , rule] of odd) assert.match(output, new RegExp(`${file}.*${rule}\\b`), name);
});

test('oxlint: the audit room may claim the right to issue receipts, and config.ts read the environment', () => {
  const allowed = {
    [`${vault}/receipt.ts`]: 'export const claimIssuer = 1;\nexport const redeem = 1;\n',
    [`${vault}/audit/record.ts`]: "export { claimIssuer } from '../receipt.ts';\n",
    [`${server}/config.ts`]: "export const port = process.env['PORT'];\n",
  };
  const { status, output } = run(allowed, 'oxlint --type-aware packages');
  assert.equal(status, 0, output);
});

test('knip turns red for an unused file, an unused export and a package that is not declared', () => {
  using workspace = plant({
    ...sound,
    [`${server}/domain/planted.ts`]: 'export const n = 1;\n',
    [`${server}/errors.ts`]: "import 'zod-planted';\n\nexport const codes = 1;\nexport const spare = 2;\n",
  });
  const { status, output } = tool(workspace.path, 'knip -c checks/knip.json');
  assert.notEqual(status, 0);
  assert.match(output, /Unused files[^]*planted\.ts/);
  assert.match(output, /Unused exports[^]*spare/);
  assert.match(
    tool(workspace.path, 'knip -c checks/knip.json --production --strict --dependencies').output,
    /Unlisted[^]*zod-planted/,
  );
});

test('prettier turns red for a file that is not formatted', () => {
  const { status, output } = run(
    { [`${server}/planted.ts`]: 'export const n=1\n' },
    'prettier --check packages/server',
  );
  assert.notEqual(status, 0);
  assert.match(output, /planted\.ts/);
});

const house = (path: string, text: string) => houseFaults(treesOf(new Map([[path, text]])));
test('the house rules find bad names, export *, bare exports and statuses', () => {
  for (const name of [
    'utils.ts',
    'http/helpers.ts',
    'lib/x.ts',
    'domain/types.ts',
    'auth/manager.ts',
    'core/x.ts',
  ])
    assert.equal(house(`${server}/${name}`, '').length, 1, name);
  const bad = [
    "export * from './x.ts';",
    "export * as x from './x.ts';",
    'export const n = 1;',
    'export function f() {}',
    'export interface I {}',
  ];
  for (const text of bad) assert.equal(house(`${server}/domain/x.ts`, text).length, 1, text);
  const statuses = [
    'reply.code(404);',
    'response.writeHead(500);',
    'response.statusCode = 403;',
    'reply.status(401).send();',
  ];
  for (const text of statuses) assert.equal(house(`${server}/gateway/x.ts`, text).length, 1, text);
  for (const text of statuses) assert.deepEqual(house(`${server}/http/reply.ts`, text), []);
  const good = [
    '/** One. */\nexport const n = 1;',
    "export { n } from './n.ts';",
    'if (answer.status === 401) retry();',
    'reply.code(200);',
    'reply.code(answer.status);',
  ];
  for (const text of good) assert.deepEqual(house(`${server}/gateway/library.ts`, text), [], text);
});
