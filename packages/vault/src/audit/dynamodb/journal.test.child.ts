import { oneKeySealer } from '../../testing/one-key-sealer.ts';
import { recordUntilKilled } from '../fixtures/until-killed.ts';
import { openDynamoJournal } from './journal.ts';

// Appends until it is killed, and tells each acknowledged id through a pipe before it goes on.

const [endpoint, tablePrefix, key, abandonedMs] = process.argv.slice(2) as [string, string, string, string];
const journal = await openDynamoJournal({
  region: 'eu-central-1',
  endpoint,
  credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  tablePrefix,
  sealer: oneKeySealer(Buffer.from(key, 'hex')),
  now: Date.now,
  lost: () => process.stdout.write('lost\n'),
  times: { abandonedMs: Number(abandonedMs) },
});
await recordUntilKilled(journal);
