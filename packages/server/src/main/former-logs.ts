import { existsSync } from 'node:fs';
import { join } from 'node:path';
import {
  formerLog,
  openNoteKey,
  sqliteSegments,
  type Disclosed,
  type LogPlace,
  type PublishedFiles,
} from '@sealgate/vault';
import { refuse } from '../errors.ts';
import type { AuditLogParts } from './log-files.ts';

/** Where the log of a former instance lies. @param mark 12 hexadecimal digits */
export function formerPlace(dataDirectory: string, mark: string): LogPlace {
  const directory = join(dataDirectory, 'audit-former', mark);
  return { directory, rootFile: join(directory, 'root.db') };
}

/**
 * What was published of the log of a former instance, which came with an import.
 *
 * @throws Refusal `not_found`; those of reading a log
 */
export async function publishedFormer(
  { dataDirectory, tables, sealer, now }: Pick<AuditLogParts, 'dataDirectory' | 'tables' | 'sealer' | 'now'>,
  mark: string,
  disclose?: Disclosed,
): Promise<PublishedFiles> {
  const place = formerPlace(dataDirectory, mark);
  if (!existsSync(place.rootFile)) throw refuse('not_found', 'there is no log of this former instance');
  const segments = sqliteSegments(place);
  try {
    const noteKey = await openNoteKey({ tables, sealer, now });
    const name = `${sealer.deployment}.${await segments.mark()}`;
    const { files, ...counts } = await formerLog({ segments, sealer, name, noteKey, now }, disclose);
    return {
      ...counts,
      async *files() {
        try {
          yield* files();
        } finally {
          await segments.close();
        }
      },
    };
  } catch (error) {
    await segments.close();
    throw error;
  }
}
