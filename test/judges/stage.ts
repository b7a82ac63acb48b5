import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openDocuments } from '../fixtures/documents.ts';
import { startModern } from '../fixtures/modern.ts';
import { done, freshDataDir, removeDataDir, startSealgate } from '../start.ts';
import { openBrowser, type Browser } from './browser.ts';

// What a judgement needs: a gateway with one upstream that speaks both eras, a place where clients publish their metadata
// documents, and a desktop that opens addresses in our browser.

/** The stage. */
export interface Stage {
  /** The gateway's origin. */
  readonly origin: string;
  /** The address that clients are given. */
  readonly address: string;
  /** Signed in after the first client; shares its cookies with every client's browser. */
  readonly browser: Browser;
  /** The environment of a client on a machine where it has never run. */
  freshHome(): Promise<Record<string, string>>;
  /** Publish a client id metadata document. @returns its address, which is the client's id */
  publish(name: string, redirectUris: readonly string[]): string;
  close(): Promise<void>;
}

/** What real clients say of how they sign in. */
const signsIn = { grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'] };

const opener = fileURLToPath(new URL('open-url.ts', import.meta.url));

/** Build it up. */
export async function openStage(): Promise<Stage> {
  const folder = await mkdtemp(join(tmpdir(), 'sealgate-judges-'));
  const documents = await openDocuments();
  const upstream = await startModern({ legacy: 'sessions' });
  const dataDir = await freshDataDir();
  const gateway = await startSealgate({
    dataDir,
    signedIn: false,
    env: { NODE_EXTRA_CA_CERTS: documents.certificateFile },
  });
  await done(dataDir, ['upstreams', 'add', 'dual', '--url', upstream.url]);
  const jarFile = join(folder, 'cookies.json');
  const link = firstLink(gateway.stdout());
  const desktop = await makeDesktop(folder, [jarFile, link]);
  let homes = 0;
  return {
    origin: gateway.origin,
    address: gateway.upstream('dual').url,
    // A new one each time: the clients' browsers have put cookies into the jar meanwhile.
    browser: { visit: (url) => openBrowser({ jarFile, link: async () => link }).visit(url) },
    async freshHome() {
      const home = join(folder, `home-${++homes}`);
      await mkdir(home);
      return { HOME: home, ...desktop };
    },
    publish: (name, redirectUris) => documents.publish(name, redirectUris, signsIn),
    async close() {
      await gateway.stop();
      await upstream.close();
      await documents.close();
      await removeDataDir(dataDir);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function firstLink(printed: string): string {
  const link = /https?:\/\/\S+\/sign-in\/link\?token=\S+/.exec(printed)?.[0];
  if (link === undefined) throw new Error(`the gateway printed no sign-in link:\n${printed}`);
  return link;
}

/** A command that opens an address, under each name that clients look for. */
async function makeDesktop(folder: string, words: readonly string[]): Promise<Record<string, string>> {
  const bin = join(folder, 'bin');
  const command = join(bin, 'xdg-open');
  const quoted = [process.execPath, opener, ...words].map((word) => `'${word.replaceAll("'", `'\\''`)}'`);
  await mkdir(bin);
  await writeFile(command, `#!/bin/sh\nexec ${quoted.join(' ')} "$1" 2>>'${join(folder, 'browser.log')}'\n`);
  await chmod(command, 0o755);
  const path = [bin, dirname(process.execPath), process.env['PATH'] ?? ''].join(delimiter);
  return {
    PATH: path,
    BROWSER: command,
    MCP_AUTO_OPEN_ENABLED: 'true',
    MCP_INSPECTOR_SECRET_STORE: 'file',
  };
}
