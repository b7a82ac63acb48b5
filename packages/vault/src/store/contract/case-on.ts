/**
 * A case of a contract: it opens something empty, works on it, and closes it whatever happens.
 *
 * @param close closes what was opened and removes what it stored
 */
export function caseOn<Opened>(
  name: string,
  body: (opened: Opened) => Promise<void>,
  close: (opened: Opened) => Promise<void>,
): { readonly name: string; run(open: () => Promise<Opened>): Promise<void> } {
  return {
    name,
    async run(open) {
      const opened = await open();
      try {
        await body(opened);
      } finally {
        await close(opened);
      }
    },
  };
}
