import type { Passage } from "../../lib/contract";
import type { Refusal } from "../../lib/refusal";

/** One message as the house keeps it; `refusal` is already read. */
export interface Message {
  id: string;
  parent: string | null;
  role: "user" | "assistant";
  content: string;
  created: string;
  model: string | null;
  state: "running" | "complete" | "stopped" | "failed";
  passage: Passage | null;
  usage: { prompt: number; completion: number } | null;
  /** Whether the answer ended at its length limit. */
  cut: boolean;
  /** How many earlier messages the model was not shown, because they were too many. */
  omitted?: number;
  refusal: Refusal | null;
}

/** A message as it comes over the wire. */
export type SentMessage = Omit<Message, "refusal"> & { refusal: unknown };

export interface Summary {
  id: string;
  title: string;
  created: string;
  updated: string;
  label: string | null;
  running: boolean;
}

export interface Conversation {
  id: string;
  title: string;
  messages: Message[];
  /** The run that is under way. */
  run: { id: string; message: string } | null;
}
