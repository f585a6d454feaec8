import { ask } from '../ask.js';
import { field, select } from '../form.js';
import { h } from '../view.js';
import { eventName, SEVERITY_NAMES } from './columns.js';

let eventTypes;

/** Every event that there can be, as the description of the API has them. */
async function listEventTypes() {
  eventTypes ??= ask('GET', '/openapi.json').then(({ paths }) => {
    const { parameters } = paths['/api/auth/audit-log'].get;
    return parameters.find(({ name }) => name === 'event_type').schema.enum;
  });
  return eventTypes.catch(() => {
    eventTypes = undefined;
    return [];
  });
}

/**
 * The filters of an audit log; they are in the address too, so that a list can be kept and sent.
 * @param more further fields @returns `{ root, query() }`: what the service is asked for
 */
export function auditFilters({ query, path, onChange, more = [] }) {
  const type = select([['', 'Any event'], ...chosenOf(query)], query.get('event_type') ?? '');
  const severities = SEVERITY_NAMES.map((name) => [name, eventName(name)]);
  const severity = select([['', 'Any severity'], ...severities], query.get('severity') ?? '');
  const time = (label, name) =>
    field({ label, name, type: 'datetime-local', value: query.get(name) ?? '' });
  const root = h(
    'form.inline',
    { 'aria-label': 'Filters', method: 'post' },
    more,
    field({ label: 'Event', name: 'event_type', control: type }),
    field({ label: 'Severity', name: 'severity', control: severity }),
    time('From', 'from'),
    time('Until', 'to'),
  );
  void listEventTypes().then((types) => {
    const { value } = type;
    type.replaceChildren(...optionsOf(types));
    type.value = value;
  });
  root.addEventListener('submit', (event) => event.preventDefault());
  root.addEventListener('change', () => {
    const given = new URLSearchParams(valuesOf(root));
    history.replaceState(null, '', given.size > 0 ? `#${path}?${given}` : `#${path}`);
    onChange();
  });
  return { root, query: () => toQuery(valuesOf(root)) };
}

function chosenOf(query) {
  const chosen = query.get('event_type');
  return chosen ? [[chosen, eventName(chosen)]] : [];
}

function optionsOf(types) {
  const all = h('option', { value: '' }, 'Any event');
  return [all, ...types.map((type) => h('option', { value: type }, eventName(type)))];
}

function valuesOf(root) {
  const given = [...root.elements].filter(({ name, value }) => name && value);
  return Object.fromEntries(given.map(({ name, value }) => [name, value]));
}

/** Times are typed in the place's own time, and asked for in UTC. */
function toQuery(values) {
  const entries = Object.entries(values).map(([name, value]) => [
    name,
    name === 'from' || name === 'to' ? new Date(value).toISOString() : value,
  ]);
  return Object.fromEntries(entries);
}
