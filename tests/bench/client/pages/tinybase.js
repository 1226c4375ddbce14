// TinyBase: a store in memory with indexes, kept by its IndexedDB persister. That takes no wish for durability.
import { createIndexes, createStore } from "tinybase";
import { createIndexedDbPersister } from "tinybase/persisters/persister-indexed-db";
import { DUE, FOUND, holds, measure, restBy, rows, said } from "./bench.js";

const store = createStore();
const indexes = createIndexes(store);
indexes.setIndexDefinition("due", "people", "owner", "next_due");
indexes.setIndexDefinition("stage", "people", (cell) => `${cell("venue")} ${cell("stage")}`);
const persister = createIndexedDbPersister(store, "tinybase");
const STAGES = ["new", "contacted", "tracking", "visited", "won", "lost"];

/** A cell holds a text, a number or a boolean. */
const cells = ({ id, ...row }) => Object.fromEntries(Object.entries(row).filter(([, value]) => value !== null));

function put(all) {
  store.transaction(() => {
    for (const row of all) store.setRow("people", row.id, cells(row));
  });
  return persister.save();
}

measure({
  take: rows,
  said,
  open: () => persister.load(),
  load: put,
  save: (all, place) => put([all[place]]),
  rest: restBy(put),
  pull: put,
  due(owner, now) {
    const found = [];
    for (const id of indexes.getSliceRowIds("due", owner)) {
      const row = store.getRow("people", id);
      if (row.next_due > now || found.length === DUE) break;
      if (row.next_due !== undefined && row.stage !== "lost") found.push(row);
    }
    return found;
  },
  search(typed) {
    const found = [];
    store.forEachRow("people", (id) => {
      if (found.length < FOUND) {
        const name = store.getCell("people", id, "name");
        const phone = store.getCell("people", id, "phone");
        if (holds({ name, phone }, typed)) found.push(store.getRow("people", id));
      }
    });
    return found;
  },
  counts: (venue) =>
    Object.fromEntries(STAGES.map((stage) => [stage, indexes.getSliceRowIds("stage", `${venue} ${stage}`).length])),
});
