"""How fast the interactive map answers, with 20,000 made-up documents in headless Chromium.

    python benchmarks/map.py [--json] [--documents 20000]

Hover: from the move of the pointer to the frame that shows the card. Move and zoom: frames per
second while the map is dragged and zoomed, and the script's share of each frame. No graphics card
is used. The numbers are those of a laptop or worse.
"""

import argparse
import json
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Page, sync_playwright

from whyword.explanation import Explanation
from whyword.render.map import map_page
from whyword.text import Span

CLASSES = tuple(f"group{i // 4}.class{i}" for i in range(20))
WORDS = 200

HOVER = """async (places) => {
  const canvas = document.querySelector("canvas"), card = document.querySelector(".ww-card");
  const box = canvas.getBoundingClientRect(), times = [];
  for (const [x, y] of places) {
    await new Promise(requestAnimationFrame);
    const start = performance.now();
    canvas.dispatchEvent(new PointerEvent("pointermove", {
      clientX: box.left + x * box.width, clientY: box.top + y * box.height, bubbles: true }));
    card.getBoundingClientRect();
    const script = performance.now() - start;
    await new Promise(requestAnimationFrame);
    await new Promise((resolve) => setTimeout(resolve));
    times.push([performance.now() - start, script, card.hidden ? 0 : 1]);
  }
  return times;
}"""

FRAMES = """async ([kind, frames]) => {
  const canvas = document.querySelector("canvas"), box = canvas.getBoundingClientRect();
  const fire = (type, x, y, more) => {
    const Kind = type === "wheel" ? WheelEvent : PointerEvent;
    const place = { clientX: box.left + x, clientY: box.top + y };
    const always = { pointerId: 1, bubbles: true, cancelable: true };
    canvas.dispatchEvent(new Kind(type, { ...place, ...always, ...more }));
  };
  canvas.setPointerCapture = () => {};
  const stamps = [];
  if (kind === "move") fire("pointerdown", 300, 300);
  for (let i = 0; i < frames; i++) {
    stamps.push(await new Promise(requestAnimationFrame));
    const [x, y] = [300 + 200 * Math.sin(i / 9), 300 + 100 * Math.sin(i / 7)];
    if (kind === "move") fire("pointermove", x, y);
    else fire("wheel", 500, 400, { deltaY: i < frames / 2 ? -40 : 40 });
  }
  if (kind === "move") fire("pointerup", 300, 300);
  return stamps.slice(1).map((stamp, i) => stamp - stamps[i]);
}"""


def explanations(documents: int) -> Iterator[Explanation]:
    """Made-up texts with made-up relevance."""
    rng = np.random.default_rng(1)
    words = [f"w{i}" for i in range(20_000)]
    weights = 1 / np.arange(1, len(words) + 1)
    weights /= weights.sum()
    for _ in range(documents):
        chosen = [words[i] for i in rng.choice(len(words), WORDS, p=weights)]
        ends = np.cumsum([len(word) + 1 for word in chosen]) - 1
        relevance = rng.normal(size=(1, WORDS)) ** 3
        scores = rng.normal(size=len(CLASSES))
        scores[0] = relevance.sum()
        target = int(scores.argmax())
        yield Explanation(
            text=" ".join(chosen),
            spans=tuple(Span(int(e) - len(w), int(e)) for w, e in zip(chosen, ends, strict=True)),
            classes=CLASSES,
            scores=scores,
            targets=(CLASSES[target],),
            target_scores=scores[[target]],
            relevance=relevance,
            remainder={"rest": scores[[target]] - relevance.sum(axis=1)},
            method="lrp",
        )


def measure(tab: Page) -> dict[str, Any]:
    """Times in milliseconds."""
    rng = np.random.default_rng(2)
    hover = np.array(tab.evaluate(HOVER, rng.uniform(0.25, 0.75, (100, 2)).tolist()))
    found: dict[str, Any] = {
        "hover_ms": {
            "median": float(np.median(hover[:, 0])),
            "highest": float(hover[:, 0].max()),
            "script_highest": float(hover[:, 1].max()),
            "cards_shown": int(hover[:, 2].sum()),
        }
    }
    for kind in ("move", "zoom"):
        frames = np.array(tab.evaluate(FRAMES, [kind, 120]))
        found[f"{kind}_frame_ms"] = {
            "median": float(np.median(frames)),
            "95 %": float(np.quantile(frames, 0.95)),
            "frames_per_second": float(1000 / frames.mean()),
        }
    start = time.perf_counter()
    tab.locator("canvas").first.focus()
    tab.keyboard.press("Enter")
    tab.locator(".ww-document .ww-item").wait_for()
    found["open_ms"] = 1000 * (time.perf_counter() - start)
    return found


def main() -> None:
    """Make the page, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--documents", type=int, default=20_000)
    options = parser.parse_args()
    n = options.documents
    rng = np.random.default_rng(0)
    kinds = rng.integers(0, len(CLASSES), n)
    points = rng.normal(size=(len(CLASSES), 2))[kinds] + rng.normal(size=(n, 2)) / 8
    labels = [CLASSES[k] for k in kinds]
    start = time.perf_counter()
    page = map_page(
        points,
        explanations(n),
        names=[f"document {i}" for i in range(n)],
        labels=labels,
        groups=labels,
    )
    found: dict[str, Any] = {"documents": n, "page_seconds": time.perf_counter() - start}
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        file = Path(folder) / "map.html"
        file.write_text(page, encoding="utf-8")
        found["megabytes"] = file.stat().st_size / 1e6
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium") or shutil.which("google-chrome"),
            args=["--no-sandbox", "--disable-gpu"],
        )
        tab = browser.new_page(viewport={"width": 1400, "height": 860})
        requests: list[str] = []
        tab.on("request", lambda request: requests.append(request.url))
        start = time.perf_counter()
        tab.goto(file.as_uri())
        tab.locator(".ww-groups button").first.wait_for()
        found["load_seconds"] = time.perf_counter() - start
        found |= measure(tab)
        found["requests"] = len([url for url in requests if url.startswith("http")])
        browser.close()
    if options.json:
        print(json.dumps(found, indent=2))
        return
    for name, value in found.items():
        shown = value if isinstance(value, dict) else {"": value}
        print(f"{name:16s}" + "  ".join(f"{k} {v:.1f}".strip() for k, v in shown.items()))


if __name__ == "__main__":
    main()
