import assert from 'node:assert/strict';
import { folderSource } from '../../packages/vault/src/audit-verify/folder-source.ts';
import { memorySource } from '../../packages/vault/src/audit-verify/fixtures/memory-source.ts';
import { sampleLog } from '../../packages/vault/src/audit-verify/fixtures/sample-log.ts';
import { tamperings } from '../../packages/vault/src/audit-verify/fixtures/tamperings.ts';
import { onSealedLog } from './sealed-log.ts';
import { sigstoreAccepts } from './sigstore.ts';
import type { TlogStage } from './tlog-stage.ts';

// Our audit log before verifiers that others have written: both accept what we write, and each refuses every tampering
// that lies in its reach.

/** One judgement. */
export interface TlogCase {
  readonly name: string;
  run(stage: TlogStage): Promise<string>;
}

const skipped = 'skipped: no Go';

const go: readonly TlogCase[] = [
  {
    name: 'audit log, Go’s sumdb: accepted',
    async run({ sample, goVerdict }) {
      const verdict = await goVerdict(sample.files, sample.notes);
      if (verdict === undefined) return skipped;
      assert.ok(verdict.accepted, verdict.said);
      assert.equal(verdict.said, '7 logs, 702 entries');
      return verdict.said;
    },
  },
  {
    name: 'audit log, Go’s sumdb: accepted at sizes around those of tiles, and consistent with each earlier one',
    async run({ sample, goVerdict }) {
      for (const publications of [1, 2, 3, 4, 257, 258, 259, 260]) {
        const earlier = sampleLog({ publications });
        const verdicts = [await goVerdict(earlier.files, []), await goVerdict(sample.files, earlier.notes)];
        for (const verdict of verdicts) {
          if (verdict === undefined) return skipped;
          assert.ok(verdict.accepted, `${publications}: ${verdict.said}`);
        }
      }
      return '';
    },
  },
  {
    name: 'audit log, Go’s sumdb: what was sealed of a journal is accepted, and refused when one sign of a body is another',
    run: ({ goVerdictOn }) =>
      onSealedLog(async ({ directory, vkey, changeBody }) => {
        const before = await goVerdictOn(directory, vkey);
        if (before === undefined) return skipped;
        assert.ok(before.accepted, before.said);
        await changeBody();
        const after = await goVerdictOn(directory, vkey);
        assert.equal(after?.accepted, false);
        return before.said;
      }),
  },
  ...tamperings.map(({ name, takes, files }): TlogCase => ({
    name: `audit log, Go’s sumdb: refused when ${name}`,
    async run({ sample, goVerdict }) {
      const remembered = takes === 'memory' ? sample.notes : [];
      const verdict = await goVerdict(files(sample.files), remembered);
      if (verdict === undefined) return skipped;
      assert.ok(!verdict.accepted, verdict.said);
      return verdict.said;
    },
  })),
];

const folders = ['root', 'logs/acme/202610', 'logs/acme/202611', 'logs/b%2Fv/202611', 'logs/_system/202611'];

const sigstore: readonly TlogCase[] = [
  {
    name: 'audit log, @sigstore/verify: accepted',
    async run({ sample: { files, vkey, notes } }) {
      const counts = folders.map((folder) =>
        sigstoreAccepts({ source: memorySource(files), folder, vkey, noted: notes }),
      );
      const entries = (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
      assert.equal(entries, 309 + 42 + 330 + 10 + 1);
      return `${entries} entries`;
    },
  },
  {
    name: 'audit log, @sigstore/verify: what was sealed of a journal is accepted',
    run: () =>
      onSealedLog(async ({ directory, vkey, folders: own }) => {
        const counts = own.map((folder) =>
          sigstoreAccepts({ source: folderSource(directory), folder, vkey }),
        );
        return `${(await Promise.all(counts)).reduce((sum, count) => sum + count, 0)} entries`;
      }),
  },
  ...tamperings.map(({ name, takes, files }): TlogCase => ({
    name: `audit log, @sigstore/verify: refused when ${name}`,
    async run({ sample }) {
      const source = memorySource(files(sample.files));
      const noted = takes === 'memory' ? sample.notes : [];
      const judged = { source, folder: 'logs/acme/202611', vkey: sample.vkey, noted };
      const refusal = await sigstoreAccepts(judged).then(
        () => undefined,
        (error: unknown) => error,
      );
      assert.ok(refusal instanceof Error, 'it was accepted');
      // Its own word, and not that of what reads the files for it.
      assert.equal(refusal.name, 'VerificationError', String(refusal.stack));
      return refusal.message;
    },
  })),
];

/** All of them. */
export const tlogCases: readonly TlogCase[] = [...go, ...sigstore];
