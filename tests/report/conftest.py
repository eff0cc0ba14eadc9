"""Each test has the sample's secret named; it is forgotten before the next (``tests.conftest``)."""

import pytest

from fixtures.evidence import redaction
from tests.report import sample


@pytest.fixture(autouse=True)
def _secrets() -> None:
    redaction.keep_secret(sample.SECRET)
