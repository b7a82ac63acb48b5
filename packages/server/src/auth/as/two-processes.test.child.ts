import { sqliteTables } from '@sealgate/vault';
import { oneKeySealer } from '@sealgate/vault/testing';
import { openStage } from './fixtures/stage.ts';

// One of two authorization servers on one file: tells its address and a session that it began, and serves until its input
// ends.

const [file = '', key = '', issuer] = process.argv.slice(2);
const stage = await openStage({
  tables: sqliteTables({ file, now: Date.now }),
  sealer: oneKeySealer(Buffer.from(key, 'hex')),
  ...(issuer === undefined ? {} : { issuer }),
});
const person = await stage.signIn('ada@example.com');
process.stdout.write(`${JSON.stringify({ origin: stage.origin, person })}\n`);
process.stdin.resume().once('end', () => process.exit(0));
