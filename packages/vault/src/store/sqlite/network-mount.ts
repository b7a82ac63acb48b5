import { statfsSync } from 'node:fs';
import { platform } from 'node:process';

// SQLite's write-ahead log keeps its index in shared memory, which no network file system offers
// (sqlite.org/wal.html, "Disadvantages" 2). A file on one is opened by one process alone, with a rollback journal.

/** Numbers of `statfs(2)` on Linux (linux/magic.h and the file systems' own sources). */
const networkTypes = new Map<number, string>([
  [0x6969, 'NFS'],
  [0x517b, 'SMB'],
  [0xff534d42, 'CIFS'],
  [0xfe534d42, 'SMB2'],
  [0x65735546, 'FUSE'],
  [0x01021997, '9p'],
  [0x00c36400, 'Ceph'],
  [0x5346414f, 'AFS'],
  [0x73757245, 'Coda'],
  [0x0bd00bd0, 'Lustre'],
  [0x47504653, 'GPFS'],
  [0x01161970, 'GFS2'],
  [0x7461636f, 'OCFS2'],
  [0x786f4256, 'VirtualBox'],
]);

/** Name of the network or foreign file system with this number; `undefined` for a local one. */
export function networkType(statfsType: number): string | undefined {
  // Signed on some architectures.
  return networkTypes.get(statfsType >>> 0);
}

/** Whether the directory lies on a network or foreign file system. Known on Linux; elsewhere `false`, and the operator says so. */
export function onNetworkMount(directory: string): boolean {
  return platform === 'linux' && networkType(statfsSync(directory).type) !== undefined;
}
