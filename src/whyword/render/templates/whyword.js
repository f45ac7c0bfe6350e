// Switches targets, shows numbers on hover and focus. Texts are never cut here: the words are
// already elements of their own.
(() => {
  "use strict";

  const slots = ["name", "words", "remainder", "sign", "score", "least", "most"];

  function start(root) {
    root.dataset.ready = "";
    const steps = Number(root.dataset.steps);
    const tip = root.querySelector(".ww-tip");
    tip.id = "ww-tip-" + Math.random().toString(36).slice(2);
    const states = new Map([...root.querySelectorAll(".ww-item")].map((item) => [item, ready(item)]));

    // Everything that needs no data; the numbers are parsed when first asked for.
    function ready(item) {
      const words = [...item.querySelectorAll(".ww-text > .w")];
      if (words.length) words[0].tabIndex = 0;
      item.querySelector("fieldset").disabled = false;
      item.querySelector(".ww-hint").hidden = false;
      let targets;
      return {
        words,
        radios: [...item.querySelectorAll("input[type=radio]")],
        get targets() {
          return (targets ??= JSON.parse(item.querySelector("script").textContent));
        },
        get target() {
          return this.targets[Number(this.radios.find((radio) => radio.checked).value)];
        },
      };
    }

    const itemOf = (node) => node.closest(".ww-item");
    const wordOf = (node) => node.closest?.(".ww-item .ww-text > .w");

    function show(item) {
      const { words, target } = states.get(item);
      words.forEach((word, k) => {
        const step = target.intensities[k];
        word.classList.toggle("p", step > 0);
        word.classList.toggle("n", step < 0);
        word.style.setProperty("--i", Math.abs(step) / (steps / 100) + "%");
        word.removeAttribute("title");
      });
      for (const slot of item.querySelectorAll("[data-slot]")) {
        const value = target[slot.dataset.slot];
        slot.textContent = Array.isArray(value) ? value.join(", ") : value;
      }
      item.querySelectorAll(".ww-walk i").forEach((bar, k) => {
        const [left, width] = target.bars[k];
        bar.style.left = left + "%";
        bar.style.width = width + "%";
      });
      for (const list of item.querySelectorAll("[data-list]"))
        list.replaceChildren(...target[list.dataset.list].map(entry));
    }

    function entry([word, value, width]) {
      const [row, name, bar, number] = ["li", "span", "i", "b"].map((tag) => document.createElement(tag));
      name.dir = "auto";
      name.textContent = word;
      bar.style.width = width + "%";
      number.textContent = value;
      row.append(name, bar, number);
      return row;
    }

    function showTip(word) {
      const { words, target } = states.get(itemOf(word));
      word.removeAttribute("title");
      const relevance = (target.intensities[words.indexOf(word)] / steps) * target.largest;
      const number = signed(relevance, target.decimals);
      const share = relevance / target.total;
      const lines = [[word.textContent, "b"], [`${number} for ${target.name}`, "span"]];
      if (target.shares && Math.abs(share) <= 10)
        lines.push([`${(100 * share).toFixed(1).replace("-", "−")} % of the score`, "small"]);
      if (word.classList.contains("u")) lines.push(["unknown to the model", "small"]);
      tip.replaceChildren(
        ...lines.map(([text, tag]) => {
          const line = document.createElement(tag);
          line.textContent = text;
          return line;
        }),
      );
      word.setAttribute("aria-describedby", tip.id);
      tip.showPopover();
      const box = word.getClientRects()[0] ?? word.getBoundingClientRect();
      const left = box.left + box.width / 2 - tip.offsetWidth / 2;
      const above = box.top - tip.offsetHeight - 8;
      tip.style.left = Math.max(8, Math.min(left, innerWidth - tip.offsetWidth - 8)) + "px";
      tip.style.top = (above > 8 ? above : box.bottom + 8) + "px";
    }

    function hideTip() {
      tip.hidePopover();
      root.querySelector("[aria-describedby]")?.removeAttribute("aria-describedby");
    }

    function focusWord(words, from, to) {
      if (!words[to]) return;
      for (const word of words) word.removeAttribute("tabindex");
      words[to].tabIndex = 0;
      words[to].focus();
    }

    function choose(item, to) {
      const { radios } = states.get(item);
      if (!radios[to]) return false;
      radios[to].checked = true;
      if (radios.includes(document.activeElement)) radios[to].focus();
      show(item);
      return true;
    }

    root.addEventListener("change", (event) => show(itemOf(event.target)));
    for (const type of ["pointerover", "focusin"])
      root.addEventListener(type, (event) => (wordOf(event.target) ? showTip : hideTip)(wordOf(event.target)));
    for (const type of ["pointerleave", "focusout"]) root.addEventListener(type, hideTip);
    addEventListener("scroll", hideTip, { capture: true, passive: true });

    root.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.altKey || event.metaKey) return;
      const item = itemOf(event.target) ?? (states.size === 1 ? states.keys().next().value : null);
      if (event.key === "Escape") return hideTip();
      if (!item) return;
      const { words, radios } = states.get(item);
      const word = wordOf(event.target);
      const at = words.indexOf(word);
      const chosen = radios.findIndex((radio) => radio.checked);
      const moves = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: words.length - 1 };
      let done = true;
      if (word && event.key in moves) focusWord(words, at, moves[event.key]);
      else if (word && event.key === "ArrowUp") done = choose(item, chosen - 1);
      else if (word && event.key === "ArrowDown") done = choose(item, chosen + 1);
      else if (/^[1-9]$/.test(event.key)) done = choose(item, Number(event.key) - 1);
      else done = false;
      if (!done) return;
      event.preventDefault();
      if (word) showTip(document.activeElement);
    });

    // An item that was not there at the start announces itself; one that has gone is forgotten.
    root.addEventListener("ww-item", (event) => {
      for (const item of states.keys()) if (!item.isConnected) states.delete(item);
      states.set(event.target, ready(event.target));
      show(event.target);
    });

    theme(root);
  }

  function signed(value, decimals) {
    const text = value.toFixed(decimals);
    if (!/[1-9]/.test(text)) return text.replace("-", "");
    return value > 0 ? "+" + text : text.replace("-", "−");
  }

  // In a notebook the host decides: VS Code and Jupyter say so on the body, which the style sheet
  // reads; elsewhere the inherited text colour tells. What is neither dark nor light leaves the
  // decision to the media query.
  function theme(root) {
    const button = root.querySelector(".ww-theme");
    if (button) {
      button.hidden = false;
      button.addEventListener("click", () => {
        root.dataset.theme = isDark(root) ? "light" : "dark";
      });
      return;
    }
    const host = document.body.dataset;
    if (host.vscodeThemeKind || host.jpThemeLight) return;
    const channels = getComputedStyle(root.parentElement).color.match(/[\d.]+/g).map(Number);
    const brightness = 0.299 * channels[0] + 0.587 * channels[1] + 0.114 * channels[2];
    if (brightness > 180) root.dataset.theme = "dark";
    if (brightness < 75) root.dataset.theme = "light";
  }

  function isDark(root) {
    if (root.dataset.theme) return root.dataset.theme === "dark";
    return matchMedia("(prefers-color-scheme: dark)").matches;
  }

  for (const root of document.querySelectorAll(".whyword:not([data-ready])")) start(root);
})();
