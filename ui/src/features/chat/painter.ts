/** Text is shown at most this often, in milliseconds, however fast it streams. */
const PAINT_EVERY_MS = 30;

/** Collects text and shows it now and then: less often where showing it takes long. */
export class Painter {
  #text = "";
  #pending = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #pauseMs = PAINT_EVERY_MS;
  /** What is shown already. A run is told from its beginning; nothing is shown of it before it has something new to say. */
  readonly #known: string;
  readonly #show: (text: string) => void;

  constructor(known: string, show: (text: string) => void) {
    this.#known = known;
    this.#show = show;
  }

  replace(text: string) {
    this.#text = "";
    this.add(text);
  }

  add(text: string) {
    this.#text += text;
    this.#pending = true;
    this.#timer ??= setTimeout(() => this.#paint(), this.#pauseMs);
  }

  flush() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (!this.#pending) return;
    if (this.#text.length < this.#known.length && this.#known.startsWith(this.#text)) return;
    this.#pending = false;
    this.#show(this.#text);
  }

  /** Shows all there is, because no more comes. */
  end() {
    clearTimeout(this.#timer);
    if (this.#pending) this.#show(this.#text);
    this.#pending = false;
  }

  #paint() {
    const began = performance.now();
    this.flush();
    this.#pauseMs = Math.min(400, Math.max(PAINT_EVERY_MS, 2 * (performance.now() - began)));
  }
}
