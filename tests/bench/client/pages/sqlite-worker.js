// The worker that SQLite's OPFS needs: access handles are to be had in workers only.
import start from "@sqlite.org/sqlite-wasm";
import { DUE, FOUND } from "./bench.js";

const COLUMNS = [
  "id", "name", "phone", "gender", "source", "stage", "owner", "venue", "next_due", "created_at", "notes", "consent",
];

let sqlite;
let database;
let put;
const prepared = new Map();

function all(sql, bind) {
  if (!prepared.has(sql)) prepared.set(sql, database.prepare(sql));
  const statement = prepared.get(sql).bind(bind);
  const rows = [];
  while (statement.step()) rows.push(statement.get({}));
  statement.reset();
  return rows;
}

const steps = {
  async open() {
    sqlite = await start();
    const pool = await sqlite.installOpfsSAHPoolVfs({});
    database = new pool.OpfsSAHPoolDb("/people.sqlite");
    database.exec(`
      create table if not exists people (
        id text primary key, name text, phone text, gender text, source text, stage text, owner text, venue text,
        next_due integer, created_at integer, notes text, consent integer) without rowid;
      create index if not exists due on people (owner, next_due);
      create index if not exists stage on people (venue, stage);`);
    put = database.prepare(`insert or replace into people values (${COLUMNS.map(() => "?").join(", ")})`);
  },
  put(rows) {
    database.transaction(() => {
      for (const row of rows) put.bind(COLUMNS.map((name) => row[name] ?? null)).stepReset();
    });
  },
  due: (owner, now) =>
    all(`select * from people where owner = ? and next_due <= ? and stage <> 'lost' order by next_due limit ${DUE}`, [owner, now]),
  search: (typed) =>
    all(`select * from people where instr(name, ?1) or instr(phone, ?1) limit ${FOUND}`, [typed]),
  counts(venue) {
    const rows = all("select stage, count(*) as count from people where venue = ? group by stage", [venue]);
    return Object.fromEntries(rows.map((row) => [row.stage, row.count]));
  },
  memory: () => sqlite.wasm.heap8u().byteLength + (performance.memory?.usedJSHeapSize ?? 0),
};

onmessage = async ({ data: [number, what, with_] }) => {
  try {
    postMessage([number, await steps[what](...with_)]);
  } catch (error) {
    postMessage([number, null, String(error?.message ?? error)]);
  }
};
