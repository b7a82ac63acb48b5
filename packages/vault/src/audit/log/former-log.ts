import type { KeyObject } from 'node:crypto';
import type { Sealer } from '../../keys/sealer.ts';
import { signerOf } from '../../tlog/note.ts';
import { logKeyring } from './log-keyring.ts';
import { noteKeyName } from './names.ts';
import { publishedFiles, type PublishedFiles } from './published-files.ts';
import type { Disclosed } from './sealed-log.ts';
import type { Segments } from './segments.ts';

/** A log that is read, and never added to. */
export interface FormerLogParts {
  readonly segments: Segments;
  readonly sealer: Pick<Sealer, 'seal' | 'open'>;
  /** What strangers know it by. */
  readonly name: string;
  /** Its checkpoints are signed with it. */
  readonly noteKey: KeyObject;
  readonly now: () => number;
}

/** What was published of a log whose instance is gone. @throws as `publishedFiles` */
export function formerLog(
  { segments, sealer, name, noteKey, now }: FormerLogParts,
  disclose?: Disclosed,
): Promise<PublishedFiles> {
  const { vkey } = signerOf(noteKeyName(name), noteKey);
  const keyring = logKeyring(sealer, segments.secrets, now);
  return publishedFiles(
    segments,
    { deployment: name, vkeys: [vkey] },
    { disclose: disclose && { ...disclose, sealer, keyring } },
  );
}
