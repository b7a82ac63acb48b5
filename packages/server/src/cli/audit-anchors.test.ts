import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { initConfig, openSealgate, type AppConfig } from '../main.ts';
import { anchorReceiver, type AnchorReceiver } from '../main/fixtures/anchor-receiver.ts';
import { productOf, quiet, runLine, type Said } from './fixtures/command-line.ts';

let dataDir: string;
let receiver: AnchorReceiver;
beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'sealgate-cli-anchors-'));
  receiver = await anchorReceiver();
});
afterEach(async () => {
  await receiver.close();
  rmSync(dataDir, { recursive: true });
});

const config = (): AppConfig =>
  initConfig({ env: { DATA_DIR: dataDir, PORT: '0', AUDIT_ANCHOR_URL: receiver.origin }, cwd: dataDir });
const checkpoint = (...options: readonly string[]): Promise<Said> =>
  runLine(productOf(config), ['audit', 'checkpoint', ...options], { cwd: dataDir });

/** As a gateway would that runs for an hour. */
async function anchor(): Promise<void> {
  const sealgate = await openSealgate(config(), quiet);
  try {
    await sealgate.operations.call('audit.stats', {});
    await sealgate.ground.auditAnchors.run();
  } finally {
    await sealgate.close();
  }
}

test('a checkpoint is told with what was anchored elsewhere, and what is younger; the note alone is printed', async () => {
  const before = await checkpoint();
  expect(before.code).toBe(0);
  expect(before.stderr).toMatch(/^Nothing of the log is anchored elsewhere: /m);
  await anchor();
  const said = await checkpoint();
  expect(said.stdout).toMatch(/^[^\n]+\/audit\/root\n\d+\n[^\n]+\n\n\u2014 /);
  const [, time] = /^Anchored: (\S+), \d+ entries of the root log, webhook$/m.exec(said.stderr) ?? [];
  expect(said.stderr).toContain(`What is younger than ${time} is not anchored elsewhere`);
  const { anchors } = JSON.parse((await checkpoint('--json')).stdout) as { readonly anchors: object };
  expect(anchors).toMatchObject({
    everySeconds: 3600,
    places: [{ place: 'webhook', state: 'ok', lastMs: Date.parse(time!), recent: [{ state: 'anchored' }] }],
  });
});

test('what could not be anchored is told with its code', async () => {
  receiver.answer = (response) => void response.writeHead(500).end();
  await anchor();
  expect((await checkpoint()).stderr).toMatch(/^NOT anchored: \S+, webhook \(fetch_failed\)$/m);
});
