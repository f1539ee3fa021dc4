// A mock house for work on the page and for its tests: the answers have the house's shapes, the words are canned.
// It decides by a few patterns only; the real rules live in the gate.
import { createApprovals } from "./approvals.mjs";
import { createChat } from "./chat.mjs";
import { createConsole } from "./console.mjs";
import { bodyOf, MODELS, PAGES, refusal, ROLES, SAY, send, setPassage } from "./shapes.mjs";

const NAMES = { employee: "Ada Lindner", engineer: "Ben Okafor", security: "Clara Weiß", admin: "David Sommer", auditor: "Eva Brandt" };

/**
 * Makes a house: a function that answers a request and says whether it did. `providers` adds other ways to sign in than
 * roles and keys; `pause` is the time between two pieces of an answer, in milliseconds.
 */
export function createHouse({ demo = true, engine = true, providers = false, pause = 12 } = {}) {
  let requests = 0;
  const sessions = new Map();
  const approvals = createApprovals();
  const chat = createChat({ pause, approvals, isAlive: ({ token }) => sessions.has(token) });
  const desk = createConsole({ sessions });

  function signIn(response, role, method, agent) {
    const id = `ses_${Math.random().toString(36).slice(2, 12)}`;
    const token = `ss-schl${Math.random().toString(36).slice(2)}`;
    const now = new Date().toISOString();
    const session = { id, token, role, person: `p-${role}`, name: NAMES[role], groups: role === "employee" ? ["sales"] : [], method, agent, created: now, last_seen: now };
    session.expires = new Date(Date.now() + 12 * 3_600_000).toISOString();
    sessions.set(token, session);
    response.setHeader("set-cookie", `schleuse=${token}; HttpOnly; SameSite=Strict; Path=/`);
    return session;
  }

  return async function answer(request, response) {
    const { pathname: path, searchParams: query } = new URL(request.url, "http://house");
    const language = (request.headers["accept-language"] ?? "").startsWith("de") ? "de" : "en";
    const { method } = request;
    if (path === "/house.json") {
      const shown = engine ? { model: MODELS[0], demonstration: true } : null;
      send(response, 200, { name: demo ? "Schleuse (Demo)" : "Haus am Kanal", demo, roles: demo ? ROLES : [], engine: shown, accessibility_contact: "barrierefrei@haus.example" });
      return true;
    }
    if (!/^\/(?:v1|auth|api)\//u.test(path)) return false;

    requests += 1;
    const id = `req_${requests.toString().padStart(6, "0")}abcdefghijklmnop`;
    response.setHeader("x-schleuse-request-id", id);
    const refuse = (code, findings = []) => {
      send(response, SAY[code].status, refusal(code, language, id, findings));
      return true;
    };
    const ok = (body, status = 200) => {
      if (status === 204) response.writeHead(204).end();
      else send(response, status, body);
      return true;
    };
    const token = /(?:^|; )schleuse=([^;]+)/u.exec(request.headers.cookie ?? "")?.[1];
    const session = sessions.get(token);
    const fromPage = request.headers["sec-fetch-site"] === "same-origin";
    if (method !== "GET" && !fromPage) return refuse("access_denied");
    const isFile = path === "/api/chat/attachments";
    const parsed = !isFile && (method === "POST" || method === "PUT") ? JSON.parse((await bodyOf(request)) || "{}") : {};

    if (path === "/auth/methods") {
      const more = [
        { id: "hauskonto", kind: "oidc", name: "Hauskonto" },
        { id: "partner", kind: "oidc", name: "Partner-Anmeldung" },
        { id: "verzeichnis", kind: "ldap", name: "Verzeichnis Nord" },
      ];
      return ok({ methods: [...(demo ? [{ kind: "demo", roles: ROLES }] : []), ...(providers ? more : []), { kind: "key" }] });
    }
    const entered = (role, how) => ok(described(signIn(response, role, how, request.headers["user-agent"] ?? "")));
    if (path === "/auth/demo" && demo && ROLES.includes(parsed.role)) return entered(parsed.role, "demo");
    if (path === "/auth/key") {
      const role = ROLES.find((name) => parsed.key === `sk-mock-${name}`);
      return role ? entered(role, "key") : refuse("invalid_api_key");
    }
    if (path === "/auth/ldap/verzeichnis" && providers) return parsed.password === "lock" ? entered("employee", "ldap") : refuse("invalid_api_key");
    if (/^\/auth\/oidc\/[\w-]+\/start$/u.test(path) && providers) {
      if (path.includes("partner")) {
        response.writeHead(303, { location: `/sign-in?refused=sign_in_failed&request_id=${id}` }).end();
        return true;
      }
      signIn(response, "employee", "oidc", request.headers["user-agent"] ?? "");
      response.writeHead(303, { location: query.get("return") ?? "/" }).end();
      return true;
    }
    if (!session) return refuse("invalid_api_key");
    session.last_seen = new Date().toISOString();

    if (path === "/auth/session") return ok(described(session));
    if (path === "/auth/sign-out") {
      sessions.delete(token);
      return ok({ next: null });
    }
    const own = () => [...sessions.values()].filter(({ person }) => person === session.person);
    if (path === "/auth/sessions") return ok({ sessions: own().map((row) => ({ ...listed(row), current: row.id === session.id })) });
    const [, ended] = /^\/auth\/sessions\/(\w+)$/u.exec(path) ?? [];
    if (ended && method === "DELETE") {
      for (const row of own()) if (row.id === ended) sessions.delete(row.token);
      return ok(undefined, 204);
    }

    setPassage(response, id);
    if (path === "/v1/models") {
      if (session.role === "auditor") return refuse("access_denied");
      return ok({ object: "list", data: engine ? MODELS.map((name) => ({ id: name, object: "model" })) : [] });
    }
    const context = { method, path, query, body: parsed, session, language, requestId: id, request, response, ok, refuse };
    if (path.startsWith("/api/chat/")) return PAGES[session.role].includes("chat") ? chat(context) : refuse("access_denied");
    if (path === "/api/approvals" || path.startsWith("/api/approvals/")) return approvals.answer(context);
    if (path.startsWith("/api/")) return desk(context);
    return refuse("not_found");
  };
}

function described({ id, created, expires, method, person, name, role, groups }) {
  return { person, name, role, groups, session: { id, created, expires, method }, pages: PAGES[role] };
}

export function listed({ id, person, role, method, created, last_seen, expires, agent }) {
  return { id, person, role, method, created, last_seen, expires, agent };
}
