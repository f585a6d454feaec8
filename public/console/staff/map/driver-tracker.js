const TRAIL = 30;

/** A driver as it was last heard of, with where it was before. */
class Driver {
  constructor({ userId }) {
    this.userId = userId;
    this.trail = [];
  }

  take({ lat, lng, distance_m: distanceM, updated_at: updatedAt }) {
    const hasMoved = this.lat !== lat || this.lng !== lng;
    Object.assign(this, { lat, lng, distanceM, updatedAt: new Date(updatedAt).getTime() });
    if (hasMoved) this.trail = [...this.trail, { lat, lng }].slice(-TRAIL);
  }

  ageMs(now) {
    return Math.max(0, now - this.updatedAt);
  }
}

/** Who is near, from one answer to the next: the nearest first. */
export class DriverTracker {
  #drivers = new Map();

  /** @param answer of `nearby` */
  take(answer) {
    const before = this.#drivers;
    this.#drivers = new Map(
      answer.map((each) => {
        const driver = before.get(each.user_id) ?? new Driver({ userId: each.user_id });
        driver.take(each);
        return [each.user_id, driver];
      }),
    );
  }

  get(userId) {
    return this.#drivers.get(userId);
  }

  get size() {
    return this.#drivers.size;
  }

  [Symbol.iterator]() {
    return this.#drivers.values();
  }
}
