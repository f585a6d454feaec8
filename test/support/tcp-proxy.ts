import { openProxy, type TcpProxy } from './proxy.ts';
import { atEnd } from './teardown.ts';

export type { TcpProxy } from './proxy.ts';

/** A proxy that ends with the test file. */
export async function startProxy(targetUrl: string): Promise<TcpProxy> {
  const { proxy, close } = await openProxy(targetUrl);
  atEnd(close);
  return proxy;
}
