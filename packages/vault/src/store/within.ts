/**
 * What a promise comes to, if it does so in time. What it comes to later is nobody's any more; it is not ended by this.
 *
 * @throws Error when it is late, or whatever the promise rejects with
 */
export async function within<V>(ms: number, work: Promise<V>): Promise<V> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
