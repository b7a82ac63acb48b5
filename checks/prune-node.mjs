// The npm package `node` carries C headers (67 MB) for building native modules. We build none,
// so they go: `npm install` stays under 300 MB.
import { readdirSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const packages = fileURLToPath(new URL('../node_modules/node/node_modules/', import.meta.url));
try {
  for (const name of readdirSync(packages).filter((entry) => entry.startsWith('node-')))
    rmSync(`${packages}${name}/include`, { recursive: true, force: true });
} catch (error) {
  if (error.code !== 'ENOENT') throw error;
}
