"""One moment on two clocks."""

from fixtures.migration.moments import Moments

MOVED = Moments(((100.0, 100.0), (110.0, 110.0), (111.0, 5111.0), (120.0, 5120.0)))
"""The clock was moved by 5000 s, a little before 111."""


def test_live_both_clocks_are_the_same() -> None:
    assert (Moments(()).real(7.0), Moments(()).clock(7.0)) == (7.0, 7.0)


def test_each_clock_by_the_other() -> None:
    assert [MOVED.real(at) for at in (105.0, 5115.0, 5130.0)] == [105.0, 115.0, 130.0]
    assert [MOVED.clock(real) for real in (105.0, 115.0, 130.0)] == [105.0, 5115.0, 5130.0]


def test_a_moment_that_was_leapt_over_is_the_last_one_before_it() -> None:
    """Rather too much of a log is read than too little."""
    assert MOVED.real(3000.0) == 110.0


def test_before_the_first_stamp() -> None:
    assert MOVED.real(50.0) == 100.0
    assert MOVED.clock(50.0) == 50.0
