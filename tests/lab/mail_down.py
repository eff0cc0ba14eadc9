"""Run where the operator is: alarm drills while Dell's Postfix is up, stopped, and up again; printed as JSON."""

import contextlib
import io
import json
import os

from fixtures.access.changing import dell
from fixtures.migration import open_migration
from scripts import alert
from tests.scripts.receiver import receiving


def drill() -> tuple[int, str]:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        status = alert.main(["--drill"])
    return status, out.getvalue()


def main() -> None:
    host = dell(open_migration().settings)
    with receiving() as receiver:
        os.environ["MXGATE_ALARM_URLS"] = f"json://127.0.0.1:{receiver.port}/?cto=30&rto=30"  # a busy machine
        os.environ["MXGATE_HEALTHCHECK_URL"] = f"http://127.0.0.1:{receiver.port}/ping"
        up = drill()
        host.run("postfix", "stop")
        try:
            down = drill()
        finally:
            host.run("postfix", "start")
    print(json.dumps({"up": up, "down": down, "got": receiver.got}))


if __name__ == "__main__":
    main()
