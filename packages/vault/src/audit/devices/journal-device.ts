import type { OpenCommitter } from '../committer.ts';
import type { Rows } from '../rows.ts';
import type { Device, DeviceReads } from './device.ts';

/** The journal itself, as the first device: what everybody reads. @param rows stay open longer than the device */
export function journalDevice(path: string, rows: Rows, openCommitter: OpenCommitter): Device {
  return {
    name: 'journal',
    async open() {
      const committer = await openCommitter(path);
      return { ...readsOf(rows), ...committer };
    },
  };
}

/** The journal's rows, as they are read of either device. */
export function readsOf(rows: Rows): DeviceReads {
  return { last: async () => rows.last(), from: async (n, max) => rows.from(n, false, max) };
}
