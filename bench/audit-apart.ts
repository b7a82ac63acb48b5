import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Flat, FlatShape } from './audit-flat.ts';
import type { Held, HoldShape } from './audit-hold.ts';

// Measures in a process of its own, so that nobody else's work stands on its loop or in its account of CPU time.

const program = fileURLToPath(new URL('audit-program.ts', import.meta.url));

/** What the other process is to do. */
export type Task = { readonly hold: HoldShape } | { readonly flat: FlatShape };

/** {@link Held}, measured elsewhere. */
export function holdApart(shape: HoldShape): Promise<Held> {
  return apart({ hold: shape }) as Promise<Held>;
}

/** {@link Flat}, measured elsewhere. */
export function flatOutApart(shape: FlatShape): Promise<Flat> {
  return apart({ flat: shape }) as Promise<Flat>;
}

function apart(task: Task): Promise<unknown> {
  const child = fork(program, [JSON.stringify(task)], { execArgv: ['--conditions=@sealgate/source'] });
  return new Promise((resolve, reject) => {
    child.once('message', resolve);
    child.once('exit', (code) => reject(new Error(`measuring the audit log ended with ${code}`)));
  });
}
