// Serves the app's own files, and shows what the endpoint reminds of. Records and sync belong to the app.
//
// Each build is a generation: a fixed list of files, each with the digest of its bytes, kept whole in a cache of its
// own or not at all. A new one waits until the person agrees; the one before stays at hand in case it does not start or
// is withdrawn.

// Filled in by `cargo xtask dist`.
const generation = "dev";
const files = new Map([]); // path -> integrity; "/" is the page itself

const PREFIX = "yingke-";
const KEPT = "yingke.kept"; // a cache of notes
const NAMES = "/"; // the kept generations, the one in use first
const WITHDRAWN = "/withdrawn"; // those that the club withdrew, as last heard
const MOVED = "/moved"; // whether another came in the place of one that was withdrawn, until somebody has read so
const GENERATIONS_MAX = 2;

self.addEventListener("install", (event) => event.waitUntil(fill()));

self.addEventListener("activate", (event) => {
  event.waitUntil((async () => {
    await fill().catch(() => {}); // what the browser may have cleared while this version waited
    const before = (await kept()).filter((name) => name !== generation);
    const names = [generation, ...before].slice(0, GENERATIONS_MAX);
    // Browsers activate what waits when the last page is closed, withdrawn or not.
    const withdrawn = await noted(WITHDRAWN, []);
    if (withdrawn.includes(generation) && names.some((name) => !withdrawn.includes(name))) names.reverse();
    await keep(names);
    await self.clients.claim(); // so that the very first visit can go offline
  })());
});

self.addEventListener("message", (event) => {
  const wishes = {
    "take-over": takeOver,
    "take-over-at-once": takeOverAtOnce,
    "fall-back": fallBack,
    "make-room": makeRoom,
    "how-it-stands": howItStands,
    "is-withdrawn": isWithdrawn,
    "has-read": hasRead,
  };
  const wish = wishes[event.data?.type];
  if (wish) event.waitUntil(wish(event.data).then((did) => event.ports[0]?.postMessage(did)));
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== "GET" || origin !== self.location.origin || pathname.startsWith("/v1/")) return;
  // Without the page's help, in case that is what is broken.
  if (request.mode === "navigate") event.waitUntil(look());
  // A page of the app has no dot in its path: /people/7 is one, /openapi.json is not.
  const file = request.mode === "navigate" && !pathname.includes(".") ? "/" : pathname;
  // A name with a hash may belong to the generation before, whose pages are still open.
  if (files.has(file) || hashed(file)) event.respondWith(fromCache(file, request));
});

// A reminder says how many things are late, nothing of anybody. A newer one takes the place of the one before.
self.addEventListener("push", (event) => {
  let said = {};
  try {
    said = event.data.json();
  } catch {
    // Browsers want something shown for every message.
  }
  event.waitUntil(self.registration.showNotification(said.title ?? "迎客", {
    body: said.body ?? "",
    lang: said.lang ?? "",
    tag: "late",
    renotify: true,
    icon: "/icons/mark-192.png",
  }));
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil((async () => {
    const [page] = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
    if (!page) return self.clients.openWindow("/today");
    page.postMessage({ type: "today" });
    return page.focus();
  })());
});

async function fromCache(file, request) {
  for (const name of await kept()) {
    const answer = await (await caches.open(PREFIX + name)).match(file);
    if (answer) return answer;
  }
  return fetch(request);
}

// Fetches what this generation's cache lacks. The digest makes sure that a file is of this very build, even if the
// server is being changed over at the same moment; then the whole installation fails and is tried again later.
async function fill() {
  const cache = await caches.open(PREFIX + generation);
  await Promise.all([...files].map(async ([file, integrity]) => {
    if (await cache.match(file)) return;
    const same = hashed(file) && await caches.match(file); // an unchanged file of the generation before
    const answer = same || await fetch(file, { integrity, cache: hashed(file) ? "default" : "reload" });
    if (!answer.ok) throw new Error(`${file}: ${answer.status}`);
    await cache.put(file, answer);
  }));
}

async function takeOver() {
  self.skipWaiting();
  return true;
}

async function fallBack() {
  const [inUse, aside] = await kept();
  return inUse === generation && goTo(aside, inUse);
}

// From the next start on. Whether it is there.
async function goTo(name, before) {
  if (!name || !(await caches.match("/", { cacheName: PREFIX + name }))) return false;
  await use([name, before]);
  return true;
}

// ---- Versions that the club withdrew: they start, and do harm ----------------------------------------------------

let looking;
let isLeaving = false; // for a newer version, which takes over as soon as this worker is at rest

// Asks the endpoint. What is withdrawn gives way to a newer version, else to the one before; pages that are open go on.
function look() {
  looking ??= leaveWithdrawn().catch(() => {}).finally(() => looking = undefined);
  return looking;
}

async function leaveWithdrawn() {
  const { active } = self.registration;
  if (active?.state === "activating") await inTime(10e3, changed(active)); // pages ask as soon as it has taken over
  // Bounded: while this worker is at work, no other takes over from it.
  const answer = await fetch("/v1/app", { cache: "no-store", signal: AbortSignal.timeout?.(5000) });
  const { withdrawn } = await answer.json();
  if (!Array.isArray(withdrawn)) return; // somebody else's answer
  const before = await noted(WITHDRAWN, []);
  if (String(withdrawn) !== String(before)) await note(WITHDRAWN, withdrawn);
  const [inUse, aside] = await kept();
  // Taken back: this one is in use again.
  const isBack = before.includes(generation) && !withdrawn.includes(generation);
  if (isBack && aside === generation && await goTo(aside, inUse)) return note(MOVED, false);
  if (!withdrawn.includes(inUse)) return;
  isLeaving = await newerTakesOver();
  if (isLeaving) return;
  // What gave way to the one in use did not start, or was withdrawn itself.
  if (inUse === generation && !withdrawn.includes(aside) && await goTo(aside, inUse)) await note(MOVED, true);
}

async function newerTakesOver() {
  const { registration } = self;
  await registration.update().catch(() => {});
  const { installing } = registration;
  if (installing) await inTime(60e3, changed(installing));
  if (!registration.waiting) return false;
  return inTime(3000, (resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = (event) => resolve(event.data);
    registration.waiting.postMessage({ type: "take-over-at-once" }, [port2]);
  });
}

function changed(worker) {
  return (resolve) => worker.addEventListener("statechange", resolve, { once: true });
}

function inTime(ms, begin) {
  return new Promise((resolve) => {
    setTimeout(resolve, ms, false);
    begin(resolve);
  });
}

async function takeOverAtOnce() {
  if (await isWithdrawn()) return false;
  await note(MOVED, true);
  self.skipWaiting(); // once the worker that asks has its answer
  return true;
}

async function isWithdrawn() {
  return (await noted(WITHDRAWN, [])).includes(generation);
}

// What a page of these files has to know: the version in use, and whether to make way for it, or else what to tell.
async function howItStands({ files }) {
  await look();
  const [version] = await kept();
  const found = await Promise.all(files.map((file) => caches.match(file, { cacheName: PREFIX + version })));
  const hasMoved = await noted(MOVED, false);
  if (!found.every(Boolean)) return { version, makesWay: hasMoved, news: "" };
  const stays = !isLeaving && (await noted(WITHDRAWN, [])).includes(version);
  return { version, news: stays ? "stays" : hasMoved ? "withdrawn" : "" };
}

async function hasRead() {
  await note(MOVED, false);
  return true;
}

// A save finds no room: the generation that is not in use goes. Whether there was one.
async function makeRoom() {
  const [inUse, ...rest] = await kept();
  if (!rest.length) return false;
  for (const name of rest) await caches.delete(PREFIX + name);
  await use([inUse]).catch(() => {}); // no room for this either: the cache that is not there is passed over
  return true;
}

// Asked for every file, so it is read once in a worker's life.
let keptNames;

function kept() {
  keptNames ??= noted(NAMES, [generation]);
  return keptNames;
}

async function keep(names) {
  await use(names);
  const wanted = new Set(names.map((name) => PREFIX + name));
  for (const name of await caches.keys()) {
    if (name.startsWith(PREFIX) && !wanted.has(name)) await caches.delete(name);
  }
}

async function use(names) {
  keptNames = Promise.resolve(names);
  await note(NAMES, names);
}

async function noted(what, otherwise) {
  const answer = await caches.match(what, { cacheName: KEPT });
  return answer ? answer.json() : otherwise;
}

async function note(what, value) {
  await (await caches.open(KEPT)).put(what, new Response(JSON.stringify(value)));
}

function hashed(file) {
  return /-[0-9a-f]{8,}\.[a-z]+$/.test(file);
}
