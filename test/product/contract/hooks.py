"""Keeps a run short: waits last a moment, and change nothing about what is checked."""

import schemathesis

WAIT_MS = 200


@schemathesis.hook
def before_call(context, case, kwargs):
    body = case.body
    if isinstance(body, dict) and isinstance(body.get("wait_ms"), (int, float)) and not isinstance(body["wait_ms"], bool):
        if WAIT_MS < body["wait_ms"] <= 60_000:
            body["wait_ms"] = WAIT_MS
    if case.operation.path == "/v1/watch":
        if case.query is None:
            case.query = {}
        wait = case.query.get("wait_ms", WAIT_MS)
        if str(wait).isdigit() and WAIT_MS <= int(wait) <= 60_000:
            case.query["wait_ms"] = WAIT_MS
