// Serves ui/dist with the real security headers in front of the mock house. `node testing/serve.mjs [PORT]`
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname } from "node:path";
import { createHouse } from "./house.mjs";

const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
};

/** Starts on a loopback port (0: any free one) and gives the server and its URL. */
export async function serve(port = 0, options = {}) {
  const dist = new URL("../dist/", import.meta.url);
  const policy = (await readFile(new URL("../csp.txt", import.meta.url), "utf8")).trim();
  const answer = createHouse(options);
  const server = createServer(async (request, response) => {
    try {
      if (await answer(request, response)) return;
      const path = new URL(request.url, "http://house").pathname;
      // Every address that is no file is the page's own, as in the house: the page decides what stands there.
      const name = /^\/assets\/[\w.-]+$/u.test(path) ? path.slice(1) : path.startsWith("/assets/") ? undefined : "index.html";
      const body = name === undefined ? undefined : await readFile(new URL(name, dist)).catch(() => undefined);
      response.writeHead(body ? 200 : 404, {
        "content-security-policy": policy,
        "content-type": TYPES[extname(name ?? "")] ?? "text/plain; charset=utf-8",
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
      });
      response.end(body ?? "not found");
    } catch (error) {
      console.error(error);
      response.destroy();
    }
  });
  await new Promise((resolve) => server.listen(port, "127.0.0.1", resolve));
  return { server, url: `http://127.0.0.1:${server.address().port}` };
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  const { url } = await serve(Number(process.argv[2] ?? 0));
  console.log(url);
}
