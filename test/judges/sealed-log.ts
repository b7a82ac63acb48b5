import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { logStage } from '../../packages/vault/src/audit/log/fixtures/stage.ts';

// A log that was sealed from a journal by the product itself: two months, three tenants, one with more than a tile.

/** The log in its folder. */
export interface WrittenSample {
  readonly directory: string;
  readonly vkey: string;
  /** Folders of its logs. */
  readonly folders: readonly string[];
  /** Change one sign in a body that was disclosed. */
  changeBody(): Promise<void>;
}

/** Seal it, hand it over, and remove it. */
export async function onSealedLog<V>(work: (sample: WrittenSample) => Promise<V>): Promise<V> {
  const stage = await logStage();
  try {
    await stage.act({ tenant: 'acme', actor: { type: 'person', id: 'ann' }, ip: '203.0.113.7' }, 200);
    await stage.act({ tenant: 'b/v' });
    await stage.log.run();
    stage.clock.nowMs = Date.UTC(2026, 11, 1);
    await stage.act({ tenant: 'acme' }, 5);
    await stage.log.run();
    const directory = join(stage.folder, 'out');
    await stage.log.write(directory, 'acme');
    return await work({
      directory,
      vkey: stage.log.vkeys[0]!,
      folders: ['root', ...['acme/202611', 'b%2Fv/202611', 'acme/202612'].map((name) => `logs/${name}`)],
      async changeBody() {
        const file = join(directory, 'logs/acme/202611/bodies/000.jsonl');
        await writeFile(file, (await readFile(file, 'utf8')).replace('person', 'Person'));
      },
    });
  } finally {
    await stage.close();
  }
}
