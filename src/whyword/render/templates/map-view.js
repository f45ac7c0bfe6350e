// Points on a canvas: where they are on the screen, which is near, which lie within a line drawn
// around them. Knows nothing of documents.
class PointField {
  // base: canvas of the points; overlay: canvas above it for rings and the lasso; points: x and y in
  // turn; group: per point an index into colours.
  constructor(base, overlay, points, group, colours) {
    Object.assign(this, { base, overlay, points, group, colours, count: group.length });
    this.hidden = new Set();
    this.selected = null; // per point 1 or 0
    this.rings = []; // points to encircle
    this.lasso = []; // corners on the screen
    this.order = shuffled(this.count);
    this.bounds = this.#bounds();
    this.#index();
    new ResizeObserver(() => this.#resize()).observe(base);
    this.#resize();
    this.all();
  }

  // --- Where things are: data to screen is (p - centre) * scale, y upwards

  screen(i) {
    const [x, y] = this.centre;
    return [
      this.width / 2 + (this.points[2 * i] - x) * this.scale,
      this.height / 2 - (this.points[2 * i + 1] - y) * this.scale,
    ];
  }

  data([x, y]) {
    return [
      this.centre[0] + (x - this.width / 2) / this.scale,
      this.centre[1] - (y - this.height / 2) / this.scale,
    ];
  }

  all() {
    const [left, bottom, right, top] = this.bounds;
    this.centre = [(left + right) / 2, (bottom + top) / 2];
    const room = 0.92;
    this.whole = room * Math.min(this.width / (right - left), this.height / (top - bottom));
    this.scale = this.whole;
    this.draw();
  }

  move(dx, dy) {
    this.centre = [this.centre[0] - dx / this.scale, this.centre[1] + dy / this.scale];
    this.draw();
  }

  // What lies under `at` stays there.
  zoom(factor, at = [this.width / 2, this.height / 2]) {
    const [x, y] = this.data(at);
    this.scale = Math.min(Math.max(this.scale * factor, this.whole / 4), this.whole * 2000);
    const [nowX, nowY] = this.data(at);
    this.centre = [this.centre[0] + x - nowX, this.centre[1] + y - nowY];
    this.draw();
  }

  // --- What is near

  visible(i) {
    return !this.hidden.has(this.group[i]);
  }

  // The nearest visible point within so many pixels, or -1.
  nearest(at, pixels) {
    const [x, y] = this.data(at);
    const reach = pixels / this.scale;
    let best = -1;
    let least = reach * reach;
    const [left, right] = [this.#column(x - reach), this.#column(x + reach)];
    const [low, high] = [this.#row(y - reach), this.#row(y + reach)];
    for (let row = low; row <= high; row++) {
      for (let k = this.starts[row * this.side + left]; k < this.starts[row * this.side + right + 1]; k++) {
        const i = this.cells[k];
        const distance = (this.points[2 * i] - x) ** 2 + (this.points[2 * i + 1] - y) ** 2;
        if (distance <= least && this.visible(i)) [best, least] = [i, distance];
      }
    }
    return best;
  }

  // The visible points within a polygon on the screen.
  within(corners) {
    const polygon = corners.map((corner) => this.data(corner));
    const found = [];
    for (let i = 0; i < this.count; i++)
      if (this.visible(i) && inside(this.points[2 * i], this.points[2 * i + 1], polygon)) found.push(i);
    return found;
  }

  // Points sorted into the cells of a square grid, row by row: those of cell c are
  // cells[starts[c]] up to cells[starts[c + 1]].
  #index() {
    this.side = Math.max(1, Math.ceil(Math.sqrt(this.count / 4)));
    const cellOf = (i) => this.#row(this.points[2 * i + 1]) * this.side + this.#column(this.points[2 * i]);
    this.starts = new Uint32Array(this.side ** 2 + 1);
    for (let i = 0; i < this.count; i++) this.starts[cellOf(i) + 1]++;
    for (let c = 0; c < this.side ** 2; c++) this.starts[c + 1] += this.starts[c];
    const next = this.starts.slice();
    this.cells = new Uint32Array(this.count);
    for (let i = 0; i < this.count; i++) this.cells[next[cellOf(i)]++] = i;
  }

  #column(x) {
    return this.#cell((x - this.bounds[0]) / (this.bounds[2] - this.bounds[0]));
  }

  #row(y) {
    return this.#cell((y - this.bounds[1]) / (this.bounds[3] - this.bounds[1]));
  }

  #cell(share) {
    return Math.min(Math.max(Math.floor(share * this.side), 0), this.side - 1);
  }

  #bounds() {
    let [left, bottom, right, top] = [Infinity, Infinity, -Infinity, -Infinity];
    for (let i = 0; i < this.count; i++) {
      const [x, y] = [this.points[2 * i], this.points[2 * i + 1]];
      [left, right] = [Math.min(left, x), Math.max(right, x)];
      [bottom, top] = [Math.min(bottom, y), Math.max(top, y)];
    }
    const little = 1e-6 * Math.max(right - left, top - bottom) || 1;
    return [left - little, bottom - little, right + little, top + little];
  }

  // --- Drawing, once per frame at most

  draw() {
    this.pending ??= requestAnimationFrame(() => {
      this.pending = undefined;
      this.#drawPoints();
      this.#drawOverlay();
    });
  }

  drawOverlay() {
    if (this.pending === undefined) this.#drawOverlay();
  }

  #resize() {
    const [width, height] = [this.base.clientWidth, this.base.clientHeight];
    if (!width || !height) return;
    const ratio = this.width ? Math.min(width / this.width, height / this.height) : 1;
    [this.width, this.height, this.density] = [width, height, devicePixelRatio];
    for (const canvas of [this.base, this.overlay])
      [canvas.width, canvas.height] = [width * this.density, height * this.density];
    if (this.centre) {
      [this.scale, this.whole] = [this.scale * ratio, this.whole * ratio];
      this.draw();
    }
  }

  // Into an array of pixels, several times as fast as drawing discs one by one. The array is wider
  // than the canvas by a margin on each side, so that no disc in sight has to be clipped.
  #drawPoints() {
    const { base, points, group, density, scale, selected } = this;
    const context = base.getContext("2d");
    // Fewer points and closer views have room for larger ones.
    const size = Math.min(2.2 * (scale / this.whole) ** 0.25 * (this.count < 3000 ? 1.5 : 1), 7);
    const radius = Math.max(Math.round(size * density), 1);
    const margin = 2 * radius + 2;
    const width = base.width + 2 * margin;
    const height = base.height + 2 * margin;
    if (this.image?.width !== width || this.image?.height !== height) this.image = new ImageData(width, height);
    const pixels = new Uint32Array(this.image.data.buffer);
    pixels.fill(0);
    const { offsets, shares } = disc(radius, width);
    const colours = this.colours.map((colour) => [0.15, 0.9].map((alpha) => shades(colour, shares, alpha)));
    const [k, x0, y0] = [scale * density, width / 2, height / 2];
    const [cx, cy] = this.centre;
    for (const i of this.order) {
      const x = Math.round(x0 + (points[2 * i] - cx) * k);
      const y = Math.round(y0 - (points[2 * i + 1] - cy) * k);
      if (x <= radius || y <= radius || x >= width - radius - 1 || y >= height - radius - 1) continue;
      if (!this.visible(i)) continue;
      const colour = colours[group[i]][selected && !selected[i] ? 0 : 1];
      const middle = y * width + x;
      // The least transparent wins; a later disc covers an earlier one.
      for (let j = 0; j < offsets.length; j++)
        if (colour[j] >>> 24 >= pixels[middle + offsets[j]] >>> 24) pixels[middle + offsets[j]] = colour[j];
    }
    context.putImageData(this.image, -margin, -margin);
  }

  #drawOverlay() {
    const context = this.overlay.getContext("2d");
    context.setTransform(this.density, 0, 0, this.density, 0, 0);
    context.clearRect(0, 0, this.width, this.height);
    context.strokeStyle = context.fillStyle = getComputedStyle(this.overlay).color;
    context.lineWidth = 2;
    for (const i of this.rings) {
      context.beginPath();
      context.arc(...this.screen(i), 8, 0, 2 * Math.PI);
      context.stroke();
    }
    if (!this.lasso.length) return;
    context.beginPath();
    for (const corner of this.lasso) context.lineTo(...corner);
    context.closePath();
    context.stroke();
    context.globalAlpha = 0.08;
    context.fill();
    context.globalAlpha = 1;
  }
}

// The pixels of a disc in an image of that width, from its middle, and how much of each it covers.
function disc(radius, width) {
  const [offsets, shares] = [[], []];
  for (let y = -radius; y <= radius; y++)
    for (let x = -radius; x <= radius; x++) {
      const share = Math.min(radius + 0.5 - Math.hypot(x, y), 1);
      if (share > 0) {
        offsets.push(y * width + x);
        shares.push(share);
      }
    }
  return { offsets, shares };
}

// A colour #rrggbb with each of these shares of the opacity, as pixels.
function shades(colour, shares, opacity) {
  const [red, green, blue] = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
  return Uint32Array.from(shares, (share) =>
    new Uint32Array(new Uint8Array([red, green, blue, Math.round(255 * share * opacity)]).buffer)[0]);
}

// An order in which no group covers the others, the same each time.
function shuffled(count) {
  const order = Uint32Array.from({ length: count }, (_, i) => i);
  let state = 1;
  for (let i = count - 1; i > 0; i--) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const j = Math.floor((state / 2 ** 32) * (i + 1));
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}

// Whether a ray from the point crosses the polygon's border an odd number of times.
function inside(x, y, polygon) {
  let odd = false;
  for (let a = 0, b = polygon.length - 1; a < polygon.length; b = a++) {
    const [ax, ay] = polygon[a];
    const [bx, by] = polygon[b];
    if (ay > y !== by > y && x < ax + ((y - ay) / (by - ay)) * (bx - ax)) odd = !odd;
  }
  return odd;
}
