import { type ComponentType, lazy } from "react";
import type { PageName } from "../lib/contract";
import type { IconName } from "../components/icons";

interface Route {
  icon: IconName;
  /** Where it stands in the navigation; the chat and the own pages have places of their own. */
  group: "watch" | "manage" | "understand" | undefined;
  /** Something that only this page's readers may read; asked to say why somebody else may not. */
  probe: string;
  view: ComponentType<{ query: string }> | undefined;
}

/** Everything but the chat and the sign-in comes when it is first visited. */
export const ROUTES: Record<PageName, Route> = {
  chat: { icon: "chat", group: undefined, probe: "/api/chat/conversations", view: undefined },
  decisions: { icon: "decisions", group: "watch", probe: "/api/decisions?limit=1", view: lazy(() => import("../features/decisions/Decisions")) },
  now: { icon: "now", group: "watch", probe: "/api/now", view: lazy(() => import("../features/now/Now")) },
  audit: { icon: "audit", group: "watch", probe: "/api/audit/checkpoint", view: lazy(() => import("../features/audit/Audit")) },
  people: { icon: "people", group: "manage", probe: "/api/people", view: lazy(() => import("../features/people/People")) },
  keys: { icon: "keys", group: "manage", probe: "/api/keys", view: lazy(() => import("../features/keys/Keys")) },
  upstreams: { icon: "upstreams", group: "manage", probe: "/api/upstreams", view: lazy(() => import("../features/upstreams/Upstreams")) },
  policies: { icon: "policies", group: "manage", probe: "/api/policies", view: lazy(() => import("../features/policies/Policies")) },
  posture: { icon: "posture", group: "manage", probe: "/api/posture", view: lazy(() => import("../features/posture/Posture")) },
  access: { icon: "access", group: "understand", probe: "/api/access?model=any", view: lazy(() => import("../features/access/AccessPage")) },
  sessions: { icon: "sessions", group: undefined, probe: "/auth/sessions", view: lazy(() => import("../features/sessions/Sessions")) },
  limits: { icon: "limits", group: undefined, probe: "/api/limits", view: lazy(() => import("../features/limits/Limits")) },
};

/** Pages that belong to whoever may chat. */
export type Part = "shared" | "assistants" | "data" | "approvals";

/** The page that a path names, with what stands behind it. */
export function routeOf(path: string): { page: PageName; rest: string | undefined; part?: Part } | undefined {
  const [, name = "", rest, more] = path.split("/");
  // What others share belongs to whoever may chat.
  if (name === "assistants") return rest === undefined || rest === "" ? { page: "chat", rest: undefined, part: "assistants" } : undefined;
  // What is stored about somebody, and what they asked others for, belongs to them.
  if (name === "data" || name === "approvals") return rest === undefined || rest === "" ? { page: "chat", rest: undefined, part: name } : undefined;
  if (name === "shared") return routeOf(path.replace("/shared", "/chat"))?.page === "chat" && more === undefined ? { page: "chat", rest: decoded(rest), part: "shared" } : undefined;
  if (!Object.hasOwn(ROUTES, name) || more !== undefined) return undefined;
  const page = name as PageName;
  // Only the chat has pages below it.
  if (rest !== undefined && rest !== "" && page !== "chat") return undefined;
  try {
    return { page, rest: decoded(rest) };
  } catch {
    return undefined;
  }
}

function decoded(part: string | undefined): string | undefined {
  return part === undefined || part === "" ? undefined : decodeURIComponent(part);
}
