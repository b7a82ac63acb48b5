import { onDisk, readWhole, writeWhole } from '../../store/atomic-file.ts';

// What was anchored, and where, beside the log: a file, whole or not at all. Nothing is believed because it stands here; it
// says when the next anchor is due, and what its owner may show.

const keptOfPlace = 50;

/** Where checkpoints go: to the blobs, or to an address. */
export type AnchorPlace = 'archive' | 'webhook';

/** One try to anchor. */
export interface AnchorRecord {
  readonly place: AnchorPlace;
  /** Milliseconds since 1970. */
  readonly atMs: number;
  readonly state: 'anchored' | 'failed';
  /** Of the refusal; `undefined` when it was anchored. */
  readonly code?: string;
  /** The log over all logs. */
  readonly origin: string;
  /** Its entries. */
  readonly size: number;
  /** Base64. */
  readonly root: string;
  /** The signed checkpoint. */
  readonly note: string;
}

/** What was tried before. */
export interface AnchorFile {
  /** The oldest first; of each place what was anchored last, and the last failure behind it. */
  list(): readonly AnchorRecord[];
  /** @throws Refusal `store_unavailable` */
  add(record: AnchorRecord): Promise<void>;
}

/**
 * Open the file; one that is not there, or is not in its form, has nothing.
 *
 * @throws Refusal `store_unavailable` when it cannot be read
 */
export async function openAnchorFile(path: string): Promise<AnchorFile> {
  let records = parsed(await onDisk(() => readWhole(path)));
  return {
    list: () => records,
    async add(record) {
      const others = records.filter(({ place }) => place !== record.place);
      // A failure is of interest until the next try.
      const own = records.filter(({ place, state }) => place === record.place && state === 'anchored');
      records = [...others, ...own.slice(1 - keptOfPlace), record].sort((a, b) => a.atMs - b.atMs);
      await onDisk(() => writeWhole(path, Buffer.from(JSON.stringify({ v: 1, anchors: records }))));
    },
  };
}

function parsed(bytes: Buffer | undefined): readonly AnchorRecord[] {
  if (bytes === undefined) return [];
  try {
    const { v, anchors } = JSON.parse(bytes.toString('utf8')) as Readonly<Record<string, unknown>>;
    return v === 1 && Array.isArray(anchors) && anchors.every(isRecord) ? anchors : [];
  } catch {
    return [];
  }
}

function isRecord(value: unknown): value is AnchorRecord {
  if (typeof value !== 'object' || value === null) return false;
  const { place, atMs, state, origin, size, root, note } = value as Readonly<Record<string, unknown>>;
  const known = (place === 'archive' || place === 'webhook') && (state === 'anchored' || state === 'failed');
  const counted = Number.isSafeInteger(atMs) && Number.isSafeInteger(size);
  return known && counted && [origin, root, note].every((text) => typeof text === 'string');
}
