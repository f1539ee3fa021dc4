// Keeps the shell of the page (its document, scripts and styles) so that it opens at once, and says where it is when the house cannot be
// reached. Nothing that anybody asked or was answered is ever kept: what is not on this list goes to the house and nowhere else.
const SHELL = ["SHELL"];
const CACHE = `schleuse-shell-${"VERSION"}`;

self.addEventListener("install", (event) => {
  event.waitUntil(
    caches
      .open(CACHE)
      .then((cache) => cache.addAll(SHELL.map((path) => new Request(path, { cache: "reload", credentials: "omit" }))))
      .then(() => self.skipWaiting()),
  );
});

self.addEventListener("activate", (event) => {
  event.waitUntil(
    caches
      .keys()
      .then((names) => Promise.all(names.filter((name) => name.startsWith("schleuse-shell-") && name !== CACHE).map((name) => caches.delete(name))))
      .then(() => self.clients.claim()),
  );
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== "GET" || origin !== self.location.origin) return;
  if (request.mode === "navigate") {
    // A sign-in goes to the house and back; a frame is no page.
    if (request.destination === "document" && !/^\/(?:api|auth|v1)\//u.test(pathname)) event.respondWith(fetch(request).catch(() => kept("/")));
    return;
  }
  if (pathname.startsWith("/assets/") && SHELL.includes(pathname)) event.respondWith(kept(pathname).then((found) => found ?? fetch(request)));
});

async function kept(path) {
  return (await caches.open(CACHE)).match(path);
}
