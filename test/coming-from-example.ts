import { createDecipheriv, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import * as vault from '@sealgate/vault';

const now = Date.now;
const directory = process.argv[2] ?? 'vault-data';

// Sessions of version 1: what the key service does

const keyService = randomBytes(32);
const keys = {
  async generate() {
    const plaintext = randomBytes(32);
    const { nonce, ciphertext, tag } = vault.sealGcmRow(plaintext, keyService);
    return { plaintext, wrapped: Buffer.concat([nonce, ciphertext, tag]) };
  },
  async unwrap(wrapped: Uint8Array) {
    const decipher = createDecipheriv('aes-256-gcm', keyService, wrapped.subarray(0, 12), {
      authTagLength: 16,
    });
    decipher.setAuthTag(wrapped.subarray(-16));
    return Buffer.concat([decipher.update(wrapped.subarray(12, -16)), decipher.final()]);
  },
};

const encrypted = await vault.encryptSessionData({ userId: 'ada', cart: 3 }, keys);
console.log('a session has the parts:', Object.keys(encrypted).toSorted().join(' '));
console.log('it holds:', JSON.stringify(await vault.decryptSessionData(encrypted, keys)));

// Tokens that one key encrypts

const tokens = new vault.TokenEncryptionService({
  encryptionKey: process.env['TOKEN_ENCRYPTION_KEY'] ?? vault.TokenEncryptionService.generateKey(),
});
const stored = tokens.encrypt('token-of-ada-0001');
console.log('a token comes back:', tokens.decrypt(stored) === 'token-of-ada-0001');

// A store of the vault, for what is brought over

const tables = vault.sqliteTables({ file: join(directory, 'main.db'), now });
const provider = await vault.openKeyring({
  file: join(directory, 'keyring.json'),
  mayCreate: !(await vault.holdsTenantKeys(tables)),
  now,
});
const sealer = await vault.openSealer({ tables, provider, now });
const journal = await vault.openJournal({ path: join(directory, 'journal.db'), sealer, now });
const connections = vault.openConnections(vault.sealedTables(tables, sealer), now);
const parts: vault.BringParts = {
  connections,
  audit: vault.openAudit({ journal }),
  context: {
    tenant: 'acme',
    actor: { type: 'system', id: 'import' },
    source: 'system',
    correlation: 'import-1',
  },
};

// The shops as the other program has them: here they are made up

const rootKey = randomBytes(32).toString('base64');
const salt = randomBytes(32).toString('hex');
const column = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');
const shops = ['north', 'south'].map((name) => {
  const row = vault.sealGcmRow(Buffer.from(`key-of-shop-${name}`), vault.earlierTenantKey({ rootKey, salt }));
  return {
    name,
    ciphertext: column(row.ciphertext),
    tag: column(row.tag),
    nonce: column(row.nonce),
  };
});

// API keys of shops, and tokens, become connections

const tenantKey = vault.earlierTenantKey({ rootKey, salt });
const rows = shops.map((shop): vault.EarlierCredential => ({
  row: `stores/${shop.name}`,
  connection: {
    tenant: 'acme',
    subject: '',
    upstream: 'orders',
    name: shop.name,
    placement: { in: 'header', name: 'order-key', scheme: 'plain' },
    origin: 'https://orders.example',
  },
  open: () => vault.openSecretColumns(shop, tenantKey),
}));
rows.push({
  row: 'tokens/ada',
  connection: {
    tenant: 'acme',
    subject: 'ada',
    upstream: 'docs',
    name: 'default',
    placement: { in: 'header', name: 'authorization', scheme: 'bearer' },
    origin: 'https://docs.example',
  },
  open: () => Buffer.from(tokens.decrypt(stored)),
});

console.log('tried:', JSON.stringify(await vault.bringCredentials({ ...parts, dryRun: true }, rows)));
console.log('brought:', JSON.stringify(await vault.bringCredentials(parts, rows)));
console.log('once more:', JSON.stringify(await vault.bringCredentials(parts, rows)));
tenantKey.fill(0);

await journal.close();
await sealer.close();
await provider.close();
await tables.close();
