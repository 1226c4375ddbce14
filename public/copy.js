// Keeps this tab's file of the second copy of unsent work. Only a worker may write a file in place and have it on the
// disk at once. What lies in it is the page's to say (src/app/browser/copy/file.rs); here bytes are bytes.
"use strict";

let own; // this tab's file, which nobody else can open for as long as the tab lives: { handle, end }
let jobs = Promise.resolve();

self.onmessage = ({ data: { job, bytes } }) => {
  jobs = jobs.then(() => work[job](bytes)).then(
    (answer) => self.postMessage({ answer }),
    (error) => self.postMessage({ error: String(error) }),
  );
};

const work = {
  // What lies in every tab's file; the one that was written last comes last.
  async read() {
    // Older browsers know files that cannot be written in place, and so hold no copy.
    if (!FileSystemFileHandle.prototype.createSyncAccessHandle) throw new Error("no file is written in place here");
    const files = [];
    for await (const handle of (await folder()).values()) files.push(await handle.getFile());
    files.sort((one, other) => one.lastModified - other.lastModified);
    return Promise.all(files.map(async (file) => new Uint8Array(await file.arrayBuffer())));
  },

  // A new file takes the place of this tab's, whole or not at all, and of those whose tabs have ended.
  async begin(bytes) {
    const all = await folder();
    const before = own;
    const name = crypto.randomUUID();
    const file = await all.getFileHandle(name, { create: true });
    let handle;
    try {
      handle = await file.createSyncAccessHandle();
      own = { handle, end: 0 };
      await this.append(bytes);
    } catch (error) {
      own = before;
      await handle?.close();
      await all.removeEntry(name);
      throw error;
    }
    await before?.handle.close();
    await removeAllBut(name);
  },

  async append(bytes) {
    if (!own) throw new Error("no file was begun");
    const { handle, end } = own;
    // Older browsers answer all of these later, newer ones at once.
    const written = await handle.write(bytes, { at: end });
    if (written < bytes.length) {
      await handle.truncate(end);
      throw new Error("no room");
    }
    await handle.flush();
    own.end = end + written;
  },

  async forget() {
    await own?.handle.close();
    own = undefined;
    await removeAllBut();
  },
};

async function folder() {
  return (await navigator.storage.getDirectory()).getDirectoryHandle("copy", { create: true });
}

// Files of tabs that live stay: they are locked.
async function removeAllBut(kept) {
  const all = await folder();
  const names = [];
  for await (const name of all.keys()) names.push(name);
  for (const name of names) if (name !== kept) await all.removeEntry(name).catch(() => {});
}
