import type ts from 'typescript';
import { placeOf } from './source-trees.ts';

/** What a scanner found. `fail` stops the check; `warn` is shown for a person to judge. */
export interface Finding {
  readonly level: 'warn' | 'fail';
  /** `file:line`. */
  readonly place: string;
  readonly says: string;
}

/** A finding at a node. */
export function finding(level: Finding['level'], node: ts.Node, says: string): Finding {
  return { level, place: placeOf(node), says };
}
