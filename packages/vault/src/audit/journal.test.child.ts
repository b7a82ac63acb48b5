import { setTimeout as sleep } from 'node:timers/promises';
import { fileDevice } from './devices/file-device.ts';
import { openAudit } from './record.ts';
import { openJournal } from './journal.ts';
import { oneKeySealer } from '../testing/one-key-sealer.ts';

// Appends until it is killed, and tells each acknowledged id through a pipe before it goes on. Ends at a refusal.

// On two devices when a second file is named: then only once both of them count.

const [path, key, file] = process.argv.slice(2) as [string, string, string | undefined];
const journal = await openJournal({
  path,
  sealer: oneKeySealer(Buffer.from(key, 'hex')),
  now: Date.now,
  ...(file !== undefined && { second: { device: fileDevice(file), boundMs: 10_000 } }),
});
while (journal.health().devices.some(({ state }) => state !== 'ok')) await sleep(1);
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
