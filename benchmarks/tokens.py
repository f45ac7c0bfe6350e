"""What finding the paper's tokens costs, against NLTK's own tokenisers.

    python benchmarks/tokens.py [--json] [--every 1] [--check]

The limit. Every character must be read once: a regular expression that stops at each white space
and does nothing else. ("reading" below.) What comes on top are a span for each word, and asking
what stands between two white spaces where that is more than a word.

NLTK's own are the untrained Punkt and `NLTKWordTokenizer` on each of its sentences; "the old way"
is what whyword did with them before, and what the tests hold `Tokenizer` to. Cold begins with
nothing remembered; warm is the same texts once more. Postings of 20 Newsgroups, whole, all tokens;
the least CPU time of several rounds, taken in turn in one process. ``--check`` compares every token
and exits with 1 on a difference.
"""

import argparse
import json
import re
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from nltk.tokenize import NLTKWordTokenizer, PunktSentenceTokenizer

from whyword.data.corpora import news20
from whyword.text import Tokenizer, body_start, chunks

sys.path.append(str(Path(__file__).parents[1] / "tests"))
import reference_tokens


def measure(texts: Sequence[str], rounds: int = 3) -> dict[str, float]:
    """CPU seconds that each way takes for ``texts``, in its fastest round.

    Args:
        texts: What is tokenised.
        rounds: How often; NLTK, which is slow and steady, once.
    """
    sentences, words = PunktSentenceTokenizer(), NLTKWordTokenizer()
    tokenizer, chunk = Tokenizer(max_tokens=None), re.compile(r"\S+")

    def cold() -> None:
        chunks.forget()
        each(tokenizer)

    def nltk(text: str) -> None:
        for start, end in sentences.span_tokenize(text):
            words.tokenize(text[start:end])

    def read(text: str) -> None:
        for match in chunk.finditer(text):
            match.span()

    def each(way: Callable[[str], object]) -> None:
        for text in texts:
            way(text)

    fast: dict[str, Callable[[], None]] = {
        "cold": cold,
        "warm": lambda: each(tokenizer),
        "reading": lambda: each(read),
    }
    slow: dict[str, Callable[[], None]] = {
        "NLTK": lambda: each(nltk),
        "the old way": lambda: each(reference_tokens.tokens),
    }
    times: dict[str, list[float]] = {}
    for number in range(rounds):
        for name, task in {**fast, **(slow if number == 0 else {})}.items():
            start = time.process_time()
            task()
            times.setdefault(name, []).append(time.process_time() - start)
    return {name: min(values) for name, values in times.items()}


def differences(texts: Sequence[str]) -> int:
    """In how many texts a span or the mark of a cut is another than NLTK's."""
    everything, paper = Tokenizer(max_tokens=None), Tokenizer(skip_headers=True)
    wrong = 0
    for text in texts:
        whole, first = everything(text), paper(text)
        wrong += (whole.spans, whole.truncated) != reference_tokens.tokens(text) or (
            first.spans,
            first.truncated,
        ) != reference_tokens.tokens(text, 400, body_start(text))
    return wrong


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--every", type=int, default=1, help="read every n-th posting")
    parser.add_argument("--check", action="store_true", help="compare all tokens instead")
    options = parser.parse_args()
    parts = [news20(split, download=False).texts for split in ("train", "test")]
    texts = [text for part in parts for text in part][:: options.every]
    if options.check:
        wrong = differences(texts)
        print(f"{wrong} of {len(texts)} postings differ")
        sys.exit(wrong > 0)
    times = measure(texts, options.rounds)
    ratios = {
        f"{name}, times faster than {other}": times[other] / times[name]
        for other in ("NLTK", "the old way")
        for name in ("cold", "warm", "reading")
    }
    if options.json:
        milliseconds = {name: seconds / len(texts) * 1000 for name, seconds in times.items()}
        print(json.dumps({"milliseconds per document": milliseconds, "ratios": ratios}))
        return
    print(f"NLTK: {times['NLTK'] / len(texts) * 1000:.2f} ms per document (noisy machine)")
    for name, ratio in ratios.items():
        print(f"{name:42s}{ratio:7.1f}")


if __name__ == "__main__":
    main()
