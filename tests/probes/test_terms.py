"""What was bought for a term, and Spot: neither is what the price table says."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from fixtures.evidence import Verdict
from fixtures.migration import Migration
from fixtures.probes.aws import cost
from fixtures.settings import NewCost, Secrets
from fixtures.settings.rented import Costs
from tests.probes.test_aws import ZONE, answering, aws, refusal  # noqa: F401 - a fixture

RESERVED = {
    "ReservedInstancesId": "ri-1",
    "InstanceType": "t3.large",
    "InstanceCount": 2,
    "RecurringCharges": [{"Amount": 0.01, "Frequency": "Hourly"}],
    "UsagePrice": 0.0,
    "State": "active",
    "End": datetime(2027, 3, 1, tzinfo=UTC),
}
PLAN = {"savingsPlanId": "sp-1", "savingsPlanType": "Compute", "state": "active", "commitment": "0.02"}
PLAN |= {"paymentOption": "No Upfront", "end": "2027-05-01T00:00:00.000Z"}
FAMILYS = PLAN | {"savingsPlanType": "EC2Instance", "ec2InstanceFamily": "t3", "region": ZONE[:-1]}
SAYS_RI = "a Reserved Instance, 2 t3.large, is paid for until 2027-03-01: $14.60 a month"
SAYS_SP = "a Savings Plan ({}), is paid for until 2027-05-01: ${} a month"


def reckoned(
    migration: Migration, monkeypatch: pytest.MonkeyPatch, answers: dict[str, Any], *new: NewCost, **instance: Any
) -> cost.Saving:
    """The gateway was a t3.small, of which nothing is left. ANSWERS are AWS's; an error among them is raised."""
    answering(monkeypatch, lambda _, name: answers.get(name))
    had = {"id": "i-1", "state": "running", "type": "t3.small", "address": "203.0.113.20", **instance}
    migration.store.put_snapshot("start", "0", {"ec2": {"instance": had, "items": []}})
    settings = migration.settings.model_copy(update={"costs": Costs(new=new, reckoned=date(2026, 12, 1))})
    its = Migration(settings, Secrets())
    found = cost.saving(its)
    its.store.close()
    return found


def left(saving: cost.Saving) -> list[tuple[Verdict, str, str]]:
    return [(each.verdict, each.member, each.found) for each in cost.judged_left(saving, by_bill=False)]


NOTHING = (Verdict.PASS, "what is left", "no charge")


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize(
    ("reserved", "plan", "terms"),
    [
        ({}, {}, {}),
        (RESERVED, {}, {"ri-1": SAYS_RI}),
        (RESERVED | {"State": "retired"}, PLAN | {"state": "retired"}, {}),
        (RESERVED | {"InstanceType": "m5.large"}, FAMILYS | {"ec2InstanceFamily": "m5"}, {}),
        ({}, PLAN, {"sp-1": SAYS_SP.format("Compute", "14.60")}),
        ({}, FAMILYS | {"paymentOption": "All Upfront"}, {"sp-1": SAYS_SP.format("EC2Instance", "0.00")}),
        ({}, FAMILYS | {"region": "eu-west-1"}, {}),
        ({}, PLAN | {"savingsPlanType": "SageMaker"}, {}),
    ],
)
def test_what_is_paid_for_to_the_end_of_its_term(
    migration: Migration, monkeypatch: pytest.MonkeyPatch, reserved: Any, plan: Any, terms: dict[str, str]
) -> None:
    """Whoever uses it: nothing but the bill says whether the gateway did, so a person has to."""
    answers = {
        "DescribeReservedInstances": {"ReservedInstances": [reserved] if reserved else []},
        "DescribeSavingsPlans": {"savingsPlans": [plan] if plan else []},
    }
    saving = reckoned(migration, monkeypatch, answers)
    assert left(saving) == [*((Verdict.INCONCLUSIVE, key, said) for key, said in terms.items()), NOTHING]
    assert not saving.unread


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize("usd", [0.0, 14.6])
def test_a_word_on_it_is_counted(migration: Migration, monkeypatch: pytest.MonkeyPatch, usd: float) -> None:
    answers = {"DescribeReservedInstances": {"ReservedInstances": [RESERVED]}}
    word = NewCost(name="ri-1, that EC2 used", usd_per_month=usd)
    saving = reckoned(migration, monkeypatch, answers, word)
    said = f"{SAYS_RI}; {word.name}: ${usd:.2f} a month, by the settings"
    assert left(saving) == [(Verdict.PASS, "ri-1", said), NOTHING]
    assert round(saving.net, 2) == round(19.86 + 3.65 - usd, 2)


@pytest.mark.usefixtures("aws")
def test_where_nobody_may_ask_it_is_not_known(migration: Migration, monkeypatch: pytest.MonkeyPatch) -> None:
    """As with a policy that was attached before this was asked."""
    saving = reckoned(migration, monkeypatch, {"DescribeSavingsPlans": refusal("DescribeSavingsPlans")})
    rows = [*cost.judged_net(saving, date(2026, 12, 1), 9.5, "tokyo")]
    assert [(each.verdict, each.member) for each in rows] == [(Verdict.INCONCLUSIVE, "AWS"), (Verdict.PASS, "net")]
    assert "lack the permission DescribeSavingsPlans, which scripts/deploy/iam-policy.json has" in rows[0].found


@pytest.mark.usefixtures("aws")
def test_spot_has_no_price(migration: Migration, monkeypatch: pytest.MonkeyPatch) -> None:
    saving = reckoned(migration, monkeypatch, {}, made_by={"SpotInstanceRequestId": "sir-1"})
    assert (saving.before[0].usd, saving.before[0].reckoning) == (None, cost.SPOT)
    unpriced, _ = cost.judged_net(saving, date(2026, 12, 1), 9.5, "tokyo")
    assert (unpriced.verdict, unpriced.found, unpriced.hint) == (Verdict.INCONCLUSIVE, cost.SPOT, "")
