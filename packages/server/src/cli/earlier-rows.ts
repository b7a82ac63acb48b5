import {
  earlierTenantKey,
  openSecretColumns,
  rowKey,
  TokenEncryptionService,
  type SecretColumns,
  type TenantKeySource,
} from '@sealgate/vault';
import { z } from 'zod';
import { refuse } from '../errors.ts';

// Rows of another program, one JSON object a line:
//
//   columns  {"name", "ciphertext", "tag", "nonce"}           AES-256-GCM under one key
//   shops    {"name", "ciphertext", "tag", "nonce", "salt"}   the same under keys of tenants derived from MCP_KMS_KEY
//   tokens   {"name", "text"}                                 texts of TokenEncryptionService

/** Which program wrote them. */
export const rowForms = ['columns', 'shops', 'tokens'] as const;

/** How rows are read. */
export interface RowReading {
  readonly form: (typeof rowForms)[number];
  /** The key of the rows, as the other program has it in its configuration. */
  readonly key: string;
  /** Of columns; base64 when not given. */
  readonly encoding?: 'base64' | 'base64url' | 'hex' | undefined;
  /** For shops: the key is a tenant's master key, not the root key. */
  readonly masterKey?: boolean | undefined;
  readonly saltForm?: TenantKeySource['saltForm'];
}

/** One row, its secret still sealed. */
export interface EarlierRow {
  readonly name: string;
  /** @throws Refusal `open_failed`, `key_weak`, `key_unavailable`, `item_invalid` */
  readonly open: () => string;
}

const name = z.string().min(1).max(128);
const columns = { name, ciphertext: z.string(), tag: z.string(), nonce: z.string() };
const forms = {
  columns: z.object(columns),
  shops: z.object({ ...columns, salt: z.string() }),
  tokens: z.object({ name, text: z.string() }),
} as const;

/**
 * The rows of a file's text.
 *
 * @throws Refusal `usage` for a line of another form, named by its number and never quoted; `key_weak` for a key that is none
 */
export function earlierRows(text: string, reading: RowReading): readonly EarlierRow[] {
  const opened = openerOf(reading);
  return text.split('\n').flatMap((line, index) => {
    if (line.trim() === '') return [];
    const row = forms[reading.form].safeParse(jsonOf(line));
    if (row.success) return [{ name: row.data.name, open: () => opened(row.data) }];
    throw refuse('usage', `line ${index + 1} is no row of the form ${reading.form}`);
  });
}

function openerOf(reading: RowReading): (row: object) => string {
  const { form, key } = reading;
  if (form === 'tokens') {
    const service = new TokenEncryptionService({ encryptionKey: key });
    return (row) => service.decrypt((row as { readonly text: string }).text);
  }
  if (form === 'columns') {
    const bytes = rowKey(key, 'the key of the rows');
    return (row) => textOf(row as SecretColumns, bytes, reading);
  }
  const material = reading.masterKey === true ? { masterKey: key } : { rootKey: key };
  return (row) => {
    const { salt } = row as { readonly salt: string };
    const tenantKey = earlierTenantKey({ ...material, salt, saltForm: reading.saltForm });
    try {
      return textOf(row as SecretColumns, tenantKey, reading);
    } finally {
      tenantKey.fill(0);
    }
  };
}

function textOf(row: SecretColumns, key: Uint8Array, { encoding }: RowReading): string {
  const secret = openSecretColumns(row, key, encoding);
  try {
    return secret.toString('utf8');
  } finally {
    secret.fill(0);
  }
}

// The parser's message would quote the line.
function jsonOf(line: string): unknown {
  try {
    return JSON.parse(line) as unknown;
  } catch {
    return undefined;
  }
}
