import { nameUserAgent } from '../devices/user-agent.js';
import { relativeTime } from '../time.js';
import { badge, h } from '../view.js';

/** Told apart by mark and word, not by colour alone. */
const SEVERITIES = {
  info: { kind: 'info', mark: 'info' },
  warning: { kind: 'warn', mark: 'warning' },
  error: { kind: 'bad', mark: 'error' },
  critical: { kind: 'bad', mark: 'critical' },
};

export const SEVERITY_NAMES = Object.keys(SEVERITIES);

/** Of events of the audit log, as the service lists them. */
export const EVENT_COLUMNS = [
  { title: 'Event', cell: eventOf },
  { title: 'Severity', cell: ({ severity }) => severityBadge(severity) },
  { title: 'When', cell: ({ created_at }) => relativeTime(created_at) },
  { title: 'From', cell: ({ ip, user_agent }) => sourceOf(ip, user_agent) },
];

export function severityBadge(severity) {
  return badge(severity, SEVERITIES[severity]);
}

/** `token_reuse_detected` as “Token reuse detected”. */
export function eventName(type) {
  const words = type.replaceAll('_', ' ');
  return words[0].toUpperCase() + words.slice(1);
}

function eventOf({ event_type, details, session_id, request_id, id }) {
  const all = { ...details, session_id, request_id, id };
  return h(
    'details.event',
    {},
    h('summary', {}, eventName(event_type)),
    h('pre', {}, JSON.stringify(all, null, 2)),
  );
}

function sourceOf(ip, userAgent) {
  const agent = nameUserAgent(userAgent);
  return h(
    'div',
    { title: userAgent ?? '' },
    ip && h('code', {}, ip),
    agent && h('div.small.muted', {}, agent),
  );
}
