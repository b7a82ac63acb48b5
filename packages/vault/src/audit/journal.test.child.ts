import { setTimeout as sleep } from 'node:timers/promises';
import { fileDevice } from './devices/file-device.ts';
import { recordUntilKilled } from './fixtures/until-killed.ts';
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
await recordUntilKilled(journal).catch((error: unknown) => {
  process.stdout.write(`refused ${(error as { code: string }).code}\n`, () => process.exit(0));
});
