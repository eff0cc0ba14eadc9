"""The settings' page names exactly the rights that the lab's operator has."""

from __future__ import annotations

from fixtures.lab.files import SCOPES
from tests.lab.test_by_sudo import RULE
from tests.reading import ROOT

PERMISSIONS = {
    "zone:read": "Zone Read", "dns:read": "DNS Read", "dns:edit": "DNS Edit", "analytics:read": "Analytics Read",
    "zone_settings:read": "Zone Settings Read", "zone_settings:edit": "Zone Settings Edit",
    "rules:read": "Email Routing Rules Read", "rules:edit": "Email Routing Rules Edit",
    "addresses:read": "Email Routing Addresses Read", "addresses:edit": "Email Routing Addresses Edit",
    "user:read": "User Details Read", "members:read": "Account Settings Read",
}  # fmt: skip
"""The lab's scope for each of Cloudflare's permissions, as its dashboard names them."""


def test_the_page_asks_for_what_the_lab_grants() -> None:
    assert set(SCOPES["cloudflare_token"].split()) == set(PERMISSIONS)
    text = " ".join((ROOT / "fixtures/settings/README.md").read_text(encoding="utf-8").split())
    row = text[text.index("| `MXGATE_CLOUDFLARE_TOKEN` |") :].partition("| `MXGATE_MAILBOX_PASSWORD`")[0]
    assert [each for each in PERMISSIONS.values() if each not in row] == []
    assert f"`{RULE}`" in text
