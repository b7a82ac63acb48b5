import { createPrivateKey } from 'node:crypto';
import { oneKeySealer } from '../../testing/one-key-sealer.ts';
import { openAudit } from '../record.ts';
import { openJournal } from '../journal.ts';
import { openSealedLog } from './sealed-log.ts';
import { sqliteSegments } from './sqlite/segments.ts';

// Records, seals, and lets what is sealed leave the journal, until it is killed, and tells each acknowledged id and each published checkpoint through a pipe before it
// goes on. Its clock runs through a month in some seconds, and goes on where the journal was left.

const [journalFile, directory, rootFile, key, noteKey] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
  string,
];
const sealer = oneKeySealer(Buffer.from(key, 'hex'));
const msPerTurn = 20_000_000;
let nowMs = Date.UTC(2026, 10, 20);
const now = () => nowMs;
const journal = await openJournal({ path: journalFile, sealer, now });
nowMs = journal.stampMs();
const audit = openAudit({ journal });
const segments = sqliteSegments({ directory, rootFile });
const log = await openSealedLog({
  journal: journalFile,
  sealer,
  segments,
  noteKey: createPrivateKey({ key: Buffer.from(noteKey, 'hex'), format: 'der', type: 'pkcs8' }),
  now,
  failed: (refusal) => process.stdout.write(`failed ${refusal.message} ${refusal.detail}\n`),
});
let turns = 0;

async function caller(): Promise<never> {
  for (;;) {
    turns += 1;
    nowMs += msPerTurn;
    const context = {
      tenant: `group-${turns % 5}`,
      actor: { type: 'person', id: `p${turns % 3}` },
      source: 'mcp',
      correlation: `r${turns}`,
    } as const;
    const { entry } = await audit.record('strict', context, {
      act: 'connection.set' as const,
      object: 'connection:shop',
    });
    process.stdout.write(`entry ${entry}\n`);
    audit.outcome(entry, context, { out: 'success', ms: 1 });
  }
}

async function sealing(): Promise<never> {
  for (let round = 0; ; round += 1) {
    await log.run();
    if (round % 2 === 0) for (const sealed of await log.settled()) await journal.trim(sealed, Infinity);
    const { note } = await segments.root.head();
    if (note !== undefined) process.stdout.write(`root ${Buffer.from(note).toString('base64url')}\n`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

await Promise.all([caller(), caller(), caller(), sealing()]);
