/** A close that comes later has another cause. */
const MEMORY_MS = 10_000;

let endings = [];

/** Somebody has just pressed a button that ends `sessionId`, or all sessions of `userId`. */
export function noteEnding(ending) {
  const noted = { ...ending, pressedAt: performance.now() };
  endings = [noted, ...endings].slice(0, 20);
}

/** The press of a button in this page that ended the session, if it was one. */
export function findEnding({ sessionId, userId }) {
  const since = performance.now() - MEMORY_MS;
  return endings.find(
    (ending) =>
      ending.pressedAt > since &&
      (ending.userId === userId || (ending.sessionId ?? NaN) === sessionId),
  );
}
