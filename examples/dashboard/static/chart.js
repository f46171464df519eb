// A line chart over time in plain SVG: one line per series, a grid, and the values under the pointer.

const SVG = "http://www.w3.org/2000/svg";
const GAP = 15000; // milliseconds without a reading that interrupt a line
const MARGIN = { top: 10, right: 14, bottom: 24, left: 38 };
const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300].map((seconds) => seconds * 1000);

export class Chart {
  /** `series` maps names to `{points: [[at, value], ...], color: class name}`, sorted by time. */
  constructor(svg, tip, series) {
    this.svg = svg;
    this.tip = tip;
    this.series = series;
    this.minutes = 1;
    this.pointer = null;
    svg.addEventListener("pointermove", (event) => this.point(event.offsetX));
    svg.addEventListener("pointerdown", (event) => this.point(event.offsetX));
    svg.addEventListener("pointerleave", () => this.point(null));
  }

  point(x) {
    this.pointer = x;
    this.draw();
  }

  draw() {
    const { width, height } = this.svg.getBoundingClientRect();
    const now = Date.now();
    const start = now - this.minutes * 60000;
    const shown = this.shown(start, now);
    const [low, high] = range(shown);
    const area = { left: MARGIN.left, right: width - MARGIN.right, top: MARGIN.top, bottom: height - MARGIN.bottom };
    const x = (at) => area.left + ((at - start) / (now - start)) * (area.right - area.left);
    const y = (value) => area.bottom - ((value - low) / (high - low)) * (area.bottom - area.top);

    const parts = [...rows(low, high, area, y), ...columns(start, now, area, x)];
    for (const { points, color } of shown) {
      parts.push(element("path", { class: `series ${color}`, d: path(points, x, y) }));
      const [at, value] = points.at(-1);
      parts.push(element("circle", { class: `head ${color}`, cx: x(at), cy: y(value), r: 4 }));
    }
    parts.push(...this.under(shown, area, start, now));
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.svg.replaceChildren(...parts);
  }

  shown(start, now) {
    const found = [];
    for (const [name, { points, color }] of this.series) {
      const first = Math.max(0, place(points, start) - 1); // one before, for the line to come in
      const visible = points.slice(first, place(points, now + 1000));
      if (visible.length && visible.at(-1)[0] >= start) {
        while (visible.length && visible[0][0] < start - GAP) visible.shift();
        found.push({ name, color, points: visible });
      }
    }
    return found;
  }

  under(shown, area, start, now) {
    const { pointer, tip } = this;
    tip.hidden = pointer === null || pointer < area.left || pointer > area.right || !shown.length;
    if (tip.hidden) return [];
    const at = start + ((pointer - area.left) / (area.right - area.left)) * (now - start);
    tip.replaceChildren(time(at, true), ...shown.map((series) => tipLine(series, at)));
    const left = pointer < (area.left + area.right) / 2 ? pointer + 12 : pointer - tip.offsetWidth - 12;
    tip.style.left = `${Math.max(0, left)}px`;
    return [element("line", { class: "cross", x1: pointer, x2: pointer, y1: area.top, y2: area.bottom })];
  }
}

/** Where `at` belongs in `points`, by bisection. */
export function place(points, at) {
  let low = 0;
  let high = points.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (points[middle][0] < at) low = middle + 1;
    else high = middle;
  }
  return low;
}

function tipLine({ name, color, points }, at) {
  const line = document.createElement("div");
  line.className = color;
  const value = document.createElement("b");
  const after = points[Math.min(place(points, at), points.length - 1)];
  const before = points[Math.max(place(points, at) - 1, 0)];
  const nearest = Math.abs(at - before[0]) < Math.abs(after[0] - at) ? before : after;
  value.textContent = Math.abs(at - nearest[0]) < GAP ? nearest[1].toFixed(1) : "–";
  line.append(name, value);
  return line;
}

function range(shown) {
  let low = Infinity;
  let high = -Infinity;
  for (const { points } of shown) {
    for (const [, value] of points) {
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
  }
  if (low > high) return [0, 30];
  const air = Math.max((high - low) * 0.08, 0.5);
  return [low - air, high + air];
}

function path(points, x, y) {
  let d = "";
  let last = -Infinity;
  for (const [at, value] of points) {
    d += `${at - last > GAP ? "M" : "L"}${x(at).toFixed(1)} ${y(value).toFixed(1)}`;
    last = at;
  }
  return d;
}

function* rows(low, high, area, y) {
  const rough = (high - low) / Math.max(2, (area.bottom - area.top) / 40);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough);
  for (let value = Math.ceil(low / step) * step; value <= high; value += step) {
    const at = y(value);
    yield element("line", { class: "grid", x1: area.left, x2: area.right, y1: at, y2: at });
    const label = step < 1 ? value.toFixed(1) : value.toFixed(0);
    yield element("text", { x: area.left - 8, y: at + 4, "text-anchor": "end" }, label);
  }
}

function* columns(start, now, area, x) {
  const rough = (now - start) / Math.max(2, (area.right - area.left) / 90);
  const step = STEPS.find((size) => size >= rough) ?? STEPS.at(-1);
  for (let at = Math.ceil(start / step) * step; at <= now; at += step) {
    const label = element("text", { x: x(at), y: area.bottom + 18, "text-anchor": "middle" }, time(at, step < 60000));
    if (x(at) > area.left + 20 && x(at) < area.right - 20) yield label;
  }
}

function time(at, seconds) {
  const options = { hour: "2-digit", minute: "2-digit", second: seconds ? "2-digit" : undefined, hour12: false };
  return new Date(at).toLocaleTimeString([], options);
}

function element(name, attributes, text) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}
