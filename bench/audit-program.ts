import type { Task } from './audit-apart.ts';
import { flatOut } from './audit-flat.ts';
import { hold } from './audit-hold.ts';

// One task of the audit bench as a process: says what it measured to its parent, and ends.

const task = JSON.parse(process.argv[2] ?? '') as Task;
process.send?.('hold' in task ? await hold(task.hold) : await flatOut(task.flat));
process.disconnect?.();
