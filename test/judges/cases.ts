import assert from 'node:assert/strict';
import { freePort } from '../../packages/vault/src/testing/free-port.ts';
import { programFile, runProgram, type Ended } from './programs.ts';
import type { Stage } from './stage.ts';
import { spoil } from './stored-login.ts';

// What real clients do with the gateway, each as somebody would type it on a machine where it has never run.

/** One judgement. */
export interface Case {
  readonly name: string;
  /** @returns what it counted, when it counts. @throws Error that holds what the program said */
  run(stage: Stage): Promise<string | void>;
}

/** Where the Inspector listens for its answer when nobody says otherwise. */
const inspectorCallback = 'http://127.0.0.1:6276/oauth/callback';
const words = 'said by a judge';
const callEcho = [
  '--method',
  'tools/call',
  '--tool-name',
  'echo',
  '--tool-args-json',
  JSON.stringify({ text: words }),
];
const quiet = ['--format', 'json', '-q'];

/** The Inspector guesses the transport from the end of the address only. */
function atGateway({ address }: Stage): readonly string[] {
  return ['--cli', address, '--transport', 'http'];
}

function said(ended: Ended): Ended {
  const told = `${ended.code}\n${ended.stdout}\n${ended.stderr}`;
  assert.equal(ended.code, 0, told);
  assert.ok(ended.stdout.includes(words), told);
  return ended;
}

async function inspect(stage: Stage, more: readonly string[]): Promise<void> {
  const env = await stage.freshHome();
  said(await runProgram('inspector', [...atGateway(stage), ...callEcho, ...quiet, ...more], { env }));
}

const inspector: readonly Case[] = [
  { name: 'Inspector, by registration', run: (stage) => inspect(stage, []) },
  { name: 'Inspector, modern era', run: (stage) => inspect(stage, ['--protocol-era', 'modern']) },
  {
    name: 'Inspector, by metadata document',
    run: (stage) =>
      inspect(stage, ['--client-metadata-url', stage.publish('inspector', [inspectorCallback])]),
  },
  {
    name: 'Inspector, with the login of its last run, and after logging in anew',
    async run(stage) {
      const env = await stage.freshHome();
      const call = [...atGateway(stage), ...callEcho, ...quiet];
      said(await runProgram('inspector', call, { env }));
      said(await runProgram('inspector', [...call, '--stored-auth-only'], { env }));
      said(await runProgram('inspector', [...call, '--relogin'], { env }));
    },
  },
  {
    name: 'Inspector, with an access token that is outdated',
    async run(stage) {
      const env = await stage.freshHome();
      const call = [...atGateway(stage), ...callEcho, ...quiet];
      said(await runProgram('inspector', call, { env }));
      await spoil(env['HOME'] ?? '', ['access_token']);
      said(await runProgram('inspector', [...call, '--stored-auth-only'], { env }));
    },
  },
  {
    name: 'Inspector, refused without a login',
    async run(stage) {
      const env = await stage.freshHome();
      const call = [...atGateway(stage), ...callEcho, ...quiet, '--stored-auth-only'];
      const { code, stderr } = await runProgram('inspector', call, { env });
      assert.equal(code, 3, stderr);
    },
  },
];

const load: readonly Case[] = (['legacy', 'modern'] as const).map((era) => ({
  name: `Inspector, 200 calls by 10 at once, ${era} era`,
  async run(stage) {
    const env = await stage.freshHome();
    const call = [...atGateway(stage), ...callEcho, ...quiet, '--protocol-era', era];
    said(await runProgram('inspector', call, { env }));
    const more = ['--stored-auth-only', '--load', '--load-requests', '200', '--load-concurrency', '10'];
    const ended = await runProgram('inspector', [...call, ...more], { env });
    assert.equal(ended.code, 0, ended.stderr);
    const { result } = JSON.parse(ended.stdout) as { result?: Readonly<Record<string, unknown>> };
    const { ok, toolErrors, errors, throughput } = result ?? {};
    assert.deepEqual({ ok, toolErrors, errors }, { ok: 200, toolErrors: 0, errors: 0 }, ended.stdout);
    return `200 calls, no error, ${String(throughput)} a second`;
  },
}));

async function remote(stage: Stage, more: (port: number) => readonly string[]): Promise<void> {
  const env = await stage.freshHome();
  const port = await freePort();
  const args = [stage.address, String(port), ...more(port)];
  const listed = await runProgram('remoteClient', args, { env });
  assert.match(`${listed.stdout}${listed.stderr}`, /"echo"/, `${listed.stdout}\n${listed.stderr}`);
  const proxy = [process.execPath, programFile('remoteProxy'), ...args];
  said(await runProgram('inspector', ['--cli', ...callEcho, ...quiet, '--', ...proxy], { env }));
}

const mcpRemote: readonly Case[] = [
  { name: 'mcp-remote, by registration', run: (stage) => remote(stage, () => []) },
  {
    name: 'mcp-remote, by metadata document',
    run: (stage) =>
      remote(stage, (port) => {
        const callbacks = ['localhost', '127.0.0.1'].map((host) => `http://${host}:${port}/oauth/callback`);
        return ['--client-metadata-url', stage.publish('mcp-remote', callbacks)];
      }),
  },
];

// A step-up cannot be judged: the gateway has one scope for its MCP addresses, so no client ever holds less than it needs.
const mcpRemoteAgain: readonly Case[] = (
  [
    ['an access token that is outdated', ['access_token']],
    ['a login that is outdated', ['access_token', 'refresh_token']],
  ] as const
).map(([what, names]) => ({
  name: `mcp-remote, with ${what}`,
  async run(stage) {
    const env = await stage.freshHome();
    const args = [stage.address, String(await freePort())];
    for (const run of [1, 2]) {
      const { stdout, stderr } = await runProgram('remoteClient', args, { env });
      assert.match(`${stdout}${stderr}`, /"echo"/, `run ${run}\n${stdout}\n${stderr}`);
      await spoil(env['HOME'] ?? '', names);
    }
  },
}));

async function registered(stage: Stage, redirectUri: string): Promise<string> {
  const response = await fetch(`${stage.origin}/register`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ redirect_uris: [redirectUri], token_endpoint_auth_method: 'none' }),
  });
  const { client_id: clientId } = (await response.json()) as { client_id?: string };
  assert.ok(clientId !== undefined, String(response.status));
  return clientId;
}

const conformance: readonly Case[] = [
  {
    name: 'conformance suite, authorization',
    async run(stage) {
      const port = await freePort();
      const clientId = await registered(stage, `http://127.0.0.1:${port}/callback`);
      const env = await stage.freshHome();
      let opened: string | undefined;
      const onPrint = (printed: string): void => {
        const url = /https?:\/\/\S+\/authorize\?\S+(?=\s)/.exec(printed)?.[0];
        if (url === undefined || url === opened) return;
        opened = url;
        // What goes wrong there, the suite sees as an answer that never comes.
        stage.browser.visit(url).catch((error: unknown) => console.log(error));
      };
      const args = ['authorization', '--url', stage.origin, '--client-id', clientId];
      const ended = await runProgram(
        'conformance02',
        [...args, '--resource', stage.address, '-p', String(port)],
        { env, onPrint },
      );
      const told = `${ended.stdout}\n${ended.stderr}`;
      assert.equal(ended.code, 0, told);
      assert.match(told, /\b0 failed\b/, told);
    },
  },
];

/** All of them. The first one signs in with the printed link. */
export const cases: readonly Case[] = [
  ...inspector,
  ...load,
  ...mcpRemote,
  ...mcpRemoteAgain,
  ...conformance,
];
