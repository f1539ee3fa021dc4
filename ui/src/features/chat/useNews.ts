import { useCallback } from "react";
import { headingOf } from "../../components/RefusalCard";
import { announce } from "../../lib/announce";
import { useLanguage } from "../../lib/language";
import type { News } from "./store";

/** Says once for each phase how an answer fares, to those who do not see it. */
export function useNews(): (item: News) => void {
  const { words } = useLanguage();
  return useCallback(
    (item: News) => {
      const { status } = words;
      announce(item.kind === "refused" ? status.refused(headingOf(item.refusal, words)) : status[item.kind]);
    },
    [words],
  );
}
