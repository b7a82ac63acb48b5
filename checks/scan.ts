// The three security scanners over the product's sources: `node checks/scan.ts`, or with names only those.
// Exits 1 when one of them fails something; a warning is shown and does not stop the check.
import { scanAdminAuth } from './scan-admin-auth.ts';
import { scanFileStorage } from './scan-file-storage.ts';
import { scanSecretsInLogs } from './scan-secrets-in-logs.ts';
import { productTrees } from './source-trees.ts';

const scanners = {
  'admin-auth': scanAdminAuth,
  'secrets-in-logs': scanSecretsInLogs,
  'file-storage': scanFileStorage,
};

const asked = process.argv.slice(2);
const trees = productTrees();
let failed = trees.files.length === 0;
for (const [name, scan] of Object.entries(scanners)) {
  if (asked.length > 0 && !asked.includes(name)) continue;
  const startedAtMs = performance.now();
  const findings = scan(trees);
  for (const { level, place, says } of findings) console.log(`${level}  ${place}: ${says}`);
  failed ||= findings.some(({ level }) => level === 'fail');
  console.log(
    `${name}: ${trees.files.length} files, ${findings.length} findings, ${Math.round(performance.now() - startedAtMs)} ms`,
  );
}
process.exitCode = failed ? 1 : 0;
