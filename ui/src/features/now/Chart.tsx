import { useId } from "react";
import { clock, short } from "../../lib/format";
import { useLanguage } from "../../lib/language";

export interface Series {
  name: string;
  values: (number | null)[];
  look: "accent" | "care" | "stop" | "soft";
  /** Filled down to the axis. */
  filled?: boolean;
  /** Told apart from the other line without its colour. */
  dashed?: boolean;
}

interface Props {
  heading: string;
  /** What one unit is, such as `ms` or `per 5 s`. */
  unit: string;
  times: string[];
  series: Series[];
}

const WIDTH = 600;
const HEIGHT = 150;
const STROKES = { accent: "stroke-accent", care: "stroke-care", stop: "stroke-stop", soft: "stroke-soft" };
const FILLS = { accent: "fill-accent/12", care: "fill-care/12", stop: "fill-stop/12", soft: "fill-soft/12" };

/** Lines over time, drawn here; the same numbers stand below as a table. */
export function Chart({ heading, unit, times, series }: Props) {
  const { words, language } = useLanguage();
  const id = useId();
  const most = niceCeiling(Math.max(0, ...series.flatMap(({ values }) => values.map((value) => value ?? 0))));
  const summary = series
    .map(({ name, values }) => {
      const known = values.filter((value) => value !== null);
      const peak = short(Math.max(0, ...known), language);
      return `${name}: ${words.now.latest(short(known.at(-1) ?? 0, language))}, ${words.now.peak(peak)}`;
    })
    .join(". ");
  const first = times[0];
  const last = times.at(-1);
  return (
    <figure className="flex min-w-0 flex-col rounded-2xl border border-line bg-panel p-4 shadow-card sm:p-5" data-chart>
      <figcaption className="flex flex-wrap items-baseline justify-between gap-x-4 gap-y-1">
        <h2 id={id} className="font-semibold">
          {heading} <span className="text-xs font-normal text-soft">{unit}</span>
        </h2>
        <ul className="flex flex-wrap gap-x-4 text-xs text-soft">
          {series.map(({ name, look, values, dashed }) => (
            <li key={name} className="flex items-center gap-1.5">
              <svg viewBox="0 0 16 2" aria-hidden="true" className="h-0.5 w-4">
                <line x1="0" x2="16" y1="1" y2="1" strokeWidth="2" strokeDasharray={dashed ? "4 2" : undefined} className={STROKES[look]} />
              </svg>
              {name}
              <span className="font-semibold text-ink tabular-nums">{short(values.findLast((value) => value !== null) ?? 0, language)}</span>
            </li>
          ))}
        </ul>
      </figcaption>
      <div className="mt-3 grid grid-cols-[auto_1fr] gap-x-2 text-[0.6875rem] text-soft tabular-nums">
        <div aria-hidden="true" className="flex h-36 flex-col justify-between text-right leading-none">
          <span>{short(most, language)}</span>
          <span>{short(most / 2, language)}</span>
          <span>0</span>
        </div>
        <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={`${heading}. ${summary}`} className="h-36 w-full overflow-visible">
          {[0, 0.5, 1].map((part) => (
            <line key={part} x1="0" x2={WIDTH} y1={HEIGHT * part} y2={HEIGHT * part} className="stroke-line" strokeWidth="1" vectorEffect="non-scaling-stroke" />
          ))}
          {series.map(({ name, values, look, filled, dashed }) => (
            <g key={name}>
              {filled ? <path d={areaOf(values, most)} className={FILLS[look]} /> : null}
              <path
                d={lineOf(values, most)}
                fill="none"
                strokeWidth="2"
                strokeDasharray={dashed ? "5 3" : undefined}
                strokeLinejoin="round"
                strokeLinecap="round"
                vectorEffect="non-scaling-stroke"
                className={STROKES[look]}
              />
            </g>
          ))}
        </svg>
        <span />
        <div aria-hidden="true" className="mt-1.5 flex justify-between">
          <span>{first ? clock(first, language).slice(-8, -3) : ""}</span>
          <span>{last ? clock(last, language).slice(-8, -3) : ""}</span>
        </div>
      </div>
      <details className="mt-3 text-xs">
        <summary className="cursor-pointer text-soft hover:text-ink">{words.now.table}</summary>
        {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
        <div tabIndex={0} role="group" aria-labelledby={id} className="mt-2 max-h-56 overflow-auto rounded-lg border border-line">
          <table className="w-full tabular-nums">
            <thead>
              <tr className="text-left text-soft">
                <th scope="col" className="px-3 py-1.5 font-medium">
                  {words.columns.time}
                </th>
                {series.map(({ name }) => (
                  <th key={name} scope="col" className="px-3 py-1.5 font-medium">
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {times.map((time, index) => (
                <tr key={time} className="border-t border-line">
                  <th scope="row" className="px-3 py-1 text-left font-normal">
                    {clock(time, language)}
                  </th>
                  {series.map(({ name, values }) => (
                    <td key={name} className="px-3 py-1">
                      {values[index] === null ? "–" : short(values[index] ?? 0, language)}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </details>
    </figure>
  );
}

/** The least of 1, 2, 5 times a power of ten that is not below a value; at least 2, so that a half is a whole number. */
export function niceCeiling(value: number): number {
  if (value <= 2) return 2;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 4, 5, 6, 8, 10].map((step) => step * power).find((candidate) => candidate >= value) ?? value;
}

/** A path through the known values; a gap where there is none. */
export function lineOf(values: (number | null)[], most: number): string {
  let open = false;
  return values
    .flatMap((value, index) => {
      const command = open ? "L" : "M";
      // A line of no length shows a value that stands alone as a dot.
      const dot = open ? "" : "h0";
      open = value !== null;
      return value === null ? [] : [`${command}${at(index, values.length)} ${height(value, most)}${dot}`];
    })
    .join("");
}

function areaOf(values: (number | null)[], most: number): string {
  if (values.length === 0) return "";
  const edge = values.map((value, index) => `L${at(index, values.length)} ${height(value ?? 0, most)}`).join("");
  return `M0 ${HEIGHT}${edge}L${WIDTH} ${HEIGHT}Z`;
}

function at(index: number, length: number): string {
  return ((index / Math.max(1, length - 1)) * WIDTH).toFixed(1);
}

function height(value: number, most: number): string {
  return (HEIGHT - (value / most) * HEIGHT).toFixed(1);
}
