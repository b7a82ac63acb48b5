import type { AuditContext, CallReader, EntryReader } from '@sealgate/vault';
import { auditApiOperations } from '../admin/audit-api-operations.ts';
import { auditExportOperations } from '../admin/audit-export-operations.ts';
import { look } from '../admin/audit-forms.ts';
import { auditLogOperations } from '../admin/audit-log-operations.ts';
import { auditOperations } from '../admin/audit-operations.ts';
import { recorded, type Operator } from '../admin/recorded.ts';
import { wholeLog } from '../admin/whole-log.ts';
import type { Auditor } from '../domain/auditors.ts';
import type { LimitSettings } from '../domain/limit.ts';
import { refuse } from '../errors.ts';
import type { Asking, AuditAnswers, AuditDesk, AuditQuestion } from '../http/audit-desk.ts';
import { tagsThere } from './audit-tags.ts';
import { boundedCalls, boundedReader } from './bounded-reader.ts';
import type { Sealgate } from './sealgate.ts';

// Auditors are answered by the operations of the administration, in their own name and kept to their tenant. What they ask is
// recorded in the group of whoever runs the gateway, as what its administrators ask is.

const windowMs = 60_000;
/** Verifying a log takes many small files; questions make the gateway read. */
const filesPerQuestion = 100;
/** The longest question whose answer comes as a whole. */
const answerMs = 60_000;
/** How often the taking of files is recorded: a log has thousands. */
const takingMs = 60_000;
const inPieces: ReadonlySet<AuditQuestion> = new Set(['audit.export', 'audit.export.proven', 'audit.report']);

/** What answers auditors on an opened product. */
export function openAuditDesk(
  { ground, config, now }: Pick<Sealgate, 'ground' | 'config' | 'now'>,
  { unreadMs, onFault }: Pick<AuditDesk, 'unreadMs' | 'onFault'>,
): AuditDesk {
  const { auditors, limits } = ground;
  const each = config.limits.adminRequestsPerMinute;
  const questions = limits('audit', inWindow(each));
  const files = limits('audit-files', inWindow(each * filesPerQuestion));
  const operatorOf = operators(ground.administrator.tenant);
  return {
    identify: (token) => auditors.identify(token),
    consume: (what, { name }) => (what === 'files' ? files : questions).consume(name),
    windowMs,
    async ask<Q extends AuditQuestion>(asking: Asking, question: Q, input: object) {
      const { tenant: named, ...rest } = input as { readonly tenant?: string };
      const scope = scopeOf(asking.auditor, named);
      // Nobody's own: it is about all of them.
      const whose = question === 'audit.checkpoint' ? {} : { tenant: scope };
      if (question === 'audit.checkpoint' && scope !== '*') throw notYours();
      const untilMs = inPieces.has(question) ? Infinity : now() + answerMs;
      const stands = (): Promise<boolean> => auditors.stands(asking.auditor);
      const bounds = { signal: asking.signal, untilMs, stands, now };
      const readers = {
        reader: boundedReader(ground.journal, bounds),
        calls: boundedCalls(ground.calls, bounds),
      };
      const operation = tableOver(ground, readers, now)[question];
      return (await operation.run(operatorOf(asking), { ...rest, ...whose })) as AuditAnswers[Q];
    },
    file: openFiles(ground, operatorOf, now),
    unreadMs,
    onFault,
    now,
  };
}

function tableOver(
  ground: Sealgate['ground'],
  { reader, calls }: { readonly reader: EntryReader; readonly calls: CallReader },
  now: () => number,
) {
  const { audit, auditLog, auditAnchors, auditArchive, sealer, journal, uses } = ground;
  const tagsOf = tagsThere(auditLog);
  const read = { page: reader.page, verify: journal.verify };
  return {
    ...auditOperations({
      audit,
      journal: read,
      calls,
      tagsOf,
      zoneOf: ground.auditZones.zoneOf,
      checkUses: () => uses.check(),
      now,
    }),
    ...auditLogOperations({ audit, auditLog, auditAnchors, auditArchive }),
    ...auditExportOperations({ audit, calls, auditLog, tagsOf }),
    ...auditApiOperations({ audit, calls, auditLog, auditAnchors, auditArchive, sealer, tagsOf }),
  };
}

/** Files of the published log. That somebody takes them is recorded once in a while, before the first. */
function openFiles(
  ground: Sealgate['ground'],
  operatorOf: (asking: Asking) => Operator,
  now: () => number,
): AuditDesk['file'] {
  const recordedAtMs = new Map<string, number>();
  return async (asking, path) => {
    const { name, tenant } = asking.auditor;
    const read = async (): Promise<Uint8Array | undefined> => (await wholeLog(ground, tenant)).read(path);
    if (now() - (recordedAtMs.get(name) ?? -Infinity) < takingMs) return read();
    const found = await recorded(ground.audit, operatorOf(asking), look('audit.read', tenant), read);
    recordedAtMs.set(name, now());
    return found;
  };
}

function operators(tenant: string): (asking: Asking) => Operator {
  return ({ auditor, requestId, ip, agent }) => {
    const id = `auditor:${auditor.name}`;
    const context: AuditContext = {
      tenant,
      actor: { type: 'client', id },
      source: 'api',
      correlation: requestId,
      ...(ip === undefined ? {} : { ip }),
      ...(agent === undefined ? {} : { agent }),
    };
    return { context, subject: id };
  };
}

/** Whose log is read: the auditor's tenant, or what somebody who may read all of them names. */
function scopeOf({ tenant }: Auditor, named: string | undefined): string {
  if (tenant === undefined) return named ?? '*';
  // Said in the same words whether there is such a tenant or not.
  if (named !== undefined && named !== tenant) throw notYours();
  return tenant;
}

function notYours(): Error {
  return refuse('scope_insufficient', 'this auditor reads the log of another tenant alone');
}

function inWindow(limit: number): LimitSettings {
  return { limit, windowMs, keysMax: 10_000 };
}
