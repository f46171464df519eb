// Eight times eight pixels to draw on, with values from 0 to 16 as the classifier knows them.

const SIDE = 8;
const DARKEST = 16;
const BRUSH = 1.25; // pixels from the middle of the brush to where it gives no ink any more

export class Pad {
  /** `onChange()` is called whenever the image is another one. */
  constructor(canvas, onChange) {
    this.canvas = canvas;
    this.onChange = onChange;
    this.last = null; // where the pointer was
    this.cursor = null; // the pixel that the keyboard is at
    canvas.addEventListener("pointerdown", (event) => this.begin(event));
    canvas.addEventListener("pointermove", (event) => this.move(event));
    for (const name of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(name, () => (this.last = null));
    }
    canvas.addEventListener("keydown", (event) => this.type(event));
    canvas.addEventListener("blur", () => {
      this.cursor = null;
      this.draw();
    });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
    this.image = blank();
    this.draw();
  }

  get empty() {
    return this.image.every((row) => row.every((value) => value === 0));
  }

  clear() {
    this.image = blank();
    this.changed();
  }

  begin(event) {
    this.canvas.setPointerCapture(event.pointerId);
    this.cursor = null;
    this.last = this.place(event);
    this.ink(...this.last);
    this.changed();
  }

  move(event) {
    if (this.last === null) return;
    // A fast stroke has few events: ink every fifth of a pixel in between.
    const [x, y] = this.place(event);
    const [fromX, fromY] = this.last;
    const steps = Math.max(1, Math.ceil(Math.hypot(x - fromX, y - fromY) * 5));
    for (let step = 1; step <= steps; step += 1) {
      this.ink(fromX + ((x - fromX) * step) / steps, fromY + ((y - fromY) * step) / steps);
    }
    this.last = [x, y];
    this.changed();
  }

  place(event) {
    const { left, top, width, height } = this.canvas.getBoundingClientRect();
    return [((event.clientX - left) / width) * SIDE, ((event.clientY - top) / height) * SIDE];
  }

  /** Ink around the point, the less the farther from it; what is dark stays dark. */
  ink(x, y) {
    for (let row = 0; row < SIDE; row += 1) {
      for (let column = 0; column < SIDE; column += 1) {
        const distance = Math.hypot(column + 0.5 - x, row + 0.5 - y);
        const strength = Math.min(1, Math.max(0, (BRUSH - distance) / (BRUSH - 0.4)));
        this.image[row][column] = Math.max(this.image[row][column], Math.round(DARKEST * strength));
      }
    }
  }

  type(event) {
    const [column, row] = this.cursor ?? [3, 1];
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (event.key === " ") this.image[row][column] = this.image[row][column] ? 0 : DARKEST;
    else if (!(event.key in moves)) return;
    const [right, down] = moves[event.key] ?? [0, 0];
    const within = (value) => Math.min(SIDE - 1, Math.max(0, value));
    this.cursor = [within(column + right), within(row + down)];
    event.preventDefault();
    this.changed();
  }

  changed() {
    this.draw();
    this.onChange();
  }

  draw() {
    paint(this.canvas, this.image, this.cursor);
  }
}

function blank() {
  return Array.from({ length: SIDE }, () => Array(SIDE).fill(0));
}

/** Show `image` on `canvas`, a pixel for each value, in the colours of the page. */
export function paint(canvas, image, cursor = null) {
  canvas.width = SIDE;
  canvas.height = SIDE;
  const context = canvas.getContext("2d");
  const style = getComputedStyle(document.documentElement);
  const fill = (name, strength, column, row) => {
    context.globalAlpha = strength;
    context.fillStyle = style.getPropertyValue(name);
    context.fillRect(column, row, 1, 1);
  };
  image.forEach((values, row) => values.forEach((value, column) => fill("--text", value / DARKEST, column, row)));
  if (cursor) fill("--accent", 0.6, ...cursor);
}
