// Mouse, touch and pen on the map: drag, pinch, wheel, tap, double tap, hover.

/** Movement up to which a touch is a tap, in pixels. */
const SLACK = 7;
const DOUBLE_TAP_MS = 300;
/** Less than the distance of two seats that are picked one after the other. */
const DOUBLE_TAP_WITHIN = 10;

/**
 * Reports gestures on an element to `to`: `pan(x, y)`, `zoom(factor, x, y)`, `tap(x, y, touch)`,
 * `doubleTap(x, y)`, `hover(x, y)`, `leave()`. `to.canZoom(factor)` tells whether the wheel is ours.
 */
export function gestures(element, to) {
  const pointers = new Map();
  let [moved, lastTap] = [false, { at: -Infinity }];

  const place = (event) => {
    const box = element.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };
  const middle = () => {
    const all = [...pointers.values()];
    const sum = all.reduce((total, one) => ({ x: total.x + one.x, y: total.y + one.y }), { x: 0, y: 0 });
    const centre = { x: sum.x / all.length, y: sum.y / all.length };
    return { ...centre, spread: Math.hypot(all[0].x - centre.x, all[0].y - centre.y) };
  };

  element.addEventListener('pointerdown', (event) => {
    if (event.pointerType === 'mouse' && event.button !== 0) return;
    const at = place(event);
    if (pointers.size === 0) moved = false;
    pointers.set(event.pointerId, { ...at, startX: at.x, startY: at.y });
    element.setPointerCapture(event.pointerId);
    if (pointers.size > 1) moved = true;
  });
  element.addEventListener('pointermove', (event) => {
    const at = place(event);
    const pointer = pointers.get(event.pointerId);
    if (!pointer) {
      if (event.pointerType === 'mouse') to.hover(at.x, at.y);
      return;
    }
    if (!moved && Math.hypot(at.x - pointer.startX, at.y - pointer.startY) < SLACK) return;
    if (!moved) to.leave();
    moved = true;
    const before = middle();
    Object.assign(pointer, at);
    const after = middle();
    to.pan(after.x - before.x, after.y - before.y);
    if (before.spread > 0 && after.spread > 0) to.zoom(after.spread / before.spread, after.x, after.y);
  });
  element.addEventListener('pointerup', (event) => {
    const known = pointers.delete(event.pointerId);
    if (!known || moved || pointers.size > 0) return;
    const at = place(event);
    const again =
      event.timeStamp - lastTap.at < DOUBLE_TAP_MS && Math.hypot(at.x - lastTap.x, at.y - lastTap.y) < DOUBLE_TAP_WITHIN;
    lastTap = again ? { at: -Infinity } : { ...at, at: event.timeStamp };
    if (again) to.doubleTap(at.x, at.y);
    else to.tap(at.x, at.y, event.pointerType !== 'mouse');
  });
  element.addEventListener('pointercancel', (event) => pointers.delete(event.pointerId));
  element.addEventListener('pointerleave', (event) => event.pointerType === 'mouse' && to.leave());
  element.addEventListener(
    'wheel',
    (event) => {
      const lines = event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? 200 : 1;
      // A pinch on a touchpad comes as a wheel with Ctrl and with small steps.
      const factor = Math.exp(-event.deltaY * lines * (event.ctrlKey ? 0.012 : 0.0022));
      if (!event.ctrlKey && !to.canZoom(factor)) return;
      event.preventDefault();
      const at = place(event);
      to.zoom(Math.min(2, Math.max(0.5, factor)), at.x, at.y);
    },
    { passive: false },
  );
}
