import type {
  Audit,
  Disclosed,
  LogArchive,
  PublishedFile,
  PublishedFiles,
  Refusal,
  SealedLog,
} from '@sealgate/vault';
import { z } from 'zod';
import type { AnchorsStanding, LogPiece, RootCheckpoint } from '../domain/admin-answers.ts';
import { refuse } from '../errors.ts';
import { look, tenantOf } from './audit-forms.ts';
import { operation } from './operation.ts';
import { recorded, recordedPieces } from './recorded.ts';

/** The sealed log of this instance. */
export interface AdministeredLog {
  /** Seal and publish what the journal holds. @returns why that was not possible; `undefined` when it is done */
  catchUp(): Promise<Refusal | undefined>;
  /** @throws Refusal when it cannot be opened now */
  log(): Promise<Pick<SealedLog, 'vkeys' | 'published' | 'source' | 'newest' | 'proofs' | 'prove'>>;
  /** What was published of the log of a former instance. @throws Refusal `not_found`, and those of reading a log */
  former(mark: string, disclose?: Disclosed): Promise<PublishedFiles>;
}

/** What these operations work on. */
export interface AuditLogOperationParts {
  readonly audit: Audit;
  readonly auditLog: AdministeredLog;
  readonly auditArchive: { archived(): Promise<LogArchive> };
  readonly auditAnchors: { standing(): AnchorsStanding; notes(): Promise<readonly string[]> };
}

const name = z.string().min(1).max(2048).optional();
/** Of the log of a former instance. */
const mark = z.string().regex(/^[0-9a-f]{12}$/);
const rootPath = 'root/checkpoint';

/** `audit.checkpoint`, `audit.export.log`, `audit.proof`. Who reads or takes the log is in it. */
export function auditLogOperations(parts: AuditLogOperationParts) {
  const { audit, auditLog, auditAnchors } = parts;
  return {
    'audit.checkpoint': operation(z.strictObject({}), async (operator) =>
      recorded(audit, operator, look('audit.read', undefined), async (): Promise<RootCheckpoint> => {
        const behind = (await auditLog.catchUp())?.message;
        const log = await auditLog.log();
        const note = await log.source().read(rootPath);
        if (note === undefined) throw refuse('not_found', 'nothing of the audit log was published yet');
        const checkpoint = Buffer.from(note).toString('utf8');
        return { checkpoint, vkeys: log.vkeys, behind, anchors: auditAnchors.standing() };
      }),
    ),
    'audit.proof': operation(
      z.strictObject({ tenant: name, id: z.string().min(1).max(64) }),
      async (operator, { tenant: named, id }) => {
        const tenant = tenantOf(named, operator.context.tenant);
        return recorded(audit, operator, look('audit.read', tenant), async () => {
          await auditLog.catchUp();
          const proven = await (await auditLog.log()).prove(tenant, id);
          if (proven === undefined) throw refuse('not_found', 'no published log has an entry of this id');
          return proven;
        });
      },
    ),
    'audit.export.log': operation(
      z.strictObject({ tenant: name, bodies: z.boolean(), former: mark.optional() }),
      async (operator, { tenant: named, bodies, former }) => {
        const tenant = tenantOf(named, operator.context.tenant);
        return recordedPieces(audit, operator, look('audit.export', bodies ? tenant : undefined), () =>
          logPieces(parts, bodies ? { scope: tenant } : undefined, former),
        );
      },
    ),
  };
}

async function* logPieces(
  { auditLog, auditArchive, auditAnchors }: AuditLogOperationParts,
  disclose: { readonly scope: string | undefined } | undefined,
  former: string | undefined,
): AsyncGenerator<LogPiece> {
  const behind = former === undefined ? (await auditLog.catchUp())?.message : undefined;
  // Before the log is taken, so that none is of a later state.
  const anchors = await auditAnchors.notes();
  const published =
    former === undefined
      ? await (await auditLog.log()).published(disclose, await auditArchive.archived(), anchors)
      : await auditLog.former(former, disclose);
  yield { files: published.count, logs: published.logs, behind };
  for await (const file of published.files()) yield pieceOf(file);
}

function pieceOf({ path, bytes, bodies }: PublishedFile): LogPiece {
  return { path, base64: Buffer.from(bytes).toString('base64'), bodies };
}
