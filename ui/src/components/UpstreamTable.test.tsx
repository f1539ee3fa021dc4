import { renderToStaticMarkup } from "react-dom/server";
import { expect, it } from "vitest";
import type { Upstream } from "../lib/contract";
import { UpstreamTable } from "./UpstreamTable";

const UPSTREAM: Upstream = {
  name: "vllm-1",
  url: "http://10.0.0.1:8000",
  zone: "local",
  region: "EU",
  max_label: "CONFIDENTIAL",
  models: ["llama"],
  healthy: true,
  in_flight: 3,
  queue: null,
};

/** What a row shows, and what it does not. */
function check(change: Partial<Upstream>, buttons: boolean, expected: string[], missing: string[]) {
  const table = buttons ? <UpstreamTable upstreams={[{ ...UPSTREAM, ...change }]} onDrain={() => undefined} /> : <UpstreamTable upstreams={[{ ...UPSTREAM, ...change }]} />;
  const text = renderToStaticMarkup(table);
  for (const part of expected) expect(text).toContain(part);
  for (const part of missing) expect(text).not.toContain(part);
}

it("says who is out of use, and offers the change only where it can be made", () => {
  check({}, false, ["vllm-1"], ["data-drain", "draining"]);
  check({}, true, ["Take out of use: “vllm-1”"], ["draining"]);
  check({ draining: true }, true, ["Use again: “vllm-1”", "draining"], ["Take out of use"]);
  check({ draining: true }, false, ["taken out"], ["data-drain"]);
});
