import type { AuditContext } from '@sealgate/vault';
import type { Upstream } from '../../domain/upstream.ts';
import type { Conversation, OpenTarget, Target, Values } from '../front/target.ts';
import { digestOf } from './catalog.ts';
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

interface Open {
  readonly upstream: Upstream;
  readonly digest: string;
  readonly target: Target;
  level: unknown;
}

/** None is open yet. */
export function openMembers({ conversation, single, list, notices, resumed }: MemberParts): Members {
  const open = new Map<string, Open>();
  const earlier = new Map(
    Object.entries((resumed?.['upstreams'] ?? {}) as Readonly<Record<string, unknown>>),
  );
  let level = resumed?.['level'];
  const reach = (upstream: Upstream): Open => {
    const { name } = upstream;
    const digest = digestOf(upstream);
    const known = open.get(name);
    if (known?.digest === digest) return known;
    void known?.target.close().catch(() => undefined);
    const own: Conversation = {
      caller: conversation.caller,
      era: conversation.era,
      capabilities: conversation.capabilities,
      holder: conversation.holder,
      hear: (notice) => notices.take(name, notice),
      ask: (asked) => conversation.ask(asked),
    };
    const before = earlier.get(name) as { digest?: unknown; state?: Values } | undefined;
    earlier.delete(name);
    // What an upstream gave is not given to another one that took its name.
    const state = before?.digest === digest ? before.state : undefined;
    const opened: Open = { upstream, digest, target: single(upstream)(own, state), level: undefined };
    open.set(name, opened);
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
      const signal = AbortSignal.timeout(5000);
      const setting = { context, method: 'logging/setLevel', params: { level }, signal };
      await one.target
        .request({ ...setting, bytes: undefined, onProgress: undefined })
        .catch(() => undefined);
    },
    resumption() {
      const states = [...open].map(([name, { digest, target }]) => [
        name,
        { digest, state: target.resumption() },
      ]);
      return {
        upstreams: Object.fromEntries([...earlier, ...states]) as Values,
        ...(level === undefined ? {} : { level }),
      };
    },
    async close() {
      const closing = [...open.values()].map(({ target }) => target.close());
      open.clear();
      await Promise.allSettled(closing);
    },
  };
}
