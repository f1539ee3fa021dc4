// What people of the mock house ask a second person for: that a text may pass once.
import { examined } from "./trust.mjs";

export function createApprovals() {
  const rows = new Map();

  /** `POST` and `GET /api/chat/releases`. */
  function releases({ method, body, session, ok }) {
    if (method === "GET") return ok({ releases: [...rows.values()].filter(({ person }) => person === session.person).map(owned).toReversed() });
    const types = {};
    for (const { type, action } of examined(body.content).findings) if (action === "BLOCK") types[type] = (types[type] ?? 0) + 1;
    const row = { id: `rel_${rows.size + 1}`, person: session.person, content: body.content, model: body.model, label: body.label ?? "INTERNAL", reason: body.reason, types, state: "waiting", created: new Date().toISOString(), expires: new Date(Date.now() + 3_600_000).toISOString(), decider: null, decided: null };
    rows.set(row.id, row);
    return ok({ id: row.id, state: row.state, types, label: row.label, expires: row.expires }, 202);
  }

  /** Whether this text may pass now; it may only once. */
  function use(id, content, person) {
    const row = rows.get(id);
    if (row?.state !== "granted" || row.content !== content || row.person !== person) return false;
    row.state = "used";
    return true;
  }

  /** `GET /api/approvals`, and what somebody decides. */
  function answer({ method, path, session, ok, refuse }) {
    const [, , , id, verb] = path.split("/");
    const mayDecide = session.role === "security";
    const shown = ({ person, state, content: _content, ...row }) => ({
      ...row, kind: "release", conversation: null, owner: person, asker: person, from: row.label, to: row.label, routes: ["engine"],
      state: { waiting: "pending", granted: "approved", denied: "refused" }[state] ?? state,
      may_decide: mayDecide && person !== session.person && state === "waiting",
    });
    if (method === "GET") return ok({ approvals: [...rows.values()].filter(({ person }) => mayDecide || person === session.person).map(shown).toReversed() });
    const row = rows.get(id);
    if (!row || !shown(row).may_decide) return refuse("access_denied");
    Object.assign(row, { state: verb === "approve" ? "granted" : "denied", decider: session.person, decided: new Date().toISOString() });
    return ok(shown(row));
  }

  return { releases, use, answer };
}

function owned({ id, state, reason, types, model, label, created, expires }) {
  return { id, state, reason, types, model, label, created, expires, note: null };
}
