const TILE = 256;
const EQUATOR_M = 40_075_016.686;
const MIN_ZOOM = 8;
const MAX_ZOOM = 18;
/** What Web Mercator can show, and the service takes. */
const MAX_LATITUDE = 85;
/** As far as staff may look. */
const FARTHEST_M = 50_000;
const FIT_MARGIN_PX = 32;

/** Which part of the world is seen, in Web Mercator; the size is in CSS pixels. */
export class MapView {
  width = 1;
  height = 1;
  #center;
  #zoom;

  constructor({ lat, lng, zoom }) {
    this.#center = { lat, lng };
    this.#zoom = clamp(zoom, MIN_ZOOM, MAX_ZOOM);
  }

  get center() {
    return this.#center;
  }

  get zoom() {
    return this.#zoom;
  }

  get metersPerPixel() {
    return (EQUATOR_M * Math.cos(radians(this.#center.lat))) / this.#worldSize;
  }

  /** Of the circle around all that is seen, as far as the service looks. */
  get radiusM() {
    return Math.min(FARTHEST_M, this.#halfDiagonalM);
  }

  /** Whether more is seen than the service looks at. */
  get isTooWide() {
    return this.#halfDiagonalM > FARTHEST_M;
  }

  resize({ width, height }) {
    this.width = width;
    this.height = height;
  }

  moveTo({ lat, lng }) {
    this.#center = { lat: clamp(lat, -MAX_LATITUDE, MAX_LATITUDE), lng: wrap(lng) };
  }

  panBy(dx, dy) {
    this.moveTo(this.toPoint({ x: this.width / 2 + dx, y: this.height / 2 + dy }));
  }

  /** What lies at `anchor` stays there. */
  zoomBy(levels, anchor = { x: this.width / 2, y: this.height / 2 }) {
    const before = this.toPoint(anchor);
    this.#zoom = clamp(this.#zoom + levels, MIN_ZOOM, MAX_ZOOM);
    const after = this.toScreen(before);
    this.panBy(after.x - anchor.x, after.y - anchor.y);
  }

  shows(point, marginPx = 0) {
    const { x, y } = this.toScreen(point);
    const isIn = (at, size) => at >= marginPx && at <= size - marginPx;
    return isIn(x, this.width) && isIn(y, this.height);
  }

  /** So that all of the points are seen. */
  fit(points) {
    const lats = points.map(({ lat }) => lat);
    const lngs = points.map(({ lng }) => lng);
    const [south, north] = [Math.min(...lats), Math.max(...lats)];
    const [west, east] = [Math.min(...lngs), Math.max(...lngs)];
    this.moveTo({ lat: (south + north) / 2, lng: (west + east) / 2 });
    this.#zoom = MAX_ZOOM - 2;
    const corners = [
      { lat: south, lng: west },
      { lat: north, lng: east },
    ];
    while (this.#zoom > MIN_ZOOM && !corners.every((each) => this.shows(each, FIT_MARGIN_PX)))
      this.#zoom -= 0.25;
  }

  toScreen({ lat, lng }) {
    const [center, point] = [this.#center, { lat, lng }].map((each) => this.#project(each));
    let dx = point.x - center.x;
    // The shorter way round, across the date line.
    if (Math.abs(dx) > this.#worldSize / 2) dx -= Math.sign(dx) * this.#worldSize;
    return { x: this.width / 2 + dx, y: this.height / 2 + point.y - center.y };
  }

  toPoint({ x, y }) {
    const center = this.#project(this.#center);
    const px = (center.x + x - this.width / 2) / this.#worldSize;
    const py = (center.y + y - this.height / 2) / this.#worldSize;
    const lat = (Math.atan(Math.sinh(Math.PI * (1 - 2 * py))) * 180) / Math.PI;
    return { lat, lng: px * 360 - 180 };
  }

  get #worldSize() {
    return TILE * 2 ** this.#zoom;
  }

  get #halfDiagonalM() {
    return (Math.hypot(this.width, this.height) / 2) * this.metersPerPixel;
  }

  #project({ lat, lng }) {
    const y = Math.asinh(Math.tan(radians(lat)));
    return {
      x: ((lng + 180) / 360) * this.#worldSize,
      y: ((1 - y / Math.PI) / 2) * this.#worldSize,
    };
  }
}

function radians(degrees) {
  return (degrees * Math.PI) / 180;
}

function clamp(value, low, high) {
  return Math.min(high, Math.max(low, value));
}

function wrap(lng) {
  return ((((lng + 180) % 360) + 360) % 360) - 180;
}
