import type { Batch } from '../batch.ts';
import { openThread } from '../thread.ts';
import { apart } from '../worker-committer.ts';
import type { Device } from './device.ts';
import type { FileRequest } from './file-worker.ts';

/** The second device: a file of sealed batches, best on another volume. @param path from the configuration, never from a request */
export function fileDevice(path: string): Device {
  return {
    name: 'second',
    async open() {
      const thread = await openThread({
        from: import.meta.url,
        file: './file-worker',
        name: 'second device',
        data: path,
      });
      const ask = (request: FileRequest) => thread.ask(request);
      return {
        async commit(batch) {
          await ask({ append: apart(batch) });
        },
        // It keeps everything: whoever holds it may have set that only ever something is appended to it.
        trim: async () => undefined,
        last: async () => (await ask({ last: true })) as Batch | undefined,
        from: async (n, max) => (await ask({ from: n, max })) as readonly Batch[],
        close: thread.close,
      };
    },
  };
}
