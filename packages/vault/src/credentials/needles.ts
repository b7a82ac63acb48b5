import type { Placement } from './placement.ts';

// The forms in which an upstream is likely to say a secret back. Shorter needles would blot out ordinary text,
// so a form below six bytes is not searched; docs/credentials.md says what scrubbing cannot catch.
const needleBytesMin = 6;

/**
 * The byte sequences to look for in an answer: the secret as it is, as JSON text, percent-encoded, as in a form, in
 * base64 and base64url, and for a basic credential its password and its whole header value.
 *
 * @returns longest first, so that a form that contains another is blotted out whole
 */
export function needlesOf(secret: Buffer, placement: Placement): readonly Buffer[] {
  const isBasic = placement.in === 'header' && placement.scheme === 'basic';
  // A view's own text is what the pattern reads: most secrets need no other forms, and this is asked for each call.
  if (!isBasic && secret.length >= needleBytesMin && unreserved.test(secret.toString('latin1')))
    return plainNeedles(secret);
  const forms = new Set(formsOf(secret.toString('utf8')));
  if (isBasic) {
    const colon = secret.indexOf(0x3a);
    for (const form of formsOf(secret.toString('utf8', colon + 1))) forms.add(form);
  }
  return [...forms]
    .map((form) => Buffer.from(form, 'utf8'))
    .filter((needle) => needle.length >= needleBytesMin)
    .toSorted((a, b) => b.length - a.length);
}

// What JSON and percent-encoding write as it is (RFC 3986 §2.3): most API keys and tokens are nothing else.
const unreserved = /^[A-Za-z0-9\-._~]*$/;

// Base64 is longer than what it says, so the order is known; both alphabets write most secrets alike.
function plainNeedles(secret: Buffer): readonly Buffer[] {
  const url = secret.toString('base64url');
  const needles = [Buffer.from(url, 'latin1'), Buffer.from(secret)];
  if (/[-_]/.test(url)) needles.unshift(Buffer.from(url.replaceAll('-', '+').replaceAll('_', '/'), 'latin1'));
  return needles;
}

function formsOf(text: string): readonly string[] {
  const bytes = Buffer.from(text, 'utf8');
  return [
    text,
    ...jsonForms(JSON.stringify(text).slice(1, -1)),
    ...percentForms(encodeURIComponent(text)),
    // As in a form: a space is `+` (WHATWG URL, application/x-www-form-urlencoded).
    new URLSearchParams([['', text]]).toString().slice(1),
    bytes.toString('base64').replaceAll('=', ''),
    bytes.toString('base64url'),
  ];
}

// What writers of JSON escape beyond what they must: slashes, whatever is not ASCII, what HTML reads.
function jsonForms(json: string): readonly string[] {
  const escaped = (character: string): string =>
    `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  const ascii = json.replaceAll(/[\u007f-\uffff]/g, escaped);
  return [
    json,
    json.replaceAll('/', '\\/'),
    ascii,
    ascii.replaceAll('/', '\\/'),
    json.replaceAll(/[<>&\u2028\u2029]/g, escaped),
  ];
}

// Hexadecimal digits are written large or small, and a slash of a path as it is.
function percentForms(percent: string): readonly string[] {
  const small = percent.replaceAll(/%../g, (byte) => byte.toLowerCase());
  return [percent, small, percent.replaceAll('%2F', '/')];
}
