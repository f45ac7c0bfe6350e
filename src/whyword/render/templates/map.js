// The map's page: pointer and keyboard, the card, the legend, selections, documents.
for (const map of document.querySelectorAll(".ww-map")) {
  const find = (selector) => map.querySelector(selector);
  const data = JSON.parse(find(".ww-data").textContent);
  const blocks = map.querySelectorAll(".ww-block");
  const bytes = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  const numbers = (Kind, text) => new Kind(bytes(text).buffer);
  const group = numbers(Uint16Array, data.group);
  const label = numbers(Uint16Array, data.label);
  const predicted = numbers(Uint16Array, data.predicted);
  const topWords = numbers(Uint32Array, data.topWords);
  const topRelevance = numbers(Float32Array, data.topRelevance);
  const none = 0xffffffff;

  const [base, overlay] = map.querySelectorAll("canvas");
  const card = find(".ww-card");
  const colours = data.groups.map((entry) => entry.colour);
  const field = new PointField(base, overlay, numbers(Float32Array, data.points), group, colours);
  let opened = -1;
  let lassoing = false;

  // --- Small things

  function element(tag, text = "", properties = {}) {
    const node = document.createElement(tag);
    node.textContent = text;
    return Object.assign(node, properties);
  }

  // Digits after the point that show the largest of some numbers well.
  const digits = (largest) => (largest > 0 ? Math.min(Math.max(2, 1 - Math.floor(Math.log10(largest))), 12) : 2);

  function classLine(i) {
    const [truth, guess] = [data.classes[label[i]], data.classes[predicted[i]]];
    return truth === guess ? truth : `${truth}, predicted ${guess}`;
  }

  // --- The card of the point under the pointer

  function hover(i) {
    field.rings = [...new Set([i, opened])].filter((ring) => ring >= 0);
    field.drawOverlay();
    base.classList.toggle("ww-over", i >= 0);
    card.hidden = i < 0;
    if (i < 0) return;
    const words = [];
    const decimals = digits(topRelevance[i * data.top]);
    for (let k = i * data.top; k < (i + 1) * data.top && topWords[k] !== none; k++)
      words.push(`${data.words[topWords[k]]} ${topRelevance[k].toFixed(decimals)}`);
    card.replaceChildren(
      element("b", data.names[i], { dir: "auto" }),
      element("span", classLine(i), { dir: "auto" }),
      element("small", words.slice(0, 6).join(", ") || "no word for it", { dir: "auto" }),
    );
    const [x, y] = field.screen(i);
    const left = x + 14 + card.offsetWidth < field.width ? x + 14 : x - 14 - card.offsetWidth;
    const top = Math.min(Math.max(y - card.offsetHeight / 2, 4), field.height - card.offsetHeight - 4);
    card.style.transform = `translate(${Math.max(left, 0)}px, ${Math.max(top, 0)}px)`;
  }

  // Rings take the colour of the text.
  const recolour = () => field.drawOverlay();
  new MutationObserver(recolour).observe(document.documentElement, { attributeFilter: ["data-theme"] });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", recolour);

  const centred = () => field.nearest([field.width / 2, field.height / 2], 60);

  // --- Documents

  async function unpacked(i) {
    const packed = new Blob([bytes(blocks[Math.floor(i / data.block)].textContent)]);
    const stream = packed.stream().pipeThrough(new DecompressionStream("deflate"));
    return JSON.parse(await new Response(stream).text())[i % data.block];
  }

  async function open(i) {
    opened = i;
    const found = await unpacked(i);
    if (opened !== i) return; // another was opened meanwhile
    const article = find("template").content.firstElementChild.cloneNode(true);
    article.setAttribute("aria-label", data.names[i]);
    article.querySelector(".ww-eyebrow").textContent = data.names[i];
    article.querySelector("h2").textContent = data.classes[predicted[i]];
    const correct = label[i] === predicted[i] ? "correct" : `in truth ${data.classes[label[i]]}`;
    const read = `${found.words} words${found.truncated ? " read, the rest is dimmed" : ""}`;
    article.querySelector(".ww-method").textContent = [correct, data.method, read].join(", ");
    const text = article.querySelector(".ww-text");
    for (let k = 0; k < found.pieces.length; k += 2) {
      const [kind, piece] = [found.pieces[k], found.pieces[k + 1]];
      if (kind === "between") text.append(piece);
      else text.append(element("span", piece, { className: kind === "tail" ? "ww-tail" : kind }));
    }
    article.querySelector(".ww-dotted").parentElement.hidden = !text.querySelector(".u");
    article.querySelector("script").textContent = JSON.stringify([found.target]);
    const radio = article.querySelector("input");
    radio.checked = true;
    radio.value = 0;
    find(".ww-document").replaceChildren(article);
    article.dispatchEvent(new Event("ww-item", { bubbles: true }));
    find(".ww-document").focus({ preventScroll: true });
    find(".ww-document").scrollIntoView({ block: "nearest" });
    for (const button of map.querySelectorAll(".ww-names button"))
      button.setAttribute("aria-current", Number(button.value) === i);
    field.rings = [i];
    field.drawOverlay();
  }

  // --- Selections

  function select(chosen) {
    const panel = find(".ww-selection");
    panel.hidden = !chosen.length;
    field.selected = null;
    field.draw();
    if (!chosen.length) return;
    field.selected = new Uint8Array(field.count);
    const sums = new Map();
    const counts = new Map();
    for (const i of chosen) {
      field.selected[i] = 1;
      counts.set(group[i], (counts.get(group[i]) ?? 0) + 1);
      for (let k = i * data.top; k < (i + 1) * data.top && topWords[k] !== none; k++) {
        const [sum, documents] = sums.get(topWords[k]) ?? [0, 0];
        sums.set(topWords[k], [sum + topRelevance[k], documents + 1]);
      }
    }
    const share = (part) => `${Math.round((100 * part) / chosen.length)} %`;
    const largest = [...counts].sort((a, b) => b[1] - a[1]);
    const best = [...sums].sort((a, b) => b[1][0] - a[1][0]).slice(0, 15);
    const decimals = digits(best.length ? best[0][1][0] / chosen.length : 0);
    const list = element("ol");
    for (const [word, [sum, documents]] of best) {
      const row = element("li");
      const bar = element("i");
      bar.style.width = `${(100 * sum) / best[0][1][0]}%`;
      const value = element("b", `${(sum / chosen.length).toFixed(decimals)} `);
      value.append(element("small", share(documents)));
      row.append(element("span", data.words[word], { dir: "auto" }), bar, value);
      list.append(row);
    }
    const rank = element("section", "", { className: "ww-rank ww-rank-top" });
    rank.append(element("h3", `Words by mean relevance; share with the word among the top ${data.top}`), list);
    const clear = element("button", "Clear", { type: "button", onclick: () => select([]) });
    const heading = element("p", "", { className: "ww-head" });
    heading.append(element("b", `${chosen.length} documents`), clear);
    const names = element("ol", "", { className: "ww-names" });
    for (const i of chosen.slice(0, 200)) {
      const row = element("li");
      row.append(element("button", data.names[i], { type: "button", value: i, title: classLine(i), onclick: () => open(i) }));
      names.append(row);
    }
    const kinds = largest.map(([g, n]) => `${data.groups[g].name} ${share(n)}`).slice(0, 6).join(", ");
    panel.replaceChildren(heading, element("p", kinds, { className: "ww-note" }), rank, names);
    panel.scrollIntoView({ block: "nearest" });
  }

  // --- Legend

  const totals = new Array(data.groups.length).fill(0);
  for (const g of group) totals[g]++;
  data.groups.forEach((entry, g) => {
    const button = element("button", "", { type: "button", title: "Show or hide" });
    const dot = element("i");
    dot.style.background = entry.colour;
    button.append(dot, element("span", entry.name, { dir: "auto" }), element("small", totals[g]));
    button.setAttribute("aria-pressed", true);
    button.addEventListener("click", () => {
      const hide = !field.hidden.has(g);
      field.hidden[hide ? "add" : "delete"](g);
      button.setAttribute("aria-pressed", !hide);
      hover(-1);
      field.draw();
    });
    find(".ww-groups").append(button);
  });

  // --- Tools and keys

  function setLasso(on) {
    lassoing = on;
    find("[data-do=lasso]").setAttribute("aria-pressed", on);
    base.classList.toggle("ww-draws", on);
  }

  const tools = {
    lasso: () => setLasso(!lassoing),
    closer: () => field.zoom(1.5),
    farther: () => field.zoom(1 / 1.5),
    all: () => field.all(),
  };
  find(".ww-tools").addEventListener("click", (event) => tools[event.target.dataset.do]?.());

  const step = 60;
  const keys = {
    ArrowLeft: () => field.move(step, 0),
    ArrowRight: () => field.move(-step, 0),
    ArrowUp: () => field.move(0, step),
    ArrowDown: () => field.move(0, -step),
    "+": tools.closer,
    "=": tools.closer,
    "-": tools.farther,
    0: tools.all,
    l: tools.lasso,
  };
  base.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.key === "Escape") {
      setLasso(false);
      select([]);
      hover(-1);
    } else if (event.key === "Enter") {
      if (centred() >= 0) open(centred());
    } else if (keys[event.key]) {
      keys[event.key]();
      hover(centred());
    } else return;
    event.preventDefault();
    event.stopPropagation();
  });

  // --- Pointers: one drags, draws or clicks, two pinch

  const pointers = new Map();
  let travelled = 0;
  const at = (event) => [event.offsetX, event.offsetY];

  base.addEventListener("pointerdown", (event) => {
    base.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, at(event));
    travelled = pointers.size > 1 ? Infinity : 0;
    field.lasso = pointers.size === 1 && (lassoing || event.shiftKey) ? [at(event)] : [];
  });
  base.addEventListener("pointermove", (event) => {
    const [x, y] = at(event);
    const last = pointers.get(event.pointerId);
    if (!last) return hover(field.nearest([x, y], 8));
    const [dx, dy] = [x - last[0], y - last[1]];
    travelled += Math.hypot(dx, dy);
    pointers.set(event.pointerId, [x, y]);
    if (field.lasso.length) {
      field.lasso.push([x, y]);
      field.drawOverlay();
    } else if (pointers.size === 2) {
      const [[, one], [, two]] = [...pointers];
      const other = event.pointerId === [...pointers.keys()][0] ? two : one;
      const distance = (point) => Math.hypot(point[0] - other[0], point[1] - other[1]);
      field.zoom(distance([x, y]) / Math.max(distance(last), 1), [(x + other[0]) / 2, (y + other[1]) / 2]);
      field.move(dx / 2, dy / 2);
    } else if (travelled > 4) {
      base.classList.add("ww-drag");
      hover(-1);
      field.move(dx, dy);
    }
  });
  for (const type of ["pointerup", "pointercancel"])
    base.addEventListener(type, (event) => {
      pointers.delete(event.pointerId);
      base.classList.remove("ww-drag");
      const clicked = type === "pointerup" && travelled <= 4;
      if (field.lasso.length > 2 && !clicked) {
        const chosen = field.within(field.lasso);
        setLasso(false);
        field.lasso = [];
        select(chosen);
      } else if (clicked) {
        const i = field.nearest(at(event), event.pointerType === "touch" ? 20 : 8);
        if (i >= 0) open(i);
      }
      field.lasso = [];
    });
  base.addEventListener("pointerleave", () => hover(-1));
  base.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      const lines = event.deltaMode === 1 ? 20 : 1;
      field.zoom(Math.exp(-event.deltaY * lines * 0.0015), at(event));
      hover(field.nearest(at(event), 8));
    },
    { passive: false },
  );
}
