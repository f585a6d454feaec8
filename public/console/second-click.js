/** As long as two clicks may be a double one, and as far from each other. */
const SOON_MS = 500;
const NEAR_PX = 12;

/**
 * Whoever clicks twice means one thing. Where the first click has brought another button under the pointer ("Log out" in the
 * place of "Sign in"), the second does not press it.
 */
export function ignoreSecondClicks() {
  let last = { timeStamp: -Infinity, clientX: 0, clientY: 0, pressed: null };
  const judge = (event) => {
    // A keyboard's, or a script's.
    if (event.detail === 0) return;
    const { timeStamp, clientX, clientY, target } = event;
    const pressed = target.closest('button, a, summary, label');
    const isSoon = timeStamp - last.timeStamp < SOON_MS;
    const isNear = Math.hypot(clientX - last.clientX, clientY - last.clientY) < NEAR_PX;
    const isOther = pressed !== last.pressed && last.pressed !== null;
    if (isSoon && isNear && isOther) {
      event.preventDefault();
      event.stopImmediatePropagation();
      return;
    }
    last = { timeStamp, clientX, clientY, pressed };
  };
  addEventListener('click', judge, { capture: true });
}
