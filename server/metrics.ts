import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

interface ProvenLease {
  readonly proofAgeMs: number;
}

interface PasswordQueue {
  readonly waiting: number;
}

/** What `GET /metrics` shows; the process's own figures (event-loop lag, memory) come with the library. */
export function createMetrics(passwords: PasswordQueue, lease: ProvenLease) {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  return {
    registry,
    ...socketMetrics(registers),
    ...serviceMetrics(registers, passwords),
    ...revocationMetrics(registers, lease),
  };
}

function socketMetrics(registers: Registry[]) {
  return {
    socketsOpen: new Gauge({
      name: 'sockets_open',
      help: 'Live sockets held by this node',
      registers,
    }),
    socketHandshakes: new Counter({
      name: 'socket_handshakes_total',
      help: 'WebSocket handshakes by the HTTP status they were answered with',
      labelNames: ['status'],
      registers,
    }),
    socketCloses: new Counter({
      name: 'socket_closes_total',
      help: 'Closed sockets by close code',
      labelNames: ['code'],
      registers,
    }),
    driverLocations: new Counter({
      name: 'driver_locations_total',
      help: 'Positions of drivers, but for those that a newer one overtook, by what became of them',
      labelNames: ['outcome'],
      registers,
    }),
  };
}

function serviceMetrics(registers: Registry[], passwords: PasswordQueue) {
  return {
    httpRequestDuration: new Histogram({
      name: 'http_request_duration_seconds',
      help: 'Time from the request to the end of its answer, by route and status',
      labelNames: ['method', 'route', 'status'],
      buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
      registers,
    }),
    passwordsWaiting: new Gauge({
      name: 'password_hashes_waiting',
      help: 'Passwords that wait for their turn to be hashed',
      registers,
      collect() {
        this.set(passwords.waiting);
      },
    }),
    mailFailures: new Counter({
      name: 'mail_failures_total',
      help: 'E-mails that were not accepted after every attempt, or had no room to wait',
      registers,
    }),
  };
}

function revocationMetrics(registers: Registry[], lease: ProvenLease) {
  return {
    revocations: new Counter({
      name: 'revocations_total',
      help: 'Sessions ended by this node, by reason',
      labelNames: ['reason'],
      registers,
    }),
    revocationPushFailures: new Counter({
      name: 'revocation_push_failures_total',
      help: 'Committed revocations that could not be pushed through Redis',
      registers,
    }),
    revocationPath: new Counter({
      name: 'revocation_path_total',
      help: 'How this node learned of revocations; of lease and expiry, the sockets that they closed',
      labelNames: ['path'],
      registers,
    }),
    revocationLatency: new Histogram({
      name: 'revocation_latency_seconds',
      help: 'From the commit of a revocation to the moment when nothing of it was served here',
      buckets: [0.001, 0.002, 0.005, 0.01, 0.025, 0.1, 0.25, 1, 2.5, 5, 10],
      registers,
    }),
    ...proofMetrics(registers, lease),
  };
}

function proofMetrics(registers: Registry[], lease: ProvenLease) {
  return {
    proofAge: new Gauge({
      name: 'revocation_proof_age_seconds',
      help: 'Since the moment up to which this node is known to know every revocation',
      registers,
      collect() {
        this.set(lease.proofAgeMs / 1000);
      },
    }),
    proofRoundTrip: new Histogram({
      name: 'revocation_proof_round_trip_seconds',
      help: 'Time of a proof by PostgreSQL',
      buckets: [0.001, 0.002, 0.005, 0.01, 0.05, 0.25, 1, 2.5],
      registers,
    }),
    peerRoundTrip: new Histogram({
      name: 'revocation_peer_round_trip_seconds',
      help: 'Time of a proof by a peer, where PostgreSQL did not answer',
      buckets: [0.005, 0.02, 0.05, 0.25, 1, 2.5],
      registers,
    }),
    leaseLost: new Counter({
      name: 'lease_lost_total',
      help: 'How often this node could not prove that it knew every revocation',
      registers,
    }),
  };
}

export type Metrics = ReturnType<typeof createMetrics>;
