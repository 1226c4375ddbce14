// Raw IndexedDB: one row a record, strict durability, an index for each list.
import { DUE, FOUND, holds, measure, restBy, rows, said } from "./bench.js";

const PEOPLE = "people";
const STAGES = ["new", "contacted", "tracking", "visited", "won", "lost"];
/** Rows read at a time while looking for something that no index has. */
const BATCH = 1000;

let database;

const done = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

const completed = (transaction) =>
  new Promise((resolve, reject) => {
    transaction.oncomplete = resolve;
    transaction.onabort = () => reject(transaction.error);
  });

const people = () => database.transaction(PEOPLE).objectStore(PEOPLE);

async function put(all) {
  const transaction = database.transaction(PEOPLE, "readwrite", { durability: "strict" });
  const store = transaction.objectStore(PEOPLE);
  for (const row of all) store.put(row);
  transaction.commit();
  await completed(transaction);
}

measure({
  take: rows,
  said,
  async open() {
    const request = indexedDB.open("floor", 1);
    request.onupgradeneeded = () => {
      const store = request.result.createObjectStore(PEOPLE, { keyPath: "id" });
      store.createIndex("due", ["owner", "next_due"]);
      store.createIndex("stage", ["venue", "stage"]);
    };
    database = await done(request);
  },
  load: put,
  save: (all, place) => put([all[place]]),
  rest: restBy(put),
  pull: put,
  due(owner, now) {
    const range = IDBKeyRange.bound([owner, -Infinity], [owner, now]);
    const request = people().index("due").openCursor(range);
    const found = [];
    return new Promise((resolve, reject) => {
      request.onerror = () => reject(request.error);
      request.onsuccess = () => {
        const cursor = request.result;
        if (cursor && cursor.value.stage !== "lost") found.push(cursor.value);
        if (!cursor || found.length === DUE) resolve(found);
        else cursor.continue();
      };
    });
  },
  async search(typed) {
    const store = people();
    const found = [];
    let range = null;
    for (;;) {
      const batch = await done(store.getAll(range, BATCH));
      for (const row of batch) if (found.length < FOUND && holds(row, typed)) found.push(row);
      if (found.length === FOUND || batch.length < BATCH) return found;
      range = IDBKeyRange.lowerBound(batch.at(-1).id, true);
    }
  },
  async counts(venue) {
    const index = people().index("stage");
    const counted = STAGES.map((stage) => done(index.count([venue, stage])));
    const counts = {};
    (await Promise.all(counted)).forEach((count, place) => (counts[STAGES[place]] = count));
    return counts;
  },
});
