/** Runs pieces of work one behind the other, in the order in which they come. One that fails ends with itself. */
export function oneBehindTheOther(): <V>(work: () => Promise<V>) => Promise<V> {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const done = last.then(work);
    last = done.catch(() => undefined);
    return done;
  };
}
