// The published log by path. What is asked for is looked up, never opened as a file; still a path has exactly one spelling, so
// that whatever stands before the gateway, and the gateway, mean the same.

const prefix = '/audit/log/';
const step = /^(?!\.{1,2}$)[\w.!~*'()%-]{1,600}$/;
const stepsMax = 12;

/** The path within the log that a request's target names; `undefined` when it names none, or in another spelling. */
export function logPathIn(target: string): string | undefined {
  if (!target.startsWith(prefix)) return undefined;
  const written = target.slice(prefix.length).split('/');
  if (written.length > stepsMax) return undefined;
  const steps = written.map(stepIn);
  return steps.includes(undefined) ? undefined : steps.join('/');
}

function stepIn(written: string): string | undefined {
  try {
    const read = decodeURIComponent(written);
    return step.test(read) && encodeURIComponent(read) === written ? read : undefined;
  } catch {
    return undefined;
  }
}

/** Headers of a file: tiles and bundles never change, what is signed over them does. */
export function headersOf(path: string): Readonly<Record<string, string>> {
  const isTile = /\/tile\/[^/]+\//.test(path);
  const type = isTile
    ? 'application/octet-stream'
    : path.endsWith('.json')
      ? 'application/json'
      : 'text/plain; charset=utf-8';
  return {
    'content-type': type,
    'cache-control': isTile ? 'private, max-age=31536000, immutable' : 'no-store',
    vary: 'authorization',
    'x-content-type-options': 'nosniff',
  };
}
