"""The lab's clock leaps over a TTL in two parts."""

from pathlib import Path

import pytest

from fixtures.access.clock import Clock


def test_an_answer_that_is_under_way_at_a_leap_is_outlasted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is kept from the moment at which it comes, for a whole TTL."""
    clock = Clock(tmp_path / "clock")
    began, came = clock.now(), list[float]()
    monkeypatch.setattr("time.sleep", lambda seconds: came.append(clock.now()) if seconds > 0.1 else None)
    clock.outlast(300)
    assert clock.now() - began == pytest.approx(360, abs=1)
    assert clock.now() > came[0] + 300
