/** Drawn here so that no icon font or foreign set is needed. All are decoration beside a text. */
const PATHS = {
  copy: "M9 9h10v11H9zM5 15V4h10",
  check: "M5 12.5l4.5 4.5L19 7.5",
  send: "M12 19V5m0 0-6 6m6-6 6 6",
  stop: "M7 7h10v10H7z",
  help: "M9.2 9.2a2.9 2.9 0 1 1 4.4 2.5c-1 .6-1.6 1.2-1.6 2.3M12 17.6v.1M21 12a9 9 0 1 1-18 0 9 9 0 0 1 18 0z",
  close: "M6 6l12 12M18 6 6 18",
  shield: "M12 3l7.5 2.8v5.7c0 4.4-3 7.7-7.5 9.5-4.5-1.8-7.5-5.1-7.5-9.5V5.8zM9 9l6 6M15 9l-6 6",
  plus: "M12 5v14M5 12h14",
  compose: "M13 5H5v14h14v-8M10 14l1-3.5L18.5 3 21 5.5 13.500 13z",
  menu: "M4 7h16M4 12h16M4 17h16",
  dots: "M5 12h.01M12 12h.01M19 12h.01",
  up: "M6 15l6-6 6 6",
  down: "M6 9l6 6 6-6",
  right: "M9 6l6 6-6 6",
  left: "M15 6l-6 6 6 6",
  again: "M19 12a7 7 0 1 1-2.200-5.100M19 3.500V8h-4.500",
  search: "M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM16 16l4.500 4.500",
  sliders: "M4 7h9M17 7h3M15 5v4M4 12h3M11 12h9M9 10v4M4 17h11M19 17h1M17 15v4",
  columns: "M4 5h7v14H4zM13 5h7v14h-7z",
  pin: "M9 4h6l-1 6 3 3H7l3-3zM12 13v7",
  folder: "M3.500 6h6l2 2.500h9V18.500h-17z",
  share: "M12 14V4m0 0-4 4m4-4 4 4M5 13v6.500h14V13",
  clock: "M12 7.500V12l3 2M21 12a9 9 0 1 1-18 0 9 9 0 0 1 18 0z",
  wrap: "M4 6h16M4 12h13a3 3 0 0 1 0 6h-4m0 0 2-2m-2 2 2 2M4 18h5",
  table: "M4 5h16v14H4zM4 10h16M10 5v14",
  unlock: "M6 11h12v8.500H6zM9 11V7.500a3.200 3.200 0 0 1 6.200-1",

  thumbUp: "M7 11v9H4v-9zM7 11l4-7.500c1.500 0 2.300 1 2 2.500l-.7 3.500H18c1.300 0 2.200 1.200 1.900 2.500l-1.300 5.500c-.3 1.200-1.200 2-2.400 2H7",
  thumbDown: "M7 13V4H4v9zM7 13l4 7.500c1.500 0 2.300-1 2-2.500l-.7-3.500H18c1.300 0 2.200-1.200 1.900-2.500l-1.300-5.500c-.3-1.200-1.200-2-2.400-2H7",
  book: "M5 4.500h11a3 3 0 0 1 3 3V20H8a3 3 0 0 1-3-3zM5 17a3 3 0 0 1 3-3h11",
  assistant: "M12 3v4M5.500 7h13v11h-13zM9.500 12v.1M14.500 12v.1M2.500 11v4M21.500 11v4",
  warning: "M12 4 2.800 20h18.400zM12 10v4.500M12 17.200v.1",
  info: "M12 11v5.500M12 7.600v.1M21 12a9 9 0 1 1-18 0 9 9 0 0 1 18 0z",
  download: "M12 4v11m0 0-4.500-4.500M12 15l4.500-4.500M5 19.500h14",
  signOut: "M10 5H5v14h5M14 8l4 4-4 4M18 12H9.500",
  filter: "M4 6h16M7 12h10M10 18h4",
  chat: "M4.500 5.500h15v11H11l-4.500 3.500v-3.500h-2z",
  decisions: "M4 6h10M4 12h7M4 18h8M16 15.500l2.500 2.500L22 13",
  now: "M3.500 13h4l3-8 4 14 2.500-6h3.500",
  audit: "M7 3.500h10v17H7zM10 8h4M10 12h4M10 16h2.500",
  people: "M9 11a3.500 3.500 0 1 0 0-7 3.500 3.500 0 0 0 0 7zM3 19.500c.5-3.500 2.800-5 6-5s5.500 1.500 6 5M15.500 4.500a3.300 3.300 0 0 1 0 6.200M17.500 14.800c2 .6 3.200 2.200 3.500 4.700",
  keys: "M8 15.500a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM12 11.500h9M18 11.500v3.500",
  upstreams: "M4 5h16v5.500H4zM4 13.500h16V19H4zM7.500 7.800v.1M7.500 16.300v.1",
  policies: "M12 4v16M7 20h10M5 7h14M5 7l-2.500 6h5zM19 7l-2.500 6h5z",
  posture: "M12 3l7.500 2.800v5.700c0 4.400-3 7.700-7.500 9.500-4.500-1.800-7.500-5.100-7.500-9.500V5.800zM8.500 12l2.500 2.500 4.500-5",
  access: "M12 5.500c4.500 0 7.800 3 9.500 6.500-1.700 3.500-5 6.500-9.500 6.500S4.200 15.500 2.500 12c1.700-3.500 5-6.500 9.500-6.500zM12 15a3 3 0 1 0 0-6 3 3 0 0 0 0 6z",
  sessions: "M3.500 5h17v11h-17zM9 20h6",
  limits: "M4 17a8.500 8.500 0 1 1 16 0M12 15l4-5",
  clip: "M19 11.500l-7.500 7.500a4.200 4.200 0 0 1-6-6l8-8a2.800 2.800 0 0 1 4 4l-8 8a1.400 1.400 0 0 1-2-2l7-7",
  file: "M6 3.500h8l4 4v13H6zM14 3.500v4h4M9 12h6M9 16h6",
  person: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4.500 20.500c.8-3.700 3.700-5.500 7.500-5.500s6.700 1.800 7.500 5.500",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, className = "size-4" }: { name: IconName; className?: string }) {
  const width = name === "dots" ? 2.6 : 1.7;
  return (
    <svg viewBox="0 0 24 24" aria-hidden="true" className={`shrink-0 ${className}`}>
      <path d={PATHS[name]} fill="none" stroke="currentColor" strokeWidth={width} strokeLinecap="round" strokeLinejoin="round" />
    </svg>
  );
}

/** The sign of the house: a canal lock from above, one gate shut, one open. */
export function HouseMark({ className = "size-8" }: { className?: string }) {
  return (
    <svg viewBox="0 0 32 32" aria-hidden="true" className={`shrink-0 ${className}`}>
      <rect width="32" height="32" rx="7" className="fill-accent" />
      <g fill="none" strokeWidth="2.4" strokeLinecap="round" strokeLinejoin="round" className="stroke-on-accent">
        <path d="M6 8h20M6 24h20" />
        <path d="M14.5 8 9.5 16l5 8" />
        <path d="M21.5 8v3M21.5 21v3" opacity=".75" />
      </g>
    </svg>
  );
}
