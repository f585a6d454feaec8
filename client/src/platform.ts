interface Listening {
  addEventListener(type: string, listener: (event: never) => void): void;
  removeEventListener(type: string, listener: (event: never) => void): void;
}

interface Locks {
  request<T>(
    name: string,
    options: { signal: AbortSignal } | { ifAvailable: true },
    task: (lock: unknown) => Promise<T>,
  ): Promise<T>;
}

/** What only some of the platforms have. */
interface Platform extends Partial<Listening> {
  localStorage?: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;
  navigator?: { locks?: Locks };
  location?: { origin?: string };
  document?: Listening & { visibilityState: string };
  crypto?: { getRandomValues?: (array: Uint8Array) => Uint8Array };
  reportError?: (error: unknown) => void;
  fetch?: typeof fetch;
  WebSocket?: WebSocketConstructor;
}

interface Storage {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

/** As much of a WebSocket as is used: that of browsers, React Native, Node and `ws` fit. */
export interface WebSocketLike {
  readonly readyState: number;
  // Every platform has event types of its own, and nothing else fits them all.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  addEventListener(type: string, listener: (event: any) => void): void;
  send(data: string): void;
  close(code?: number, reason?: string): void;
}

export type WebSocketConstructor = new (url: string, protocols?: string[]) => WebSocketLike;

export const platform = globalThis as unknown as Platform;

/** Calls `listener` on an event of the page; does nothing where there is no page. */
export function onPageEvent(
  target: Partial<Listening> | undefined,
  type: string,
  listener: (event: never) => void,
): () => void {
  target?.addEventListener?.(type, listener);
  return () => {
    target?.removeEventListener?.(type, listener);
  };
}

/** 128 bits. Such an id names a thing and proves nothing: where there is no good source, chance will do. */
export function randomId(): string {
  const bytes = new Uint8Array(16);
  if (platform.crypto?.getRandomValues) platform.crypto.getRandomValues(bytes);
  else bytes.forEach((_byte, index) => (bytes[index] = Math.floor(Math.random() * 256)));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** An error of somebody else's, which must not stop us, and must not be lost either. */
export function reportToPlatform(error: unknown): void {
  if (platform.reportError) {
    platform.reportError(error);
    return;
  }
  // As with a listener of Node's own EventTarget.
  queueMicrotask(() => {
    throw error;
  });
}
