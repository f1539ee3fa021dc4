import type { Written } from "../../lib/assistant";
import type { Passage } from "../../lib/contract";
import type { Refusal } from "../../lib/refusal";
import type { StandIn } from "../../lib/standIns";

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
  /** What stands for which words of the person, in an answer and in what the question went out as. */
  masks?: StandIn[];
  /** The files that went with a question. */
  attachments?: SentFile[];
  /** What this person said of an answer. */
  feedback?: Feedback | null;
}

/** Why an answer did not help. */
export const REASONS = ["wrong", "incomplete", "outdated", "language", "tone", "refused", "slow", "other"] as const;

export interface Feedback {
  value: "up" | "down";
  reasons: string[];
  comment: string | null;
}

/** A file that went with a question. */
export interface SentFile {
  id: string;
  name: string;
  kind: string;
  label: string | null;
  characters: number;
}

/** A message as it comes over the wire. */
export type SentMessage = Omit<Message, "refusal"> & { refusal: unknown };

/** A run that is under way, and the answer that it writes. */
export interface Run {
  id: string;
  message: string;
}

export interface Summary {
  id: string;
  title: string;
  created: string;
  updated: string;
  label: string | null;
  running: boolean;
  /** The folder it lies in. */
  folder: string | null;
  pinned: boolean;
  /** In no list, never on disk, gone after a day without use. */
  temporary: boolean;
  /** How many links to it are out. */
  shares: number;
}

export interface Conversation {
  id: string;
  title: string;
  /** The join of everything that was said in it; `null` before anything was. */
  label: string | null;
  temporary: boolean;
  /** With whom it was begun. */
  assistant: { id: string; name: Written; version: number } | null;
  messages: Message[];
  /** What is under way. */
  runs: Run[];
  /** Which child goes on below a message: its id by that of its parent, `""` for the first questions. */
  chosen: Readonly<Record<string, string>>;
}

export interface Folder {
  id: string;
  name: string;
  conversations: number;
}
