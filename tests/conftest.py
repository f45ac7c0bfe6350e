"""Fixtures shared by all test files."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from hypothesis import settings

from whyword.data import corpora
from whyword.errors import InputError

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

torch.set_num_threads(1)  # small tensors: threads only cost
settings.register_profile("default", deadline=None)  # no test measures time
settings.register_profile("ci", derandomize=True, print_blob=True, deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "default")


@pytest.fixture(scope="session")
def news20() -> dict[str, corpora.Corpus]:
    """Both parts of 20 Newsgroups; skips where scikit-learn has no copy."""
    try:
        return {split: corpora.news20(split, download=False) for split in ("train", "test")}
    except InputError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def chromium() -> Iterator["Browser"]:
    program = (
        os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    )
    if not program:
        pytest.skip("no Chromium found; install one, or name it in the variable CHROMIUM")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=program, args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium: "Browser", tmp_path: Path) -> Iterator[Callable[..., "Page"]]:
    """Opens HTML from a file; afterwards no request, error or injected script may have been."""
    opened: list[tuple[Page, Path, list[str]]] = []

    def visit(source: str, **options: Any) -> "Page":
        file = tmp_path / f"{len(opened)}.html"
        file.write_bytes(source.encode("utf-8"))
        tab = chromium.new_page(**options)
        seen: list[str] = []
        tab.on("request", lambda request: seen.append(request.url))
        tab.on("pageerror", lambda error: seen.append(str(error)))
        tab.on("console", lambda message: seen.append(message.text))
        tab.goto(file.as_uri())
        opened.append((tab, file, seen))
        return tab

    yield visit
    for tab, file, seen in opened:
        assert [url for url in seen if not url.startswith("data:")] == [file.as_uri()]
        assert tab.evaluate("typeof window.injected") == "undefined"
        tab.close()
