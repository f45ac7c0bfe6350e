"""Work over many documents: in batches of similar length, on all cores where that is possible."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import torch

from whyword.progress import OnProgress, Progress, ignore
from whyword.text import Document


def for_batches(
    work: Callable[[list[int]], object],
    documents: Sequence[Document],
    *,
    batch_size: int,
    parallel: bool = False,
    progress: OnProgress = ignore,
) -> None:
    """Call ``work`` with the places of a few documents at a time, shortest documents first.

    Args:
        work: The function to call; it stores its results itself.
        documents: The texts with their tokens.
        batch_size: Documents at a time.
        parallel: Whether ``work`` may run in several threads at once, one torch thread in each:
            small tensors gain nothing from several, which wait for each other at every tensor and
            stand still when the machine has other things to do.
        progress: Called after each batch, without the name of a phase.
    """
    by_length = sorted(range(len(documents)), key=lambda i: len(documents[i]))
    batches = [by_length[i : i + batch_size] for i in range(0, len(by_length), batch_size)]
    done = 0
    threads = torch.get_num_threads()
    with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        try:
            found = pool.map(work, batches) if parallel else map(work, batches)
            for batch, _ in zip(batches, found, strict=True):
                done += len(batch)
                progress(Progress("", done, len(documents)))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
        finally:
            if parallel:
                torch.set_num_threads(threads)
