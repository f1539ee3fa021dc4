import { useEffect } from "react";
import { read } from "../../lib/api";
import { Store, useStore } from "../../lib/store";

const NONE: string[] = [];
const offered = new Store<string[] | undefined>(undefined);

/** The compartments that this person may put on a question; none until the house has said so, and none where it has no such list. */
export function useOffered(): string[] {
  const known = useStore(offered);
  useEffect(() => {
    if (known === undefined) {
      read<{ compartments?: string[] }>("/api/chat/labels").then(
        ({ compartments = [] }) => offered.change(() => compartments),
        () => undefined,
      );
    }
  }, [known]);
  return known ?? NONE;
}

/** Another person may choose among others. */
export function forgetOffered() {
  offered.change(() => undefined);
}
