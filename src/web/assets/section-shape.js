// The shape of a section from afar: its rows as broad lines that touch each other, so that curves and
// aisles show before single seats do.

/** Breadth of a row's line in seat pitches: rows are up to so far apart. */
const BREADTH = 1.3;

/** Returns a map from product number to the lines of its seats in a section, in the plan's frame. */
export function shapesOf(plan, { positions: [from, to] }) {
  const shapes = new Map();
  let at = from;
  while (at < to) {
    const start = at;
    const { row, last, first, isClosed } = plan.rows[plan.rowOf[at]];
    const gaps = new Set(row.gaps?.map((gap) => gap.after));
    const goesOn = () => {
      const [place, product] = [plan.place[at], plan.product[at]];
      return at < last && !gaps.has(place) && plan.place[at + 1] === place + 1 && plan.product[at + 1] === product;
    };
    while (goesOn()) at += 1;
    if (!shapes.has(plan.product[start])) shapes.set(plan.product[start], new Path2D());
    const path = shapes.get(plan.product[start]);
    addLine(path, plan, start, at, row.curve ? 1 : at - start);
    if (isClosed && start === first && at === last) path.closePath();
    at += 1;
  }
  return shapes;
}

function addLine(path, { x, y }, first, last, step) {
  path.moveTo(x[first], y[first]);
  // A line of no length would not be drawn.
  if (first === last) path.lineTo(x[first] + 0.01, y[first]);
  for (let at = first + step; at <= last && step > 0; at += step) path.lineTo(x[at], y[at]);
}

/** Draws the shape of a section's seats of one product. */
export function drawShape(pen, view, ratio, path) {
  const scale = view.scale * ratio;
  pen.save();
  const [x, y] = [view.width / 2 - view.centre[0] * view.scale, view.height / 2 - view.centre[1] * view.scale];
  pen.setTransform(scale, 0, 0, scale, x * ratio, y * ratio);
  pen.lineWidth = BREADTH;
  pen.lineCap = 'square';
  pen.lineJoin = 'round';
  pen.stroke(path);
  pen.restore();
}
