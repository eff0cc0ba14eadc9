"""What was named as a secret in one test is forgotten before the next."""

from collections.abc import Iterator

import pytest

from fixtures.evidence import redaction
from tests.report import sample


@pytest.fixture(autouse=True)
def _secrets() -> Iterator[None]:
    known = set(redaction._SECRETS)
    redaction.keep_secret(sample.SECRET)
    yield
    redaction._SECRETS.clear()
    redaction._SECRETS.update(known)
    redaction.redact.cache_clear()
