import { exportProven, Refusal, type EntryProofs } from '@sealgate/vault';
import type { ProvenExportPiece } from '../domain/admin-answers.ts';
import { auditForms as forms, filterOf, look } from './audit-forms.ts';
import type { AdministeredLog } from './audit-log-operations.ts';
import type { AuditOperationParts } from './audit-operations.ts';
import { operation } from './operation.ts';
import { recordedPieces } from './recorded.ts';

/** What this operation works on. */
export interface AuditExportParts extends Pick<AuditOperationParts, 'audit' | 'calls' | 'tagsOf'> {
  readonly auditLog: AdministeredLog;
}

/** `audit.export.proven`: the text of `audit.export`, and beside it what proves it, file by file. Who takes it is in the log. */
export function auditExportOperations({ audit, calls, auditLog, tagsOf }: AuditExportParts) {
  return {
    'audit.export.proven': operation(forms.export, async (operator, { format, ...asked }) => {
      const filter = await filterOf(asked, operator.context.tenant, tagsOf);
      return recordedPieces(
        audit,
        operator,
        look('audit.export', filter.tenant),
        async function* (): AsyncGenerator<ProvenExportPiece> {
          const { proofs, behind } = await proofsOf(auditLog);
          let reached = { entry: 0, of: 0 };
          const onReached = (now: typeof reached): void => void (reached = now);
          for await (const piece of exportProven({ format, reader: calls, filter, proofs, onReached }))
            if ('text' in piece) yield { ...piece, reached };
            else if ('file' in piece)
              yield { path: piece.file.path, base64: Buffer.from(piece.file.bytes).toString('base64') };
            else yield { ...piece, behind: behind() };
        },
      );
    }),
  };
}

/** The journal has everything, whatever became of the sealed log: what cannot be proven is exported without. */
async function proofsOf(auditLog: AdministeredLog): Promise<{
  readonly proofs: EntryProofs | undefined;
  /** Why something was not sealed; `undefined`: nothing was in the way. */
  behind(): string | undefined;
}> {
  let refused: Refusal | undefined;
  const catchUp = async (): Promise<void> => void (refused = await auditLog.catchUp());
  const behind = (): string | undefined => refused?.message;
  try {
    return { proofs: (await auditLog.log()).proofs(catchUp), behind };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    refused = error;
    return { proofs: undefined, behind };
  }
}
