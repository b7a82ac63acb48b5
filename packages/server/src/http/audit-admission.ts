import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Auditor } from '../domain/auditors.ts';
import { limitHeaders } from '../domain/limit.ts';
import { refuse } from '../errors.ts';
import type { Asking, AuditDesk } from './audit-desk.ts';

/** Where all files of the published log are; they are counted apart from questions. */
export const filesUrl = '/audit/log/*';
/** Questions of one auditor at once. */
const askingMax = 4;

/** Lets auditors in, each request anew. @returns throws Refusal `unauthorized`, `rate_limited`, `overloaded` */
export function openAdmission(
  desk: AuditDesk,
): (request: FastifyRequest, reply: FastifyReply) => Promise<Asking> {
  const take = openPlaces();
  return async (request, reply) => {
    const { rawHeaders } = request.raw;
    const auditor = await whoIs(desk, valuesOf(rawHeaders, 'authorization'));
    const what = request.routeOptions.url === filesUrl ? 'files' : 'questions';
    const standing = await desk.consume(what, auditor);
    reply.headers(limitHeaders('audit', standing, desk.windowMs, desk.now()));
    if (!standing.allowed)
      throw refuse('rate_limited', `this auditor has asked ${standing.limit} times within a minute`);
    if (what === 'questions') reply.raw.once('close', take(auditor.name));
    const gone = new AbortController();
    reply.raw.once('close', () => gone.abort());
    const [agent] = valuesOf(rawHeaders, 'user-agent');
    return { auditor, requestId: request.id, ip: request.ip, agent, signal: gone.signal };
  };
}

/** The token comes once, in one header: of two, nobody could say which of them was meant. */
async function whoIs(desk: AuditDesk, given: readonly string[]): Promise<Auditor> {
  const token = given.length === 1 ? /^Bearer (\S{1,200})$/i.exec(given[0] ?? '')?.[1] : undefined;
  const auditor = token === undefined ? undefined : await desk.identify(token);
  if (auditor === undefined) throw refuse('unauthorized', 'this address needs the token of an auditor');
  return auditor;
}

/** A question takes a place until its answer has left, so that one auditor cannot keep the gateway reading. */
function openPlaces(): (name: string) => () => void {
  const taken = new Map<string, number>();
  return (name) => {
    const count = taken.get(name) ?? 0;
    if (count >= askingMax) throw refuse('overloaded', `this auditor has ${askingMax} questions under way`);
    taken.set(name, count + 1);
    return () => {
      const left = (taken.get(name) ?? 1) - 1;
      if (left > 0) taken.set(name, left);
      else taken.delete(name);
    };
  };
}

function valuesOf(rawHeaders: readonly string[], name: string): readonly string[] {
  return rawHeaders.filter((_, at) => at % 2 === 1 && rawHeaders[at - 1]?.toLowerCase() === name);
}
