"""An emulator on loopback, and a migration whose settings name its account and its zone."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from fixtures.lab.files import settings_without_a_lab
from fixtures.migration import Migration
from fixtures.probes.cloudflare import api as cloudflare, changing
from fixtures.settings.secrets import Secrets
from tests.emulator.conftest import (  # noqa: F401 - the fixtures of an emulator on loopback
    ACCOUNT,
    Running,
    authority,
    authority_file,
    certificate,
    emulator,
    signing_key,
    trust,
)
from tests.emulator.test_lexicon import lexicon  # noqa: F401 - foreign clients
from tests.emulator.test_octodns import octodns  # noqa: F401
from tests.emulator.test_packaged_clients import cli4, curl  # noqa: F401
from tests.emulator.test_typescript import typescript  # noqa: F401


@pytest.fixture
def migration(
    emulator: Running,  # noqa: F811 - the fixture above
    authority_file: str,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Migration]:
    monkeypatch.setenv("CLOUDFLARE_BASE_URL", f"{emulator.url}/client/v4")
    monkeypatch.setenv("SSL_CERT_FILE", authority_file)
    settings = settings_without_a_lab()
    changed = {
        "cloudflare": settings.cloudflare.model_copy(update={"account_id": ACCOUNT}),
        "store": settings.store.model_copy(update={"url": f"sqlite:///{tmp_path}/store.sqlite"}),
        "clock": settings.clock.model_copy(update={"file": emulator.world.clock.file}),
    }
    made = Migration(settings.model_copy(update=changed), Secrets(cloudflare_token=SecretStr("all")))
    yield made
    cloudflare.client(made).close()
    changing.client(made).close()
    made.store.close()
