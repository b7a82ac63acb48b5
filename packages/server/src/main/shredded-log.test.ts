import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { SignedReceipt } from '@sealgate/vault';
import { folderSource, verifyLog } from '@sealgate/vault/audit-verify';
import { expect, test } from 'vitest';
import { createGroup } from '../domain/groups.ts';
import { initConfig, openLog, openSealgate } from '../main.ts';
import type { Sealgate } from './sealgate.ts';

const quiet = openLog('error', { write: () => undefined });

function open(dataDir: string): Promise<Sealgate> {
  const AUTH_SECRET = randomBytes(48).toString('base64url');
  const env = { DATA_DIR: dataDir, PORT: '0', NODE_ENV: 'production', AUTH_SECRET };
  return openSealgate(initConfig({ env, cwd: dataDir }), quiet);
}

/** The files of the journal, with bytes that nobody points to. */
function journalBytes(dataDir: string): Buffer {
  const names = ['journal.db', 'journal.db-wal'].map((name) => join(dataDir, name));
  return Buffer.concat(names.filter((path) => existsSync(path)).map((path) => readFileSync(path)));
}

/** Beginnings of what is sealed in it. */
function journalNeedles(dataDir: string): readonly Buffer[] {
  const db = new DatabaseSync(join(dataDir, 'journal.db'), { readOnly: true });
  const rows = db.prepare('SELECT payload FROM batches').all() as { readonly payload: Uint8Array }[];
  db.close();
  return rows.map(({ payload }) => Buffer.from(payload.subarray(24, 88)));
}

test('a group that is shredded leaves its audit log behind: whole, verified, and nobody can read what its entries said', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'shredded-log-'));
  let sealgate = await open(dataDir);
  try {
    const { audit, auditLog, people, tables } = sealgate.ground;
    const { subject } = await people.ensureByEmail('bob@example.com');
    const draft = { name: 'Crew', owner: subject, seatsMax: 3 };
    const { id: tenant } = await createGroup(tables, draft, Date.now);
    const actor = { type: 'person', id: subject } as const;
    const context = { tenant, actor, source: 'mcp', correlation: 'r2' } as const;
    const { entry } = await audit.record('strict', context, { act: 'tool.call', object: 'upstreams' });
    const taken = async (name: string) => {
      expect(await auditLog.catchUp()).toBeUndefined();
      const log = await auditLog.log();
      const directory = join(dataDir, name);
      const { bodies } = await log.write(directory, tenant);
      const { state, findings } = await verifyLog(folderSource(directory), { vkeys: log.vkeys });
      return { bodies, state, findings, leaf: (await log.prove(tenant, entry))?.leaf };
    };
    const before = await taken('before');
    const needles = journalNeedles(dataDir);
    expect(needles.every((needle) => journalBytes(dataDir).includes(needle))).toBe(true);
    expect(before).toMatchObject({ bodies: 1, state: 'ok', findings: [] });
    const signed = (await sealgate.operations.call('keys.shred', { tenant })) as SignedReceipt;
    expect(signed.receipt.removed).toMatchObject({ audit_secrets: 1 });
    // The journal is sealed under a key that stays, so what it had has left it.
    const left = journalBytes(dataDir);
    expect(needles.filter((needle) => left.includes(needle))).toEqual([]);
    expect(await sealgate.operations.call('audit.verify', {})).toMatchObject({ state: 'intact' });
    await audit.record('strict', context, { act: 'tool.call', object: 'upstreams' });
    expect(await taken('after')).toEqual({ ...before, bodies: 0 });
    // Another start finds no secret either.
    await sealgate.close();
    sealgate = await open(dataDir);
    expect(await (await sealgate.ground.auditLog.log()).keyring.find(tenant)).toBeUndefined();
    expect(await sealgate.ground.auditLog.forget(tenant)).toBe(false);
  } finally {
    await sealgate.close();
    rmSync(dataDir, { recursive: true });
  }
});
