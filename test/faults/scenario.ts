import { rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { judge, type Row } from './judgement.ts';
import { askOnce } from './probes.ts';
import type { Scope } from './scope.ts';
import { Stage } from './stage.ts';
import { LEASE_MS, startWorld, type World, type WorldSetting } from './world.ts';

/** What is claimed of a fault, in times from the commit. */
export interface Claim {
  /** The last frame that a revoked socket is served. */
  lastFrameMs: number;
  /** The close, where it is not soon after that. */
  closeMs?: number;
  /** Of sockets whose session nobody ended: none is lost, or those of these nodes may be, or must be. */
  honest: 'live' | { mayBeLost: string[] } | { mustBeGated: string[] };
}

/** For how long what is stopped stands still. */
export const STOP_MS = 20_000;
/** Of a fault that is not a stop: twice the lease, and more. */
export const FAULT_MS = 11_000;

/** One dependency is broken. */
export const SINGLE: Claim = { lastFrameMs: LEASE_MS + 500, honest: 'live' };
/** More than one is: B's sockets may be closed, and nothing revoked is served for longer. */
export const COMBINED: Claim = { lastFrameMs: LEASE_MS, honest: { mayBeLost: ['B'] } };

export interface Scenario {
  name: string;
  claim: Claim;
  setting?: Partial<WorldSetting>;
  /** Brings the fault about, ends the victims' sessions during it, and mends it. */
  play: (stage: Stage) => Promise<void>;
}

const DEFAULT_SETTING: WorldSetting = { nodes: 2, graceSeconds: 300 };
/** What a healthy service needs after a fault. */
const RECOVERY_MS = 4000;

/** Plays a scenario in a world of its own, and tells what was measured and whether it is as claimed. */
export async function runScenario(
  scope: Scope,
  scenario: Scenario,
  place: { template: string; directory: string },
): Promise<Row> {
  try {
    const world = await startWorld(scope, place, { ...DEFAULT_SETTING, ...scenario.setting });
    const stage = await Stage.set(world);
    await scenario.play(stage);
    await stage.untilClosed(Date.now() + scenario.claim.lastFrameMs + 1000);
    await sleep(RECOVERY_MS);
    const complaints = await complaintsAfterRecovery(stage);
    await stage.probes.settled();
    const row = await judge(scenario, stage, complaints);
    if (row.complaints.length > 0) tellLogs(scenario, world);
    return row;
  } finally {
    await scope.close();
    await rm(place.directory, { recursive: true, force: true });
  }
}

function tellLogs({ name }: Scenario, { nodes }: World): void {
  for (const node of nodes) {
    console.error(`--- ${name}: node ${node.name} said\n${node.process.output().trim()}\n---`);
  }
}

/** Whoever is alive refuses what was revoked, and serves everybody else. */
async function complaintsAfterRecovery(stage: Stage): Promise<string[]> {
  const complaints: string[] = [];
  for (const { node, session } of stage.honest) {
    if (node.process.child.signalCode !== null) continue;
    const expect = async (what: string, asking: Promise<number>, expected: number) => {
      const status = await asking;
      if (status !== expected)
        complaints.push(`after recovery ${node.name} answered ${what} with ${status}`);
    };
    await expect('an honest request', askOnce(node.url, session, 'database request'), 200);
    await expect('an honest socket', askOnce(node.url, session, 'handshake'), 101);
    for (const victim of stage.victims) {
      await expect('a revoked token', askOnce(node.url, victim.session, 'request'), 401);
      await expect('a revoked socket', askOnce(node.url, victim.session, 'handshake'), 401);
    }
  }
  return complaints;
}
