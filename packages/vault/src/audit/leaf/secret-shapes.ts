// What secrets of widespread kinds look like, wherever they turn up: bearer headers, JSON web tokens, keys of clouds, forges
// and payment services, private keys, and addresses with a password in them.

const shapes = [
  /\b(?:bearer|basic|token)\s+[A-Za-z0-9+/._~=-]{8,}/i,
  /\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\./,
  /\b(?:sk|pk|rk)[-_](?:live|test|proj|ant)?[-_A-Za-z0-9]{16,}/,
  /\b(?:gh[pousr]_|github_pat_|glpat-|npm_|xox[abeprs]-|hf_|sg[a-z]_|dop_v1_|shp(?:at|ss)_|AIza|ya29\.)[A-Za-z0-9_-]{10,}/,
  /\bA(?:KIA|SIA)[A-Z0-9]{16}\b/,
  /-----BEGIN [A-Z ]*PRIVATE KEY-----/,
  /^[a-z][a-z0-9+.-]*:\/\/[^/?#\s:]*:[^/?#\s]*@/i,
];

/** Whether a text is or holds what looks like a secret. */
export function holdsSecretShape(text: string): boolean {
  return shapes.some((shape) => shape.test(text));
}
