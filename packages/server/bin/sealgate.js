#!/usr/bin/env node
// Starts the command line: from the sources in a checkout, from `dist` where the package is installed. Written so that
// an old Node can read it and say what is wrong.
import { existsSync } from 'node:fs';
import * as nodeModule from 'node:module';

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 24 || (major === 24 && minor < 7)) {
  console.error(
    `sealgate needs Node 24.7 or newer, this is ${process.versions.node}; in a checkout use: npx sealgate`,
  );
  process.exit(1);
}

const source = new URL('../src/cli/run.ts', import.meta.url);
const fromSource = existsSync(source);
if (fromSource) {
  // Packages of the workspace export their sources under this condition.
  nodeModule.registerHooks({
    resolve: (specifier, context, next) =>
      next(specifier, { ...context, conditions: [...(context.conditions || []), '@sealgate/source'] }),
  });
}
const { run } = await import((fromSource ? source : new URL('../dist/cli/run.js', import.meta.url)).href);
process.exitCode = await run(process.argv.slice(2));
