import type { AuditContext } from '@sealgate/vault';
import type { Upstream } from '../../domain/upstream.ts';
import type { Conversation, OpenTarget, Target, Values } from '../front/target.ts';
import { digestOf } from '../link/key.ts';
import type { Notices } from './notices.ts';

// The upstreams of one conversation. Each is opened when something is wanted of it, so one that fails is in nobody's way.

/** The upstreams that one conversation sees. */
export interface Members {
  /** By name. Those that exist now and that the caller may see. */
  list(): readonly Upstream[];
  /** `undefined` when there is none of this name that the caller may see. */
  find(name: string): Upstream | undefined;
  /** Opened when it was not, or when the upstream is defined otherwise now. */
  target(upstream: Upstream): Target;
  /** Those that are open. */
  opened(): readonly { readonly upstream: Upstream; readonly target: Target }[];
  /** Set the log level here, and at each upstream when it is next used. */
  setLevel(level: unknown): void;
  /** Tell the upstream the log level if there is one that it does not know. @param logs whether it takes levels */
  tellLevel(upstream: Upstream, logs: () => Promise<boolean>, context: AuditContext): Promise<void>;
  /** Small JSON. */
  resumption(): Values;
  /** As each target does, those that are opened later included. */
  rest(): void;
  /** Let go of them, and leave what `resumption` names as it is. */
  leave(): Promise<void>;
  close(): Promise<void>;
}

/** What they are opened with. */
export interface MemberParts {
  readonly conversation: Conversation;
  readonly single: (upstream: Upstream) => OpenTarget;
  /** The upstreams that the caller may see, by name. */
  readonly list: () => readonly Upstream[];
  readonly notices: Notices;
  readonly resumed: Values | undefined;
}

const levelMs = 5000;
const statesCharactersMax = 64 * 1024;

interface Open {
  readonly upstream: Upstream;
  readonly digest: string;
  readonly target: Target;
  level: unknown;
}

/** None is open yet. */
export function openMembers(parts: MemberParts): Members {
  const open = new Map<string, Open>();
  const { list, resumed } = parts;
  const earlier = new Map(
    Object.entries((resumed?.['upstreams'] ?? {}) as Readonly<Record<string, Earlier>>),
  );
  let level = resumed?.['level'];
  let resting = false;
  const reach = (upstream: Upstream): Open => {
    const { name } = upstream;
    const digest = digestOf(upstream);
    const known = open.get(name);
    if (known?.digest === digest) return known;
    void known?.target.close().catch(() => undefined);
    const before = earlier.get(name);
    earlier.delete(name);
    // What an upstream gave is not given to another one that took its name.
    const state = before?.digest === digest ? before.state : undefined;
    const target = parts.single(upstream)(partOf(parts, name), state);
    const opened: Open = { upstream, digest, target, level: undefined };
    open.set(name, opened);
    if (resting) target.rest();
    return opened;
  };
  return {
    list,
    find: (name) => list().find((upstream) => upstream.name === name),
    target: (upstream) => reach(upstream).target,
    opened: () => [...open.values()],
    setLevel: (wanted) => (level = wanted),
    async tellLevel(upstream, logs, context) {
      const one = reach(upstream);
      if (level === undefined || one.level === level || !(await logs())) return;
      one.level = level;
      await tell(one.target, level, context);
    },
    resumption: () => ({
      upstreams: { ...Object.fromEntries(earlier), ...statesOf(open) },
      ...(level === undefined ? {} : { level }),
    }),
    rest() {
      resting = true;
      for (const { target } of open.values()) target.rest();
    },
    leave: () =>
      letGo(open, (target) => (target.resumption() === undefined ? target.close() : target.leave())),
    close: () => letGo(open, (target) => target.close()),
  };
}

async function letGo(open: Map<string, Open>, end: (target: Target) => Promise<void>): Promise<void> {
  const ending = [...open.values()].map(({ target }) => end(target));
  open.clear();
  await Promise.allSettled(ending);
}

interface Earlier {
  readonly digest: string;
  readonly state?: Values;
}

// What does not fit begins anew elsewhere: a session with many upstreams must still fit into its own record.
function statesOf(open: ReadonlyMap<string, Open>): Readonly<Record<string, Earlier>> {
  const states: Record<string, Earlier> = {};
  let left = statesCharactersMax;
  for (const [name, { digest, target }] of open) {
    const state = target.resumption();
    left -= state === undefined ? 0 : JSON.stringify(state).length;
    states[name] = { digest, ...(state === undefined || left < 0 ? {} : { state }) };
  }
  return states;
}

/** The conversation as one upstream has it. */
function partOf({ conversation, notices }: MemberParts, name: string): Conversation {
  const { caller, era, capabilities, holder } = conversation;
  return {
    caller,
    era,
    capabilities,
    holder,
    hear: (notice, at) => notices.take(name, notice, at),
    heardUpTo: (upstream) => conversation.heardUpTo?.(upstream),
    ask: (asked) => conversation.ask(asked),
  };
}

// An upstream that takes no level says what it likes; the call that follows is not its to fail for that.
async function tell(target: Target, level: unknown, context: AuditContext): Promise<void> {
  const signal = AbortSignal.timeout(levelMs);
  const params = { level };
  await target
    .request({ context, method: 'logging/setLevel', params, signal, bytes: undefined, onProgress: undefined })
    .catch(() => undefined);
}
