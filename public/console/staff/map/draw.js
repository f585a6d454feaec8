import { drawGraticule } from './graticule.js';

const DOT = 6;
/** A position that is as old as this is about to be given out no more. */
const OLD_MS = 30_000;

/**
 * Draws what is seen: the net of degrees, the trail of each driver, and the drivers, paler the older their position is.
 * @param scene `view`, `drivers` (`DriverTracker`), `selectedId`, `now`
 */
export function drawMap(canvas, scene) {
  const { view } = scene;
  const scale = devicePixelRatio;
  const [width, height] = [view.width, view.height].map((each) => Math.round(each * scale));
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  const pen = canvas.getContext('2d');
  const colors = colorsOf(canvas);
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  pen.fillStyle = colors.page;
  pen.fillRect(0, 0, view.width, view.height);
  drawGraticule(pen, view, colors);
  if (view.isTooWide) drawReach(pen, view, colors);
  for (const driver of scene.drivers) drawTrail(pen, { ...scene, driver, colors });
  for (const driver of scene.drivers) drawDriver(pen, { ...scene, driver, colors });
}

/** Those of the page, by day and by night. */
function colorsOf(element) {
  const style = getComputedStyle(element);
  const color = (name) => style.getPropertyValue(`--${name}`).trim();
  return {
    page: color('map'),
    line: color('line'),
    text: color('text'),
    muted: color('muted'),
    card: color('card'),
    accent: color('accent'),
    old: color('edge'),
    font: style.fontFamily,
  };
}

function drawReach(pen, view, { muted }) {
  pen.beginPath();
  pen.setLineDash([6, 6]);
  pen.strokeStyle = muted;
  pen.lineWidth = 1;
  pen.arc(view.width / 2, view.height / 2, view.radiusM / view.metersPerPixel, 0, 2 * Math.PI);
  pen.stroke();
  pen.setLineDash([]);
}

function drawTrail(pen, { view, driver, selectedId, colors }) {
  const points = driver.trail.map((point) => view.toScreen(point));
  if (points.length < 2) return;
  pen.beginPath();
  for (const { x, y } of points) pen.lineTo(x, y);
  pen.lineWidth = driver.userId === selectedId ? 3 : 2;
  pen.lineJoin = 'round';
  pen.strokeStyle = colors.accent;
  pen.globalAlpha = driver.userId === selectedId ? 0.7 : 0.3;
  pen.stroke();
  pen.globalAlpha = 1;
}

function drawDriver(pen, { view, driver, selectedId, now, colors }) {
  const { x, y } = view.toScreen(driver);
  const isOld = driver.ageMs(now) > OLD_MS / 2;
  const isSelected = driver.userId === selectedId;
  if (isSelected) ring(pen, { x, y, radius: DOT + 6, color: colors.text });
  pen.beginPath();
  pen.arc(x, y, DOT, 0, 2 * Math.PI);
  pen.fillStyle = isOld ? colors.old : colors.accent;
  pen.fill();
  pen.lineWidth = 2;
  pen.strokeStyle = colors.card;
  pen.stroke();
  if (isSelected) label(pen, { x, y, text: `id ${driver.userId}`, colors });
}

function ring(pen, { x, y, radius, color }) {
  pen.beginPath();
  pen.arc(x, y, radius, 0, 2 * Math.PI);
  pen.lineWidth = 2;
  pen.strokeStyle = color;
  pen.stroke();
}

function label(pen, { x, y, text, colors }) {
  pen.font = `600 12px ${colors.font}`;
  const width = pen.measureText(text).width + 14;
  pen.beginPath();
  pen.roundRect(x - width / 2, y - 40, width, 22, 6);
  pen.fillStyle = colors.text;
  pen.fill();
  pen.fillStyle = colors.page;
  pen.textAlign = 'center';
  pen.textBaseline = 'middle';
  pen.fillText(text, x, y - 29);
}
