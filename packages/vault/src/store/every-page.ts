/**
 * Page after page until the last one, each read when it is asked for. `from` is to be spread into the question: it is
 * empty for the first page, and then holds the cursor of the page before.
 *
 * @param start a cursor to go on from; `undefined`: from the beginning
 * @throws whatever `read` throws
 */
export async function* everyPage<P extends { readonly cursor?: string | undefined }>(
  read: (from: { readonly cursor?: string }) => Promise<P>,
  start?: string,
): AsyncGenerator<P, void, undefined> {
  let cursor = start;
  do {
    const page = await read(cursor === undefined ? {} : { cursor });
    yield page;
    cursor = page.cursor;
  } while (cursor !== undefined);
}
