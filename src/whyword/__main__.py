"""Runs the command line: ``python -m whyword`` is the same as ``whyword``."""

from whyword.cli import main

main()
