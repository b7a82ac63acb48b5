import type { Change, Condition, Span } from './engine.ts';
import {
  checkedItem,
  checkedKey,
  checkKeyText,
  indexOf,
  itemInvalid,
  partitionBytesMax,
  sortBytesMax,
  specOf,
} from './item-rules.ts';
import type { TableName } from './spec.ts';
import type { Guard, Query, Revision, SortRange, Step } from './tables.ts';
import { compareSort } from './text-order.ts';

// The rules of queries and transactions, held in front of every adapter beside those of items.

const limitMax = 1000;
const stepsMax = 100;
/** DynamoDB takes 4 MB in one transaction. */
const transactionBytesMax = 4_000_000;

/** @throws Refusal `item_invalid` for a limit that is no whole number from 1 to 1000 */
export function checkedLimit(limit: number): number {
  if (!Number.isInteger(limit) || limit < 1 || limit > limitMax)
    throw itemInvalid(`a limit is not within 1 and ${limitMax}`);
  return limit;
}

/** A query as a span from its beginning. */
export function checkedQuery<T extends TableName>(table: T, query: Query<T>): Omit<Span, 'after'> {
  const index: string | undefined = query.index;
  const { sort, sortType }: { sort?: string; sortType?: 'string' | 'number' } =
    index === undefined ? specOf(table) : indexOf(table, index);
  const partition = checkKeyText(query.partition, partitionBytesMax, `the partition of a query to ${table}`);
  if (query.range !== undefined) {
    if (sort === undefined) throw itemInvalid(`a range where ${index ?? table} has no sort attribute`);
    checkRange(query.range, sortType === 'number', `the range of ${index ?? table}`);
  }
  if (query.contains !== undefined) checkContains(query.contains);
  return {
    index,
    partition,
    range: query.range,
    descending: query.descending === true,
    limit: checkedLimit(query.limit),
  };
}

function checkRange(range: SortRange, numbers: boolean, where: string): void {
  if (Object.keys(range).length !== 1) throw itemInvalid(`${where} is not one condition`);
  const check = (value: unknown): void => {
    if (!numbers) checkKeyText(value, sortBytesMax, where);
    else if (typeof value !== 'number' || !Number.isFinite(value)) throw itemInvalid(`${where} is no number`);
  };
  if ('before' in range) return check(range.before);
  if ('after' in range) return check(range.after);
  if ('beginsWith' in range && !numbers) return check(range.beginsWith);
  if (!('between' in range) || !Array.isArray(range.between) || range.between.length !== 2)
    throw itemInvalid(`${where} is no range of its type`);
  const [low, high] = range.between;
  check(low);
  check(high);
  if (compareSort(low, high) > 0) throw itemInvalid(`${where} ends before it begins`);
}

function checkContains({ attribute, text }: { readonly attribute: string; readonly text: string }): void {
  if (typeof attribute !== 'string' || attribute === '') throw itemInvalid('contains names no attribute');
  if (typeof text !== 'string' || text === '' || !text.isWellFormed())
    throw itemInvalid('contains looks for no text or for a lone surrogate');
}

/** A guard as the condition it stands for. */
export function conditionOf(guard: Guard | undefined): Condition {
  if (guard === undefined) return undefined;
  if ('ifAbsent' in guard) return 'absent';
  if (!('ifRevision' in guard)) throw itemInvalid('a guard is neither ifAbsent nor ifRevision');
  const revision: unknown = guard.ifRevision;
  if (revision !== undefined && typeof revision !== 'string') throw itemInvalid('a revision is no text');
  return { revision };
}

/** @param revise makes the revision of each item that is put */
export function checkedSteps(steps: readonly Step[], revise: () => Revision): readonly Change[] {
  if (!Array.isArray(steps) || steps.length < 1 || steps.length > stepsMax)
    throw itemInvalid(`a transaction has not 1 to ${stepsMax} steps`);
  const seen = new Set<string>();
  let bytes = 0;
  return steps.map((step: Step) => {
    const change = checkedStep(step, revise);
    const key = JSON.stringify([change.table, change.row.pk, change.row.sk]);
    if (seen.has(key)) throw itemInvalid(`a transaction names one key of ${change.table} twice`);
    seen.add(key);
    if (change.act === 'put') bytes += change.row.bytes;
    if (bytes > transactionBytesMax) throw itemInvalid(`a transaction is over ${transactionBytesMax} bytes`);
    return change;
  });
}

type Measured =
  | (Change & { readonly act: 'put'; readonly row: { readonly bytes: number } })
  | (Change & { readonly act: 'remove' | 'check' });

function checkedStep(step: Step, revise: () => Revision): Measured {
  const condition = conditionOf(step.guard);
  if ('put' in step) {
    const row = { ...checkedItem(step.put, step.item), revision: revise() };
    return { act: 'put', table: step.put, row, condition };
  }
  if ('remove' in step)
    return { act: 'remove', table: step.remove, row: checkedKey(step.remove, step.key), condition };
  if (!('check' in step) || condition === undefined)
    throw itemInvalid('a step does nothing and checks nothing');
  return { act: 'check', table: step.check, row: checkedKey(step.check, step.key), condition };
}
