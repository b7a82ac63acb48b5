import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

// The programs under which we are judged, and servers for comparisons. They are heavy, so they are installed beside this file when first needed, and
// run with the Node that runs this.

const here = fileURLToPath(new URL('.', import.meta.url));
const entries = {
  inspector: '@modelcontextprotocol/inspector/clients/launcher/build/index.js',
  remoteClient: 'mcp-remote/dist/client.js',
  remoteProxy: 'mcp-remote/dist/proxy.js',
  conformance02: '@modelcontextprotocol/conformance/dist/index.js',
  conformance01: 'conformance-0.1/dist/index.js',
  thinking: '@modelcontextprotocol/server-sequential-thinking/dist/index.js',
  vanillajs: '@modelcontextprotocol/server-basic-vanillajs/dist/index.js',
  monitor: '@modelcontextprotocol/server-system-monitor/dist/index.js',
  sigstoreCheckpoint: '@sigstore/verify/dist/tlog/checkpoint.js',
  sigstoreMerkle: '@sigstore/verify/dist/tlog/merkle.js',
} as const;

const names = Object.keys(entries) as readonly (keyof typeof entries)[];

/** A program's file. */
export function programFile(name: keyof typeof entries): string {
  return `${here}node_modules/${entries[name]}`;
}

/** Install what is not there. @throws Error with what npm said */
export function installPrograms(): void {
  if (names.every((name) => existsSync(programFile(name)))) return;
  console.log('installing the judges into test/judges/node_modules, once');
  // `ci` wants every optional package of every platform in the lockfile; a registry that lacks one still serves `install`.
  const options = '--ignore-scripts --loglevel=error';
  const command = `npm ci ${options} || npm install --no-save ${options}`;
  const { status, stderr } = spawnSync(command, { cwd: here, shell: true, encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
}

/** How a program ended. */
export interface Ended {
  /** `null` when it was killed. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** How to run one. */
export interface RunOptions {
  /** All of its environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Told of everything it prints, as far as it has come. */
  readonly onPrint?: (printed: string) => void;
  /** It is killed after this long. */
  readonly timeoutMs?: number;
}

/** Run a program to its end. */
export function runProgram(
  name: keyof typeof entries,
  args: readonly string[],
  { env, onPrint, timeoutMs = 90_000 }: RunOptions,
): Promise<Ended> {
  const child = spawn(process.execPath, [programFile(name), ...args], {
    env: { ...env },
    // Its input stays open: mcp-remote ends with it.
    stdio: ['pipe', 'pipe', 'pipe'],
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    onPrint?.(stdout);
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  return new Promise((resolve, reject) => {
    child.once('error', reject).once('close', (code) => resolve({ code, stdout, stderr }));
  });
}
