import type { AppConfig } from '../config.ts';
import type { Note, Policies, Provisioning, Transfer } from '../main.ts';
import { withAdministration, type Administration, type OpenHere } from './gateway.ts';
import type { ServeHere } from './stdio-door.ts';
import type { Terminal } from './terminal.ts';

/** What the commands stand on. */
export interface Product {
  /** @throws Refusal `config_invalid` */
  readonly readConfig: () => AppConfig;
  readonly openHere: OpenHere;
  /** @throws Refusal `config_invalid` when the database makes its tables by itself */
  readonly openProvisioning: (config: AppConfig) => Promise<Provisioning>;
  /** Works beside a running gateway, whose writes it freezes. */
  readonly openTransfer: (config: AppConfig, noteThere: Note) => Transfer;
  /** @throws Refusal `config_invalid` when the package of AWS KMS is not installed */
  readonly loadPolicies: () => Promise<Policies>;
  /** Start, print where, and resolve with the exit code when it has stopped. */
  readonly start: (config: AppConfig, terminal: Terminal) => Promise<number>;
  /** For `sealgate stdio`, when no gateway runs: the two sockets, and no network address. */
  readonly serveHere: ServeHere;
  /** Resolves when the process is told to end. */
  readonly interrupted: () => Promise<unknown>;
  /** For what a command is told to read at an address. */
  readonly fetch: typeof globalThis.fetch;
  /** For a log at an address; `undefined`: none is shown. @throws Refusal `config_invalid` */
  readonly auditToken: () => string | undefined;
  readonly version: string;
}

/** What one run of the command line stands on. */
export interface CommandContext {
  readonly product: Product;
  readonly terminal: Terminal;
  /** Set by a command that ended well and has something else to say with its exit code. */
  exitCode: number;
  /** Set by a command that has exit codes of its own: what it ends with when it does not end well. */
  failureCode?: number;
}

/** Options that every command has. */
export interface CommonOptions {
  readonly json?: boolean;
}

/** Run something on the data directory that the configuration names. */
export function administer<T>(
  { product, terminal }: CommandContext,
  work: (administration: Administration) => Promise<T>,
): Promise<T> {
  return withAdministration(product.readConfig(), terminal.cwd, product.openHere, work);
}

/** Print a result: JSON when asked for, else as people read it. */
export function show(
  { terminal }: CommandContext,
  { json }: CommonOptions,
  result: unknown,
  text: () => string,
): void {
  terminal.stdout.write(json === true ? `${JSON.stringify(result, undefined, 2)}\n` : text());
}
