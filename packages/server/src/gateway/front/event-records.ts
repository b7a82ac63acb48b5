import { sealedRecords, type Records, type Sealer } from '@sealgate/vault';
import type { Position } from './target.ts';

// Messages that were sent, each a sealed record named session/stream/generation.number. Records hold 248 KiB with their
// head; a longer message lies in several. The first one begins with two bytes: what it is (1: final, 2: it says where its
// upstream stood), and how many there are. Where the upstream stood comes next, after its length in two bytes: in the same
// record as the message, so that nobody ever finds the one without the other.

const table = 'mcp_events';
const partBytes = 240 * 1024;

/** One message that was sent. */
export interface SentEvent {
  readonly id: string;
  /** The JSON-RPC message. */
  readonly text: string;
  /** The response, after which the stream has nothing more to say. */
  readonly final: boolean;
  /** Where the stream of its upstream stood; `undefined`: it came on none, or nobody can go on from there. */
  readonly at: Position | undefined;
}

/** Which message of a session. */
export interface EventName {
  readonly stream: string;
  readonly generation: number;
  readonly number: number;
}

/** Where the events of a session lie. */
export interface EventPlace {
  readonly records: Records;
  readonly sealer: Sealer;
  readonly tenant: string;
  readonly subject: string;
  readonly session: string;
}

/** What is written down of a message. */
export type EventContent = Omit<SentEvent, 'id'>;

/** Stored messages of one session. Every method throws what `Records` throws. */
export interface EventRecords {
  write(name: EventName, content: EventContent, endsAtMs: number): Promise<void>;
  /** `undefined` when it is not there as a whole. */
  read(name: EventName): Promise<SentEvent | undefined>;
  /** This message and those that follow it without a hole. */
  readFrom(name: EventName): Promise<SentEvent[]>;
  remove(name: EventName): Promise<void>;
}

/** The id that a client is told. It names the stream; which session it belongs to is never the client's word. */
export function eventIdOf({ stream, generation, number }: EventName): string {
  return `${stream}.${generation}.${number}`;
}

/** What a client's `Last-Event-ID` names; `undefined` for what was never given out. */
export function readEventId(id: string): EventName | undefined {
  const [, stream, generation, number] = pattern.exec(id) ?? [];
  return stream === undefined
    ? undefined
    : { stream, generation: Number(generation), number: Number(number) };
}

const pattern = /^([A-Za-z0-9_~-]{1,200})\.(\d{1,6})\.(\d{1,9})$/;

/** Messages on any `Records`. */
export function openEventRecords({ records, sealer, tenant, subject, session }: EventPlace): EventRecords {
  const sealed = sealedRecords(records, sealer, { kind: 'record', table, tenant, subject });
  const nameOf = ({ stream, generation, number }: EventName, part: number): string =>
    `${session}/${stream}/${generation}.${number}${part === 0 ? '' : `/${part}`}`;
  const read = async (name: EventName): Promise<SentEvent | undefined> => {
    const pieces: Uint8Array[] = [];
    for (let part = 0, parts = 1; part < parts; part += 1) {
      const piece = (await sealed.get(nameOf(name, part)))?.bytes;
      if (piece === undefined) return undefined;
      if (part === 0) parts = piece[1]!;
      pieces.push(piece);
    }
    const whole = Buffer.concat(pieces);
    for (const piece of pieces) piece.fill(0);
    return { id: eventIdOf(name), ...contentOf(whole) };
  };
  return {
    async write(name, content, endsAtMs) {
      const whole = wholeOf(content);
      const parts = Math.ceil(whole.length / partBytes);
      whole.writeUInt8(parts, 1);
      const puts = Array.from({ length: parts }, (_, part) =>
        sealed.put(nameOf(name, part), whole.subarray(part * partBytes, (part + 1) * partBytes), {
          endsAtMs,
        }),
      );
      await Promise.all(puts).finally(() => whole.fill(0));
    },
    read,
    async readFrom(name) {
      const found: SentEvent[] = [];
      for (let { number } = name; ; number += 1) {
        const event = await read({ ...name, number });
        if (event === undefined) return found;
        found.push(event);
      }
    },
    async remove(name) {
      const first = (await sealed.take(nameOf(name, 0)))?.bytes;
      const parts = first?.[1] ?? 1;
      first?.fill(0);
      for (let part = 1; part < parts; part += 1) (await sealed.take(nameOf(name, part)))?.bytes.fill(0);
    },
  };
}

const finalBit = 1;
const placedBit = 2;

function wholeOf({ text, final, at }: EventContent): Buffer {
  const bits = (final ? finalBit : 0) | (at === undefined ? 0 : placedBit);
  const head = Buffer.from([bits, 1]);
  if (at === undefined) return Buffer.concat([head, Buffer.from(text)]);
  const place = Buffer.from(JSON.stringify(at));
  const length = Buffer.alloc(2);
  length.writeUInt16BE(place.length);
  return Buffer.concat([head, length, place, Buffer.from(text)]);
}

function contentOf(whole: Buffer): EventContent {
  const bits = whole.readUInt8(0);
  const final = (bits & finalBit) !== 0;
  if ((bits & placedBit) === 0) return { text: whole.toString('utf8', 2), final, at: undefined };
  const textAt = 4 + whole.readUInt16BE(2);
  const at = JSON.parse(whole.toString('utf8', 4, textAt)) as Position;
  return { text: whole.toString('utf8', textAt), final, at };
}
