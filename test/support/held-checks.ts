import type { TestApp } from './app.ts';
import { eventually } from './live-sockets.ts';

/** The next checks of revocation wait until they are let go. */
export function holdChecks({ context: { ephemeral } }: TestApp) {
  const get = ephemeral.getEach.bind(ephemeral);
  const held = Promise.withResolvers<undefined>();
  let isAsked = false;
  ephemeral.getEach = async (key) => {
    isAsked = true;
    await held.promise;
    return get(key);
  };
  const asked = () => eventually(() => isAsked, 'a handshake is being checked');
  const letGo = () => {
    ephemeral.getEach = get;
    held.resolve(undefined);
  };
  return { asked, letGo };
}
