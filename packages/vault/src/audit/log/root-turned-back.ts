import { refuse, type Refusal } from '../../refusal.ts';
import { isBehindAnchors } from './behind-anchors.ts';
import type { LogIdentity } from './log-source.ts';
import { originOf } from './names.ts';
import { rootLog, type Segments } from './segments.ts';
import { isRootTurnedBack } from './turned-back.ts';

/** What the root log is compared with. */
export interface RootParts {
  readonly segments: Segments;
  readonly identity: LogIdentity;
  /** As in `SealedLogParts`. */
  readonly anchors: ((name: string) => Promise<readonly string[]>) | undefined;
  /** Told once that it is older than an anchor. */
  readonly failed: (refusal: Refusal) => void;
}

/**
 * Whether the root log is older than what was published of it: by what lies beside it, which is looked at now, and by what
 * was noted elsewhere, which is asked for when the answer is first wanted. Until that is known nothing can be signed.
 *
 * @returns throws Refusal `store_unavailable` when the anchors cannot be asked for now
 */
export async function findRootTurnedBack(parts: RootParts): Promise<() => Promise<boolean>> {
  const { segments, identity, anchors, failed } = parts;
  const { deployment, vkeys } = identity;
  const besideIt = await isRootTurnedBack(segments, deployment);
  const origin = originOf(deployment, rootLog);
  const ask = async (): Promise<boolean> => {
    if (besideIt || anchors === undefined) return besideIt;
    if (!(await isBehindAnchors(segments, await anchors(deployment), { origin, vkeys }))) return false;
    failed(refuse('journal_broken', 'the audit log is older than an anchor of it', origin));
    return true;
  };
  let asked: Promise<boolean> | undefined;
  return () => {
    asked ??= ask().catch((error: unknown) => {
      asked = undefined;
      throw error;
    });
    return asked;
  };
}
