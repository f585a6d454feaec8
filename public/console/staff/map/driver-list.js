import { h } from '../../view.js';

/** The same drivers as a list, for keyboards and screen readers, and for whoever wants numbers. */
export function createDriverList(onSelect) {
  const root = h('ul.drivers', { 'aria-label': 'Drivers, the nearest to the centre first' });
  const rows = new Map();

  const show = ({ drivers, selectedId, now }) => {
    const shown = [...drivers].map((driver) => {
      const row = rows.get(driver.userId) ?? createRow(driver.userId, onSelect);
      rows.set(driver.userId, row);
      row.show(driver, { now, isSelected: driver.userId === selectedId });
      return row.root;
    });
    for (const id of rows.keys()) if (drivers.get(id) === undefined) rows.delete(id);
    // Moved elements lose the focus: only where the order is another one.
    const isSame =
      shown.length === root.children.length &&
      shown.every((row, index) => row === root.children[index]);
    if (!isSame) keepingFocus(root, () => root.replaceChildren(...shown));
  };
  return { root, show };
}

function createRow(userId, onSelect) {
  const distance = h('span.number');
  const age = h('span.number.muted');
  const button = h(
    'button.driver',
    { type: 'button', onclick: () => onSelect(userId) },
    h('strong', {}, `id ${userId}`),
    distance,
    age,
  );
  const link = h(
    'a.small',
    { href: `#/staff/users/${userId}`, 'aria-label': `Open user ${userId}` },
    'Open',
  );
  return {
    root: h('li', {}, button, link),
    show: (driver, { now, isSelected }) => {
      distance.textContent = distanceText(driver.distanceM);
      age.textContent = `${Math.round(driver.ageMs(now) / 1000)} s ago`;
      button.setAttribute('aria-pressed', String(isSelected));
    },
  };
}

function keepingFocus(root, change) {
  const focused = root.contains(document.activeElement) ? document.activeElement : null;
  change();
  if (focused?.isConnected) focused.focus({ preventScroll: true });
}

function distanceText(meters) {
  return meters >= 1000 ? `${(meters / 1000).toFixed(1)} km` : `${Math.round(meters)} m`;
}
