// Opens the database, starts the client, keeps the service worker. Runs before anything else on the page.
(() => {
  "use strict";
  const { glue, wasm } = document.currentScript.dataset;
  const files = [new URL(document.currentScript.src).pathname, glue]; // by these the worker knows this page's version
  const failures = "yingke.failed-starts:" + glue; // by build, so a new one starts afresh
  const begun = "yingke.begun-start:" + glue; // when the last start began of which the end is not known
  const gaveWay = "yingke.gave-way"; // the build that gave way to this one, until somebody has read it
  const made = "yingke.made-way"; // the build from which this tab went by itself

  // From the client's call to its first screen: a slow tablet heals its database meanwhile, and fetches nothing.
  const START_MS_MAX = 20e3;
  // A start this old is no other tab's that is still under way.
  const HUNG_MS = 15e3;
  // Whoever leaves earlier has not waited for it.
  const WAITED_MS = 5e3;
  const MINUTE_MS = 60e3;

  // The first touch of IndexedDB costs up to 100 ms, so it happens while the wasm is on its way. Opened without a
  // version: whatever a newer or older app left is opened as it is. Only a database that is not there yet is laid out
  // here; every later step is the client's.
  const stores = ["journal", "blocks", "meta", "drafts", "tray", "blobs"];
  const open = new Promise((resolve, reject) => {
    const request = indexedDB.open("yingke");
    request.onupgradeneeded = () => {
      for (const name of stores) request.result.createObjectStore(name, { autoIncrement: name === "journal" });
    };
    request.onsuccess = () => {
      const database = request.result;
      database.onversionchange = () => database.close(); // until the client has a say of its own
      resolve(database);
    };
    request.onerror = () => reject(request.error);
  });
  open.catch(() => {}); // the client asks again, and tells people what is wrong

  const reminders = { permission, subscribe, subscribed, unsubscribe };
  const news = newerGaveWay() ? "fell-back" : "";
  const updates = { updateReady: false, takeOver, news, hasRead, version: "", makeRoom, stands };
  const yingke = { open, build: glue, ...updates, ...reminders };
  globalThis.yingkeStores = stores;
  globalThis.yingke = yingke;

  let stage = "starting"; // then "stands"; "late" may still come to stand, "failed" does not
  let calledAt = 0; // when the client had begun
  let notice; // that it did not start
  let isAtDoor = false; // nobody is in the middle of anything
  let makesWay = false; // for the version that came in the place of this one, which was withdrawn
  let told = ""; // what the worker said last

  start();
  if ("serviceWorker" in navigator) addEventListener("load", () => watchForUpdates().catch(() => {}));

  async function start() {
    if (hungBefore() && await newerGivesWay()) return location.reload();
    settings((kept) => kept.setItem(begun, Date.now()));
    try {
      const client = await import(glue);
      await parsed();
      await client.default({ module_or_path: wasm });
      calledAt = Date.now();
      setTimeout(() => cannotStart(new Error("no screen came"), "late"), START_MS_MAX);
    } catch (error) {
      await cannotStart(error, "failed");
    }
  }

  // A panic ends in one of these, and the client with it.
  for (const event of ["error", "unhandledrejection"]) {
    addEventListener(event, ({ error, reason = error }) => {
      if (reason instanceof WebAssembly.RuntimeError) cannotStart(reason, "failed");
    });
  }

  addEventListener("pagehide", () => {
    if (stage !== "starting") return;
    if (calledAt && Date.now() - calledAt > WAITED_MS) countFailure();
    settings((kept) => kept.removeItem(begun));
  });

  // The client has heard from its database and draws a screen. If that ends in a panic, it has by the next turn.
  function stands(atDoor) {
    isAtDoor = atDoor;
    makeWay();
    if (stage !== "stands") setTimeout(forgetFailures);
  }

  function parsed() {
    if (document.readyState !== "loading") return;
    return new Promise((resolve) => addEventListener("DOMContentLoaded", resolve, { once: true }));
  }

  // ---- Updates: installed in the background, taken over when the person agrees -----------------------------------

  async function watchForUpdates() {
    const worker = navigator.serviceWorker;
    let isTaken = false;
    const tell = async () => {
      const { waiting } = registration;
      const isGood = waiting && worker.controller && !(await asked(waiting, { type: "is-withdrawn" }));
      const isReady = isTaken || Boolean(isGood);
      if (yingke.updateReady === isReady) return;
      yingke.updateReady = isReady;
      dispatchEvent(new Event("yingke-update"));
    };
    const look = () => hearOfWithdrawn().then(tell).catch(() => {});
    // Taken in another tab: this one goes on as it is until the person agrees here too.
    let isTheFirst = !worker.controller;
    worker.addEventListener("controllerchange", () => {
      isTaken ||= !isTheFirst;
      isTheFirst = false;
      look();
    });
    const registration = await worker.register("/sw.js", { updateViaCache: "none" });
    tell();
    registration.addEventListener("updatefound", () => {
      registration.installing?.addEventListener("statechange", tell);
    });
    look();
    setInterval(look, MINUTE_MS);
    addEventListener("online", look);
    // A tablet's page stays open for days, and the browser looks for updates only when a page is opened.
    const hour = 3600e3;
    let looked = Date.now();
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState !== "visible" || Date.now() - looked < hour) return;
      looked = Date.now();
      registration.update().catch(() => {});
    });
  }

  // The person agreed: the waiting version takes over, and this page reloads once. Other tabs go on as they are. Where
  // another tab was first, reloading is all there is to do.
  async function takeOver() {
    const registration = await navigator.serviceWorker?.getRegistration();
    if (!registration?.waiting) return location.reload();
    settings((kept) => kept.removeItem(gaveWay)); // the next one has its own start
    navigator.serviceWorker.addEventListener("controllerchange", () => location.reload(), { once: true });
    registration.waiting.postMessage({ type: "take-over" });
  }

  // Whether the club withdrew this version, and what became of it then.
  async function hearOfWithdrawn() {
    const said = await asked(navigator.serviceWorker.controller, { type: "how-it-stands", files }, 2 * MINUTE_MS);
    if (!said) return;
    yingke.version = said.version;
    makesWay = said.makesWay;
    makeWay();
    if (said.news === told) return;
    yingke.news = told = said.news;
    dispatchEvent(new Event("yingke-update"));
  }

  // Behind the door, once what was saved last is written; from each build once, so that no page loads over and over.
  function makeWay() {
    if (makesWay && isAtDoor) setTimeout(() => {
      try {
        if (!isAtDoor || sessionStorage.getItem(made) === glue) return;
        sessionStorage.setItem(made, glue);
        location.reload();
      } catch {
        // A tab that remembers nothing goes on until its next start.
      }
    }, 2000);
  }

  // Somebody has read the news.
  function hasRead() {
    yingke.news = "";
    settings((kept) => kept.removeItem(gaveWay));
    asked(navigator.serviceWorker?.controller, { type: "has-read" });
  }

  // ---- Reminders: what the endpoint has to say on a lock screen ---------------------------------------------------

  // "default", "granted", "denied", or nothing where there is no push service.
  function permission() {
    if ("PushManager" in globalThis && navigator.serviceWorker) return globalThis.Notification?.permission;
  }

  // Asks the person first: browsers take the question only while a press is fresh.
  async function subscribe(key) {
    if ((await Notification.requestPermission()) !== "granted") return "refused";
    const push = await pushManager();
    const wish = { userVisibleOnly: true, applicationServerKey: key };
    const subscribed = push.subscribe(wish).catch(async (error) => {
      if (error.name !== "InvalidStateError") throw error;
      await unsubscribe(); // made for another endpoint
      return push.subscribe(wish);
    });
    // A browser that does not reach its push service tries for ever.
    return parts(await Promise.race([subscribed, new Promise((resolve) => setTimeout(resolve, 20e3))]));
  }

  async function subscribed() {
    return parts(await (await pushManager())?.getSubscription());
  }

  async function unsubscribe() {
    await (await (await pushManager())?.getSubscription())?.unsubscribe();
  }

  async function pushManager() {
    return (await navigator.serviceWorker?.getRegistration())?.pushManager;
  }

  function parts(subscription) {
    const { endpoint, keys } = subscription?.toJSON() ?? {};
    return endpoint && [endpoint, keys.p256dh, keys.auth];
  }

  // A reminder was tapped: the app is before the person already, and goes to Today by itself.
  navigator.serviceWorker?.addEventListener("message", (event) => {
    if (event.data?.type !== "today") return;
    history.pushState(null, "", "/today");
    dispatchEvent(new PopStateEvent("popstate"));
  });

  // ---- When the client does not start ----------------------------------------------------------------------------

  // The second failure in a row, and any after it, gives way to the version before, where there is one.
  async function cannotStart(error, how) {
    if (stage === "late") stage = how;
    if (stage !== "starting") return;
    stage = how;
    console.error(error);
    const isAgain = countFailure() > 0;
    if (how === "failed") open.then((database) => database.close(), () => {}); // it must not block the other pages
    await parsed();
    if (isAgain && await newerGivesWay()) return location.reload();
    sayItCannotStart(error, how);
    isAtDoor = true;
    makeWay();
  }

  function sayItCannotStart(error, how) {
    const page = document.createElement("main");
    page.className = "cannot-start";
    page.setAttribute("role", "alert");
    page.append(
      paragraph("zh-Hans", "迎客没能打开。已保存的内容都还在这台设备上。请重新打开；还是不行，就更新浏览器。"),
      paragraph("zh-Hant", "迎客沒能打開。已儲存的內容都還在這台裝置上。請重新打開；還是不行，就更新瀏覽器。"),
      paragraph("en", "Yingke could not open. What was saved is still on this device. Open it again; if that does not help, update the browser."),
    );
    const again = document.createElement("button");
    again.type = "button";
    again.textContent = "重新打开 · 重新打開 · Open again";
    again.addEventListener("click", () => location.reload());
    const detail = document.createElement("p");
    detail.lang = "en";
    detail.textContent = String(error);
    page.append(again, detail);
    if (how === "failed") document.body.replaceChildren();
    document.body.prepend(page);
    notice = page;
  }

  function paragraph(lang, text) {
    const element = document.createElement("p");
    element.lang = lang;
    element.textContent = text;
    return element;
  }

  // A browser that keeps no settings counts no failures either.
  function settings(does) {
    try {
      return does(localStorage);
    } catch {
      return null;
    }
  }

  // How many there were before.
  function countFailure() {
    return settings((kept) => {
      const before = Number(kept.getItem(failures));
      kept.setItem(failures, before + 1);
      kept.removeItem(begun);
      return before;
    });
  }

  // A start that hung, or whose browser died, said nothing itself. Whether it was not the first in a row to fail.
  function hungBefore() {
    const at = Number(settings((kept) => kept.getItem(begun)));
    return at > 0 && Date.now() - at > HUNG_MS && countFailure() > 0;
  }

  function forgetFailures() {
    if (stage === "failed") return;
    stage = "stands";
    notice?.remove();
    settings((kept) => {
      kept.removeItem(failures);
      kept.removeItem(begun);
      if (kept.getItem(gaveWay) === glue) kept.removeItem(gaveWay);
    });
  }

  // Whether a newer version did not start, so that this one is here again.
  function newerGaveWay() {
    return settings((kept) => ![null, glue].includes(kept.getItem(gaveWay))) ?? false;
  }

  async function newerGivesWay() {
    if (!(await workerDid("fall-back"))) return false;
    settings((kept) => kept.setItem(gaveWay, glue));
    return true;
  }

  // A save finds no room: the version that is not in use goes. Whether there was one.
  function makeRoom() {
    return workerDid("make-room");
  }

  async function workerDid(type) {
    return (await asked(navigator.serviceWorker?.controller, { type })) === true;
  }

  // What a worker answers; nothing if there is none, or in this time none that does.
  async function asked(worker, message, patienceMs = 3000) {
    if (!worker) return;
    const { port1, port2 } = new MessageChannel();
    const answer = new Promise((resolve) => {
      port1.onmessage = (event) => resolve(event.data);
      setTimeout(resolve, patienceMs);
    });
    worker.postMessage(message, [port2]);
    return answer;
  }
})();
