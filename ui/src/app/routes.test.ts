import { expect, it } from "vitest";
import { routeOf } from "./routes";

it("a path names a page, or none", () => {
  const check = (path: string, expected: object | undefined) => expect(routeOf(path), path).toEqual(expected);
  check("/decisions", { page: "decisions", rest: undefined });
  check("/chat", { page: "chat", rest: undefined });
  check("/chat/", { page: "chat", rest: undefined });
  check("/chat/con%201", { page: "chat", rest: "con 1" });
  check("/chat/a/b", undefined);
  check("/chat/%ff", undefined);
  check("/people/p-1", undefined);
  check("/assistants", { page: "chat", rest: undefined, part: "assistants" });
  check("/assistants/x", undefined);
  check("/data", { page: "chat", rest: undefined, part: "data" });
  check("/data/x", undefined);
  check("/approvals", { page: "chat", rest: undefined, part: "approvals" });
  check("/constructor", undefined);
  check("/", undefined);
  check("/Decisions", undefined);
});
