"""``python -m whyword``."""

from whyword.cli import main

main()
