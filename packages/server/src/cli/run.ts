import {
  initConfig,
  loadPolicies,
  openLog,
  openProvisioning,
  openSealgate,
  openTransfer,
  readAuditToken,
  startLocal,
  startServer,
  version,
  type AppConfig,
} from '../main.ts';
import { banner } from './banner.ts';
import { exitCode } from './exit-code.ts';
import { runCommand } from './program.ts';
import type { Terminal } from './terminal.ts';

/** Run the command line of this process. @returns the exit code */
export async function run(argv: readonly string[]): Promise<number> {
  const { stdin, stdout, stderr } = process;
  const terminal: Terminal = { stdin, stdout, stderr, cwd: process.cwd() };
  return runCommand(argv, terminal, {
    readConfig: initConfig,
    openHere,
    openProvisioning: ({ database }) => openProvisioning(database),
    openTransfer,
    loadPolicies,
    start,
    serveHere: (config) => startLocal(config, openLog(config.logLevel)),
    interrupted: stopSignal,
    fetch,
    auditToken: readAuditToken,
    version,
  });
}

async function openHere(config: AppConfig) {
  // What a command did is what it prints; the log of the gateway is for the gateway.
  const sealgate = await openSealgate(config, openLog('error'));
  return { call: sealgate.operations.call, close: sealgate.close };
}

async function start(config: AppConfig, { stdout }: Terminal): Promise<number> {
  const log = openLog(config.logLevel);
  for (const warning of config.warnings) log.warn(warning);
  const server = await startServer(config, log, (line) => stdout.write(`${line}\n`));
  const { administrator, upstreams } = server.ground;
  const names = upstreams.list(administrator.tenant).map(({ upstream }) => upstream.name);
  stdout.write(
    banner({
      origin: server.origin,
      signInLink: server.signInLink,
      upstreams: names,
      dataDir: config.dataDirectory,
    }),
  );
  log.info({ signal: await stopSignal() }, 'stopping');
  await server.close();
  return exitCode.ok;
}

// The first signal stops in order, the second at once.
function stopSignal(): Promise<string> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const)
      process.once(signal, () => {
        resolve(signal);
        process.once(signal, () => process.exit(exitCode.failed));
      });
  });
}
