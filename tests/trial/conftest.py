"""An emulator on loopback, and a migration whose settings name its account."""

from tests.emulator.conftest import authority, authority_file, certificate, emulator, migration, signing_key, trust  # noqa: F401 - the fixtures of an emulator on loopback
from tests.emulator.test_lexicon import lexicon  # noqa: F401 - foreign clients
from tests.emulator.test_octodns import octodns  # noqa: F401
from tests.emulator.test_packaged_clients import cli4, curl  # noqa: F401
from tests.emulator.test_typescript import typescript  # noqa: F401
