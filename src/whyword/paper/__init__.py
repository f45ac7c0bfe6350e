"""The paper in one run: a model, its accuracy, Figures 1 to 3, EPI, and a report of it all.

The paper is Arras et al. 2016; EPI, the explanatory power index, is that of its sequel of 2017. A
folder holds the run: every stage writes files there, each of them whole or not at all. A run that
was stopped goes on with the first stage that lacks a file, and ends with the same numbers, since
all that is random comes from seeds.
"""

from collections.abc import Callable
from pathlib import Path
from typing import cast

from whyword.data import corpora
from whyword.data.corpora import Corpus, Split
from whyword.data.run_folder import RunFolder
from whyword.paper.settings import Figure2, Paper
from whyword.paper.stages import STAGES, model
from whyword.paper.work import SETTINGS, Results, Work
from whyword.progress import OnProgress, ignore

__all__ = ["STAGES", "Figure2", "Paper", "Results", "run"]


def run(
    paper: Paper,
    directory: str | Path,
    *,
    corpus: Callable[[Split], Corpus] = corpora.news20,
    progress: OnProgress | None = None,
) -> Results:
    """Run the first stage that lacks one of its files, and all that follow it.

    Args:
        paper: The settings of the run.
        directory: Folder for all results; made if need be. Figure 2 and the report hold the text of
            a document.
        corpus: Function that returns the training or the test part.
        progress: Called after each step; see `whyword.progress`.

    Returns:
        The contents of ``results.json``.

    Raises:
        InputError: If the folder cannot be written, is in use, or holds something else or a run
            with other settings or on another corpus; Figure 2's document is not in the corpus; the
            model has no word vectors; a library is not installed.
        ModelError: If there is no such model.
    """
    work = Work(paper, Path(directory), corpus, progress or ignore)
    stages = {s: files for s, files in STAGES.items() if paper.model is None or s is not model}
    folder = RunFolder(work.directory, SETTINGS, [name for f in stages.values() for name in f])
    folder.refuse_others()
    if not work.has(SETTINGS):
        work.check()  # a folder is taken only for a run that can be done
    with folder.taken(work.identity):
        complete = True
        for stage, files in stages.items():
            # Later stages may have read files that an earlier stage is going to change.
            complete = complete and all(work.has(file) for file in files)
            if not complete:
                with work.clock(stage.__name__):
                    stage(work)
        return cast(Results, work.read("results.json"))
