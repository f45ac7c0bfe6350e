"""Fixtures shared by all test files."""

import os

import pytest
import torch
from hypothesis import settings

from whyword import corpora
from whyword.errors import InputError

torch.set_num_threads(1)  # small tensors: threads only cost
settings.register_profile("ci", derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")


@pytest.fixture(scope="session")
def news20():
    """Both parts of 20 Newsgroups; skips where scikit-learn has no copy."""
    try:
        return {split: corpora.news20(split, download=False) for split in ("train", "test")}
    except InputError as error:
        pytest.skip(str(error))
