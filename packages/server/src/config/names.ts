// Which names in the environment are ours but wrong. A misspelt limit or switch must not pass as "not set":
// a name with one of our prefixes, or one slip away from a variable that is read, stops the start.
// Prefixes that other tools use too (GITHUB_, VAULT_, REDIS_, …) are left alone.
import { active } from './active.ts';
import { reserved } from './reserved.ts';

const prefixes = [
  'SEALGATE_',
  'MAIN_DB_',
  'DYNAMODB_',
  'STORAGE_',
  'RATE_LIMIT_',
  'TOKEN_ENCRYPTION_',
  'MCP_DEV_',
  'MCP_KMS_',
  'MCP_SERVERS_',
  'AUDIT_ANCHOR_',
  'AUDIT_LOG_',
  'MUTATION_',
  'ENABLE_WEBUI',
  'ENABLE_META_MCP_',
  'AUTO_PROVISION_',
  'KEY_PROVIDER',
];

// Ordinary names of an environment, and names of other products, that lie one slip away from ours.
const ordinary = new Set([
  'AUTH0_SECRET',
  'COST',
  'DEVICE_NAME',
  'GCP_KMS_KEY',
  'FORT',
  'GHOST',
  'HOSTS',
  'LOST',
  'MOST',
  'PART',
  'PORTS',
  'POST',
  'SORT',
  'SPORT',
]);

// Kubernetes and Docker announce a neighbour called `sealgate` or `storage` by variables of these forms.
const neighbour = /_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP)(_(PROTO|PORT|ADDR))?)$/;
const neighbourAddress = /^(tcp|udp):\/\//;

const readNames: readonly string[] = Object.entries(active).flatMap(([name, { secret }]) =>
  secret ? [name, `${name}_FILE`] : [name],
);
const allNames: readonly string[] = [
  ...readNames,
  ...[...reserved].flatMap(([name, { secret }]) => (secret ? [name, `${name}_FILE`] : [name])),
];
const known = new Set(allNames);

/**
 * Judge one name of the environment.
 *
 * @param value used only to recognise addresses that an orchestrator announces
 * @returns why the name is refused, with a suggestion; `undefined` when it is known or none of our business
 */
export function wrongName(name: string, value: string): string | undefined {
  if (known.has(name) || neighbour.test(name)) return undefined;
  if (name.endsWith('_PORT') && neighbourAddress.test(value)) return undefined;
  const ours = prefixes.some((prefix) => name.toUpperCase().startsWith(prefix));
  const meant = nearest(name, ours ? allNames : readNames, ours ? 2 : 0);
  if (!ours && (meant === undefined || ordinary.has(name))) return undefined;
  return meant === undefined
    ? `${name} is not a variable of Sealgate`
    : `${name} is not known: did you mean ${meant}?`;
}

/** @param extra slips allowed beyond those of a name that is not ours by its prefix */
function nearest(name: string, among: readonly string[], extra: number): string | undefined {
  let best: { readonly known: string; readonly distance: number } | undefined;
  for (const candidate of among) {
    // Every service of AWS has an endpoint and keys: `SMS_ENDPOINT` is not a slip for that of KMS.
    if (candidate.startsWith('KMS_') && !name.startsWith('KMS_')) continue;
    const allowed = (candidate.length >= 10 ? 2 : 1) + extra;
    // `port` and `host` in small letters are anybody's; `log_level` is ours, misspelt.
    const sameLetters = name.includes('_') && name.toUpperCase() === candidate;
    const distance = sameLetters ? 0 : slips(name, candidate, allowed);
    if (distance <= allowed && (best === undefined || distance < best.distance))
      best = { known: candidate, distance };
  }
  return best?.known;
}

/**
 * Damerau-Levenshtein distance (optimal string alignment): letters added, dropped, changed, or two neighbours swapped.
 *
 * @returns a number over `most` as soon as the lengths alone say so
 */
export function slips(a: string, b: string, most: number): number {
  if (Math.abs(a.length - b.length) > most) return most + 1;
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = a[i - 1] === b[j - 1] ? 0 : 1;
      let least = Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + change);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        least = Math.min(least, (before[j - 2] ?? 0) + 1);
      next.push(least);
    }
    [before, row] = [row, next];
  }
  return row[b.length] ?? 0;
}
