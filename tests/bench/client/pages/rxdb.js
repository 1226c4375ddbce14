// RxDB over its Dexie storage: a schema with compound indexes, bulkInsert and bulkUpsert, Mango queries.
import { createRxDatabase } from "rxdb/plugins/core";
import { getRxStorageDexie } from "rxdb/plugins/storage-dexie";
import { DUE, FOUND, measure, restBy, rows, said } from "./bench.js";

const STAGES = ["new", "contacted", "tracking", "visited", "won", "lost"];
const text = { type: "string" };
const key = { type: "string", maxLength: 40 };
const schema = {
  version: 0,
  primaryKey: "id",
  type: "object",
  properties: {
    id: key,
    name: text,
    phone: text,
    gender: text,
    source: text,
    stage: key,
    owner: key,
    venue: key,
    next_due: { type: "number", minimum: -1, maximum: 9e15, multipleOf: 1 },
    created_at: { type: "number" },
    notes: text,
    consent: { type: "boolean" },
  },
  required: ["id", "name", "phone", "stage", "owner", "venue", "next_due"],
  indexes: [
    ["owner", "next_due"],
    ["venue", "stage"],
  ],
};

let people;

const literal = (typed) => typed.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
/** Its indexes take no field that is not there. */
const whole = (row) => ({ ...row, next_due: row.next_due ?? 9e15 });
const plain = (documents) => documents.map((document) => document.toJSON());

measure({
  take: (text) => rows(text).map(whole),
  said,
  async open() {
    const storage = getRxStorageDexie({ chromeTransactionDurability: "strict" });
    const database = await createRxDatabase({ name: "rxdb", storage, multiInstance: false, eventReduce: true });
    ({ people } = await database.addCollections({ people: { schema } }));
  },
  async load(all) {
    const { error } = await people.bulkInsert(all);
    if (error.length) throw new Error(`${error.length} were not kept`);
  },
  save: (all, place) => people.insert(all[place]),
  rest: restBy((all) => people.bulkUpsert(all)),
  pull: (all) => people.bulkUpsert(all),
  async due(owner, now) {
    const selector = { owner, next_due: { $lte: now }, stage: { $ne: "lost" } };
    return plain(await people.find({ selector, sort: [{ next_due: "asc" }], limit: DUE }).exec());
  },
  async search(typed) {
    const $regex = literal(typed);
    return plain(await people.find({ selector: { $or: [{ name: { $regex } }, { phone: { $regex } }] }, limit: FOUND }).exec());
  },
  async counts(venue) {
    const counted = STAGES.map((stage) => people.count({ selector: { venue, stage } }).exec());
    const counts = await Promise.all(counted);
    return Object.fromEntries(STAGES.map((stage, place) => [stage, counts[place]]));
  },
});
