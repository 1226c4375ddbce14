// Dexie: a table with compound indexes, bulk writes. Strict durability is an option of its constructor.
import Dexie from "dexie";
import { DUE, FOUND, holds, measure, restBy, rows, said } from "./bench.js";

const STAGES = ["new", "contacted", "tracking", "visited", "won", "lost"];
const database = new Dexie("dexie", { chromeTransactionDurability: "strict" });
database.version(1).stores({ people: "id, [owner+next_due], [venue+stage]" });
const { people } = database;

measure({
  take: rows,
  said,
  open: () => database.open(),
  load: (all) => people.bulkAdd(all),
  save: (all, place) => people.add(all[place]),
  rest: restBy((all) => people.bulkPut(all)),
  pull: (all) => people.bulkPut(all),
  due: (owner, now) =>
    people
      .where("[owner+next_due]")
      .between([owner, Dexie.minKey], [owner, now], true, true)
      .filter((row) => row.stage !== "lost")
      .limit(DUE)
      .toArray(),
  search: (typed) => people.filter((row) => holds(row, typed)).limit(FOUND).toArray(),
  async counts(venue) {
    const counted = STAGES.map((stage) => people.where("[venue+stage]").equals([venue, stage]).count());
    const counts = await Promise.all(counted);
    return Object.fromEntries(STAGES.map((stage, place) => [stage, counts[place]]));
  },
});
