/** Degrees between two lines: the least that leaves room between them. */
const STEPS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5];
const ROOM_PX = 110;
const EDGE_PX = 36;
const LABEL_PX = 70;

/** The net of degrees, each line with its own at the edge. */
export function drawGraticule(pen, view, colors) {
  const northWest = view.toPoint({ x: 0, y: 0 });
  const southEast = view.toPoint({ x: view.width, y: view.height });
  const perPixel = (southEast.lng - northWest.lng) / view.width;
  const step = STEPS.find((each) => each / perPixel > ROOM_PX) ?? STEPS.at(-1);
  const digits = Math.max(0, Math.ceil(-Math.log10(step)));
  pen.lineWidth = 1;
  pen.strokeStyle = colors.line;
  pen.fillStyle = colors.muted;
  pen.font = `11px ${colors.font}`;
  for (const lng of multiples(step, northWest.lng, southEast.lng)) {
    const x = Math.round(view.toScreen({ lat: view.center.lat, lng }).x) + 0.5;
    stroke(pen, [x, 0], [x, view.height]);
    if (x > view.width - LABEL_PX) continue; // it would be cut off
    pen.textAlign = 'left';
    pen.textBaseline = 'top';
    pen.fillText(degrees(wrapped(lng), ['E', 'W'], digits), x + 5, 6);
  }
  for (const lat of multiples(step, southEast.lat, northWest.lat)) {
    const y = Math.round(view.toScreen({ lat, lng: view.center.lng }).y) + 0.5;
    stroke(pen, [0, y], [view.width, y]);
    if (y < EDGE_PX) continue; // there the longitudes are
    pen.textAlign = 'right';
    pen.textBaseline = 'bottom';
    pen.fillText(degrees(lat, ['N', 'S'], digits), view.width - 6, y - 3);
  }
}

/** A length of the ground that is a round number, as long as fits: `{ meters, text }`. */
export function scaleOf(view, longestPx = 120) {
  const longestM = longestPx * view.metersPerPixel;
  const power = 10 ** Math.floor(Math.log10(longestM));
  const meters = [5, 2, 1].map((each) => each * power).find((each) => each <= longestM) ?? power;
  return { meters, text: meters >= 1000 ? `${meters / 1000} km` : `${meters} m` };
}

function multiples(step, low, high) {
  const first = Math.ceil(low / step);
  const count = Math.max(0, Math.floor(high / step) - first + 1);
  return Array.from({ length: Math.min(count, 100) }, (_, index) => (first + index) * step);
}

function stroke(pen, from, to) {
  pen.beginPath();
  pen.moveTo(...from);
  pen.lineTo(...to);
  pen.stroke();
}

function degrees(value, [positive, negative], digits) {
  const side = value === 0 ? '' : ` ${value > 0 ? positive : negative}`;
  return `${Math.abs(value).toFixed(digits)}°${side}`;
}

function wrapped(lng) {
  return ((((lng + 180) % 360) + 360) % 360) - 180;
}
