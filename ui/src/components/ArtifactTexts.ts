import { createContext } from "react";

/** Where the versions of an artifact are looked for: the answers of the conversation around it. */
export const ArtifactTexts = createContext<() => string[]>(() => []);
