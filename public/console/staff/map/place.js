const STORAGE_KEY = 'medallion.map';
const START = { lat: 37.7749, lng: -122.4194, zoom: 13 };
const PATTERN =
  /^\s*(-?\d+(?:\.\d+)?)\s*[,; ]\s*(-?\d+(?:\.\d+)?)(?:\s*[,; ]\s*(\d+(?:\.\d+)?)z?)?\s*$/;

/** `37.7749, -122.4194`, perhaps with a zoom; null for anything else. */
export function parsePlace(text) {
  const [, lat, lng, zoom] = (PATTERN.exec(text ?? '') ?? []).map(Number);
  if (lat === undefined || Math.abs(lat) > 85 || Math.abs(lng) > 180) return null;
  return { lat, lng, ...(Number.isFinite(zoom) && { zoom }) };
}

/** Where a map begins: where the address says, else where it was left in this tab, else in San Francisco. */
export function firstPlace(query) {
  const given = parsePlace(query.get('at')) ?? parsePlace(sessionStorage.getItem(STORAGE_KEY));
  return { ...START, ...given };
}

export function rememberPlace({ center: { lat, lng }, zoom }) {
  sessionStorage.setItem(STORAGE_KEY, `${lat.toFixed(5)},${lng.toFixed(5)},${zoom.toFixed(2)}`);
}
