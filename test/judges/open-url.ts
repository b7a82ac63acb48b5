// What `BROWSER` starts for a client under judgement: `open-url.ts <jar file> <sign-in link or ""> <address>`.
import { openBrowser } from './browser.ts';

const [jarFile = '', link = '', address = ''] = process.argv.slice(2);
const options = { jarFile, ...(link === '' ? {} : { link: async () => link }) };
const { url, status, way } = await openBrowser(options).visit(address);
console.error(way.join('\n'));
if (status !== 200) {
  console.error(`ended with ${status} at ${url}`);
  process.exitCode = 1;
}
