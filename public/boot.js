// Opens the database, starts the client, keeps the service worker. Runs before anything else on the page.
(() => {
  "use strict";
  const { glue, wasm } = document.currentScript.dataset;
  const failures = "yingke.failed-starts:" + glue; // by build, so a new one starts afresh
  const gaveWay = "yingke.gave-way"; // the build that gave way to this one, until somebody has read it

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
  const updates = { updateReady: false, takeOver, fellBack: newerGaveWay(), forgetFallBack, makeRoom };
  const yingke = { open, build: glue, ...updates, ...reminders };
  globalThis.yingkeStores = stores;
  globalThis.yingke = yingke;

  start();
  if ("serviceWorker" in navigator) addEventListener("load", () => watchForUpdates().catch(() => {}));

  async function start() {
    try {
      const client = await import(glue);
      await parsed();
      await client.default({ module_or_path: wasm });
      forgetFailures();
    } catch (error) {
      console.error(error);
      open.then((database) => database.close(), () => {}); // a page that cannot use it must not block the others
      await parsed();
      await sayItCannotStart(error);
    }
  }

  function parsed() {
    if (document.readyState !== "loading") return;
    return new Promise((resolve) => addEventListener("DOMContentLoaded", resolve, { once: true }));
  }

  // ---- Updates: installed in the background, taken over when the person agrees -----------------------------------

  async function watchForUpdates() {
    const worker = navigator.serviceWorker;
    const offer = () => {
      yingke.updateReady = true;
      dispatchEvent(new Event("yingke-update"));
    };
    // Taken in another tab: this one goes on as it is until the person agrees here too.
    let isTheFirst = !worker.controller;
    worker.addEventListener("controllerchange", () => {
      if (!isTheFirst) offer();
      isTheFirst = false;
    });
    const registration = await worker.register("/sw.js", { updateViaCache: "none" });
    const tell = () => {
      if (registration.waiting && worker.controller) offer();
    };
    tell();
    registration.addEventListener("updatefound", () => {
      registration.installing?.addEventListener("statechange", tell);
    });
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
    forgetFallBack(); // the next one has its own start
    navigator.serviceWorker.addEventListener("controllerchange", () => location.reload(), { once: true });
    registration.waiting.postMessage({ type: "take-over" });
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

  // The second failure in a row gives way to the version before, where there is one.
  async function sayItCannotStart(error) {
    if (await fellBack()) return location.reload();
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
    document.body.replaceChildren(page);
  }

  function paragraph(lang, text) {
    const element = document.createElement("p");
    element.lang = lang;
    element.textContent = text;
    return element;
  }

  function forgetFailures() {
    try {
      localStorage.removeItem(failures);
      if (localStorage.getItem(gaveWay) === glue) localStorage.removeItem(gaveWay);
    } catch {
      // A browser that keeps no settings counts no failures either.
    }
  }

  // Whether a newer version did not start, so that this one is here again.
  function newerGaveWay() {
    try {
      return ![null, glue].includes(localStorage.getItem(gaveWay));
    } catch {
      return false;
    }
  }

  function forgetFallBack() {
    try {
      localStorage.removeItem(gaveWay);
    } catch {
      // Nor does it remember this.
    }
  }

  async function fellBack() {
    try {
      const before = Number(localStorage.getItem(failures) ?? 0);
      localStorage.setItem(failures, before + 1);
      if (before !== 1 || !(await workerDid("fall-back"))) return false;
      localStorage.setItem(gaveWay, glue);
      return true;
    } catch {
      return false;
    }
  }

  // A save finds no room: the version that is not in use goes. Whether there was one.
  function makeRoom() {
    return workerDid("make-room").catch(() => false);
  }

  async function workerDid(type) {
    const worker = navigator.serviceWorker?.controller;
    if (!worker) return false;
    const { port1, port2 } = new MessageChannel();
    const answer = new Promise((resolve) => {
      port1.onmessage = (event) => resolve(event.data === true);
      setTimeout(resolve, 3000, false);
    });
    worker.postMessage({ type }, [port2]);
    return answer;
  }
})();
