import { h } from '../../view.js';
import { drawMap } from './draw.js';
import { followGestures } from './gestures.js';
import { scaleOf } from './graticule.js';
import { MapView } from './map-view.js';

/**
 * A map that is moved by mouse, fingers and keys.
 * @param options `scene`: `{ drivers, selectedId }`, drawn as it is; `place`; `onSelect(userId)`, `onMove()`; `signal`
 */
export function createMap({ scene, place, onSelect, onMove, signal }) {
  const view = new MapView(place);
  const canvas = createCanvas();
  const scale = createScale();
  const draw = (now = Date.now()) => {
    drawMap(canvas, { ...scene, view, now });
    scale.show(view);
  };
  /** Something that changes the view, and what follows from it. */
  const moving = (change) => () => {
    change();
    draw();
    onMove();
  };
  followGestures(canvas, view, {
    onMove: moving(() => undefined),
    onPick: (isNear) => {
      const driver = [...scene.drivers].find(isNear);
      if (driver) onSelect(driver.userId);
    },
  });
  redrawAsNeeded(canvas, { view, draw, signal });
  const fit = () => {
    if (scene.drivers.size > 0) view.fit([...scene.drivers]);
  };
  const buttons = h(
    'div.map-buttons',
    {},
    mapButton(
      '+',
      'Zoom in',
      moving(() => view.zoomBy(1)),
    ),
    mapButton(
      '−',
      'Zoom out',
      moving(() => view.zoomBy(-1)),
    ),
    mapButton('Fit', 'Fit: show all drivers', moving(fit)),
  );
  return {
    view,
    draw,
    root: h('div.map-frame', {}, canvas, buttons, scale.root),
    moveTo: (point) => moving(() => view.moveTo(point))(),
    /** Moves there, unless it is seen already. */
    reveal: (point) => {
      if (!view.shows(point)) moving(() => view.moveTo(point))();
    },
  };
}

function createCanvas() {
  return h('canvas.map', {
    tabindex: '0',
    role: 'application',
    'aria-roledescription': 'map',
    'aria-label': 'Drivers. Arrow keys move, plus and minus zoom. The list has the same drivers.',
  });
}

function mapButton(text, label, onclick) {
  return h('button', { type: 'button', 'aria-label': label, title: label, onclick }, text);
}

function createScale() {
  const bar = h('span.bar-line');
  const length = h('span');
  return {
    root: h('div.map-scale', { 'aria-hidden': 'true' }, bar, length),
    show: (view) => {
      const { meters, text } = scaleOf(view);
      bar.style.setProperty('width', `${meters / view.metersPerPixel}px`);
      length.textContent = text;
    },
  };
}

/** When the size, the colours or the pixels of the screen are others. */
function redrawAsNeeded(canvas, { view, draw, signal }) {
  const observer = new ResizeObserver(([{ contentRect }]) => {
    view.resize(contentRect);
    draw();
  });
  observer.observe(canvas);
  signal.addEventListener('abort', () => observer.disconnect());
  const dark = matchMedia('(prefers-color-scheme: dark)');
  dark.addEventListener('change', () => draw(), { signal });
}
