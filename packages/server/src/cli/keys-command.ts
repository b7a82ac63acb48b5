import type { Command } from 'commander';
import type { CommandContext } from './context.ts';
import { keysCreate } from './keys-create.ts';
import { keysRotate } from './keys-rotate.ts';
import { keysState } from './keys-state.ts';
import { keysStatus } from './keys-status.ts';
import { keysReceipt } from './keys-receipt.ts';
import { keysShred } from './keys-shred.ts';

/** `sealgate keys …`. */
export function keysCommand(program: Command, context: CommandContext): void {
  const keys = program.command('keys').description('the keys that everything is sealed under');
  keysCreate(keys, context);
  keysStatus(keys, context);
  keysRotate(keys, context);
  keysState(keys, context);
  keysShred(keys, context);
  keysReceipt(keys, context);
}
