import { statfs } from 'node:fs/promises';

/**
 * File systems of Linux (the magic numbers of `statfs(2)`) that others can write to behind the kernel's back: it takes a
 * watch on them and then reports only what this machine did.
 */
const remote = new Set([
  0x6969, // nfs
  0x517b, // smb
  0xff534d42, // cifs
  0xfe534d42, // smb2
  0x01021997, // 9p: folders of Windows in WSL 2
  0x65735546, // fuse: sshfs, and what containers mount of their host
  0x786f4256, // vboxsf
  0xbacbacbc, // vmhgfs
  0x00c36400, // ceph
  0x5346414f, // afs
  0x6b414653, // kafs
  0x73757245, // coda
  0x0bd00bd0, // lustre
  0x01161970, // gfs2
  0x7461636f, // ocfs2
  0x19830326, // fhgfs
  0x47504653, // gpfs
]);

/** Whether the system can be expected to report what changes in a folder. */
export async function reportsChanges(folder: string): Promise<boolean> {
  // The other systems' own ways of watching reach network folders.
  if (process.platform !== 'linux') return true;
  try {
    const { type } = await statfs(folder);
    return !remote.has(type >>> 0);
  } catch {
    return true;
  }
}
