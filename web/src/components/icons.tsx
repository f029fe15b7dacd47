/** Line icons, drawn on a grid of 20. They are decoration: whoever uses one names what it does. */
const PATHS = {
  play: "M6.5 4.5v11l9-5.5z",
  stop: "M5.5 5.5h9v9h-9z",
  steps: "M4 4h4v4H4zM12 12h4v4h-4zM8 6h4a2 2 0 0 1 2 2v4",
  review: "M4 5h8M4 9h5M4 13h4M11 13l2 2 4-5",
  chat: "M4 4.5h12v9H9l-3.5 3v-3H4z",
  exercise: "M5 3.5h10v13H5zM8 7.5h4M8 10.5h4",
  progress: "M3.5 16.5h13M5.5 13v-3M10 13V6M14.5 13V8.5",
  history: "M10 5.5V10l3 2M3.8 8a6.5 6.5 0 1 1-.2 3M3.5 4.5V8H7",
  up: "M6.5 9.5 10 3.5c1.2 0 1.8.9 1.6 2L11 8.5h4.2c.9 0 1.5.8 1.3 1.7l-1.1 5c-.2.8-.8 1.3-1.6 1.3H6.5zM6.5 9.5h-3v7h3",
  down: "M13.5 10.5 10 16.5c-1.2 0-1.8-.9-1.6-2l.6-3H4.8c-.9 0-1.5-.8-1.3-1.7l1.1-5c.2-.8.8-1.3 1.6-1.3h7.3zM13.5 10.5h3v-7h-3",
  send: "M4 10h11M10.5 5.5 15 10l-4.5 4.5",
  copy: "M7.5 7.5h9v9h-9zM12.5 7.5v-4h-9v9h4",
  editor: "M7 6 3.5 10 7 14M13 6l3.5 4-3.5 4",
  sun: "M10 6.5a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7zM10 2v1.5M10 16.5V18M2 10h1.5M16.5 10H18M4.3 4.3l1 1M14.7 14.7l1 1M4.3 15.7l1-1M14.7 5.3l1-1",
  moon: "M15.5 12A6.5 6.5 0 0 1 8 4.5 6.5 6.5 0 1 0 15.5 12z",
  user: "M10 10.5a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM4 16.5c.6-2.7 3-4 6-4s5.400 1.300 6 4",
  class: "M2.500 8 10 4.500 17.500 8 10 11.500zM5.500 9.500v4c1.200 1 2.800 1.500 4.500 1.500s3.300-.5 4.500-1.500v-4",
  gear: "M10 7a3 3 0 1 0 0 6 3 3 0 0 0 0-6zM10 2.500v2M10 15.500v2M2.500 10h2M15.500 10h2M4.700 4.700l1.400 1.400M13.900 13.900l1.400 1.400M4.700 15.300l1.400-1.400M13.900 6.100l1.400-1.400",
  first: "M5 5v10M15 5l-6.500 5L15 15z",
  back: "M13 5l-6.500 5 6.500 5z",
  next: "M7 5l6.500 5L7 15z",
  last: "M15 5v10M5 5l6.500 5L5 15z",
  check: "M4.500 10.500 8 14l7.500-8",
  cross: "M5 5l10 10M15 5 5 15",
  hint: "M10 3a5 5 0 0 0-2.800 9.100c.5.4.8.9.8 1.400h4c0-.5.300-1 .8-1.400A5 5 0 0 0 10 3zM8 16h4",
  alert: "M10 3.500 17.500 16h-15zM10 8.500v3.500M10 14v.2",
  wrench: "M12.500 3.500a4 4 0 0 0-4 5.300L3.500 13.800l2.700 2.700 5-5a4 4 0 0 0 5.300-4.900L14 9l-3-3z",
  star: "M10 3.500l2 4.300 4.700.6-3.400 3.200.9 4.700L10 14l-4.200 2.300.9-4.700-3.400-3.200 4.700-.6z",
  search: "M9 4a5 5 0 1 0 0 10A5 5 0 0 0 9 4zM12.700 12.700 16.500 16.500",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg className="icon" viewBox="0 0 20 20" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} fill="none" stroke="currentColor" strokeWidth="1.6" strokeLinejoin="round" strokeLinecap="round" />
    </svg>
  );
}
