import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { csvLine, reportColumns, type ReportName, type ReportRow } from '@sealgate/vault';
import { refuse } from '../errors.ts';
import { filesUrl, openAdmission } from './audit-admission.ts';
import type { Asking, AuditDesk } from './audit-desk.ts';
import { headersOf, logPathIn } from './audit-path.ts';
import { asked, auditQueries as queries, readQuery } from './audit-query.ts';
import { fromFastify } from './fastify-errors.ts';
import { answerTo, isRefusal } from './reply.ts';
import { sendText } from './send-text.ts';

// The audit log for auditors: a token of their own, in the `Authorization` header alone, and nobody else's. What is answered is
// what the operations of the administration answer, asked with another name.

const config = { guard: 'auditor' } as const;
const challenge = (): string => 'Bearer realm="audit"';
const dayMs = 24 * 3600_000;
const types = {
  jsonl: 'application/x-ndjson',
  ocsf: 'application/x-ndjson',
  csv: 'text/csv; charset=utf-8',
} as const;
const plain = { 'content-type': 'text/plain; charset=utf-8' } as const;

/** `GET /audit/…`. For a scope of its own. */
export function auditRoutes(app: FastifyInstance, desk: AuditDesk): void {
  app.decorateRequest('asking', undefined);
  app.setErrorHandler((thrown, request, reply) => {
    const error = fromFastify(thrown);
    if (!isRefusal(error)) desk.onFault(error, request.id);
    const { status, headers, body } = answerTo(error, { requestId: request.id, form: 'plain', challenge });
    return reply.code(status).headers(headers).send(body);
  });
  const admit = openAdmission(desk);
  app.addHook('onRequest', async (request, reply) =>
    request.setDecorator('asking', await admit(request, reply)),
  );
  app.addHook('onSend', async (_, reply) => {
    reply.header('x-content-type-options', 'nosniff');
    if (!reply.hasHeader('cache-control')) reply.header('cache-control', 'no-store');
  });
  eventRoutes(app, desk);
  textRoutes(app, desk);
  logRoutes(app, desk);
  app.get(filesUrl, { config }, async (request, reply) => {
    const path = request.raw.url === undefined ? undefined : logPathIn(request.raw.url);
    const bytes = path === undefined ? undefined : await desk.file(askingOf(request), path);
    if (path === undefined || bytes === undefined) throw refuse('not_found', 'the log has no such file');
    return reply.headers(headersOf(path)).send(Buffer.from(bytes));
  });
}

function eventRoutes(app: FastifyInstance, desk: AuditDesk): void {
  app.get('/audit/events', { config }, async (request) => {
    const found = await desk.ask(
      askingOf(request),
      'audit.page',
      asked(readQuery(queries.events, request.query)),
    );
    return { events: found.calls.map(eventOf), cursor: found.cursor ?? null };
  });
  app.get<{ Params: { id: string } }>('/audit/events/:id', { config }, async (request) => {
    const { id } = request.params;
    const input = { ...asked(readQuery(queries.event, request.query)), id };
    return eventOf(await desk.ask(askingOf(request), 'audit.show', input));
  });
  app.get('/audit/search', { config }, async (request) => {
    const question = asked(readQuery(queries.search, request.query));
    const { calls, looked, whole } = await desk.ask(askingOf(request), 'audit.search', question);
    return { events: calls.map(eventOf), looked, whole };
  });
  app.get('/audit/stats', { config }, async (request) =>
    desk.ask(askingOf(request), 'audit.stats', asked(readQuery(queries.stats, request.query))),
  );
}

function textRoutes(app: FastifyInstance, desk: AuditDesk): void {
  const send = async (
    [request, reply]: readonly [FastifyRequest, FastifyReply],
    format: keyof typeof types,
    pieces: AsyncIterable<string>,
  ): Promise<void> =>
    sendText(reply, pieces, {
      type: types[format],
      headers: Object.fromEntries(
        Object.entries(reply.getHeaders()).map(([name, value]) => [name, String(value)]),
      ),
      unreadMs: desk.unreadMs,
      onFault: (error) => desk.onFault(error, request.id),
    });
  app.get('/audit/export', { config }, async (request, reply) => {
    const { format, proof, ...filter } = readQuery(queries.export, request.query);
    const question = { ...asked(filter), format };
    const asking = askingOf(request);
    if (proof === 'true')
      await send([request, reply], 'jsonl', linesOf(await desk.ask(asking, 'audit.export.proven', question)));
    else await send([request, reply], format, textsOf(await desk.ask(asking, 'audit.export', question)));
  });
  app.get<{ Params: { name: string } }>('/audit/reports/:name', { config }, async (request, reply) => {
    const report = readQuery(queries.reportName, request.params.name);
    const { days, until, format, ...rest } = readQuery(queries.report, request.query);
    const untilMs = until ?? desk.now();
    const period = { sinceMs: Math.max(0, untilMs - days * dayMs), untilMs };
    const rows = await desk.ask(askingOf(request), 'audit.report', { ...asked(rest), report, ...period });
    await send([request, reply], format, rowTexts(report, format, rows));
  });
}

function logRoutes(app: FastifyInstance, desk: AuditDesk): void {
  app.get('/audit/checkpoint', { config }, async (request, reply) => {
    const asking = askingOf(request);
    const { tenant = asking.auditor.tenant } = readQuery(queries.checkpoint, request.query);
    // The one over all logs is nobody's own: who may see one tenant gets the one of that tenant's log.
    const { checkpoint, behind } = await (tenant === undefined || tenant === '*'
      ? desk.ask(asking, 'audit.checkpoint', tenant === undefined ? {} : { tenant })
      : desk.ask(asking, 'audit.checkpoint.of', { tenant }));
    if (behind !== undefined) reply.header('audit-behind', encodeURIComponent(behind));
    return reply.headers(plain).send(checkpoint);
  });
  app.get('/audit/proof', { config }, async (request, reply) => {
    const { format, ...input } = readQuery(queries.proof, request.query);
    const proven = await desk.ask(askingOf(request), 'audit.proof', input);
    return format === 'json' ? proven : reply.headers(plain).send(proven.proof);
  });
  app.get('/audit/consistency', { config }, async (request) =>
    desk.ask(askingOf(request), 'audit.consistency', readQuery(queries.consistency, request.query)),
  );
}

function askingOf(request: FastifyRequest): Asking {
  const asking = request.getDecorator<Asking | undefined>('asking');
  if (asking === undefined) throw new Error('a request got past admission');
  return asking;
}

function eventOf({ attempt, outcome }: { readonly attempt: object; readonly outcome: object | undefined }) {
  return { attempt, outcome: outcome ?? null };
}

async function* textsOf(pieces: AsyncIterable<{ readonly text: string }>): AsyncGenerator<string> {
  for await (const { text } of pieces) yield text;
}

async function* linesOf(pieces: AsyncIterable<object>): AsyncGenerator<string> {
  for await (const piece of pieces) yield `${JSON.stringify(piece)}\n`;
}

async function* rowTexts(
  report: ReportName,
  format: 'jsonl' | 'csv',
  pages: AsyncIterable<readonly ReportRow[]>,
): AsyncGenerator<string> {
  const heads = reportColumns[report];
  if (format === 'csv') yield csvLine(heads);
  for await (const page of pages)
    yield page
      .map((row) => (format === 'csv' ? csvLine(heads.map((head) => row[head])) : `${JSON.stringify(row)}\n`))
      .join('');
}
