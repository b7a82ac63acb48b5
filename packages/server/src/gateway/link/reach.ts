import type { AuditContext, Gate, Refusal } from '@sealgate/vault';
import type { Upstream } from '../../domain/upstream.ts';
import { refuse } from '../../errors.ts';
import type { Position, Values } from '../front/target.ts';
import { eraOf, SilentInEra, type Era } from './child-era.ts';
import { openHttpLink } from './http-link.ts';
import type { HttpLinkParts } from './http-parts.ts';
import { digestOf } from './key.ts';
import { drop, stillLends } from './lent.ts';
import type { Link } from './link.ts';
import type { Listener } from './listener.ts';
import { makeRoom } from './room.ts';
import { startIn } from './slot-start.ts';
import { endIn, hold, type Reached, type Slot } from './slot.ts';
import { placeOf, slotFor, type State } from './slots.ts';
import { startChild, type StartParts } from './start-child.ts';
import type { Verdicts } from './verdict.ts';

// The way from somebody who asks to a link: which era, which slot, room for it, and once however many ask.

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
  readonly prefer: Era;
  /** Joins the slot before its link is opened, so that nothing the upstream says at once is lost. */
  readonly listener: Listener;
  /** What `resumption` gave elsewhere. */
  readonly resume: Values | undefined;
  /** How far the upstream was heard by those who led the conversation before; `undefined`: not known. */
  readonly place: Position | undefined;
  readonly request: { readonly method?: string; readonly tool?: string; readonly bytes?: number };
}

/** What opening links needs. */
export interface LinksParts extends StartParts {
  readonly gate: Pick<Gate, 'use' | 'lends' | 'lendToChild' | 'onChange'>;
  readonly verdicts: Verdicts;
}

/**
 * The link for whoever asks, opened when it does not stand.
 *
 * @throws what `Links.reach` says
 */
export async function reach(state: State, parts: LinksParts, ask: Ask): Promise<Reached> {
  if (state.closed) throw refuse('draining', 'the gateway is stopping');
  const path = pathOf(ask);
  const slot = state.paths.get(path)?.slot;
  // Also between the bus and the next look nobody reaches a child whose credential is gone.
  if (slot?.connection !== undefined && !(await stillLends(parts.gate, slot))) drop(state, slot);
  else if (slot?.link !== undefined) {
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
  const { context, upstream } = ask;
  const place = placeOf(context.tenant, upstream.name);
  let silent: SilentInEra | undefined;
  for (;;) {
    const generation = state.generations.get(place) ?? 0;
    const lent = await lend(parts, ask);
    const era = await speak(parts, ask, silent?.era);
    const belonging = { ...ask, tenant: context.tenant, connection: lent?.connection, era };
    const slot = slotFor(state, belonging, parts.now());
    try {
      const link = await open(state, parts, ask, { slot, era, environment: lent?.environment ?? {}, silent });
      if ((state.generations.get(place) ?? 0) === generation && !state.closed) {
        if (state.slots.get(slot.key) !== slot) throw endedMeanwhile(upstream);
        state.paths.set(path, { slot, holder: ask.holder });
        return { slot, link };
      }
    } catch (error) {
      slot.listeners.delete(ask.listener);
      if (!(error instanceof SilentInEra)) throw error;
      if (silent !== undefined) throw silent.refusal;
      silent = error;
      continue;
    }
    // The credential or the upstream changed while the link was opened: it may hold what was just revoked.
    slot.listeners.delete(ask.listener);
    await end(state, slot);
    if (state.closed) throw refuse('draining', 'the gateway is stopping');
  }
}

function endedMeanwhile({ name }: Upstream): Refusal {
  return refuse('upstream_unavailable', `the conversation with "${name}" was ended meanwhile`);
}

// Over HTTP the era is found out when the link is opened, see http-link.ts.
async function speak(
  { eras }: LinksParts,
  { context, upstream, prefer }: Ask,
  silent: Era | undefined,
): Promise<Era> {
  if (upstream.kind === 'http') return prefer;
  return eraOf(await eras.recall(context.tenant, upstream), prefer, silent);
}

interface Opening {
  readonly slot: Slot;
  readonly era: Era;
  readonly environment: Readonly<Record<string, string>>;
  /** `undefined`: it has not been started for this yet. */
  readonly silent: SilentInEra | undefined;
}

async function open(state: State, parts: LinksParts, ask: Ask, opening: Opening): Promise<Link> {
  const { slot } = opening;
  if (slot.link === undefined) await end(state, makeRoom(state.slots.values(), slot, parts.limits));
  slot.listeners.add(ask.listener);
  // What is being opened is in use: the sweep must not take it for idle.
  const letGo = hold(slot, parts.now);
  try {
    return await startIn(slot, starting(parts, ask, opening));
  } finally {
    letGo();
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
  parts: LinksParts,
  ask: Ask,
  { slot, era, environment, silent }: Opening,
): Parameters<typeof startIn>[1] {
  const { context, upstream, subject, prefer, resume, place } = ask;
  const { now, limits } = parts;
  const about: Pick<HttpLinkParts, 'context' | 'subject' | 'prefer' | 'resume' | 'place' | 'capabilities'> = {
    context,
    subject,
    prefer,
    resume: slot.holder === undefined ? undefined : resume,
    place,
    capabilities: slot.holder === undefined ? {} : slot.capabilities,
  };
  return {
    now,
    context,
    startMs: limits.startSeconds * 1000,
    open: (events) =>
      upstream.kind === 'stdio'
        ? startChild(slot, upstream, parts, {
            context,
            environment,
            era,
            isOnlyEra: silent !== undefined,
            events,
          })
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
