import { z } from 'zod';
import { origin, text } from './parsers.ts';

const name = z.string().regex(/^\w(?:[\w.-]{0,126}\w)?$/);
const path = z.string().regex(/^\w[\w.-]*(?:\/\w[\w.-]*)*$/);

/** The variables of HashiCorp Vault and OpenBao. Their own tools read some of them too, so being set says nothing. */
export const vaultVariables = {
  VAULT_ADDR: {
    group: 'Vault',
    doc: 'Address of HashiCorp Vault or OpenBao; `https` unless it is on this machine. Certificates are always checked.',
    default: undefined,
    secret: false,
    parse: origin,
    expected: 'an origin such as https://vault.example.com:8200, without user, path or query',
  },
  VAULT_NAMESPACE: {
    group: 'Vault',
    doc: 'Its namespace, sent with every call.',
    default: undefined,
    secret: false,
    parse: z
      .string()
      .transform((given) => given.replace(/\/$/, ''))
      .pipe(path),
    expected: 'a namespace such as team or team/inner',
  },
  VAULT_CACERT: {
    group: 'Vault',
    doc: 'A file with certificates in PEM that the server’s is checked against, instead of those that Node trusts.',
    default: undefined,
    secret: false,
    parse: text,
    expected: 'a path',
  },
  VAULT_TOKEN: {
    group: 'Vault',
    doc: 'A token to ask with. It is renewed before its lease ends, as long as the server allows.',
    default: undefined,
    secret: true,
    parse: text,
    expected: 'a text',
  },
  VAULT_ROLE_ID: {
    group: 'Vault',
    doc: 'Instead of a token: the role to log in as by AppRole, mounted at `approle`.',
    default: undefined,
    secret: false,
    parse: text,
    expected: 'a text',
  },
  VAULT_SECRET_ID: {
    group: 'Vault',
    doc: 'The secret of `VAULT_ROLE_ID`.',
    default: undefined,
    secret: true,
    parse: text,
    expected: 'a text',
  },
} as const;

/** The variables of `KEY_PROVIDER=transit`. */
export const transitVariables = {
  VAULT_TRANSIT_KEY: {
    group: 'keys',
    doc: 'The root key of `KEY_PROVIDER=transit`: name of a derived key in the transit engine at `VAULT_ADDR` ([transit.md](transit.md)).',
    default: undefined,
    secret: false,
    parse: name,
    expected: 'the name of a key',
  },
  VAULT_TRANSIT_MOUNT: {
    group: 'keys',
    doc: 'Where that transit engine is mounted.',
    default: 'transit',
    secret: false,
    parse: path,
    expected: 'a path such as transit or team/transit',
  },
} as const;
