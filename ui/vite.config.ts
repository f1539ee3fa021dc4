import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import type { IncomingMessage, ServerResponse } from "node:http";
import { pathToFileURL } from "node:url";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";
import { app } from "./building/app";

/** `npm run dev` talks to the mock house, so that the page can be worked on without a gateway. */
function mockHouse(): Plugin {
  return {
    name: "mock-house",
    apply: "serve",
    async configureServer(server) {
      const house = pathToFileURL(`${server.config.root}/testing/house.mjs`).href;
      const { createHouse } = (await import(house)) as {
        createHouse: () => (request: IncomingMessage, response: ServerResponse) => Promise<boolean>;
      };
      const answer = createHouse();
      server.middlewares.use((request, response, next) => {
        answer(request, response).then((answered) => {
          if (!answered) next();
        }, next);
      });
    },
  };
}

export default defineConfig(({ mode }) => ({
  plugins: [react(), tailwindcss(), ...(mode === "test" ? [] : [mockHouse(), app()])],
  build: {
    // The content security policy has no `data:` but for images, and no inline scripts.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: "es2023",
    // The licences of what is bundled travel with it.
    license: { fileName: "licenses.md" },
  },
  test: { environment: "happy-dom", include: ["src/**/*.test.{ts,tsx}"] },
}));
