"""Templates as text: the lines of an engine keep their places, and what is not ours is not touched."""

from __future__ import annotations

import pytest

from scripts.lib.change import Refused
from scripts.lib.dell.postfix_text import with_parameters
from scripts.lib.dell.template_text import edited

TEXT = """\
{% set nets = ["127.0.0.0/8"] %}
myhostname = {{ name }}
{% if tls %}
smtpd_tls_security_level = may
{% endif %}
mynetworks =
  {{ nets | join(" ") }}
%{ if biff }
biff = ${biff}
{{ include "more.cf" }}
"""


def test_an_engines_lines_stay_where_they_are() -> None:
    said = edited(TEXT, lambda text: with_parameters(text, {"biff": "no", "smtpd_tls_security_level": "may", "a": "b"}))
    assert said == TEXT.replace("biff = ${biff}", "biff = no") + "a = b\n"


def test_a_value_that_a_placeholder_continues_goes_as_a_whole() -> None:
    said = edited(TEXT, lambda text: with_parameters(text, {"mynetworks": "127.0.0.0/8"}))
    assert said == TEXT.replace('mynetworks =\n  {{ nets | join(" ") }}', "mynetworks = 127.0.0.0/8")


def test_what_stands_twice_is_refused() -> None:
    text = TEXT + "{% if other %}\nbiff = yes\n{% endif %}\n"
    with pytest.raises(Refused, match="biff stands twice"):
        edited(text, lambda each: with_parameters(each, {"biff": "no"}))
