import type { AuditContext, Gate } from '@sealgate/vault';
import type { Upstream } from '../../domain/upstream.ts';
import { refuse } from '../../errors.ts';
import type { Values } from '../front/target.ts';
import { digestOf } from './key.ts';
import type { Listener } from './listener.ts';
import { endIn, hold, leaveIn, startIn, type Reached, type Slot } from './slot.ts';
import { dropIdle, emptyState, forget, placeOf, release, slotFor, type State } from './slots.ts';
import { makeRoom } from './room.ts';
import { startChild, type StartParts } from './start-child.ts';
import type { HttpLinkParts } from './http-parts.ts';
import { openHttpLink } from './http-link.ts';
import type { Verdicts } from './verdict.ts';

/** Who wants to reach an upstream, and what for. */
export interface Ask {
  readonly context: AuditContext;
  readonly subject: string;
  readonly upstream: Upstream;
  /** Client capabilities to declare, already pruned; `{}` without a holder. */
  readonly capabilities: Values;
  readonly holder: string | undefined;
  /** Whether the holder wants the link for itself whatever the rule. */
  readonly alone: boolean;
  /** The era to speak when the upstream knows both. */
  readonly prefer: 'legacy' | 'modern';
  /** Joins the slot before its link is opened, so that nothing the upstream says at once is lost. */
  readonly listener: Listener;
  /** What `resumption` gave elsewhere. */
  readonly resume: Values | undefined;
  readonly request: { readonly method?: string; readonly tool?: string; readonly bytes?: number };
}

/** The open links. */
export interface Links {
  /**
   * The link for this person and upstream, opened when it does not stand. The listener is in the slot afterwards.
   *
   * @throws Refusal `credential_missing`, `upstream_unavailable`, `upstream_unauthorized`, `overloaded`, `draining`,
   *   `audit_unavailable`, and those of opening a credential
   */
  reach(ask: Ask): Promise<Reached>;
  /** End what this holder has for itself. @param upstream only this one's; `undefined`: all */
  release(holder: string, upstream?: string): Promise<void>;
  /** End the links of an upstream that was removed or changed. */
  retire(tenant: string, upstream: string): Promise<void>;
  /** Links that stand now: children, and conversations with HTTP upstreams. */
  count(): { readonly children: number; readonly sessions: number };
  /** End all of them and open no more. */
  close(): Promise<void>;
}

/** What opening links needs. */
export interface LinksParts extends StartParts {
  readonly gate: Pick<Gate, 'use' | 'lendToChild' | 'onChange'>;
  readonly verdicts: Verdicts;
}

/** Open the links; there are none yet. */
export function openLinks(parts: LinksParts): Links {
  const state = emptyState();
  const stopListening = parts.gate.onChange(({ tenant, upstream, connectionId, subject }) => {
    const holds = (slot: Slot): boolean =>
      slot.upstream.kind === 'stdio'
        ? slot.connectionId === connectionId
        : subject === '' || slot.subject === subject;
    for (const slot of forget(state, tenant, upstream, holds)) void endIn(slot);
  });
  const everyMs = 1000 * Math.min(30, parts.limits.idleSeconds);
  const sweep = setInterval(() => dropIdle(state, parts), everyMs).unref();
  return {
    reach: (ask) => reach(state, parts, ask),
    async release(holder, upstream) {
      await Promise.all(release(state, holder, upstream).map(endIn));
    },
    async retire(tenant, upstream) {
      await Promise.all(forget(state, tenant, upstream, () => true).map(endIn));
    },
    count() {
      const standing = [...state.slots.values()].filter(({ link }) => link !== undefined);
      const children = standing.filter(({ upstream }) => upstream.kind === 'stdio').length;
      return { children, sessions: standing.length - children };
    },
    async close() {
      state.closed = true;
      clearInterval(sweep);
      stopListening();
      // Sessions of conversations go on at another instance, or here after a restart.
      await Promise.all(
        [...state.slots.values()].map((slot) => (slot.holder === undefined ? endIn(slot) : leaveIn(slot))),
      );
    },
  };
}

async function reach(state: State, parts: LinksParts, ask: Ask): Promise<Reached> {
  if (state.closed) throw refuse('draining', 'the gateway is stopping');
  const path = pathOf(ask);
  const slot = state.paths.get(path)?.slot;
  if (slot?.link !== undefined) {
    slot.listeners.add(ask.listener);
    return { slot, link: slot.standing ?? (await slot.link) };
  }
  const under = state.reaching.get(path);
  if (under === undefined) {
    const reaching = find(state, parts, ask, path).finally(() => state.reaching.delete(path));
    state.reaching.set(path, reaching);
    return reaching;
  }
  const reached = await under;
  reached.slot.listeners.add(ask.listener);
  return reached;
}

async function find(state: State, parts: LinksParts, ask: Ask, path: string): Promise<Reached> {
  const { context, upstream, holder, listener } = ask;
  const place = placeOf(context.tenant, upstream.name);
  for (;;) {
    const generation = state.generations.get(place) ?? 0;
    const lent = await lend(parts, ask);
    const slot = slotFor(
      state,
      { ...ask, tenant: context.tenant, connection: lent?.connection },
      parts.now(),
    );
    if (slot.link === undefined) await end(state, makeRoom(state.slots.values(), slot, parts.limits));
    slot.listeners.add(listener);
    // What is being opened is in use: the sweep must not take it for idle.
    const letGo = hold(slot, parts.now);
    try {
      const link = await startIn(slot, starting(slot, parts, ask, lent?.environment ?? {}));
      if ((state.generations.get(place) ?? 0) === generation && !state.closed) {
        if (state.slots.get(slot.key) !== slot)
          throw refuse(
            'upstream_unavailable',
            `the conversation with "${upstream.name}" was ended meanwhile`,
          );
        state.paths.set(path, { slot, holder });
        return { slot, link };
      }
    } catch (error) {
      slot.listeners.delete(listener);
      throw error;
    } finally {
      letGo();
    }
    // The credential or the upstream changed while the link was opened: it may hold what was just revoked.
    slot.listeners.delete(listener);
    await end(state, slot);
    if (state.closed) throw refuse('draining', 'the gateway is stopping');
  }
}

async function end(state: State, slot: Slot | undefined): Promise<void> {
  if (slot === undefined) return;
  if (state.slots.get(slot.key) === slot) state.slots.delete(slot.key);
  for (const [path, kept] of state.paths) if (kept.slot === slot) state.paths.delete(path);
  await endIn(slot);
}

async function lend({ gate, limits }: LinksParts, { context, subject, upstream, request }: Ask) {
  if (upstream.kind === 'http') return undefined;
  // Before anything is lent. The whole text is compared: another path to a program of the same name is another command.
  if (limits.commands?.includes(upstream.command) === false)
    throw refuse(
      'upstream_unavailable',
      `upstream "${upstream.name}" has a command that may not be run here: add it to MCP_STDIO_COMMANDS`,
    );
  const required = upstream.credential !== undefined;
  return gate.lendToChild({ context, subject, upstream: upstream.name, required, request });
}

function starting(
  slot: Slot,
  parts: LinksParts,
  ask: Ask,
  environment: Readonly<Record<string, string>>,
): Parameters<typeof startIn>[1] {
  const { context, upstream, subject, prefer, resume } = ask;
  const { now, limits } = parts;
  const about: Pick<HttpLinkParts, 'context' | 'subject' | 'prefer' | 'resume' | 'capabilities'> = {
    context,
    subject,
    prefer,
    resume: slot.holder === undefined ? undefined : resume,
    capabilities: slot.holder === undefined ? {} : slot.capabilities,
  };
  return {
    now,
    context,
    startMs: limits.startSeconds * 1000,
    open: (events) =>
      upstream.kind === 'stdio'
        ? startChild(slot, upstream, parts, { context, environment, events })
        : openHttpLink({ ...parts, ...about, upstream, events }),
  };
}

// What is reached is part of the path: an upstream that was changed leads to a new link at once.
function pathOf({ context, subject, upstream, holder, alone, capabilities, prefer }: Ask): string {
  return JSON.stringify([
    context.tenant,
    upstream.name,
    digestOf(upstream),
    subject,
    holder ?? null,
    alone,
    capabilities,
    prefer,
  ]);
}
