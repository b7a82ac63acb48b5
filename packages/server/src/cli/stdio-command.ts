import { once } from 'node:events';
import type { Writable } from 'node:stream';
import type { Command } from 'commander';
import type { AppConfig } from '../config.ts';
import type { UpstreamLine } from '../domain/admin-answers.ts';
import { refuse } from '../errors.ts';
import type { CommandContext } from './context.ts';
import { runningGateway } from './gateway.ts';
import { openBridge, type Bridge } from './stdio-bridge.ts';
import { openDoor } from './stdio-door.ts';
import { linesOf } from './stdio-lines.ts';

const answerBytesMax = 64 * 1024 * 1024;
const callsMax = 256;

const help = `
A local MCP client starts this and speaks MCP on its standard input and output, one JSON-RPC message a line, of any
revision. Without an upstream it gets all of them as one. It is the local administrator's own account.

Example of a client's configuration:
  { "mcpServers": { "sealgate": { "command": "sealgate", "args": ["stdio"], "env": { "DATA_DIR": "/srv/sealgate" } } } }
`;

/** `sealgate stdio [upstream]`. */
export function stdioCommand(program: Command, context: CommandContext): void {
  program
    .command('stdio')
    .description('serve MCP on standard input and output, for a local client')
    .argument('[upstream]', 'one upstream; all of them when not given')
    .addHelpText('after', help)
    .action((upstream: string | undefined) => serve(context, upstream));
}

async function serve({ product, terminal }: CommandContext, upstream: string | undefined): Promise<void> {
  const config = product.readConfig();
  const door = openDoor({ config, cwd: terminal.cwd, serveHere: product.serveHere });
  try {
    await door.reach();
    if (upstream !== undefined) await known(config, terminal.cwd, upstream);
    const bridge = openBridge({
      door,
      path: upstream === undefined ? '/mcp' : `/mcp/${encodeURIComponent(upstream)}`,
      write: writerOf(terminal.stdout),
      answerBytesMax,
      callsMax,
    });
    await talk(bridge, { context: { product, terminal }, config });
  } finally {
    await door.close();
  }
}

/** Until the client says no more, or goes away, or a signal comes. */
async function talk(
  bridge: Bridge,
  {
    context: { product, terminal },
    config,
  }: { readonly context: Pick<CommandContext, 'product' | 'terminal'>; readonly config: AppConfig },
): Promise<void> {
  const cut = Promise.race([
    product.interrupted(),
    new Promise((resolve) => terminal.stdout.once('error', resolve).once('close', resolve)),
  ]).then(() => 'cut' as const);
  const said = (async () => {
    for await (const line of linesOf(terminal.stdin, config.limits.bodyBytesMax)) await bridge.take(line);
    await bridge.finish();
    return 'said' as const;
  })();
  // A client that broke off in the middle has nothing to be told any more.
  said.catch(() => undefined);
  if ((await Promise.race([said, cut])) === 'said') return;
  terminal.stdin.destroy();
  await bridge.stop();
}

async function known(config: AppConfig, cwd: string, upstream: string): Promise<void> {
  const { call } = await runningGateway(config, cwd);
  const lines = (await call('upstreams.list', {})) as readonly UpstreamLine[];
  if (!lines.some(({ name }) => name === upstream))
    throw refuse('upstream_unknown', `there is no upstream ${JSON.stringify(upstream.slice(0, 64))}`);
}

function writerOf(stdout: Writable): (line: string) => Promise<void> {
  return async (line) => {
    if (stdout.destroyed || stdout.write(`${line}\n`)) return;
    const go = new AbortController();
    const { signal } = go;
    await Promise.race([once(stdout, 'drain', { signal }), once(stdout, 'close', { signal })]).catch(
      () => undefined,
    );
    go.abort();
  };
}
