import { CommanderError } from 'commander';
import { Refusal } from '@sealgate/vault';

/** Exit codes of every command; `docs/cli.md` lists them. */
export const exitCode = {
  ok: 0,
  /** Refused, or it failed; `doctor` found something broken. */
  failed: 1,
  /** The command line itself is wrong. */
  usage: 2,
  /** No gateway runs, or it went away before it answered. */
  unreachable: 3,
  /** Another process has the data directory, or the tables. */
  inUse: 4,
} as const;

/** The code for whatever ended a command. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCode.ok : exitCode.usage;
  if (!(error instanceof Refusal)) return exitCode.failed;
  if (error.code === 'usage') return exitCode.usage;
  if (error.code === 'gateway_unreachable') return exitCode.unreachable;
  const inUse = error.code === 'data_directory_in_use' || error.code === 'deployment_in_use';
  return inUse ? exitCode.inUse : exitCode.failed;
}
