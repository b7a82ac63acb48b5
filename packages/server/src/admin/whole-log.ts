import { tenantLog, type PublishedLog } from '@sealgate/vault';
import type { AuditLogOperationParts } from './audit-log-operations.ts';

/**
 * The published log by path, months that are in the archive included.
 *
 * @param tenant whose part of it; `undefined`: all
 */
export async function wholeLog(
  { auditLog, auditArchive }: Pick<AuditLogOperationParts, 'auditLog' | 'auditArchive'>,
  tenant: string | undefined,
): Promise<PublishedLog> {
  const atHand = (await auditLog.log()).source();
  const archived = await auditArchive.archived();
  const all: PublishedLog = {
    read: async (path) => (await atHand.read(path)) ?? archived.read(path),
  };
  return tenant === undefined ? all : tenantLog(all, tenant);
}
