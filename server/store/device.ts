/** Where a request came from: kept with the session and with every audit event. */
export interface Device {
  ip: string | null;
  userAgent: string | null;
  deviceId: string | null;
}
