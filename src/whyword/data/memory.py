"""The most memory that this process has held."""

import os
import re
import sys
from pathlib import Path

STATUS = Path("/proc/self/status")
"""The file in which Linux says how much memory a process holds."""


def peak_memory() -> int:
    """Return the most memory that this process has held at once: its resident set, in bytes.

    Linux says it in ``/proc``. There ``getrusage`` may return the peak of the process that started
    this one, so it is asked only if nothing else answers.
    """
    if sys.platform == "win32":
        import psutil

        return int(psutil.Process().memory_info().peak_wset)
    if sys.platform == "linux" and (found := _high_water_mark()):
        return found
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # macOS counts bytes, the others kibibytes.
    return peak if sys.platform == "darwin" else peak * 1024


def _high_water_mark() -> int | None:
    """Return the peak in bytes; None if the system does not tell, as in some sandboxes."""
    try:
        found = re.search(r"^VmHWM:\s*(\d+) kB", STATUS.read_text(encoding="utf-8"), re.MULTILINE)
    except OSError:
        return None
    return int(found[1]) * 1024 if found else None


def physical_memory() -> int:
    """The bytes of memory that the machine has; a very large number where that is not known."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return 2**63
