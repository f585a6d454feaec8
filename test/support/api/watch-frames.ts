import type { Frame } from '../socket.ts';
import type { CompiledDescription } from './compiled-description.ts';
import { description, noteMisfit } from './misfits.ts';

let isExtended = false;

/** From now on frames of types that are not ours may come: a team's own. */
export function exemptFrames(): void {
  isExtended = true;
}

/** Why a frame from the server is not as the description says; null where it is. */
export function frameMisfitOf(
  { frames, validators }: CompiledDescription,
  frame: Frame,
): string | null {
  const name = frames.server[frame.type];
  if (name === undefined) return isExtended ? null : `${frame.type} is not described`;
  const validate = validators[name];
  if (validate?.(frame) === true) return null;
  // Values may be secrets.
  const why = (validate?.errors ?? []).map(
    ({ instancePath, message = '', params }) =>
      `${instancePath} ${message} ${JSON.stringify(params)}`,
  );
  return `${frame.type}: ${why.join(', ')}`;
}

/** Whether a frame from a client fits its type; null where its type is none of ours. */
export function fitsAsSent(
  { frames, validators }: CompiledDescription,
  frame: object,
): boolean | null {
  const type = 'type' in frame && typeof frame.type === 'string' ? frame.type : '';
  const name = Object.hasOwn(frames.client, type) ? (frames.client[type] ?? '') : '';
  return validators[name]?.(frame) ?? null;
}

/** Compares what passes over one socket with the description. */
export class FrameWatch {
  /** Whether the frame that was sent with a ref fits; null where there were several. */
  readonly #fits = new Map<unknown, boolean | null>();

  sent(frame: unknown): void {
    if (typeof frame !== 'object' || frame === null || !('ref' in frame)) return;
    const { ref } = frame;
    this.#fits.set(ref, this.#fits.has(ref) ? null : fitsAsSent(description, frame));
  }

  received(frame: Frame): void {
    const misfit = frameMisfitOf(description, frame);
    if (misfit !== null) noteMisfit(`a frame from the server, ${misfit}`);
    const { type, ref, code } = frame;
    const fits = this.#fits.get(ref) ?? null;
    if (fits === null) return;
    // A handler, too, may find that its fields do not fit: `radius_m` has another bound for each role.
    const isRefused = code === 'invalid_frame' && !String(frame.detail).includes('radius_m');
    if (fits === isRefused) {
      const what = fits ? 'fits was refused' : 'does not fit was taken';
      noteMisfit(`a frame that ${what}, ref ${String(ref)}: ${type} ${String(code)}`);
    }
  }
}
