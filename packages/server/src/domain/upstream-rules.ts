import type { Placement } from '@sealgate/vault';
import { canBeUpstream } from '../outgoing/reach.ts';
import { looksSecret, looksSecretArgument } from './secret-shapes.ts';
import type { HttpUpstream, StdioUpstream, Upstream } from './upstream.ts';

// What an upstream must be like before it is kept. Each rule answers with a sentence for whoever wrote it; secrets are
// never quoted.

const namePattern = /^[a-z0-9][a-z0-9-]{0,31}$/;

/** Whether this can be an upstream's name. */
function isUpstreamName(name: string): boolean {
  return namePattern.test(name);
}

/** The nearest name that is allowed; `undefined` when nothing of it can stay. */
function suggestedName(name: string): string | undefined {
  const slug = name
    .normalize('NFKD')
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1-$2')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-+|-+$/g, '')
    .slice(0, 32)
    .replace(/-+$/, '');
  return slug === '' ? undefined : slug;
}

/** Everything that is wrong with an upstream, one sentence each; none when it may be kept. */
export function faultsOf(upstream: Upstream): readonly string[] {
  const { name } = upstream;
  if (!isUpstreamName(name)) {
    const suggestion = suggestedName(name);
    const instead = suggestion === undefined ? '' : `; call it "${suggestion}"`;
    return [
      `the name "${name}" may only have a-z, 0-9 and "-", 32 characters at most, and not begin with "-"${instead}`,
    ];
  }
  return upstream.kind === 'http' ? httpFaults(upstream) : stdioFaults(upstream);
}

/** The sentence for a secret that stands where it must not. */
export function secretFault(where: string, upstream: string): string {
  return `${where} looks like a secret, which is kept sealed and not in a file: take it out and run "sealgate connections set ${upstream}"`;
}

function httpFaults({ name, url, credential }: HttpUpstream): readonly string[] {
  if (!URL.canParse(url)) return [`the url is not an address`];
  const { protocol, username, password, hash, hostname, searchParams } = new URL(url);
  const faults: string[] = [];
  if (protocol !== 'http:' && protocol !== 'https:')
    faults.push('the url must begin with http:// or https://');
  if (!canBeUpstream(hostname)) faults.push(`${hostname} is an address that is never connected to`);
  if (username !== '' || password !== '') faults.push(secretFault('the user and password of the url', name));
  if (hash !== '') faults.push('the url must have no fragment (#)');
  for (const [key, value] of searchParams)
    if (looksSecret(key, value)) faults.push(secretFault(`the url's "${key}"`, name));
  if (credential?.in === 'env')
    faults.push(
      'a credential in the environment is for a command, not for a url; use a header or a query value',
    );
  return faults;
}

function stdioFaults({ name, command, args, env, credential }: StdioUpstream): readonly string[] {
  const faults: string[] = [];
  const texts = [command, ...args, ...Object.entries(env).flat()];
  if (command.trim() === '') faults.push('the command is empty');
  if (texts.some((text) => text.includes('\0')))
    faults.push('a NUL character stands in the command, its arguments or its env');
  args.forEach((argument, at) => {
    if (looksSecretArgument(argument, args[at - 1])) faults.push(secretFault(`argument ${at + 1}`, name));
  });
  for (const [key, value] of Object.entries(env)) {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(key)) faults.push(`the env name "${key}" is not one`);
    else if (looksSecret(key, value)) faults.push(secretFault(`env ${key}`, name));
  }
  if (credential !== undefined && credential.name in env)
    faults.push(`env ${credential.name} is where the credential goes; leave it out of env`);
  return faults;
}

/**
 * A credential's place as people write it: `bearer`, `basic`, `header:X-Api-Key`, `query:key`, `env:NAME`.
 *
 * @returns `undefined` for anything else
 */
export function placementOf(text: string): Placement | undefined {
  if (text === 'bearer' || text === 'basic') return { in: 'header', name: 'authorization', scheme: text };
  const [, where, name] = /^(header|query|env):(.+)$/s.exec(text) ?? [];
  if (where === undefined || name === undefined) return undefined;
  if (where === 'header') return { in: 'header', name: name.toLowerCase(), scheme: 'plain' };
  return { in: where as 'query' | 'env', name };
}

/** The other way round; a header with a scheme under another name is written `header:name (bearer)`. */
export function placementText(placement: Placement): string {
  if (placement.in !== 'header') return `${placement.in}:${placement.name}`;
  if (placement.name === 'authorization' && placement.scheme !== 'plain') return placement.scheme;
  return `header:${placement.name}${placement.scheme === 'plain' ? '' : ` (${placement.scheme})`}`;
}
