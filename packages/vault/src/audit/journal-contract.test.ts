import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, it } from 'vitest';
import { oneKeySealer } from '../testing/one-key-sealer.ts';
import type { JournalBench } from './contract/journal-case.ts';
import { journalContract } from './contract/journal-contract.ts';
import type { OpenCommitter } from './committer.ts';
import { keptOpen } from './fixtures/kept-open.ts';
import { openJournal, type Journal } from './journal.ts';
import { openWorkerCommitter } from './worker-committer.ts';

async function bench(): Promise<JournalBench> {
  const folder = mkdtempSync(join(tmpdir(), 'sealgate-journal-'));
  const path = join(folder, 'journal.db');
  const sealer = oneKeySealer();
  const opened = new Set<Journal>();
  const faults = { out: false, answerLost: false };
  const openCommitter: OpenCommitter = async (file) => {
    if (faults.out) throw new Error('no disk');
    const real = await openWorkerCommitter(file);
    return {
      ...real,
      async commit(batch) {
        if (faults.out) throw new Error('no disk');
        await real.commit(batch);
        const { answerLost } = faults;
        faults.answerLost = false;
        if (answerLost) throw new Error('nobody heard it');
      },
    };
  };
  const open = async (choices = {}): Promise<Journal> => {
    const journal = await openJournal({ path, sealer, now: () => 1, retryMs: 10, openCommitter, ...choices });
    return keptOpen(opened, journal);
  };
  const edit = async (statement: string, n: number): Promise<void> => {
    using db = new DatabaseSync(path);
    db.prepare(statement).run(n);
  };
  return {
    open,
    openAgain: open,
    outage: (on) => void (faults.out = on),
    loseAnswer: () => void (faults.answerLost = true),
    change: (n) => edit('UPDATE batches SET payload = zeroblob(100) WHERE n = ?', n),
    remove: (n) => edit('DELETE FROM batches WHERE n = ?', n),
    async end() {
      faults.out = false;
      for (const journal of opened) await journal.close();
      await rm(folder, { recursive: true });
    },
  };
}

describe('the journal in a file', () => {
  it.each(journalContract)('$name', ({ run }) => run(bench));
});
