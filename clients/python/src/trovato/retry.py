"""When a request is sent again, and after how long."""

from __future__ import annotations

import logging
import random
from dataclasses import dataclass

from trovato.errors import ConnectionFailed, TimedOut, TrovatoError, Unavailable

_log = logging.getLogger("trovato")


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how patiently a request is sent again; each time is logged.

    Only what can help is repeated: a 503 or 429 that says when to come back, and a
    connection that was refused or broke. A request that may have cost something already (an answer
    of a language model) is repeated only if the server cannot have begun it. Timeouts
    are not repeated: whoever waited once would wait twice.

    Attributes:
        retries: Most repetitions, from 0.
        backoff_s: Longest wait after the first connection that failed; doubles each time.
        max_wait_s: Longest single wait. A server that asks for more is not waited for:
            its error is raised at once.

    Raises:
        ValueError: A value is negative.
    """

    retries: int = 2
    backoff_s: float = 0.2
    max_wait_s: float = 5.0

    def __post_init__(self) -> None:
        for name in ("retries", "backoff_s", "max_wait_s"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} is {getattr(self, name)}; it must not be negative")

    def wait_s(self, error: TrovatoError, *, attempt: int, repeatable: bool) -> float | None:
        """Seconds to wait before the next attempt, which is logged; `None` for no other.

        Args:
            error: What the attempt failed with.
            attempt: How many were made before it, from 0.
            repeatable: Whether the server may do the work twice.
        """
        bounds = self._bounds_s(error, attempt=attempt, repeatable=repeatable)
        if attempt >= self.retries or bounds is None:
            return None
        wait_s = random.uniform(*bounds)
        _log.info("%s; repetition %d of %d in %.2f s", error, attempt + 1, self.retries, wait_s)
        return wait_s

    def _bounds_s(
        self, error: TrovatoError, *, attempt: int, repeatable: bool
    ) -> tuple[float, float] | None:
        if isinstance(error, Unavailable) and error.retry_after is not None:
            if error.retry_after > self.max_wait_s:
                return None
            if isinstance(error, TimedOut) and not repeatable:
                return None
            # Never before the time asked for, and not all clients at once.
            return error.retry_after, 1.5 * error.retry_after
        if isinstance(error, ConnectionFailed) and (repeatable or not error.sent):
            longest = min(self.backoff_s * 2**attempt, self.max_wait_s)
            return longest / 2, longest
        return None
