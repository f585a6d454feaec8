import fc from 'fast-check';
import type { Delay, Delays, Service } from './network.ts';
import type { Transaction, World } from './world.ts';

/** What happens next in a world, and how long after the last. */
export type Step = { afterMs: number } & (
  | { do: 'connect'; place: number; session: string; checkMs: number }
  | { do: 'revoke'; place: number; session: string; transaction: Transaction }
  | { do: 'cut'; services: readonly Service[]; places: readonly number[]; forMs: number }
  | { do: 'crash'; place: number; downMs: number }
);

export interface Script {
  nodes: number;
  delays: Delays;
  steps: Step[];
}

export const SESSIONS = ['a', 'b', 'c', 'd'];
const BOTH: Service[] = ['postgres', 'redis'];
const EVERYWHERE = [0, 1, 2];
const place = fc.nat(2);
const session = fc.constantFrom(...SESSIONS);
const pause = fc.constantFrom(0, 1, 10, 100, 500, 1000, 2000);
const moment = fc.constantFrom(0, 1, 20);
const aWhile = fc.constantFrom(0, 300, 1500, 2500);
/** Most are quick; of the others some are overtaken. */
const transaction = fc.oneof(
  fc.record({ xidMs: moment, commitMs: moment, answerMs: moment }),
  fc.record({ xidMs: aWhile, commitMs: aWhile, answerMs: aWhile }),
);

const connect = fc.record({
  do: fc.constant('connect' as const),
  afterMs: pause,
  place,
  session,
  checkMs: fc.constantFrom(0, 5, 50, 500),
});
const revoke = fc.record({
  do: fc.constant('revoke' as const),
  afterMs: pause,
  place,
  session,
  transaction,
});
const cut = fc.record({
  do: fc.constant('cut' as const),
  afterMs: pause,
  services: fc.constantFrom<Service[]>(['postgres'], ['redis'], BOTH, BOTH),
  places: fc.constantFrom([0], [1], [2], [0, 1], [1, 2], EVERYWHERE, EVERYWHERE),
  forMs: fc.constantFrom(300, 3000, 20_000, 20_000),
});
const crash = fc.record({
  do: fc.constant('crash' as const),
  afterMs: pause,
  place,
  downMs: fc.constantFrom(100, 3000),
});

const some = <Value>(value: fc.Arbitrary<Value>) => fc.array(value, { minLength: 1, maxLength: 8 });
const prompt = some(fc.constantFrom<Delay[]>(1, 2, 20));
/** Both ways of a read last less than a peer waits for it: PostgreSQL is slow, and not gone. */
const slow = some(fc.constantFrom<Delay[]>(20, 700, 700));
const lossy = some(fc.constantFrom<Delay[]>(1, 20, 300, 1200, null, null));
const silent = fc.constant<Delay[]>([null]);

/** What one step leads to by chance alone too seldom: a session ends while it connects, behind another, or before a cut. */
const several = fc.oneof(
  fc
    .tuple(connect, revoke)
    .map(([first, second]) => [
      first,
      { ...second, session: first.session, afterMs: Math.min(second.afterMs, 100) },
    ]),
  fc.tuple(revoke, revoke),
  fc.tuple(revoke, cut),
);
const single = fc.oneof(connect, revoke, cut, crash).map((step) => [step]);
const steps = (of: fc.Arbitrary<Step[]>) =>
  fc.array(of, { minLength: 1, maxLength: 8, size: 'max' }).map((all) => all.flat());

/** Anything may happen to anybody. */
export const anyScript: fc.Arbitrary<Script> = fc.record({
  nodes: fc.integer({ min: 2, max: 3 }),
  delays: fc.record({
    postgres: fc.oneof(prompt, slow),
    redis: fc.oneof(prompt, lossy, silent),
  }),
  steps: steps(fc.oneof(single, several)),
});

const everydaySteps = steps(fc.oneof(connect, revoke).map((step) => [step]));

/** Nothing is lost or late. */
export const quietScript: fc.Arbitrary<Script> = fc.record({
  nodes: fc.integer({ min: 1, max: 3 }),
  delays: fc.record({ postgres: prompt, redis: prompt }),
  steps: everydaySteps,
});

const fault = (service: Service) =>
  cut.map((step) => [{ ...step, services: [service], forMs: Math.min(step.forMs, 8000) }]);

const away = (service: Service) =>
  fc.record({
    nodes: fc.integer({ min: 1, max: 3 }),
    delays: fc.record({ postgres: prompt, redis: prompt }),
    steps: fc
      .tuple(everydaySteps, fault(service), everydaySteps)
      .map(([before, middle, after]) => [...before, ...middle, ...after]),
  });

/** One of the two is away, for some nodes or for all, no longer than the grace; or Redis loses what it likes. */
export const oneFaultScript: fc.Arbitrary<Script> = fc.oneof(
  away('postgres'),
  away('redis'),
  fc.record({
    nodes: fc.integer({ min: 1, max: 3 }),
    delays: fc.record({ postgres: prompt, redis: fc.oneof(lossy, silent) }),
    steps: everydaySteps,
  }),
);

export function act(world: World, step: Step): void {
  if (step.do === 'connect') world.connect(step.place % world.size, step.session, step.checkMs);
  else if (step.do === 'revoke') {
    world.revoke(step.place % world.size, step.session, step.transaction);
  } else if (step.do === 'crash') world.crash(step.place % world.size, step.downMs);
  else {
    const places = [...new Set(step.places.map((each) => each % world.size))];
    for (const service of step.services) world.cut(service, places, step.forMs);
  }
}
