// What every contender is asked, and how its time is taken. A page's script names its contender and calls `measure`.
//
// A contender has
//   open()               opens what is there, as far as the first question needs it
//   take(text)           makes of JSON, one person a line, what its other methods take; not counted
//   load(people)         keeps all of them; done when they are durable
//   save(people, n)      keeps one more; done when it is durable
//   rest(people, n)      keeps those from this one on; not counted
//   pull(people)         keeps what was changed elsewhere; done when it is durable and questions see it
//   due(owner, now)      the first 50 whom the owner has to contact by now, nobody who is lost, the longest overdue first
//   search(typed, owner) 20 whose name or phone holds it
//   counts(venue)        how many people of a venue are in each stage
//   idle()               what it does when nobody waits, if anything
//   memory()             bytes that it holds outside of JavaScript's heap, if any
// and gives people as it would draw them; `phones` and `dues` of an answer are for comparison.

export const DUE = 50;
export const FOUND = 20;
/** Milliseconds after which no more samples of one question are taken. */
const BUDGET_MS = 4000;
/** A question that takes less is asked a thousand times together: that is near the resolution of the clock. */
const SHORT_MS = 0.05;

export function measure(contender) {
  const text = async (file) => (await fetch(file)).text();
  const steps = {
    async load() {
      const people = await contender.take(await text("/people.ndjson"), "people");
      await contender.begin?.(people);
      const [ms] = await times(1, () => contender.load(people));
      const [idle] = await times(1, () => contender.idle?.());
      return { ms, idle };
    },
    async save({ round, count }) {
      const people = await contender.take(await text(`/saves-${round}.ndjson`), `saves-${round}`);
      const all = await times(count, (place) => contender.save(people, place));
      // Whoever is too slow has the rest at once, so that everybody is asked about the same people.
      if (all.length < count) await contender.rest(people, all.length);
      return { all };
    },
    async pull({ rounds, count, owner, now }) {
      const all = [];
      for (const round of rounds) {
        const people = await contender.take(await text(`/edits-${round}.ndjson`), `edits-${round}`, { count, round });
        const [ms] = await times(1, async () => {
          await contender.pull(people);
          await contender.due(owner, now);
        });
        all.push(ms);
      }
      await contender.idle?.();
      return { all };
    },
    due: ({ owner, now, count }) => asked(count, () => contender.due(owner, now)),
    search: ({ typed, owner, count }) => asked(count, () => contender.search(typed, owner)),
    counts: ({ venue, count }) => asked(count, () => contender.counts(venue)),
    async memory() {
      globalThis.gc?.();
      const outside = (await contender.memory?.()) ?? 0;
      return { heap: performance.memory?.usedJSHeapSize ?? 0, outside };
    },
  };

  async function asked(count, ask) {
    const all = await times(count, ask);
    const together = median(all) < SHORT_MS ? await thousand(ask) : null;
    return { all, together, answer: contender.said(await ask()) };
  }

  globalThis.bench = async (step, argument, done) => {
    try {
      await ready;
      done({ value: await steps[step](argument) });
    } catch (error) {
      done({ fault: `${error?.name ?? ""} ${error?.message ?? error} ${error?.stack ?? ""}` });
    }
  };

  // Counted from the beginning of the navigation, as the browser does.
  const first = new URLSearchParams(location.search);
  const ready = (async () => {
    await contender.open();
    if (first.get("first") === "due") await contender.due(first.get("owner"), Number(first.get("now")));
    if (first.get("first") === "search") await contender.search(first.get("typed"), first.get("owner"));
    const ms = performance.now();
    steps.first = async () => ({ ms });
  })();
  ready.catch(() => {}); // told to whoever asks
}

async function times(count, run) {
  const all = [];
  const began = performance.now();
  for (let place = 0; place < count && (place < 3 || performance.now() - began < BUDGET_MS); place += 1) {
    const from = performance.now();
    const pending = run(place);
    if (pending instanceof Promise) await pending;
    all.push(performance.now() - from);
  }
  return all;
}

async function thousand(run) {
  const from = performance.now();
  for (let place = 0; place < 1000; place += 1) {
    const pending = run(place);
    if (pending instanceof Promise) await pending;
  }
  return (performance.now() - from) / 1000;
}

const median = (all) => [...all].sort((one, other) => one - other)[all.length >> 1];

/** What peers make of text: objects. */
export const rows = (text) => text.split("\n").filter(Boolean).map((line) => JSON.parse(line));

/** What peers answered, for comparison. */
export function said(answer) {
  if (Array.isArray(answer)) return { phones: answer.map((row) => row.phone), dues: answer.map((row) => row.next_due) };
  return { counts: answer };
}

/** Peers keep many as they keep what was changed. */
export const restBy = (pull) => (people, from) => pull(people.slice(from));

export const holds = (row, typed) => row.name.includes(typed) || row.phone.includes(typed);
