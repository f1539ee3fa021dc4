import { crc32, deflateSync } from "node:zlib";

type Point = readonly [number, number];
interface Stroke {
  points: Point[];
  opacity: number;
}

/** Each pixel is looked at this often in both directions. */
const FINE = 4;

/**
 * The house's mark as a PNG, drawn from its SVG: a rounded square and strokes with round ends. `margin` is the share of the picture that
 * stays ground on each side, for devices that cut pictures to shapes of their own; the ground then has no corners.
 */
export function iconOf(svg: string, size: number, margin = 0): Buffer {
  const fill = colourOf(/<rect[^>]*fill="#([0-9a-f]{6})"/u.exec(svg)?.[1] ?? "0b5763");
  const radius = margin > 0 ? 0 : Number(/<rect[^>]*rx="([\d.]+)"/u.exec(svg)?.[1] ?? 7);
  const half = Number(/stroke-width="([\d.]+)"/u.exec(svg)?.[1] ?? 2.4) / 2;
  const strokes = [...svg.matchAll(/<path d="([^"]+)"([^>]*)>/gu)].flatMap(([, path = "", rest = ""]) => strokesOf(path, Number(/opacity="([\d.]+)"/u.exec(rest)?.[1] ?? 1)));
  const scale = 32 / (size * (1 - 2 * margin));
  const pixels = Buffer.alloc(size * (1 + 4 * size));
  for (let y = 0; y < size; y += 1) {
    for (let x = 0; x < size; x += 1) {
      const sum = [0, 0, 0, 0];
      for (let part = 0; part < FINE * FINE; part += 1) {
        const px = x + ((part % FINE) + 0.5) / FINE;
        const py = y + (Math.floor(part / FINE) + 0.5) / FINE;
        if (!isInside([(px * 32) / size, (py * 32) / size], radius)) continue;
        const at: Point = [(px - margin * size) * scale, (py - margin * size) * scale];
        const white = Math.max(0, ...strokes.map(({ points, opacity }) => (isNear(at, points, half) ? opacity : 0)));
        for (const [index, colour] of fill.entries()) sum[index] = (sum[index] ?? 0) + colour + (255 - colour) * white;
        sum[3] = (sum[3] ?? 0) + 1;
      }
      const seen = sum[3] ?? 0;
      const place = y * (1 + 4 * size) + 1 + 4 * x;
      for (let index = 0; index < 3; index += 1) pixels[place + index] = seen === 0 ? 0 : Math.round((sum[index] ?? 0) / seen);
      pixels[place + 3] = Math.round((255 * seen) / (FINE * FINE));
    }
  }
  const head = Buffer.alloc(13);
  head.writeUInt32BE(size, 0);
  head.writeUInt32BE(size, 4);
  head.set([8, 6, 0, 0, 0], 8);
  return Buffer.concat([Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]), chunk("IHDR", head), chunk("IDAT", deflateSync(pixels, { level: 9 })), chunk("IEND", Buffer.alloc(0))]);
}

/** A chunk of a PNG (ISO/IEC 15948, section 5.3). */
function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const frame = Buffer.alloc(8);
  frame.writeUInt32BE(data.length, 0);
  frame.writeUInt32BE(crc32(body), 4);
  return Buffer.concat([frame.subarray(0, 4), body, frame.subarray(4)]);
}

function colourOf(hex: string): number[] {
  return [0, 2, 4].map((at) => Number.parseInt(hex.slice(at, at + 2), 16));
}

/** The lines of a path that has nothing but `M`, `L`, `H`, `V` and their relative forms. */
function strokesOf(path: string, opacity: number): Stroke[] {
  const strokes: Stroke[] = [];
  let [x, y] = [0, 0];
  for (const [, command = "M", written = ""] of path.matchAll(/([MLHVlhv])([^MLHVlhv]*)/gu)) {
    const numbers = written.match(/-?\d*\.?\d+/gu)?.map(Number) ?? [];
    const step = command === "H" || command === "V" || command === "h" || command === "v" ? 1 : 2;
    for (let at = 0; at < numbers.length; at += step) {
      const [first = 0, second = 0] = [numbers[at], numbers[at + 1]];
      const kind = command.toUpperCase();
      const isRelative = command !== kind;
      const [dx, dy] = kind === "H" ? [first, isRelative ? 0 : y] : kind === "V" ? [isRelative ? 0 : x, first] : [first, second];
      [x, y] = isRelative ? [x + dx, y + dy] : [dx, dy];
      if (kind === "M" && at === 0) strokes.push({ points: [[x, y]], opacity });
      else strokes.at(-1)?.points.push([x, y]);
    }
  }
  return strokes;
}

function isInside([x, y]: Point, radius: number): boolean {
  const [dx, dy] = [Math.max(radius - x, x - (32 - radius), 0), Math.max(radius - y, y - (32 - radius), 0)];
  return dx * dx + dy * dy <= radius * radius || radius === 0;
}

function isNear([x, y]: Point, points: Point[], distance: number): boolean {
  return points.some(([ax, ay], index) => {
    const [bx, by] = points[index + 1] ?? [ax, ay];
    const length = (bx - ax) ** 2 + (by - ay) ** 2;
    const along = length === 0 ? 0 : Math.min(1, Math.max(0, ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / length));
    return (x - ax - along * (bx - ax)) ** 2 + (y - ay - along * (by - ay)) ** 2 <= distance ** 2;
  });
}
