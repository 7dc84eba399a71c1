"""What nobody foresaw: one line for people, and a file with everything that who mends it wants to know.

A traceback on a terminal says nothing to a lab engineer, and is gone when the terminal is. So every exception that is
no `KenshinError` ends in exit code 3, one line, and a file that the line names: the run folder's ``bench-error.log``
where there is a run, else one of its own in the folder for temporary files. Memory may be exhausted or the disk full
when this is called; then the line is all there is.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

LOG: Final = "bench-error.log"
"""Where a run folder keeps them, one below the other."""


def one_line(error: BaseException) -> str:
    """Class and text of an exception, on one line."""
    return " ".join(f"{type(error).__name__}: {error}".split()).removesuffix(":")


def is_interrupt(error: BaseException) -> bool:
    """Whether a Ctrl-C is behind an exception: one that strikes inside an import or a callback may come out as
    another."""
    seen: set[int] = set()
    found: list[BaseException | None] = [error]
    while found:
        one = found.pop()
        if one is None or id(one) in seen:
            continue
        if isinstance(one, KeyboardInterrupt):
            return True
        seen.add(id(one))
        found += [one.__cause__, one.__context__]
    return False


def recorded(error: BaseException, folder: Path | None = None) -> str:
    """Write the details to a file; the line that says what happened and names that file. Raises nothing."""
    try:
        line = one_line(error)
        place = _written(line, error, folder)
    except Exception:  # whatever failed once may fail again here: no memory, no depth, no disk
        return f"{type(error).__name__} (its details could not be written)"
    return f"{line} (details in {place})" if place else f"{line} (its details could not be written)"


def _written(line: str, error: BaseException, folder: Path | None) -> Path | None:
    import traceback
    from datetime import UTC, datetime

    details = "".join(traceback.format_exception(error))
    text = f"{datetime.now(UTC).isoformat(timespec='seconds')} {line}\n{' '.join(sys.argv)}\n{details}\n"
    if folder is not None and folder.is_dir():
        try:
            with (folder / LOG).open("a", encoding="utf-8", errors="backslashreplace") as log:
                log.write(text)
            return folder / LOG
        except OSError:
            pass  # the disk of the run may be what failed
    return _temporary(text)


def _temporary(text: str) -> Path | None:
    import os
    import tempfile
    from pathlib import Path

    try:
        descriptor, name = tempfile.mkstemp(prefix="kenshin-", suffix=f"-{LOG}")
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as log:
            log.write(text)
    except OSError:
        return None
    return Path(name)
