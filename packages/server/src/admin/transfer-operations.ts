import type { Audit, AuditContext } from '@sealgate/vault';
import { z } from 'zod';
import { operation } from './operation.ts';

/** What `sealgate export` and `sealgate import` write into the journal. */
export const transferEntry = z.strictObject({
  act: z.enum(['data.export', 'data.exported', 'data.imported']),
  /** What is taken, or how much it was. */
  object: z.string().min(1).max(200),
  out: z.enum(['success', 'failure']),
  /** A refusal's. */
  code: z.string().max(64).optional(),
});

/** One such entry. */
export type TransferEntry = z.infer<typeof transferEntry>;

/** Write it. @throws Refusal `audit_unavailable` */
export async function noteTransfer(
  audit: Audit,
  context: AuditContext,
  { act, object, out, code }: TransferEntry,
): Promise<void> {
  const receipt = await audit.record('strict', context, { act, object });
  audit.outcome(receipt.entry, context, { out, ...(code === undefined ? {} : { code }) });
}

/** `transfer.note`: an export beside a running gateway, which alone writes the journal. */
export function transferOperations({ audit }: { readonly audit: Audit }) {
  return {
    'transfer.note': operation(transferEntry, async ({ context }, entry) => {
      await noteTransfer(audit, context, entry);
      return { noted: entry.act };
    }),
  };
}
