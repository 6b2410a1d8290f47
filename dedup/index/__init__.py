"""The persistent index: the batch run's stages over a store that remembers."""

from __future__ import annotations

from dedup.index.handle import Index
from dedup.index.verdicts import Verdict

__all__ = ["Index", "Verdict"]
