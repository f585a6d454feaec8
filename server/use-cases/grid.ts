import { MAX_LATITUDE, reachOf, type Circle, type Point } from '../ephemeral/sphere.ts';

export interface Cell {
  row: number;
  column: number;
}

/**
 * Cuts the earth into cells that are nearly square and equally large at every latitude: rows of so many degrees, each
 * cut into as many columns as leave them no narrower than the row is high.
 */
export class Grid {
  readonly #rowDegrees: number;

  constructor(rowDegrees: number) {
    this.#rowDegrees = rowDegrees;
  }

  cellAt({ lat, lng }: Point): Cell {
    const row = this.#rowAt(lat);
    const columns = this.#columnsOf(row);
    return { row, column: columnAt(lng, columns) % columns };
  }

  /** To a tenth of a metre. */
  centerOf({ row, column }: Cell): Point {
    const lat = (row + 0.5) * this.#rowDegrees;
    const lng = ((column + 0.5) / this.#columnsOf(row)) * 360 - 180;
    return { lat: round(lat), lng: round(lng) };
  }

  /** Every cell that a circle touches, and perhaps one that it nearly does. */
  cellsAround(circle: Circle): Cell[] {
    const { lat, lng } = circle.center;
    const reach = reachOf(circle);
    const first = this.#rowAt(clampLatitude(lat - reach.lat));
    const last = this.#rowAt(clampLatitude(lat + reach.lat));
    return range(first, last).flatMap((row) => {
      const columns = this.#columnsOf(row);
      const west = columnAt(lng - reach.lng, columns);
      const east = Math.min(columnAt(lng + reach.lng, columns), west + columns - 1);
      // Beyond the antimeridian they are counted from the other side.
      return range(west, east).map((column) => ({ row, column: (column + columns) % columns }));
    });
  }

  #rowAt(lat: number): number {
    return Math.floor(lat / this.#rowDegrees);
  }

  #columnsOf(row: number): number {
    const outermost = Math.max(Math.abs(row), Math.abs(row + 1)) * this.#rowDegrees;
    return Math.floor((360 * Math.cos((outermost * Math.PI) / 180)) / this.#rowDegrees);
  }
}

function columnAt(lng: number, columns: number): number {
  return Math.floor(((lng + 180) / 360) * columns);
}

function clampLatitude(lat: number): number {
  return Math.min(MAX_LATITUDE, Math.max(-MAX_LATITUDE, lat));
}

function round(degrees: number): number {
  return Math.round(degrees * 1e6) / 1e6;
}

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}
