import type { AuditContext } from '@sealgate/vault';
import type { Upstream } from '../../domain/upstream.ts';
import { refuse } from '../../errors.ts';
import type { Conversation, Notice, OpenTarget, Position, Relayed, Target, Values } from '../front/target.ts';
import { askable } from './capabilities.ts';
import type { Listener } from './listener.ts';
import type { Links } from './links.ts';
import { levelled, isOwnLog } from './level-bridge.ts';
import { logLevelOf } from './log-level.ts';
import { relay, type RelayParts } from './relay.ts';
import { settle } from './settle.ts';
import { hold, type Reached, type Slot } from './slot.ts';
import { furtherOf } from './stream-place.ts';

// One upstream as a target. It bridges what differs between the eras: log levels, subscriptions, questions to the client.

/** What a target of one upstream needs. */
export interface SingleParts extends RelayParts {
  readonly links: Pick<Links, 'reach' | 'release'>;
  /** The upstreams as they are now: a conversation outlives a change of one, and must not go on with what it was. */
  readonly upstreams: { find(tenant: string, name: string): Upstream | undefined };
}

interface State {
  readonly upstream: Upstream;
  readonly conversation: Conversation;
  readonly listener: Listener;
  readonly resumed: Values | undefined;
  slot: Slot | undefined;
  link: Reached['link'] | undefined;
  letGo: () => void;
  resting: boolean;
  closed: boolean;
}

/** A function that serves one upstream to conversations. */
export function openSingle(parts: SingleParts): (upstream: Upstream) => OpenTarget {
  return (upstream) => (conversation, resumed) => {
    const state: State = {
      upstream,
      conversation,
      listener: listenerOf(conversation, resumed),
      resumed,
      slot: undefined,
      link: undefined,
      letGo: () => undefined,
      resting: false,
      closed: false,
    };
    return targetOf(parts, state);
  };
}

function targetOf(parts: SingleParts, state: State): Target {
  return {
    introduce: async (context) => (await reach(parts, state, context, {})).link.introduction,
    request: (relayed) => request(parts, state, relayed),
    notify: (context, notice) => notify(parts, state, context, notice),
    resumption: () => resumptionOf(state),
    rest() {
      state.resting = true;
      if (state.slot !== undefined && state.link !== undefined) restOver(state.slot, state.link);
    },
    leave: () => end(parts, state, 'leave'),
    close: () => end(parts, state, 'end'),
  };
}

// What is shared is heard by others, too.
function restOver({ holder }: Slot, link: Reached['link']): void {
  if (holder !== undefined) link.rest();
}

async function end({ links }: SingleParts, state: State, how: 'leave' | 'end'): Promise<void> {
  state.closed = true;
  // Who goes on has the same session upstream, and what is subscribed to in it.
  if (how === 'leave' && state.slot?.holder !== undefined) state.slot.watches.lost();
  leave(state);
  const { holder } = state.conversation;
  if (holder !== undefined) await links.release(holder, state.upstream.name, how);
}

// What the upstream says first may be of what an earlier owner asked for: it is heard from the beginning.
function listenerOf(conversation: Conversation, resumed: Values = {}): Listener {
  const { level, uris = [] } = resumed as { readonly level?: unknown; readonly uris?: readonly string[] };
  return {
    subject: conversation.caller.subject,
    level: logLevelOf(level),
    uris: new Set(uris),
    hear: (notice, at) => conversation.hear(notice, at),
    ask: (asked) => conversation.ask(asked),
  };
}

async function reach(
  { links, upstreams, now, callTimeoutMs }: SingleParts,
  state: State,
  context: AuditContext,
  about: { readonly method?: string; readonly bytes?: number },
): Promise<Reached> {
  const { conversation, listener, resumed } = state;
  const { caller, era, holder } = conversation;
  const upstream = upstreams.find(caller.tenant, state.upstream.name);
  if (upstream === undefined)
    throw refuse('upstream_unknown', `there is no upstream ${JSON.stringify(state.upstream.name)}`);
  const reached = await links.reach({
    context,
    subject: caller.subject,
    upstream,
    capabilities: holder === undefined ? {} : askable(conversation.capabilities),
    holder,
    // Whoever wants a child's log messages has a child of their own: those of a shared one may be of other people's calls.
    // Over HTTP a session has one of its own: only one instance can go on with it, and the sessions of a person need not
    // go on at the same one.
    alone:
      holder !== undefined && (era === 'modern' || upstream.kind === 'http' || listener.level !== undefined),
    prefer: era,
    listener,
    resume: resumed,
    place: furtherOf(resumed?.['place'] as Position | undefined, conversation.heardUpTo?.(upstream.name)),
    request: about,
  });
  state.link = reached.link;
  if (state.resting) restOver(reached.slot, reached.link);
  if (state.closed) {
    reached.slot.listeners.delete(listener);
    return reached;
  }
  if (state.slot === reached.slot) return reached;
  leave(state);
  state.slot = reached.slot;
  state.letGo = hold(reached.slot, now, 'conversations');
  reached.slot.listeners.add(listener);
  // The link is another one, because the credential or the upstream changed: what was subscribed to is asked for again.
  const sending = { context, timeoutMs: callTimeoutMs };
  const again = [...listener.uris].map((uri) =>
    reached.slot.watches.add(reached.link, uri, sending).catch(() => listener.uris.delete(uri)),
  );
  await Promise.all(again);
  return reached;
}

async function request(parts: SingleParts, state: State, relayed: Relayed): Promise<unknown> {
  const { method, params, context, bytes } = relayed;
  const level = method === 'logging/setLevel' ? logLevelOf(params?.['level']) : undefined;
  if (level !== undefined) state.listener.level = level;
  const reached = await reach(parts, state, context, { method, ...(bytes === undefined ? {} : { bytes }) });
  const { link, slot } = reached;
  const { listener, conversation } = state;
  // In the newer era the level travels with each request.
  if (method === 'logging/setLevel' && link.era === 'modern') return {};
  if (method === 'ping' && link.era === 'modern') return {};
  const send = (sent: Values | undefined): Promise<unknown> =>
    relay(parts, reached, {
      ...relayed,
      params: levelled(listener, slot, link.era, { method, params: sent }),
      subject: conversation.caller.subject,
      onLog: (notice: Notice) => {
        if (isOwnLog(notice, listener, conversation.era)) conversation.hear(notice);
      },
    });
  const uri = params?.['uri'];
  const isOfUri = typeof uri === 'string';
  if (method === 'resources/subscribe' && isOfUri && listener.uris.has(uri)) return {};
  if (method === 'resources/unsubscribe' && isOfUri && !listener.uris.has(uri) && link.era === 'modern')
    return {};
  // Each is looked at for every update, and asked for again over a new link.
  if (method === 'resources/subscribe' && listener.uris.size >= urisMax)
    throw refuse('overloaded', `${urisMax} resources are subscribed to: unsubscribe from one first`);
  const result = await send(params);
  if (method === 'resources/subscribe' && isOfUri) listener.uris.add(uri);
  if (method === 'resources/unsubscribe' && isOfUri) listener.uris.delete(uri);
  if (link.era === 'legacy' || conversation.era === 'modern') return result;
  const { signal } = relayed;
  return settle(result, params, { ask: conversation.ask, signal, again: send });
}

const urisMax = 1000;

async function notify(
  parts: SingleParts,
  state: State,
  context: AuditContext,
  notice: Notice,
): Promise<void> {
  const { slot, link } = await reach(parts, state, context, { method: notice.method });
  // What one person's client announces is no word of the others who share the link, and a modern upstream asks anew.
  if (slot.holder === undefined || link.era === 'modern') return;
  await link.notify(notice.method, notice.params, context);
}

// What is shared has nothing of this conversation in it but what the front asks for again; a child of one's own has.
function resumptionOf({ slot, link, resumed, listener }: State): Values | undefined {
  if (slot === undefined || link === undefined) return resumed ?? {};
  if (slot.subject === undefined) return {};
  const { level, uris } = listener;
  const asked = {
    ...(level === undefined ? {} : { level }),
    ...(uris.size === 0 ? {} : { uris: [...uris] }),
  };
  const state = link.resumption();
  return state === undefined ? undefined : { ...state, ...asked };
}

function leave(state: State): void {
  const { slot, listener } = state;
  slot?.listeners.delete(listener);
  for (const uri of listener.uris) void slot?.watches.drop(uri);
  state.letGo();
  state.letGo = () => undefined;
  state.slot = undefined;
}
