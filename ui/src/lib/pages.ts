import { useCallback, useEffect, useState } from "react";
import { read } from "./api";
import { useLanguage } from "./language";
import { type Refusal, refusalIn } from "./refusal";

interface Piece {
  next: string | number | null;
}

interface State<Row> {
  key: string | undefined;
  path: string | undefined;
  rows: Row[];
  next: string | number | null;
  refusal: Refusal | undefined;
}

/** A list that the house gives in pieces: the first at once, each further one on demand. `rowsOf` must not change. */
export function usePaged<Row, Body extends Piece>(path: string, rowsOf: (body: Body) => Row[]) {
  const { language } = useLanguage();
  const [turn, setTurn] = useState(0);
  const [state, setState] = useState<State<Row>>({ key: undefined, path: undefined, rows: [], next: null, refusal: undefined });
  const [busyMore, setBusyMore] = useState(false);
  const key = `${turn} ${language} ${path}`;

  useEffect(() => {
    const controller = new AbortController();
    read<Body>(path, controller.signal).then(
      (body) => setState({ key, path, rows: rowsOf(body), next: body.next, refusal: undefined }),
      (error: unknown) => {
        if (!controller.signal.aborted) setState({ key, path, rows: [], next: null, refusal: refusalIn(error) });
      },
    );
    return () => controller.abort();
  }, [path, key, rowsOf]);

  const { next } = state;
  const current = state.path === path;

  async function more() {
    if (next === null) return;
    setBusyMore(true);
    try {
      const body = await read<Body>(`${path}${path.includes("?") ? "&" : "?"}before=${encodeURIComponent(next)}`);
      setState((last) => (last.key === key ? { ...last, rows: [...last.rows, ...rowsOf(body)], next: body.next } : last));
    } catch (error) {
      setState((last) => ({ ...last, refusal: refusalIn(error) }));
    } finally {
      setBusyMore(false);
    }
  }

  return {
    rows: current && (state.rows.length > 0 || !state.refusal) ? state.rows : undefined,
    refusal: current ? state.refusal : undefined,
    busy: busyMore || state.key !== key,
    more: next === null ? undefined : () => void more(),
    reload: useCallback(() => setTurn((last) => last + 1), []),
    /** Puts a row first, unless it is among the first rows already. */
    add: useCallback((row: Row, isSame: (other: Row) => boolean) => {
      setState((last) => (last.rows.slice(0, 50).some(isSame) ? last : { ...last, rows: [row, ...last.rows] }));
    }, []),
  };
}
