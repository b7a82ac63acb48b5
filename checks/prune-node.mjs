// `npm install` stays under 300 MB. The npm package `node` carries C headers (67 MB) for building native modules; we
// build none. The AWS SDK carries forms for bundlers and for compilers of 2019 (10 MB), others carry source maps (25 MB);
// Node and we load neither.
import { readdirSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const modules = fileURLToPath(new URL('../node_modules/', import.meta.url));

function within(folder, act) {
  try {
    for (const name of readdirSync(`${modules}${folder}`)) act(`${modules}${folder}/${name}`, name);
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
  }
}

within('node/node_modules', (path, name) => {
  if (name.startsWith('node-')) rmSync(`${path}/include`, { recursive: true, force: true });
});
for (const scope of ['@aws-sdk', '@smithy'])
  within(scope, (path) => {
    for (const form of ['dist-es', 'dist-types/ts3.4'])
      rmSync(`${path}/${form}`, { recursive: true, force: true });
  });
for (const scope of ['@modelcontextprotocol', '@opentelemetry', '@redis'])
  within(scope, (path) => {
    for (const name of readdirSync(path, { recursive: true }))
      if (name.endsWith('.map')) rmSync(`${path}/${name}`, { force: true });
  });
