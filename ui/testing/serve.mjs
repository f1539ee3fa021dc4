// Serves ui/dist with the real security headers in front of the mock house, or of a real one. `node testing/serve.mjs [PORT]`
import { readFile } from "node:fs/promises";
import { createServer, request as ask } from "node:http";
import { extname } from "node:path";
import { createHouse } from "./house.mjs";

const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".webmanifest": "application/manifest+json",
};

/** Hands everything but the page itself to the house at this address. */
function handTo(house) {
  const { hostname, port } = new URL(house);
  return async (request, response) => {
    if (!/^\/(?:api|auth|v1|house\.json)(?:[/?]|$)/u.test(request.url)) return false;
    const { method, url: path, headers } = request;
    const asked = ask({ hostname, port, method, path, headers }, (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
      answer.on("error", () => response.destroy());
    });
    asked.on("error", () => response.destroy());
    response.on("close", () => asked.destroy());
    request.pipe(asked);
    return true;
  };
}

/** Starts on a loopback port (0: any free one) and gives the server and its URL. With `house`, the page stands in front of the house there. */
export async function serve(port = 0, options = {}) {
  const dist = new URL("../dist/", import.meta.url);
  const policy = (await readFile(new URL("../csp.txt", import.meta.url), "utf8")).trim();
  const answer = options.house === undefined ? createHouse(options) : handTo(options.house);
  const framePolicy = (await readFile(new URL("../frame-csp.txt", import.meta.url), "utf8")).trim();
  const server = createServer(async (request, response) => {
    try {
      if (await answer(request, response)) return;
      const path = new URL(request.url, "http://house").pathname;
      // Every address that is no file is the page's own, as in the house: the page decides what stands there.
      const name = /^\/(?:service-worker\.js|frame\.html)$/u.test(path) ? path.slice(1) : /^\/assets\/[\w.-]+$/u.test(path) ? path.slice(1) : path.startsWith("/assets/") ? undefined : "index.html";
      const plain = name === undefined ? undefined : await readFile(new URL(name, dist)).catch(() => undefined);
      const small = plain && /\bgzip\b/u.test(request.headers["accept-encoding"] ?? "") ? await readFile(new URL(`${name}.gz`, dist)).catch(() => undefined) : undefined;
      const body = small ?? plain;
      response.writeHead(body ? 200 : 404, {
        ...(small ? { "content-encoding": "gzip", vary: "accept-encoding" } : {}),
        "content-security-policy": name === "frame.html" ? framePolicy : policy,
        "content-type": TYPES[extname(name ?? "")] ?? "text/plain; charset=utf-8",
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        ...(name === "frame.html" ? { "x-dns-prefetch-control": "off" } : {}),
        "cache-control": path.startsWith("/assets/") ? "public, max-age=31536000, immutable" : "no-cache",
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
