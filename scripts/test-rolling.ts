/**
 * Restarts two nodes behind HAProxy, one after the other and as production is configured, under 2,000 clients that
 * behave as docs/sockets.md says: `npm run test:rolling` (`-- nginx`: behind nginx). Prints tables in Markdown, and fails where a client is offline for
 * longer than it was told and a second, misses an event silently, is closed with anything but 1012, or a request fails.
 */
import { setTimeout as sleep } from 'node:timers/promises';

import {
  describeMachine,
  medallionEnvironment,
  note,
  runBenchmark,
  type Services,
} from '../bench/services.ts';
import { signIn, startSmsGateway } from '../bench/systems.ts';
import { launchWorker, type Worker } from '../bench/worker.ts';
import { generateClientSecret } from '../server/crypto/client-secret.ts';
import type { ClientJob, ClientResult } from '../test/rolling/client-process.ts';
import { KINDS, type Kind } from '../test/rolling/client.ts';
import {
  findLoadBalancer,
  startLoadBalancer,
  type LoadBalancerName,
} from '../test/rolling/load-balancer.ts';
import { Place, type Stop } from '../test/rolling/nodes.ts';
import { complaintsOf, toTables } from '../test/rolling/report.ts';
import { Traffic } from '../test/rolling/traffic.ts';
import type { CleanUp } from './clean-up.ts';

const CLIENTS = 2000;
const PROCESSES = 2;
/** As many as one may hold by default: a socket that is draining must not stand in the way of the next one. */
const CLIENTS_PER_USER = 20;
const EVENT_EVERY_MS = 250;
const REQUEST_EVERY_MS = 50;
const WHOLE_RUN_MS = 4 * 60_000;
/** Until the last event has come. */
const SETTLE_MS = 2000;
/** Until whoever counts the time from the close is back. */
const RETURN_MS = 20_000;

type Start = CleanUp['start'];
type ClientProcess = Worker<ClientJob, ClientResult>;

const loadBalancer: LoadBalancerName = process.argv[2] === 'nginx' ? 'nginx' : 'haproxy';

await runBenchmark({ name: 'rolling restart', limitMs: WHOLE_RUN_MS, run });

async function run(services: Services, start: Start): Promise<void> {
  findLoadBalancer(loadBalancer); // before anything is started
  const sms = await startSmsGateway();
  const { secret, hash } = generateClientSecret();
  const env = environment(services, { smsUrl: sms.url, secretHash: hash });
  const places = await startPlaces(services, { env, start });
  const [{ address: a }, { address: b }] = places;
  const { directory } = services;
  const balancer = await start(
    startLoadBalancer(loadBalancer, { directory, nodes: [a, b] }),
    ({ stop }) => stop(),
  );
  note(`${CLIENTS} clients sign in and connect`);
  const tokens = await signInUsers(balancer.url, sms);
  const processes = await openClients(balancer.url, { tokens, start });

  const traffic = new Traffic(balancer.url);
  traffic.askForOwners(tokens, { every: REQUEST_EVERY_MS });
  const credentials = Buffer.from(`rolling:${secret}`).toString('base64');
  traffic.pushEvents(`Basic ${credentials}`, { every: EVENT_EVERY_MS });
  const stops: Stop[] = [];
  for (const place of places) {
    await sleep(SETTLE_MS);
    note(`node ${place.name} is restarted`);
    stops.push(await place.restart());
  }
  await askAll(processes, { settle: { patienceMs: RETURN_MS } });
  await traffic.stop();
  await sleep(SETTLE_MS);

  const results = await askAll(processes, { report: { sentAt: traffic.sentAt } });
  const reports = results.flatMap((result) => result.reports);
  const outcome = { stops, reports, traffic };
  console.log(toTables(outcome));
  console.log(`\n${await describeMachine(services)} Through ${balancer.version}.`);
  const complaints = complaintsOf(outcome);
  if (complaints.length > 0) throw new Error(complaints.join('; '));
}

function askAll(processes: ClientProcess[], job: ClientJob): Promise<ClientResult[]> {
  return Promise.all(processes.map((each) => each.run(job)));
}

/** As in production, with the times of a stop that it has there. */
function environment(
  services: Services,
  { smsUrl, secretHash }: { smsUrl: string; secretHash: string },
): Record<string, string> {
  const client = { name: 'rolling', permissions: ['realtime:write'], secret_hashes: [secretHash] };
  return {
    ...medallionEnvironment(services, smsUrl),
    TRUST_PROXY: '1',
    MAX_SOCKETS_PER_USER: String(CLIENTS_PER_USER),
    API_CLIENTS: JSON.stringify([client]),
    RATE_LIMIT_API_CLIENT: '1000000/60',
    DRAIN_READINESS_SECONDS: '',
    DRAIN_WINDOW_SECONDS: '',
  };
}

async function startPlaces(
  { directory }: Services,
  { env, start }: { env: Record<string, string>; start: Start },
): Promise<[Place, Place]> {
  const startPlace = async (name: string) => {
    const place = await Place.reserve(name, { env, cwd: directory });
    await start(place.start(), () => place.kill());
    return place;
  };
  return [await startPlace('A'), await startPlace('B')];
}

async function signInUsers(
  url: string,
  sms: Awaited<ReturnType<typeof startSmsGateway>>,
): Promise<string[]> {
  const tokens: string[] = [];
  while (tokens.length < CLIENTS / CLIENTS_PER_USER) {
    tokens.push(await signIn(url, `+1415${String(2_000_000 + tokens.length)}`, sms));
  }
  return tokens;
}

/** Half of them do all that the documentation says, the others less. */
function kindOf(index: number): Kind {
  return index % 2 === 0 ? 'early' : (KINDS[1 + ((index >> 1) % 2)] ?? 'at_close');
}

async function openClients(
  url: string,
  { tokens, start }: { tokens: string[]; start: Start },
): Promise<ClientProcess[]> {
  const clients = Array.from({ length: CLIENTS }, (_, index) => ({
    kind: kindOf(index),
    token: tokens[index % tokens.length] ?? '',
  }));
  const socketUrl = `${url.replace('http', 'ws')}/ws`;
  const processes: ClientProcess[] = [];
  const share = CLIENTS / PROCESSES;
  for (let first = 0; first < CLIENTS; first += share) {
    const worker = launchWorker<ClientJob, ClientResult>('../test/rolling/client-process.ts');
    processes.push(await start(Promise.resolve(worker), ({ stop }) => stop()));
    const { online } = await worker.run({
      open: { url: socketUrl, clients: clients.slice(first, first + share) },
    });
    if (online !== share) throw new Error(`only ${online} of ${share} clients could connect`);
  }
  return processes;
}
