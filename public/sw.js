// Serves the app's own files, and shows what the endpoint reminds of. Records and sync belong to the app.
//
// Each build is a generation: a fixed list of files, each with the digest of its bytes, kept whole in a cache of its
// own or not at all. A new one waits until the person agrees; the one before stays at hand in case it does not start.

// Filled in by `cargo xtask dist`.
const generation = "dev";
const files = new Map([]); // path -> integrity; "/" is the page itself

const PREFIX = "yingke-";
const KEPT = "yingke.kept"; // a cache with one entry: the names of the kept generations, the one in use first
const GENERATIONS_MAX = 2;

self.addEventListener("install", (event) => event.waitUntil(fill()));

self.addEventListener("activate", (event) => {
  event.waitUntil((async () => {
    await fill().catch(() => {}); // what the browser may have cleared while this version waited
    const before = await kept();
    await keep([generation, ...before.filter((name) => name !== generation)].slice(0, GENERATIONS_MAX));
    await self.clients.claim(); // so that the very first visit can go offline
  })());
});

self.addEventListener("message", (event) => {
  if (event.data?.type === "take-over") self.skipWaiting();
  const wishes = { "fall-back": fallBack, "make-room": makeRoom };
  const wish = wishes[event.data?.type];
  if (wish) event.waitUntil(wish().then((did) => event.ports[0]?.postMessage(did)));
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== "GET" || origin !== self.location.origin || pathname.startsWith("/v1/")) return;
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

async function fallBack() {
  const names = await kept();
  if (names[0] !== generation || names.length < 2 || !(await caches.has(PREFIX + names[1]))) return false;
  await keep([names[1], names[0]]);
  return true;
}

// A save finds no room: the generation that is not in use goes. Whether there was one.
async function makeRoom() {
  const [inUse, ...rest] = await kept();
  if (!rest.length) return false;
  for (const name of rest) await caches.delete(PREFIX + name);
  keptNames = Promise.resolve([inUse]);
  await note([inUse]).catch(() => {}); // no room for this either: the cache that is not there is passed over
  return true;
}

// Asked for every file, so it is read once in a worker's life.
let keptNames;

function kept() {
  keptNames ??= (async () => {
    const answer = await (await caches.open(KEPT)).match("/");
    return answer ? answer.json() : [generation];
  })();
  return keptNames;
}

async function keep(names) {
  keptNames = Promise.resolve(names);
  await note(names);
  const wanted = new Set(names.map((name) => PREFIX + name));
  for (const name of await caches.keys()) {
    if (name.startsWith(PREFIX) && !wanted.has(name)) await caches.delete(name);
  }
}

async function note(names) {
  await (await caches.open(KEPT)).put("/", new Response(JSON.stringify(names)));
}

function hashed(file) {
  return /-[0-9a-f]{8,}\.[a-z]+$/.test(file);
}
