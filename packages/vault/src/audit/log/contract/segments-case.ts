import { caseOn } from '../../../store/contract/case-on.ts';
import type { LogHead, LogName, LogStep, Segments, SealedThrough, Slice } from '../segments.ts';

/** Fresh storage, as a case of `segmentsContract` needs it. */
export interface OpenedSegments {
  readonly segments: Segments;
  /** Close the storage and open what it stored anew. */
  reopen(): Promise<Segments>;
  /** Close it and remove what it stored. */
  close(): Promise<void>;
}

/** Opens empty storage. */
export type OpenSegments = () => Promise<OpenedSegments>;

/** One promise of `Segments`. `run` throws an assertion error when the adapter breaks it. */
export interface SegmentsCase {
  readonly name: string;
  run(open: OpenSegments): Promise<void>;
}

/** A case that opens storage, runs, and closes it whatever happens. */
export function onSegments(name: string, body: (bench: OpenedSegments) => Promise<void>): SegmentsCase {
  return caseOn(name, body, ({ close }) => close());
}

/** A log of this scope in `202611`. */
export function logIn(scope: string, shard = '202611'): LogName {
  return { scope, shard };
}

/** A hash that is told from others by its number. */
export function hashOf(n: number): Uint8Array {
  return new Uint8Array(32).fill(n % 251);
}

/** A head of this size. */
export function headOf(size: number, closed = false): LogHead {
  return { size, frontier: [hashOf(size), hashOf(size + 1)], closed };
}

/** Leaves with these indexes, and their bodies. */
export function sliceFrom(first: number, count: number): Slice {
  const leaves = Array.from({ length: count }, (_, at) => `{"leaf":"ü${first + at}"}`);
  return { first, leaves, bodies: hashOf(first) };
}

/** A step that adds so many leaves as one slice. */
export function stepOf(log: LogName, from: number, count: number, more: Partial<LogStep> = {}): LogStep {
  const slices = [sliceFrom(from, count)];
  return { log, from, head: headOf(from + count), slices, nodes: [], rows: [], ...more };
}

/** How far a writer's journal is sealed. */
export function throughEntry(entry: number, writer = 'w1'): SealedThrough {
  return { writer, batch: entry, digest: hashOf(entry), entry };
}
