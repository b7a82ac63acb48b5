import { refuse } from '../refusal.ts';
import type { AuditContext, AuditFields, AuditFlag, AuditOutcome, Entry } from './entry.ts';
import type { KeptParams } from './kept-params.ts';

// The text of an entry: JSON with its names in the order of RFC 8785, because objects are built in that order, and never
// over 8 KiB, because each field has a bound in bytes of JSON. What names a party or an act must fit as it is; what only
// describes is cut, ends in `…`, and the entry says so. Parameters get what room is left, and are text already.

type Stamp = Pick<Entry, 'id' | 'ts' | 'cls'>;

/** An entry is at most this long, in bytes: what a journal takes for a line. */
const entryBytesMax = 8 * 1024;

/** What an attempt says beside what it was given. */
export interface Noted {
  /** `undefined`: there are none, or none are kept. */
  readonly params?: KeptParams | undefined;
  /** `undefined`: nobody looked. */
  readonly flags?: readonly AuditFlag[] | undefined;
}

/** @throws Refusal `context_invalid` when a name is empty, too long or not well-formed */
export function attemptText(
  stamp: Stamp,
  context: AuditContext,
  fields: AuditFields,
  { params, flags }: Noted = {},
): string {
  const cutter = openCutter();
  const { cut, whole } = cutter;
  const { actor, source } = context;
  const request = fields.request;
  const built = {
    act: name('act', fields.act, 128),
    actor: { id: name('actor', actor.id, 512), type: name('actor type', actor.type, 32) },
    cls: stamp.cls,
    corr: name('correlation', context.correlation, 128),
    cut: undefined as true | undefined,
    flags,
    id: stamp.id,
    obj: cut(fields.object, 2048),
    pol: params?.policy,
    req: request && {
      bytes: whole(request.bytes),
      method: cut(request.method, 256),
      params: params && null,
      tool: cut(request.tool, 512),
    },
    src: { agent: cut(context.agent, 1024), ip: cut(context.ip, 128), source: name('source', source, 32) },
    svc: cut(fields.service, 512),
    tenant: name('tenant', context.tenant, 512),
    ts: stamp.ts,
    v: 1 as const,
  };
  built.cut = cutter.flag();
  const line = JSON.stringify(built);
  return params === undefined ? line : withParams(line, params);
}

/** In a text of JSON quotes have a backslash in front, so that this is found nowhere but in its place. */
const paramsPlace = '"params":null';

function withParams(line: string, params: KeptParams): string {
  const room = entryBytesMax - Buffer.byteLength(line);
  return line.replace(paramsPlace, () => `"params":${params.within(room)}`);
}

/** @throws Refusal `context_invalid` when a name is empty, too long or not well-formed */
export function outcomeText(
  stamp: Stamp,
  attempt: string,
  context: AuditContext,
  outcome: AuditOutcome,
): string {
  const cutter = openCutter();
  const { cut, whole } = cutter;
  const built = {
    bytes: whole(outcome.bytes),
    cause: name('attempt', attempt, 64),
    cls: stamp.cls,
    code: cut(outcome.code, 256),
    corr: name('correlation', context.correlation, 128),
    cut: undefined as true | undefined,
    id: stamp.id,
    ms: whole(outcome.ms),
    out: name('outcome', outcome.out, 32),
    tenant: name('tenant', context.tenant, 512),
    ts: stamp.ts,
    v: 1 as const,
  };
  built.cut = cutter.flag();
  return JSON.stringify(built);
}

function name(what: string, text: unknown, bytesMax: number): string {
  const good =
    typeof text === 'string' && text !== '' && text.isWellFormed() && jsonBytes(text, bytesMax) <= bytesMax;
  if (!good) throw refuse('context_invalid', `this audit entry has no usable ${what}`);
  return text;
}

function openCutter() {
  let flag: true | undefined;
  return {
    flag: () => flag,
    /** Text within the bound; lone surrogates become U+FFFD. */
    cut(text: string | undefined, bytesMax: number): string | undefined {
      if (text === undefined) return undefined;
      const formed = text.isWellFormed() ? text : text.slice(0, bytesMax).toWellFormed();
      if (formed === text && jsonBytes(text, bytesMax) <= bytesMax) return text;
      flag = true;
      let end = Math.min(formed.length, bytesMax);
      while (jsonBytes(`${formed.slice(0, end)}…`, bytesMax) > bytesMax) end = Math.floor(end * 0.9);
      return `${formed.slice(0, end).replace(/[\uD800-\uDBFF]$/, '')}…`;
    },
    /** A count or a length of time as a whole number; anything else is left out. */
    whole(value: number | undefined): number | undefined {
      if (value === undefined) return undefined;
      const rounded = Math.round(value);
      if (Number.isSafeInteger(rounded) && rounded >= 0) return rounded;
      flag = true;
      return undefined;
    },
  };
}

// Characters that JSON writes as one byte each.
const plain = /^[ !#-[\]-~]*$/;

/** Bytes of the text in JSON without the quotes. A character takes 6 at most, so short texts need no counting. */
function jsonBytes(text: string, bytesMax: number): number {
  if (text.length * 6 <= bytesMax) return text.length * 6;
  if (text.length > bytesMax) return Infinity;
  if (plain.test(text)) return text.length;
  return Buffer.byteLength(JSON.stringify(text)) - 2;
}
