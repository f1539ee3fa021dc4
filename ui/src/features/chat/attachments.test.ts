import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { attach, attached, type Attachment, changeMasks, detach, forgetAttached, handOver, isUnderWay, MOST_BYTES, MOST_FILES } from "./attachments";

/** Uploads that wait until the test answers them. */
class Upload extends EventTarget {
  static all: Upload[] = [];
  readonly upload = new EventTarget();
  path = "";
  status = 0;
  responseText = "";
  aborted = false;
  open(_method: string, path: string) {
    this.path = path;
  }
  setRequestHeader() {
    // Nothing here depends on them.
  }
  getResponseHeader() {
    return null;
  }
  send() {
    Upload.all.push(this);
  }
  abort() {
    this.aborted = true;
    this.dispatchEvent(new Event("abort"));
  }
  answer(status: number, body: unknown) {
    Object.assign(this, { status, responseText: JSON.stringify(body) });
    this.dispatchEvent(new Event("load"));
  }
}

const sent = (id: string, state: Attachment["state"]): Attachment => ({
  id, state, name: id, kind: "text", bytes: 1, created: "", reason: null, label: "INTERNAL", characters: 1, pages: null, cut: false, omitted: [], findings: [], blocked: false,
});
const file = (name: string, size = 1) => Object.defineProperty(new File(["x"], name), "size", { value: size });
const rows = () => attached.value()["c"] ?? [];
const started = () => new Promise((resolve) => setTimeout(resolve, 5));
let asked: string[] = [];

beforeEach(() => {
  Upload.all = [];
  asked = [];
  vi.stubGlobal("XMLHttpRequest", Upload);
  vi.stubGlobal("fetch", (path: string, { method = "GET" }: RequestInit) => {
    asked.push(`${method} ${path}`);
    const id = path.split("/").at(-1)?.split("?")[0] ?? "";
    return Promise.resolve(method === "DELETE" ? new Response(null, { status: 204 }) : Response.json(sent(id, "ready")));
  });
});

afterEach(() => {
  forgetAttached();
  vi.unstubAllGlobals();
});

it("two are on their way at once, the next when one has arrived, and each is asked after until it is read", async () => {
  expect(attach("c", ["a", "b", "c", "d"].map((name) => file(name)), "con_1")).toBe(0);
  await started();
  expect(Upload.all.map(({ path }) => path)).toEqual(["/api/chat/attachments?name=a&conversation=con_1", "/api/chat/attachments?name=b&conversation=con_1"]);
  expect(rows().map(({ state }) => state)).toEqual(["sending", "sending", "waiting", "waiting"]);
  Upload.all[0]?.upload.dispatchEvent(Object.assign(new Event("progress"), { loaded: 1, total: 2 }));
  expect(rows()[0]?.sent).toBe(0.5);
  Upload.all[0]?.answer(202, sent("att_a", "quarantined"));
  await vi.waitFor(() => expect(Upload.all).toHaveLength(3));
  await vi.waitFor(() => expect(rows()[0]?.state).toBe("ready"));
  expect(asked).toContain("GET /api/chat/attachments/att_a?after=quarantined");
});

it("what is too large or too many is said at once and never sent", async () => {
  const many = Array.from({ length: MOST_FILES + 3 }, (_, index) => file(`f${index}`, index === 0 ? MOST_BYTES + 1 : 1));
  expect(attach("c", many, undefined)).toBe(3);
  expect(rows()).toHaveLength(MOST_FILES);
  expect(rows()[0]).toMatchObject({ state: "failed", refusal: { code: "file_too_large" } });
  await started();
  expect(Upload.all.map(({ path }) => path)).toEqual(["/api/chat/attachments?name=f1", "/api/chat/attachments?name=f2"]);
});

it("one is cancelled while it waits, while it is sent, and after it arrived", async () => {
  attach("c", ["a", "b", "c"].map((name) => file(name)), undefined);
  await started();
  const [a, , c] = rows();
  detach("c", c?.key ?? "");
  detach("c", a?.key ?? "");
  expect(Upload.all[0]?.aborted).toBe(true);
  Upload.all[1]?.answer(202, sent("att_b", "ready"));
  await vi.waitFor(() => expect(rows()[0]?.state).toBe("ready"));
  expect(Upload.all).toHaveLength(2);
  detach("c", rows()[0]?.key ?? "");
  expect(rows()).toEqual([]);
  await vi.waitFor(() => expect(asked).toContain("DELETE /api/chat/attachments/att_b"));
});

it("a refusal stays with its file, and only what is read goes with the question", async () => {
  attach("c", [file("a"), file("b")], undefined);
  await started();
  Upload.all[0]?.answer(413, { error: { code: "request_too_large", message: "Too large." } });
  Upload.all[1]?.answer(202, sent("att_b", "ready"));
  await vi.waitFor(() => expect(rows().map(({ state }) => state)).toEqual(["failed", "ready"]));
  expect(rows()[0]?.refusal?.message).toBe("Too large.");
  expect(rows().some(isUnderWay)).toBe(false);
  changeMasks("c", rows()[1]?.key ?? "", () => [{ start: 0, end: 1, type: "IBAN" }]);
  expect(handOver("c").map(({ attachment, masks }) => [attachment?.id, masks.length])).toEqual([["att_b", 1]]);
  expect(rows()).toEqual([]);
});
