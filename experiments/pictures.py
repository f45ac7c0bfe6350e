"""Take the README's pictures: the page of one example, in light and dark.

    python experiments/pictures.py

Needs Chromium on the path.
"""

import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from whyword import explain, load
from whyword.render.html import heatmap_page

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "examples" / "motion-sickness.txt"


def main() -> None:
    """Write docs/heatmap-light.png and docs/heatmap-dark.png."""
    html = heatmap_page([explain(load("news20-cnn"), EXAMPLE.read_text(encoding="utf-8"))])
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        file = Path(folder) / "page.html"
        file.write_text(html, encoding="utf-8")
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium") or shutil.which("google-chrome"),
            args=["--no-sandbox", "--disable-gpu"],
        )
        for scheme in ("light", "dark"):
            view = browser.new_page(
                viewport={"width": 1000, "height": 640},
                color_scheme=scheme,
                device_scale_factor=1.5,
            )
            view.goto(file.as_uri())
            view.screenshot(path=ROOT / "docs" / f"heatmap-{scheme}.png")
        browser.close()


if __name__ == "__main__":
    main()
