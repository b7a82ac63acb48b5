import { openAudit } from './record.ts';
import { openJournal } from './journal.ts';
import { oneKeySealer } from '../testing/one-key-sealer.ts';

// Appends until it is killed, and tells each acknowledged id through a pipe before it goes on. Ends at a refusal.

const [path, key] = process.argv.slice(2) as [string, string];
const journal = await openJournal({ path, sealer: oneKeySealer(Buffer.from(key, 'hex')), now: Date.now });
const audit = openAudit({ journal });
const context = {
  tenant: 'group-1',
  actor: { type: 'client', id: 'c1' },
  source: 'mcp',
  correlation: 'r1',
} as const;

async function caller(): Promise<never> {
  for (;;) {
    const receipt = await audit.record('strict', context, {
      act: 'tool.call',
      object: 'connection:shop',
    });
    process.stdout.write(`${receipt.entry}\n`);
    audit.outcome(receipt.entry, context, { out: 'success', ms: 1 });
  }
}

await Promise.all([caller(), caller(), caller()]).catch((error: unknown) => {
  process.stdout.write(`refused ${(error as { code: string }).code}\n`, () => process.exit(0));
});
