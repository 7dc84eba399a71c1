"""Papers that answer what no measurement can: which one a requirement asks for, and which ones the parties name.

An agreement names documents (協議, 規程, 報告書), a terminal declaration the certificates of its radio methods. A paper
with a ``file`` or a ``sha256`` counts when a file of that digest is in the run (``kenshin add-evidence``); one without
is taken by the word of who names it, and the verdict says so.
"""

from __future__ import annotations

import re
from datetime import date
from enum import StrEnum

from pydantic import Field, field_validator

from bench.yamlfile import FileModel


class PaperKind(StrEnum):
    """Who names a paper, and so about whom it speaks."""

    DOCUMENT = "document"  # the agreement names it; one verdict about the system
    CERTIFICATE = "certificate"  # the declaration names it; a verdict a sample, whose number and firmware must be its


class AskedPaper(FileModel):
    """What must be shown, in both languages."""

    ja: str
    en: str


class ByDocument(FileModel):
    """A requirement that only a paper answers.

    ``radio_methods``: it is about terminals that declare one of these (empty: any of the guideline's five). ``layers``:
    parts of the standard that certificates must cover one by one (empty: a certificate of the method as a whole).
    """

    asked: AskedPaper
    kind: PaperKind = PaperKind.DOCUMENT
    radio_methods: tuple[str, ...] = ()
    layers: tuple[str, ...] = ()


class Paper(FileModel):
    """A paper that somebody names. ``file`` is relative to the file that names it; ``made_up``: an example, no paper
    of anybody's."""

    date: str
    file: str = ""
    sha256: str = ""
    made_up: bool = False

    @field_validator("date")
    @classmethod
    def _a_date(cls, text: str) -> str:
        try:
            date.fromisoformat(text)
        except ValueError:
            raise ValueError(f"date '{text}' is none; expected a day such as 2026-04-01") from None
        return text

    @field_validator("sha256")
    @classmethod
    def _a_digest(cls, text: str) -> str:
        if text and not re.fullmatch(r"[0-9a-f]{64}", text):
            raise ValueError(f"sha256 '{text}' is none; expected 64 hexadecimal digits in lower case")
        return text

    @property
    def is_to_be_seen(self) -> bool:
        """Whether a file must be in the run before the paper counts."""
        return bool(self.file or self.sha256)

    @property
    def key(self) -> str:
        """What ``kenshin add-evidence --document`` calls it."""
        raise NotImplementedError


class Document(Paper):
    """A document of the parties. ``answers``: ids of the requirements that it is shown for."""

    id: str
    name: str
    issuer: str = ""
    answers: tuple[str, ...] = Field(min_length=1)

    @property
    def key(self) -> str:
        return self.id

    def __str__(self) -> str:
        return f'document "{self.name}" of {self.date}' + (" (made up)" if self.made_up else "")


class Certificate(Paper):
    """A certificate of a radio method, as the body in charge issued it. ``firmware``: the versions it was given for."""

    number: str
    body: str
    radio_methods: tuple[str, ...] = Field(min_length=1)
    layers: tuple[str, ...] = ()
    firmware: tuple[str, ...] = Field(min_length=1)

    @property
    def key(self) -> str:
        return self.number

    def __str__(self) -> str:
        return f"certificate {self.number} of {self.body}, {self.date}" + (" (made up)" if self.made_up else "")
