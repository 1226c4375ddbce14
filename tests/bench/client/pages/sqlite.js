// SQLite in WebAssembly: in a worker, in OPFS by its pool of access handles, which its documentation calls the fastest.
import { measure, restBy, rows, said } from "./bench.js";

let worker;
let asked = 0;
const waiting = new Map();

function ask(what, ...with_) {
  asked += 1;
  worker.postMessage([asked, what, with_]);
  return new Promise((resolve, reject) => waiting.set(asked, { resolve, reject }));
}

measure({
  take: rows,
  said,
  open() {
    worker = new Worker("/sqlite-worker.js", { type: "module" });
    worker.onmessage = ({ data: [number, answer, fault] }) => {
      const { resolve, reject } = waiting.get(number);
      waiting.delete(number);
      if (fault) reject(new Error(fault));
      else resolve(answer);
    };
    return ask("open");
  },
  load: (all) => ask("put", all),
  save: (all, place) => ask("put", [all[place]]),
  rest: restBy((all) => ask("put", all)),
  pull: (all) => ask("put", all),
  due: (owner, now) => ask("due", owner, now),
  search: (typed) => ask("search", typed),
  counts: (venue) => ask("counts", venue),
  memory: () => ask("memory"),
});
