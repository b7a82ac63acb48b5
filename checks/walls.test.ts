import assert from 'node:assert/strict';
import { test } from 'node:test';
import { plant, sound, tool } from './planted-workspace.ts';

interface Cruised {
  readonly summary: {
    readonly totalCruised: number;
    readonly violations: readonly { readonly from: string; readonly rule: { readonly name: string } }[];
  };
}

const { forbidden } = (await import('./walls.cjs')).default as {
  forbidden: readonly { readonly name: string }[];
};

function cruise(path: string): Cruised['summary'] {
  const { output } = tool(
    path,
    'depcruise --config checks/walls.cjs --output-type json packages 2>/dev/null',
  );
  return (JSON.parse(output) as Cruised).summary;
}

const vault = 'packages/vault/src';
const server = 'packages/server/src';

/** File, text, and the rules that must turn red for it: these and no other. */
const faults: readonly (readonly [file: string, text: string, ...rules: string[]])[] = [
  [
    `${server}/domain/left.ts`,
    "import { right } from './right.ts';\nexport const left = () => right;\n",
    '1-no-cycles',
  ],
  [`${server}/domain/right.ts`, "import { left } from './left.ts';\nexport const right = () => left;\n"],
  [`${vault}/planted-name.ts`, "export { page } from '@sealgate/console';\n", '2-vault-stands-alone'],
  [
    `${vault}/planted-server.ts`,
    "export { main } from 'sealgate';\n",
    '2-vault-stands-alone',
    '6-only-cli-starts-main',
  ],
  ['packages/console/src/planted.ts', "export { use } from '@sealgate/vault';\n", '3-console-takes-types'],
  [
    `${server}/domain/planted-path.ts`,
    "export { use } from '../../../vault/src/index.ts';\n",
    '4-packages-by-name',
  ],
  [`${vault}/seal/planted-up.ts`, "export { store } from '../store/store.ts';\n", '5-seal-looks-down'],
  [`${vault}/seal/planted-receipt.ts`, "export { redeem } from '../receipt.ts';\n", '5-seal-looks-down'],
  [`${vault}/seal/planted-files.ts`, "export { readFileSync } from 'node:fs';\n", '5-seal-uses-crypto-alone'],
  [`${vault}/seal/planted-package.ts`, "export { z } from 'zod';\n", '5-seal-uses-crypto-alone'],
  [`${vault}/store/planted.ts`, "export { seal } from '../seal/seal.ts';\n", '5-store-looks-down'],
  [
    `${vault}/store/planted-type.ts`,
    "import type { seal } from '../seal/seal.ts';\nexport type S = typeof seal;\n",
    '5-store-looks-down',
  ],
  [`${vault}/tlog/planted.ts`, "export { store } from '../store/store.ts';\n", '5-tlog-looks-down'],
  [
    `${vault}/tlog/planted-verify.ts`,
    "export { verify } from '../audit-verify/verify.ts';\n",
    '5-tlog-looks-down',
  ],
  [`${vault}/tlog/planted-files.ts`, "export { readFileSync } from 'node:fs';\n", '5-tlog-uses-crypto-alone'],
  [
    `${vault}/audit-verify/planted.ts`,
    "export { seal } from '../seal/seal.ts';\n",
    '5-audit-verify-looks-down',
  ],
  [
    `${vault}/audit-verify/planted-journal.ts`,
    "export { audit } from '../audit/audit.ts';\n",
    '5-audit-verify-looks-down',
  ],
  [`${vault}/keys/planted.ts`, "export { audit } from '../audit/audit.ts';\n", '5-keys-looks-down'],
  [`${vault}/audit/planted.ts`, "export { use } from '../credentials/use.ts';\n", '5-audit-looks-down'],
  [
    `${vault}/credentials/planted.ts`,
    "export { sessions } from '../sessions/sessions.ts';\n",
    '5-credentials-looks-down',
  ],
  [`${vault}/sessions/planted.ts`, "export { use } from '../credentials/use.ts';\n", '5-sessions-looks-down'],
  [
    `${vault}/older/planted.ts`,
    "export { sessions } from '../sessions/sessions.ts';\n",
    '5-older-looks-down',
  ],
  [`${vault}/tokens/planted.ts`, "export { use } from '../credentials/use.ts';\n", '5-tokens-looks-down'],
  [
    `${vault}/sessions/planted-tokens.ts`,
    "export { tokens } from '../tokens/tokens.ts';\n",
    '5-sessions-looks-down',
    '5-nothing-stands-on-tokens',
  ],
  [`${vault}/receipt.ts`, "export { seal as redeem } from './seal/seal.ts';\n", '5-receipt-is-below'],
  [`${server}/gateway/planted.ts`, "export { reply } from '../http/reply.ts';\n", '6-rooms-meet-in-main'],
  [
    `${server}/http/planted-type.ts`,
    "import type { call } from '../gateway/call.ts';\nexport type C = typeof call;\n",
    '6-rooms-meet-in-main',
  ],
  [
    `${server}/auth/planted-late.ts`,
    "export const late = () => import('../http/reply.ts');\n",
    '6-rooms-meet-in-main',
  ],
  [`${server}/gateway/planted-main.ts`, "export { main } from '../main.ts';\n", '6-only-cli-starts-main'],
  [`${server}/domain/planted.ts`, "export { bearer } from '../auth/bearer.ts';\n", '6-below-the-rooms'],
  [`${server}/outgoing/planted.ts`, "export { call } from '../gateway/call.ts';\n", '6-below-the-rooms'],
  [`${server}/planted.ts`, "export { bearer } from './auth/bearer.ts';\n", '6-below-the-rooms'],
  [
    `${server}/gateway/planted-tokens.ts`,
    "export { tokens } from '@sealgate/vault/tokens';\n",
    '7-server-takes-no-tokens',
  ],
  [
    `${server}/http/planted-kit.ts`,
    "export { storeContract } from '@sealgate/vault/testing';\n",
    '8-nothing-imports-a-test',
  ],
  [
    `${vault}/keys/planted-kit.ts`,
    "export { storeContract } from '../store/store-contract.ts';\n",
    '8-nothing-imports-a-test',
  ],
  [`${vault}/store/planted-test.ts`, "import './store.test.ts';\n", '8-nothing-imports-a-test'],
  [
    `${server}/auth/planted-nowhere.ts`,
    "export { nothing } from './nowhere.ts';\n",
    '9-every-import-resolves',
  ],
];

test('a sound workspace is green, and every file of it was read', () => {
  using workspace = plant(sound);
  const { violations, totalCruised } = cruise(workspace.path);
  assert.deepEqual(violations, []);
  assert.ok(totalCruised >= Object.keys(sound).length, `${totalCruised} modules cruised`);
});

test('each planted fault turns its own rule red, and no other', () => {
  using workspace = plant({ ...sound, ...Object.fromEntries(faults.map(([file, text]) => [file, text])) });
  const red = cruise(workspace.path).violations.map(({ from, rule }) => `${from}: ${rule.name}`);
  const expected = faults.flatMap(([file, , ...rules]) => rules.map((rule) => `${file}: ${rule}`));
  assert.deepEqual([...new Set(red)].toSorted(), expected.toSorted());
});

test('every rule has a planted fault', () => {
  const planted = new Set(faults.flatMap(([, , ...rules]) => rules));
  assert.deepEqual(
    forbidden.map(({ name }) => name).filter((name) => !planted.has(name)),
    [],
  );
});
