const RELATIVE = new Intl.RelativeTimeFormat('en', { numeric: 'auto', style: 'short' });
const EXACT = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
const UNITS = [
  ['year', 365 * 86_400],
  ['month', 30 * 86_400],
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
];
const EVERY_MS = 20_000;

/** How long ago, or in how long, and the moment itself as its title; kept true while it is shown. */
export function relativeTime(iso) {
  const time = document.createElement('time');
  time.dateTime = iso;
  time.dataset.relative = '';
  time.title = exactTime(iso);
  time.textContent = describe(iso);
  return time;
}

export function exactTime(iso) {
  return EXACT.format(new Date(iso));
}

/** The time of day, with milliseconds. */
export function clockTime(date) {
  return `${date.toTimeString().slice(0, 8)}.${String(date.getMilliseconds()).padStart(3, '0')}`;
}

/** `9.3 ms`, `240 ms`, `1.5 s` */
export function milliseconds(ms) {
  if (ms >= 1000) return `${(ms / 1000).toFixed(1)} s`;
  return `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;
}

/** `4:05`, as on a clock that counts down. */
export function countdown(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000));
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor((seconds % 3600) / 60)];
  const rest = String(seconds % 60).padStart(2, '0');
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, '0')}:${rest}` : `${minutes}:${rest}`;
}

/** `45 seconds`, `12 minutes`, `2 hours`: how long to wait. */
export function wait(seconds) {
  const [count, unit] =
    seconds < 120
      ? [Math.ceil(seconds), 'second']
      : seconds < 7200
        ? [Math.ceil(seconds / 60), 'minute']
        : [Math.ceil(seconds / 3600), 'hour'];
  return `${count} ${unit}${count === 1 ? '' : 's'}`;
}

function describe(iso) {
  const seconds = (new Date(iso).getTime() - Date.now()) / 1000;
  const [unit, size] = UNITS.find(([, size]) => Math.abs(seconds) >= size) ?? [];
  return unit === undefined ? 'just now' : RELATIVE.format(Math.trunc(seconds / size), unit);
}

setInterval(() => {
  for (const time of document.querySelectorAll('time[data-relative]')) {
    time.textContent = describe(time.dateTime);
  }
}, EVERY_MS);
