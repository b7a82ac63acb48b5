import { folderSource, urlSource, verifyExitCodes, verifyLog } from '@sealgate/vault/audit-verify';

const [log = '', ...vkeys] = process.argv.slice(2);
const source = log.startsWith('https://') ? urlSource(log, fetch) : folderSource(log);
const verdict = await verifyLog(source, { vkeys });
for (const { state, log: origin, index, says } of verdict.findings)
  console.log([state, origin, index, says].join(' '));
console.log(`${verdict.state}: ${verdict.entries} entries in ${verdict.logs} logs`);
process.exitCode = verifyExitCodes[verdict.state];
