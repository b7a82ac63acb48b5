/**
 * Do the same with many things, so many at a time: fast, without asking everything of a store at once. Waits for all;
 * a failure does not stop the others.
 *
 * @throws the first failure, after the last one is done
 */
export async function abreast<T>(
  things: Iterable<T>,
  width: number,
  work: (thing: T) => Promise<void>,
): Promise<void> {
  const left = Array.from(things).values();
  const failures: unknown[] = [];
  const lane = async (): Promise<void> => {
    for (const thing of left)
      try {
        await work(thing);
      } catch (error) {
        failures.push(error);
      }
  };
  await Promise.all(Array.from({ length: width }, lane));
  if (failures.length > 0) throw failures[0];
}
