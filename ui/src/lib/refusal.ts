/** One thing that inspection found in a text. */
export interface Finding {
  type: string;
  /** JSON pointer into the request, such as `/messages/0/content`. */
  path: string;
  /** UTF-8 bytes of the decoded string. */
  start: number;
  end: number;
  score: number;
  /** Written so that a plain reading would miss it. */
  evasive?: boolean;
  /** In a conversation: the message that the path leads to. */
  message?: string;
  /** The file beside that message in which it lies. */
  attachment?: string;
}

/** Why a request ended without its answer, as the house said it or as this page found out. */
export interface Refusal {
  /** The house's code, or `house_unreachable`, `answer_broken`, `unreadable_answer` from this page. */
  code: string;
  message: string | undefined;
  next: string | undefined;
  requestId: string | undefined;
  findings: Finding[];
  /** 0 where no status came. */
  status: number;
}

export class RefusedError extends Error {
  readonly refusal: Refusal;

  constructor(refusal: Refusal) {
    super(refusal.message ?? refusal.code);
    this.refusal = refusal;
  }
}

/** A refusal that this page found out by itself; its words stand in the page's texts. */
export function ownRefusal(code: string, status = 0, requestId?: string): Refusal {
  return { code, message: undefined, next: undefined, requestId, findings: [], status };
}

/** Reads `{error: {…}}`; what is missing or of another type is left out. */
export function readRefusal(body: unknown, status: number, requestId?: string): Refusal {
  const error = record(record(body)["error"]);
  const findings = Array.isArray(error["findings"]) ? error["findings"] : [];
  return {
    code: text(error["code"]) ?? text(error["type"]) ?? "unreadable_answer",
    message: text(error["message"]),
    next: text(error["next"]),
    requestId: text(error["request_id"]) ?? requestId,
    findings: findings.flatMap((row) => readFinding(record(row)) ?? []),
    status,
  };
}

/** What went wrong, whatever was thrown. */
export function refusalIn(error: unknown): Refusal {
  return error instanceof RefusedError ? error.refusal : ownRefusal("unreadable_answer");
}

function readFinding(row: Record<string, unknown>): Finding | undefined {
  const { type, path, start, end, score, evasive, message, attachment } = row;
  if (typeof type !== "string" || typeof path !== "string") return undefined;
  if (typeof start !== "number" || typeof end !== "number") return undefined;
  return {
    type,
    path,
    start,
    end,
    score: typeof score === "number" ? score : 1,
    ...(evasive === true ? { evasive } : {}),
    ...(typeof message === "string" ? { message } : {}),
    ...(typeof attachment === "string" ? { attachment } : {}),
  };
}

export function record(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}
