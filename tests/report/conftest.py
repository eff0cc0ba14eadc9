"""What was named as a secret in one test is forgotten before the next."""

from collections.abc import Iterator

import pytest

from fixtures.evidence import redaction
from tests.report import sample


@pytest.fixture(autouse=True)
def _secrets() -> Iterator[None]:
    known = redaction._secrets
    redaction.keep_secret(sample.SECRET)
    yield
    redaction._secrets = known
