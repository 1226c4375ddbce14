// Ours, as `src/app/bench.rs` gives it. The boot script of the client starts it, as it starts the client.
import { measure } from "./bench.js";
import { People, Tablet } from "/ours-glue.js";

const SAVES = 1_000_000;

let tablet;
let people;

const lines = (text) => text.split("\n").filter(Boolean).map((line) => line.split("\t"));

measure({
  async open() {
    await globalThis.started;
    tablet = await Tablet.start();
  },
  take(text, what, edits) {
    if (what === "people") {
      people = People.read(text, 1);
      return people.changes();
    }
    if (edits) return people.edits(edits.count, edits.round);
    return People.read(text, SAVES + Number(what.split("-")[1]));
  },
  begin: () => tablet.enrol(people),
  load: (changes) => tablet.pull(changes),
  idle: () => tablet.checkpoint(),
  save: (saves, place) => tablet.save(saves, place),
  async rest(saves, from) {
    for (let place = from; place < saves.count(); place += 1) await tablet.save(saves, place);
  },
  pull: (changes) => tablet.pull(changes),
  due: (owner, now) => tablet.due(owner, now),
  search: (typed, owner) => tablet.search(typed, owner),
  counts: (venue) => tablet.counts(venue),
  memory: () => tablet.memory(),
  said(answer) {
    const all = lines(answer);
    if (all.every((line) => line.length === 2)) {
      return { counts: Object.fromEntries(all.map(([stage, count]) => [stage, Number(count)])) };
    }
    return { phones: all.map((line) => line[1]), dues: all.map((line) => Number(line[2])) };
  },
});
