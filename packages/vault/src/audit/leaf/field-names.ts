import { holdsSecretShape } from './secret-shapes.ts';

// Names of parameters are the tool's and may be kept. But whoever calls can send any name, and some tools take maps whose
// names are data: ids, addresses, keys. So a name is kept only when it reads like one: short, or made of words.

const shortMax = 12;
const lengthMax = 48;
const wordMax = 20;

/** Whether a name may be kept as it is: it is made of words, of letters, digits and a few signs, and begins with none of the digits. */
export function isFieldName(name: string): boolean {
  if (name.length > lengthMax || !/^[A-Za-z_$][\w.$:/[\] -]*$/.test(name)) return false;
  if (name.startsWith('hmac:')) return false;
  if (name.length <= shortMax) return true;
  const words = name.match(/[A-Z]?[a-z]+|[A-Z]+|\d+/g) ?? [];
  const letters = name.replaceAll(/[^A-Za-z]/g, '').length;
  // A random text changes between capitals, small letters and digits all the time.
  return (
    letters >= 3 * words.length && words.every(({ length }) => length <= wordMax) && !holdsSecretShape(name)
  );
}

const secretName =
  /(?:^|[^a-z])(?:pass(?:word|wd|phrase)?|secret|token|credentials?|auth(?:orization)?|cookie|api[-_ ]?key|private[-_ ]?key|pin|otp|cvc|cvv)(?:$|[^a-z])/i;

/** Whether what lies under this name is likely to be a secret, such as `db_password` or `apiKey`. */
export function isSecretName(name: string): boolean {
  return secretName.test(name.replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2'));
}

const pair = /(?<![\w.-])([A-Za-z][\w.-]{0,47})["']?\s?([=:])\s?["']?(?=[^\s&"',;]{4})/g;
const keyName =
  /^(?:code|key|session(?:[-_]?id)?|sid|sig|signature|[\w.-]+[-_.](?:key|sig|signature|session))$/i;

/** Whether a text says a secret by name, as addresses do: `?api_key=…`, `&sig=…`, `password: …`. */
export function saysSecret(text: string): boolean {
  for (const [, name = '', sign] of text.matchAll(pair))
    if (isSecretName(name) || (sign === '=' && keyName.test(name))) return true;
  return false;
}
