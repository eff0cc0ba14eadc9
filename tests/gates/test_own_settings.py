"""The operator's settings laid over the lab's: what is rehearsed is their own Dell, whoever rents out their gateway."""

import tomllib

from fixtures.lab.files import settings_text, settings_without_a_lab
from fixtures.lab.own import laid_over
from fixtures.settings import check


def test_a_vps_another_relay_and_a_backup_mx() -> None:
    """The lab's gateway is an instance at its AWS; Dell sends by the operator's relay, and admits their backup MX."""
    own = settings_without_a_lab("vps")
    text = laid_over(settings_text(), own.model_dump(mode="json", exclude_none=True), [])
    made = check(tomllib.loads(text), "the lab's")
    assert (made.ec2.kind, made.ec2.name) == ("ec2", own.ec2.name)
    assert (made.relay.host, made.relay.spf_include) == (own.relay.host, own.relay.spf_include)
    assert [(each.name, each.addresses, each.stays) for each in made.backup_mx] == [
        (each.name, each.addresses, each.stays) for each in own.backup_mx
    ]
