import { useCallback, useEffect, useRef, useState } from "react";
import { read } from "./api";
import { useLanguage } from "./language";
import { type Refusal, refusalIn } from "./refusal";

export interface Loaded<T> {
  data: T | undefined;
  refusal: Refusal | undefined;
  /** Whether a request is under way. */
  busy: boolean;
  reload: () => void;
}

/** Reads a path, again when it or the language changes; nothing without a path. The last answer stays until the next. */
export function useLoad<T>(path: string | undefined): Loaded<T> {
  const { language } = useLanguage();
  const [turn, setTurn] = useState(0);
  const [state, setState] = useState<{ key?: string; path?: string; data?: T; refusal?: Refusal }>({});
  const key = `${turn} ${language} ${path ?? ""}`;

  useEffect(() => {
    if (path === undefined) return undefined;
    const controller = new AbortController();
    read<T>(path, controller.signal).then(
      (data) => setState({ key, path, data }),
      (error: unknown) => {
        if (!controller.signal.aborted) setState({ key, path, refusal: refusalIn(error) });
      },
    );
    return () => controller.abort();
  }, [path, key]);

  const reload = useCallback(() => setTurn((last) => last + 1), []);
  const current = path !== undefined && state.path === path;
  return {
    data: current ? state.data : undefined,
    refusal: current ? state.refusal : undefined,
    busy: path !== undefined && state.key !== key,
    reload,
  };
}

/** Calls again and again while the page is visible. */
export function usePolling(call: () => void, everyMs: number) {
  const latest = useRef(call);
  useEffect(() => {
    latest.current = call;
  });
  useEffect(() => {
    const timer = setInterval(() => {
      if (document.visibilityState === "visible") latest.current();
    }, everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
}

/** Runs something that the house may refuse, once at a time. */
export function useAct() {
  const [busy, setBusy] = useState(false);
  const [refusal, setRefusal] = useState<Refusal>();
  const act = useCallback(async (work: () => Promise<void>) => {
    setBusy(true);
    setRefusal(undefined);
    try {
      await work();
      return true;
    } catch (error) {
      setRefusal(refusalIn(error));
      return false;
    } finally {
      setBusy(false);
    }
  }, []);
  return { busy, refusal, act };
}
