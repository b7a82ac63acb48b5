import { holdsSecretShape } from '@sealgate/vault';

// Configuration files are where secrets lie today. Sealgate takes none from them: what is called like a secret, or looks
// like one, is refused with the way to set it. Rather one plain setting too many than one secret in clear.

const secretWords = new Set([
  'apikey',
  'auth',
  'authorization',
  'cookie',
  'credential',
  'credentials',
  'key',
  'passphrase',
  'passwd',
  'password',
  'pat',
  'pwd',
  'secret',
  'token',
]);
// The last word of a name that holds where something is, or how much of it, and not the thing itself.
const aboutWords = new Set([
  'count',
  'dir',
  'directory',
  'endpoint',
  'enabled',
  'file',
  'id',
  'length',
  'limit',
  'name',
  'path',
  'type',
  'uri',
  'url',
]);

/** Whether a setting is a secret, by its name or by what its value looks like. An empty value is none. */
export function looksSecret(name: string, value: string): boolean {
  if (value === '') return false;
  if (holdsSecretShape(value)) return true;
  const words = wordsOf(name);
  if (!words.some((word) => secretWords.has(word)) || aboutWords.has(words.at(-1) ?? '')) return false;
  const certain = words.some(
    (word) => word.startsWith('pass') || word.startsWith('secret') || word === 'pwd',
  );
  return certain || !/^(?:true|false|yes|no|on|off|\d{1,6})$/i.test(value);
}

/** Whether a command line argument is or carries a secret: `--api-key=x`, `token=x`, or a value that looks like one. */
export function looksSecretArgument(argument: string, before: string | undefined): boolean {
  const pair = /^-{0,2}([A-Za-z][A-Za-z0-9_.-]*)[=:](.+)$/s.exec(argument);
  if (pair !== null && looksSecret(pair[1]!, pair[2]!)) return true;
  const option =
    before !== undefined && !argument.startsWith('-')
      ? /^--?([A-Za-z][A-Za-z0-9_.-]*)$/.exec(before)?.[1]
      : undefined;
  return looksSecret(option ?? 'argument', argument);
}

/** `apiKey`, `API_KEY` and `x-api-key` have the same words. */
function wordsOf(name: string): readonly string[] {
  const words = name
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1 $2')
    .replaceAll(/([A-Z])([A-Z][a-z])/g, '$1 $2')
    .toLowerCase();
  return words.split(/[^a-z0-9]+/).filter(Boolean);
}
