import type { IncomingMessage } from 'node:http';
import { isIP, isIPv6 } from 'node:net';
import ipaddr from 'ipaddr.js';

/** The address of whoever sends a request that no framework reads: the peer's, or what the trusted proxies say. */
export function addressOf(
  { headers, socket }: IncomingMessage,
  trustedProxyHops: number,
): string | null {
  const forwarded = String(headers['x-forwarded-for'] ?? '').split(',');
  // Each hop added whom it heard, at the end: what is further in front anybody may have written.
  const said = trustedProxyHops === 0 ? undefined : forwarded.slice(-trustedProxyHops)[0]?.trim();
  // To ask the kernel for the peer costs more than all else here.
  return firstAddress([said]) ?? firstAddress([socket.remoteAddress]);
}

/** The first that is an IP address as PostgreSQL knows it, whatever a proxy may have written. */
export function firstAddress(candidates: (string | undefined)[]): string | null {
  const plain = candidates.map((address) =>
    address?.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, ''),
  );
  return plain.find((address) => address !== undefined && isIP(address) !== 0) ?? null;
}

/** What an address is counted under: an IPv6 customer is given at least a /64, and may ask from any address of it. */
export function limitKeyOf(address: string | null): string {
  if (address === null || !isIPv6(address)) return address ?? '';
  const parsed = ipaddr.process(address);
  if (parsed instanceof ipaddr.IPv4) return parsed.toString();
  const network = parsed.parts.slice(0, 4).map((part) => part.toString(16));
  return `${network.join(':')}::/64`;
}
