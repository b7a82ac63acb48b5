import { ProtocolError } from '@modelcontextprotocol/client';
import type { Conversation, OpenTarget, Relayed, Target, Values } from '../front/target.ts';
import { askable } from '../link/capabilities.ts';
import { openAbsences } from './absences.ts';
import { has, introductionOf, listMethods } from './asking.ts';
import { openClaims, type Claims } from './claims.ts';
import { introduceAll } from './introduce.ts';
import { listAll } from './lists.ts';
import { openMembers } from './members.ts';
import { openNotices } from './notices.ts';
import type { AggregateParts, Whole } from './parts.ts';
import { maySee } from './permission.ts';
import { sendCompletion, sendNamed, sendResource, sendTask } from './sending.ts';

// `/mcp`: all upstreams of a group as one server. It looks like one upstream to the fronts and like one client to each
// upstream, and reads no more of a message than what it takes to find whom it is for.

/** The target that is all upstreams which the caller may see, and the gateway's own tools. */
export function openAggregate(parts: AggregateParts): OpenTarget {
  const claimsOf = openClaims();
  parts.upstreams.onChange((tenant, name) => parts.catalog.drop(tenant, name));
  return (conversation, resumed) => {
    const whole = wholeOf(parts, conversation, { claims: claimsOf(conversation.caller), resumed });
    const { tenant } = conversation.caller;
    const stopListening = parts.upstreams.onChange((changed) => {
      if (changed === tenant) whole.notices.listsChanged();
    });
    const stop = (): void => {
      stopListening();
      whole.notices.close();
    };
    return {
      introduce: (context) => introduceAll(whole, context),
      request: (relayed) => answer(whole, relayed),
      notify: (context, notice) => notify(whole, context, notice),
      resumption: () => whole.members.resumption(),
      rest: () => whole.members.rest(),
      leave: () => (stop(), whole.members.leave()),
      close: () => (stop(), whole.members.close()),
    };
  };
}

function wholeOf(
  parts: AggregateParts,
  conversation: Conversation,
  { claims, resumed }: { readonly claims: Claims; readonly resumed: Values | undefined },
): Whole {
  const { caller } = conversation;
  const hear: Conversation['hear'] = (notice, at) => conversation.hear(notice, at);
  const notices = openNotices({ tenant: caller.tenant, catalog: parts.catalog, claims, hear });
  const list = () =>
    parts.upstreams
      .list(caller.tenant)
      .filter((upstream) => maySee(parts.allow, caller, upstream))
      .toSorted((a, b) => (a.name < b.name ? -1 : 1));
  return {
    parts,
    conversation,
    notices,
    claims,
    members: openMembers({ conversation, single: parts.single, list, notices, resumed }),
    absences: openAbsences(conversation, parts.log),
    // What is declared to upstreams, and nothing else that a client could vary at will.
    variant: JSON.stringify([
      conversation.era,
      conversation.holder === undefined ? {} : askable(conversation.capabilities),
    ]),
  };
}

type Answering = (whole: Whole, relayed: Relayed) => Promise<unknown>;

const answering: Readonly<Record<string, Answering>> = {
  ...Object.fromEntries(
    Object.values(listMethods).map((list) => [
      list.method,
      (whole: Whole, relayed: Relayed) => listAll(whole, list, relayed),
    ]),
  ),
  'tools/call': (whole, relayed) => sendNamed(whole, 'tools', relayed),
  'prompts/get': (whole, relayed) => sendNamed(whole, 'prompts', relayed),
  'completion/complete': sendCompletion,
  'resources/read': sendResource,
  'resources/subscribe': sendResource,
  'resources/unsubscribe': sendResource,
  'tasks/get': sendTask,
  'tasks/update': sendTask,
  'tasks/cancel': sendTask,
  'tasks/result': sendTask,
  'logging/setLevel': setLevel,
  ping: () => Promise.resolve({}),
};

async function answer(whole: Whole, relayed: Relayed): Promise<unknown> {
  const { method } = relayed;
  const found = Object.hasOwn(answering, method) ? answering[method] : undefined;
  // A method that is about nothing we can read could be for anybody.
  if (found === undefined) throw new ProtocolError(-32_601, 'Method not found');
  return found(whole, relayed);
}

const levels = ['debug', 'info', 'notice', 'warning', 'error', 'critical', 'alert', 'emergency'];

async function setLevel(whole: Whole, { params, context, signal }: Relayed): Promise<Values> {
  const level = params?.['level'];
  if (typeof level !== 'string' || !levels.includes(level))
    throw new ProtocolError(-32_602, 'Invalid params: level is none');
  const { members } = whole;
  members.setLevel(level);
  const asking = { context, signal };
  await Promise.all(
    members
      .opened()
      .map(({ upstream }) =>
        members.tellLevel(upstream, () => has(whole, upstream, 'logging', asking), context),
      ),
  );
  return {};
}

// "initialized" is said by a front whose client wants to hear of changes: upstreams that are not open announce nothing.
async function notify(whole: Whole, ...[context, notice]: Parameters<Target['notify']>): Promise<void> {
  const { members } = whole;
  if (notice.method !== 'notifications/initialized')
    return void (await Promise.allSettled(
      members.opened().map(({ target }) => target.notify(context, notice)),
    ));
  const asking = { context, signal: new AbortController().signal };
  await Promise.allSettled(
    members.list().map((upstream) => introductionOf(whole, upstream, asking, Infinity)),
  );
}
