// `npm run docs` writes what is generated; with `--check` it writes nothing and fails when a page is stale.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { vaultCodes } from '@sealgate/vault';
import { serverCodes } from '../packages/server/src/errors.ts';
import { deadLinks } from './links.ts';
import { configurationManual, explainedCodes } from './manual.ts';

const manual = 'docs/configuration.md';
const problems: string[] = [];

if (process.argv.includes('--check')) {
  if (configurationManual() !== readFileSync(manual, 'utf8'))
    problems.push(`${manual} is stale: run npm run docs`);
} else {
  writeFileSync(manual, configurationManual());
  console.log(`wrote ${manual}`);
}

const explained = explainedCodes(readFileSync('docs/errors.md', 'utf8'));
const codes = new Set<string>([...vaultCodes, ...serverCodes]);
for (const code of codes)
  if (!explained.includes(code)) problems.push(`docs/errors.md does not explain ${code}`);
for (const code of explained)
  if (!codes.has(code)) problems.push(`docs/errors.md explains ${code}, which nothing refuses with`);
const pages = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '*.md'], {
  encoding: 'utf8',
});
problems.push(
  ...deadLinks(pages.split('\n').filter((page) => page !== '')).map((link) => `dead link in ${link}`),
);

for (const problem of problems) console.error(problem);
process.exitCode = problems.length === 0 ? 0 : 1;
