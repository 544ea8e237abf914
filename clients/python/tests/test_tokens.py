"""Tokens: where they are sent, how a file of one is read, and what a refusal of one does to a hold."""

from __future__ import annotations

import asyncio
import json
import logging
import time
import traceback
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional

import pytest
from both_clients import Adapted, both, client, run
from fake import Leases, Node, Response, problem, serving
from test_retry import Simulation, answer
from test_retry import problem as refusal

import lockd
import lockd.aio
from lockd import CrossOrigin, LeaseLost, NotAllowed, QuotaExceeded, Refused, Unauthenticated
from lockd._tokens import MAX_TOKEN, REREAD_INTERVAL, Tokens

TOKEN = "lockd_abcdefghij_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG_012345"


class Guarded(Leases):
    """Leases that only a request with the current token reaches. denied has the verbs that no token may use."""

    def __init__(self, token: str = TOKEN) -> None:
        super().__init__()
        self.token = token
        self.locked = False  # another token is refused with a 429
        self.denied: Dict[str, Callable[[Dict[str, Any]], bool]] = {}
        self.node: Optional[Node] = None

    def __call__(self, path: str, body: Dict[str, Any]) -> Response:
        assert self.node is not None
        if self.node.credentials[-1] != "Bearer " + self.token:
            return problem("rate-limited", 429) if self.locked else problem("unauthenticated", 401)
        return super().__call__(path, body)

    def serve(self, verb: str, name: str, body: Dict[str, Any]) -> Response:
        if verb in self.denied and self.denied[verb](body):
            return problem("not-allowed", 403)
        return super().serve(verb, name, body)


def test_a_watch_continues_after_a_limit() -> None:
    def event(revision: int) -> Response:
        data = json.dumps({"revision": revision, "name": "x", "holder": "h", "token": revision})
        return 200, f"event: acquired\nid: {revision}\ndata: {data}\n\n"

    limit = problem("rate-limited", 429, retry_after_ms=300)
    answers = [event(7), limit, event(9), limit]
    with serving(lambda _path, _body: answers.pop(0)) as node:
        watch = lockd.Client(node.address, token=TOKEN).watch("x")
        assert next(watch).revision == 7
        began = time.monotonic()
        assert next(watch).revision == 9
        assert time.monotonic() - began >= 0.3
        answers[:] = [limit]
        with pytest.raises(Refused):  # it has not begun
            next(lockd.Client(node.address, token=TOKEN).watch("x"))


@both
def test_the_token_is_sent_with_each_request(make: str) -> None:
    def serve(path: str, _body: Any) -> Response:
        return problem("not-allowed", 403)

    async def scenario() -> None:
        c = client(make, node.address, token=TOKEN)
        for call in (c.get("x"), c.acquire("x"), _first(c)):
            with pytest.raises(NotAllowed):
                await call

    with serving(serve) as node:
        run(scenario)
    assert node.paths == ["/v1/leases/x", "/v1/leases/x/acquire", "/v1/watch"]
    assert node.credentials == ["Bearer " + TOKEN] * 3


async def _first(c: Any) -> Any:
    """Return the first event of a watch."""
    if isinstance(c, Adapted):
        return next(c.of.watch("x"))
    async for event in c.watch("x"):
        return event


@pytest.mark.parametrize("make", [lockd.Client, lockd.aio.Client])
@pytest.mark.parametrize(
    "address,options,error",
    [
        ("http://other:7400", {"token": TOKEN}, "write https://other:7400, or pass insecure=True"),
        ("10.0.0.1/base", {"token": TOKEN}, "write https://10.0.0.1:7400/base"),
        ("localhost.other", {"token": TOKEN}, "only over https"),
        ("node", {"token": TOKEN, "token_file": "/x"}, "token and token_file are both given"),
        ("https://node", {"token": TOKEN, "headers": {"authorization": "x"}}, "a token too; give only one"),
        ("https://node", {"token_file": "/none/token"}, "token_file '/none/token': No such file"),
        ("https://node", {"token_file": "/"}, "token_file '/': Is a directory"),
        *(("https://node", {"token": t}, "must be one token") for t in ("", " x", "x\n", "x\r\ny: z", "ü", "a b", 7)),
    ],
)
def test_wrong_settings_are_refused_when_the_client_is_made(make: Any, address: str, options: Dict[str, Any], error: str) -> None:
    with pytest.raises(ValueError, match=error) as e:
        make(address, **options)
    assert TOKEN not in str(e.value) and e.value.__cause__ is None


@pytest.mark.parametrize("address", ["https://other", "localhost", "http://127.0.0.9:1", "[::1]"])
def test_a_token_is_sent_over_https_and_to_loopback(address: str) -> None:
    lockd.Client(address, token=TOKEN)
    lockd.Client("http://other", token=TOKEN, insecure=True)


@both
def test_a_redirect_is_not_followed(make: str) -> None:
    async def scenario() -> None:
        c = client(make, node.address, token=TOKEN)
        node.headers = {"Location": f"http://{other.address}/v1/leases/x/acquire"}
        for call in (c.acquire("x"), c.get("x")):
            with pytest.raises(Refused):
                await call
        with pytest.raises(Refused):
            await _first(c)

    with serving(Leases()) as other, serving(lambda _path, _body: (307, "")) as node:
        run(scenario)
        assert len(node.paths) == 3 and other.paths == []


@both
@pytest.mark.parametrize("status", [401, 429])
def test_a_renewal_works_with_the_token_that_the_file_has_after_a_refusal(make: str, status: int, tmp_path: Path) -> None:
    file, leases = tmp_path / "token", Guarded("first")
    leases.locked = status == 429
    file.write_text("first\n")

    async def scenario() -> None:
        c = client(make, node.address, token_file=file)
        lease = await c.acquire("x", keep=False)
        await lease.renew()
        leases.token = "second"
        with pytest.raises(Refused if status == 429 else Unauthenticated):
            await lease.renew()
        assert lease.held and not lease.lost
        file.write_text("second \n")
        await lease.renew()
        await lease.release()
        assert node.credentials[2:] == ["Bearer first", "Bearer first", "Bearer second", "Bearer second"]

    with serving(leases) as node:
        leases.node = node
        run(scenario)


@both
@pytest.mark.parametrize("status", [401, 403])
def test_a_hold_without_credentials_lasts_until_its_deadline(make: str, status: int, caplog: pytest.LogCaptureFixture) -> None:
    leases = Guarded()

    async def scenario() -> None:
        c = client(make, node.address, token=TOKEN)
        lost: List[float] = []
        begun = time.monotonic()
        lease = await c.acquire("x", ttl=1)
        lease.on_lost(lambda _e: lost.append(time.monotonic() - begun))
        if status == 401:
            leases.token = "another"
        else:
            leases.denied["renew"] = lambda _body: True
        while not lost:
            assert lease.held or lease.lost
            await asyncio.sleep(0.01)
        assert 0.9 <= lost[0] < 5
        with pytest.raises(LeaseLost, match="the local deadline passed"):
            lease.check()
        refused = [path for path in node.paths if path.endswith("/renew")]
        assert 2 <= len(refused) <= 10, "it is renewed at the pace of failed renewals"

    with serving(leases) as node, caplog.at_level(logging.WARNING, "lockd"):
        leases.node = node
        run(scenario)
    assert [r.getMessage().startswith("a renewal was refused: ") for r in caplog.records] == [True]


@both
def test_a_renewal_that_works_again_keeps_the_hold(make: str) -> None:
    leases = Guarded()

    async def scenario() -> None:
        c = client(make, node.address, token=TOKEN)
        lease = await c.acquire("x", ttl=3)
        leases.denied["renew"] = lambda _body: len(leases.of("renew")) < 3
        await asyncio.to_thread(leases.wait_for, lambda: len(leases.of("renew")) >= 4)
        assert lease.held and not lease.lost
        await lease.release()

    with serving(leases) as node:
        leases.node = node
        run(scenario)


@both
def test_a_hold_that_may_not_be_renewed_costs_no_other(make: str) -> None:
    leases = Guarded()
    leases.denied["renew-all"] = lambda body: any(l["name"] == "a" for l in body["leases"])

    async def scenario() -> None:
        c = client(make, node.address, token=TOKEN)
        a, b = await c.acquire("a", ttl=3), await c.acquire("b", ttl=3)
        leases.answers["renew"] = lambda name, body: problem("not-allowed", 403) if name == "a" else leases.serve("renew", name, body)
        while not a.lost:
            await asyncio.sleep(0.01)
        assert b.held
        await b.release()

    with serving(leases) as node:
        leases.node = node
        run(scenario)


@both
@pytest.mark.parametrize("status", [401, 403])
def test_an_acquire_without_credentials_ends_at_once(make: str, status: int) -> None:
    leases = Guarded()
    if status == 401:
        leases.token = "another"
    leases.denied["acquire"] = lambda _body: True

    async def scenario() -> None:
        c = client(make, node.address, token=TOKEN, retry_for=5)
        with pytest.raises(Unauthenticated if status == 401 else NotAllowed) as e:
            await c.acquire("x", wait=60)
        assert e.value.problem is not None and e.value.problem.status == status
        assert len(node.paths) == 1, "neither a repeat nor a release"
        assert await c.acquire_all(["x"]) if status == 403 else True

    with serving(leases) as node:
        leases.node = node
        run(scenario)


@both
def test_an_acquire_is_repeated_once_with_the_new_token_of_the_file(make: str, tmp_path: Path) -> None:
    file, leases = tmp_path / "token", Guarded("second")
    file.write_text("first")

    async def scenario() -> None:
        c = client(make, node.address, token_file=file)
        file.write_text("second")
        assert (await c.acquire("x", keep=False)).token == 1
        leases.token = "third"
        with pytest.raises(Unauthenticated):
            await c.acquire("y")
        file.write_text("fourth")
        with pytest.raises(Unauthenticated):
            await c.acquire("y")
        assert [v and v[7:] for v in node.credentials] == ["first", "second", "second", "second", "fourth"]

    with serving(leases) as node:
        leases.node = node
        run(scenario)


@both
@pytest.mark.parametrize("status", [401, 403])
def test_a_release_without_credentials_is_reported_and_not_repeated(make: str, status: int, caplog: pytest.LogCaptureFixture) -> None:
    leases = Guarded()
    kind = Unauthenticated if status == 401 else NotAllowed

    def deny() -> None:
        leases.denied["release"] = lambda _body: status == 403
        leases.token = TOKEN if status == 403 else "another"

    def allow() -> None:
        leases.denied, leases.token = {}, TOKEN

    def releases() -> int:
        return len([path for path in node.paths if path.endswith("/release")])

    async def scenario() -> None:
        c = client(make, node.address, token=TOKEN)
        lease = await c.acquire("x")
        deny()
        with pytest.raises(kind):
            await lease.release()
        assert not lease.held and not lease.lost and releases() == 1
        await c.close()
        await asyncio.sleep(0.3)
        assert releases() == 1, "it is not repeated in the background"
        with pytest.raises(kind):
            await c.acquire("x")
        assert releases() == 2, "the next acquire repeats it first"
        allow()
        async with c.lock("x"):
            assert releases() == 3
            deny()
        assert releases() == 4

    with serving(leases) as node, caplog.at_level(logging.WARNING, "lockd"):
        leases.node = node
        run(scenario)
    (record,) = caplog.records
    assert record.getMessage().endswith("; the lease ends with its TTL")


@both
def test_a_watch_is_repeated_with_the_new_token_of_the_file(make: str, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("first")

    def serve(_path: str, _body: Any) -> Response:
        if node.credentials[-1] == "Bearer first":
            file.write_text("second")
        return problem("unauthenticated", 401)

    async def scenario() -> None:
        with pytest.raises(Unauthenticated):
            await _first(client(make, node.address, token_file=file))
        assert node.credentials == ["Bearer first", "Bearer second"]

    with serving(serve) as node:
        run(scenario)


@both
def test_the_token_is_in_no_error_no_repr_and_no_log(make: str, caplog: pytest.LogCaptureFixture) -> None:
    answers = [(401, ""), (403, "text"), (400, json.dumps({"type": "/problems/invalid", "detail": "x"})), (503, ""), (200, "")]

    def serve(_path: str, _body: Any) -> Response:
        status, text = answers[len(node.paths) // 3 % len(answers)]
        return status, text.replace("x", f"x {node.credentials[-1]}") or f"echo: {node.credentials[-1]}"

    async def scenario() -> None:
        c = client(make, node.address, token=TOKEN)
        calls: List[Callable[[], Any]] = [lambda: c.get("x"), lambda: c.acquire("x"), lambda: _first(c)]
        for call in calls * len(answers):
            with pytest.raises(lockd.LockdError) as e:
                await call()
            shown.append("".join(traceback.format_exception(type(e.value), e.value, e.value.__traceback__)))
            shown.append(repr(e.value.problem))
        of = c.of if isinstance(c, Adapted) else c
        shown.extend(map(repr, (of, of._cfg, of._cfg.tokens, of._transport, of._cfg.headers)))

    shown: List[str] = []
    with serving(serve) as node, caplog.at_level(logging.DEBUG):
        run(scenario)
    assert len(shown) > 30 and TOKEN not in "".join(shown) + caplog.text


def test_a_file_is_read_again_each_minute_and_its_last_good_token_stays(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    w, file = Simulation(), tmp_path / "token"
    file.write_text("first\r\n")
    tokens = Tokens(None, file, w.clock)
    file.write_text("second")
    assert tokens.current() == "first"
    w.now += REREAD_INTERVAL
    assert tokens.current() == "second"
    with caplog.at_level(logging.WARNING, "lockd"):
        for text in ("", "two words", "x" * (MAX_TOKEN + 1), None):
            file.unlink() if text is None else file.write_text(text)
            w.now += REREAD_INTERVAL
            assert tokens.current() == "second" and not tokens.changed("second")
        assert [r.getMessage() for r in caplog.records] == [
            f"token_file '{file}': it must be one token of A-Z a-z 0-9 . _ ~ + / - with = only at its end; the last token is still used"
        ], "it is reported once"
        file.write_text("third")
        assert tokens.changed("second") and tokens.current() == "third"
        file.unlink()
        assert not tokens.changed("third")
        assert len(caplog.records) == 2


@pytest.mark.parametrize(
    "kind,status,error",
    [("unauthenticated", 401, Unauthenticated), ("not-allowed", 403, NotAllowed), ("cross-origin", 403, CrossOrigin), ("quota", 429, QuotaExceeded)],
)
def test_each_refusal_has_its_error(kind: str, status: int, error: Any) -> None:
    w = Simulation(1)
    with pytest.raises(error) as e:
        w.drive(w.acquire(0), [refusal(kind, status, definitive=True)])
    assert isinstance(e.value, Refused) and e.value.problem is not None and e.value.problem.type == kind


def test_a_wait_continues_when_a_quota_is_used_up() -> None:
    w = Simulation(1)
    hold = w.drive(w.acquire(60), [refusal("quota", 429, definitive=True), answer(201, **{**_GRANT, "ttl_ms": 15000})])
    assert hold.remaining() > 0


def test_a_waiter_that_is_refused_leaves_its_place_in_the_queue() -> None:
    w = Simulation(1)
    denied = refusal("unauthenticated", 401, definitive=True)
    with pytest.raises(Unauthenticated):
        w.drive(w.acquire(60), [refusal("held", 409, definitive=True, queued=True), denied, denied])
    assert [a.path.rsplit("/", 1)[1] for a in w.sent] == ["acquire", "acquire", "release"] and w.background == []


_GRANT = {"name": "x", "holder": "h", "token": 7, "expires_in_ms": 4995, "waited_ms": 0, "revision": 7}
