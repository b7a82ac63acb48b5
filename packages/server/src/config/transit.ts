// The root key in the transit engine of Vault or OpenBao: where it is, and who asks.
import type { Values } from './active.ts';
import { isLoopback } from './loopback.ts';
import { secretOf, type Secret } from './variable.ts';

/** A key of a transit engine. */
export interface TransitChoice {
  readonly provider: 'transit';
  /** An origin. */
  readonly address: string;
  readonly namespace: string | undefined;
  /** Path of a file with certificates in PEM; `undefined`: those that Node trusts. */
  readonly caFile: string | undefined;
  readonly mount: string;
  readonly key: string;
  readonly logIn: { readonly token: Secret } | { readonly roleId: string; readonly secretId: Secret };
}

/** The transit key that the values name, or what stands against it. */
export function transitOf(values: Values): TransitChoice | { readonly problem: string } {
  const { VAULT_ADDR: address, VAULT_TRANSIT_KEY: key } = values;
  if (address === undefined || key === undefined)
    return {
      problem: `KEY_PROVIDER=transit needs ${key === undefined ? 'VAULT_TRANSIT_KEY' : 'VAULT_ADDR'}`,
    };
  const { protocol, hostname } = new URL(address);
  if (protocol !== 'https:' && !isLoopback(hostname))
    return { problem: 'VAULT_ADDR must be https unless it is on this machine: keys would travel in clear' };
  const logIn = logInOf(values);
  if ('problem' in logIn) return logIn;
  return {
    provider: 'transit',
    address,
    namespace: values.VAULT_NAMESPACE,
    caFile: values.VAULT_CACERT,
    mount: values.VAULT_TRANSIT_MOUNT,
    key,
    logIn,
  };
}

function logInOf({
  VAULT_TOKEN: token,
  VAULT_ROLE_ID: roleId,
  VAULT_SECRET_ID: secretId,
}: Values): TransitChoice['logIn'] | { readonly problem: string } {
  if (token !== undefined && (roleId !== undefined || secretId !== undefined))
    return { problem: 'VAULT_TOKEN and VAULT_ROLE_ID are two ways to log in: keep one' };
  if (token !== undefined) return { token: secretOf('VAULT_TOKEN', token) };
  if (roleId !== undefined && secretId !== undefined)
    return { roleId, secretId: secretOf('VAULT_SECRET_ID', secretId) };
  return { problem: 'KEY_PROVIDER=transit needs VAULT_TOKEN, or VAULT_ROLE_ID and VAULT_SECRET_ID' };
}
