/** So many at once, and one more each time that an interval has passed. */
export interface Bucket {
  burst: number;
  intervalMs: number;
}

/**
 * A token bucket in one number, the moment when it is full again (the generic cell rate algorithm).
 * @returns that moment after one more use; null where the bucket is empty
 */
export function useBucket(
  fullAt: number,
  { burst, intervalMs }: Bucket,
  now: number,
): number | null {
  const next = Math.max(now, fullAt) + intervalMs;
  return next > now + burst * intervalMs ? null : next;
}
