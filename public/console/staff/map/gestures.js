const STEP_PX = 80;
const PICK_PX = 16;
/** Further than this a press is no click. */
const CLICK_PX = 4;

const KEYS = {
  ArrowLeft: (view) => view.panBy(-STEP_PX, 0),
  ArrowRight: (view) => view.panBy(STEP_PX, 0),
  ArrowUp: (view) => view.panBy(0, -STEP_PX),
  ArrowDown: (view) => view.panBy(0, STEP_PX),
  '+': (view) => view.zoomBy(0.5),
  '=': (view) => view.zoomBy(0.5),
  '-': (view) => view.zoomBy(-0.5),
};

/**
 * Moves a view by mouse, fingers, wheel and keys.
 * @param options `onMove()` after each change; `onPick(near)` for a click, where `near(point)` tells whether it was there
 */
export function followGestures(canvas, view, { onMove, onPick }) {
  const pointers = new Map();
  let hasMoved = false;

  canvas.addEventListener('pointerdown', (event) => {
    canvas.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, placeOf(event));
    if (pointers.size === 1) hasMoved = false;
  });
  canvas.addEventListener('pointermove', (event) => {
    const before = pointers.get(event.pointerId);
    if (before === undefined) return;
    const now = placeOf(event);
    const travelled = Math.hypot(now.x - before.x, now.y - before.y);
    if (!hasMoved && travelled < CLICK_PX) return;
    hasMoved = true;
    const others = [...pointers].filter(([id]) => id !== event.pointerId).map(([, place]) => place);
    if (others.length === 0) view.panBy(before.x - now.x, before.y - now.y);
    else pinch(view, { before, now, other: others[0] });
    pointers.set(event.pointerId, now);
    onMove();
  });
  const release = (event) => {
    const wasDown = pointers.delete(event.pointerId);
    if (!wasDown || hasMoved || event.type !== 'pointerup') return;
    onPick(nearTo(view, placeOf(event)));
  };
  canvas.addEventListener('pointerup', release);
  canvas.addEventListener('pointercancel', release);
  canvas.addEventListener(
    'wheel',
    (event) => {
      event.preventDefault();
      view.zoomBy(-event.deltaY / 300, placeOf(event));
      onMove();
    },
    { passive: false },
  );
  canvas.addEventListener('keydown', (event) => {
    const move = event.ctrlKey || event.metaKey || event.altKey ? undefined : KEYS[event.key];
    if (move === undefined) return;
    event.preventDefault();
    move(view);
    onMove();
  });
}

function pinch(view, { before, now, other }) {
  const [was, is] = [before, now].map((each) => Math.hypot(each.x - other.x, each.y - other.y));
  if (was > 0 && is > 0) view.zoomBy(Math.log2(is / was), other);
}

function nearTo(view, place) {
  return (point) => {
    const { x, y } = view.toScreen(point);
    return Math.hypot(x - place.x, y - place.y) <= PICK_PX;
  };
}

function placeOf({ offsetX: x, offsetY: y }) {
  return { x, y };
}
