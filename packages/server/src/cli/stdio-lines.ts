const newline = 0x0a;

/**
 * Lines of a stream, without their ends; empty ones are left out. A line of more than `bytesMax` bytes is skipped and
 * comes as `undefined`; what follows the last line end is a line too.
 */
export async function* linesOf(
  input: AsyncIterable<Uint8Array | string>,
  bytesMax: number,
): AsyncGenerator<string | undefined> {
  let held: Uint8Array[] = [];
  let heldBytes = 0;
  let skipping = false;
  const take = (): string | undefined => {
    const text = skipping ? undefined : Buffer.concat(held).toString('utf8').trim();
    held = [];
    heldBytes = 0;
    skipping = false;
    return text;
  };
  for await (const chunk of input) {
    let rest = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    for (let end = rest.indexOf(newline); end !== -1; end = rest.indexOf(newline)) {
      held.push(rest.subarray(0, end));
      if (heldBytes + end > bytesMax) skipping = true;
      const line = take();
      if (line !== '') yield line;
      rest = rest.subarray(end + 1);
    }
    if (rest.length === 0) continue;
    heldBytes += rest.length;
    if (heldBytes > bytesMax) {
      skipping = true;
      held = [];
    }
    if (!skipping) held.push(rest);
  }
  const last = take();
  if (last !== '') yield last;
}
