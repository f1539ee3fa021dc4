import { type RefObject, useEffect, useState } from "react";
import { type Chosen, FILTERS } from "../../components/Filters";
import type { Decision } from "../../lib/contract";
import { follow, type Following } from "../../lib/live";

/**
 * Adds decisions as they are made, from behind the newest known one on, those that the filters let through. Gives whether
 * the stream is connected.
 */
export function useLiveDecisions(active: boolean, newest: RefObject<number | undefined>, chosen: Chosen, add: Add): boolean {
  const [connected, setConnected] = useState(false);

  useEffect(() => {
    if (!active) return undefined;
    const controller = new AbortController();
    // What ends it is either our own doing or a refusal, and that the list itself will meet, too.
    listen({ signal: controller.signal, after: String(newest.current ?? ""), onConnected: setConnected }, chosen, add).catch(() => setConnected(false));
    return () => {
      controller.abort();
      setConnected(false);
    };
  }, [active, newest, chosen, add]);

  return connected;
}

type Add = (decision: Decision) => void;

async function listen(following: Following, chosen: Chosen, add: Add) {
  for await (const { event, data } of follow("/api/decisions/live", { ...following, patience: Number.POSITIVE_INFINITY })) {
    if (event !== "decision") continue;
    const decision = JSON.parse(data) as Decision;
    if (passes(decision, chosen)) add(decision);
  }
}

/** The same question that the house answers for the list. */
export function passes(decision: Decision, chosen: Chosen): boolean {
  return FILTERS.every((name) => {
    const wanted = chosen[name];
    if (wanted === undefined) return true;
    return name === "rule" ? decision.rules.includes(wanted) : decision[name] === wanted;
  });
}
