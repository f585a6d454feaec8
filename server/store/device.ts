/** Where a request came from: kept with the session and with every audit event. */
export interface Device {
  ip: string | null;
  userAgent: string | null;
  deviceId: string | null;
}

/** What a device is known by: the id that its app sends, else its user agent; empty where it sends neither. */
export function deviceOf({ deviceId, userAgent }: Omit<Device, 'ip'>): string {
  return deviceId === null ? `agent:${userAgent ?? ''}` : `id:${deviceId}`;
}
