import type { Label } from "../../lib/labels";
import { Store } from "../../lib/store";

interface Choices {
  /** The model that answers next; nothing for the one that answered last. */
  model: string | undefined;
  /** Two to four models that answer side by side; empty for one alone. */
  compared: string[];
  /** A label, and compartments beside it, hold for the conversation in which they were chosen; `undefined` for a new one. */
  label: { id: string | undefined; label: Label } | undefined;
  compartments: { id: string | undefined; names: string[] };
}

export const MOST_COMPARED = 4;

/** What was chosen for the next question; outside of React because the command palette chooses, too. */
export const choices = new Store<Choices>({ model: undefined, compared: [], label: undefined, compartments: { id: undefined, names: [] } });

/** The models that this person may ask, as last read; the first is the default. */
export const models = new Store<string[] | undefined>(undefined);

export function chooseModel(model: string) {
  choices.change((chosen) => ({ ...chosen, model, compared: [] }));
}

export function chooseCompared(compared: string[]) {
  choices.change((chosen) => ({ ...chosen, compared: compared.slice(0, MOST_COMPARED) }));
}

export function chooseLabel(id: string | undefined, label: Label) {
  choices.change((chosen) => ({ ...chosen, label: { id, label } }));
}

export function chooseCompartments(id: string | undefined, names: string[]) {
  choices.change((chosen) => ({ ...chosen, compartments: { id, names } }));
}

/** What was chosen for a conversation that did not exist yet goes with it. */
export function moveChoices(id: string) {
  choices.change((chosen) => ({
    ...chosen,
    label: chosen.label && chosen.label.id === undefined ? { ...chosen.label, id } : chosen.label,
    compartments: chosen.compartments.id === undefined ? { ...chosen.compartments, id } : chosen.compartments,
  }));
}

/** The next person begins without them. */
export function forgetChoices() {
  choices.change(() => ({ model: undefined, compared: [], label: undefined, compartments: { id: undefined, names: [] } }));
  models.change(() => undefined);
}
