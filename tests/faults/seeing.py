"""Faults are planted, judged and taken back: those at once that can stand each other."""

from collections.abc import Iterable

from fixtures.lab.faults import Fault
from fixtures.lab.faults.walk import Walk, amiss, can_stand


def wrongly_seen(walk: Walk, faults: Iterable[Fault]) -> list[str]:
    """What of FAULTS, all of one gate, comes out otherwise than its page says."""
    together: list[list[Fault]] = []
    for fault in faults:
        group = next((group for group in together if all(can_stand(fault, each) for each in group)), [])
        if not group:
            together.append(group)
        group.append(fault)
    return [said for group in together for said in _amiss(walk, group)]


def _amiss(walk: Walk, faults: list[Fault]) -> list[str]:
    """By itself too, where it comes out otherwise among others."""
    judged = walk.judged_with(*faults)
    if len(faults) == 1:
        (fault,) = faults
        why = amiss(fault, judged)
        return [f"{fault.id}: {why}\n{judged.output[-3000:]}"] if why else []
    return [said for each in faults if amiss(each, judged) for said in _amiss(walk, [each])]
