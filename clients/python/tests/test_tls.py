"""TLS: the authority of the nodes, and a client certificate."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path
from typing import Any, Dict

import pytest
from both_clients import both, client, run
from fake import PKI, Leases, serving

import lockd
import lockd.aio


@both
@pytest.mark.parametrize("authority", ["ca.crt", "other-ca.crt", None])
def test_only_a_node_with_a_certificate_of_the_authority_is_trusted(make: str, authority: Any) -> None:
    async def scenario() -> None:
        c = client(make, node.address, ca_file=authority and PKI / authority, token="secret")
        if authority == "ca.crt":
            assert (await c.acquire("x", keep=False)).token == 1
            return
        with pytest.raises(lockd.Unavailable, match="certificate"):
            await c.acquire("x")
        assert node.paths == [] and node.credentials == []

    with serving(Leases(), tls=True) as node:
        run(scenario)


@both
def test_a_client_certificate_is_presented_and_loaded_again_when_it_changes(make: str, tmp_path: Path) -> None:
    cert, key = tmp_path / "client.crt", tmp_path / "client.key"

    def install(principal: str) -> None:
        shutil.copy(PKI / f"{principal}.crt", cert)
        shutil.copy(PKI / f"{principal}.key", key)

    async def scenario() -> None:
        c = client(make, node.address, ca_file=PKI / "ca.crt", cert_file=cert, key_file=key)
        for principal in ("billing", "reports"):
            install(principal)
            await c.close()  # so that the next request has a new connection
            await c.get("x")
        assert node.principals == ["billing", "reports"]

    install("billing")
    with serving(Leases(), tls=True) as node:
        run(scenario)


@both
def test_a_broken_file_keeps_the_last_good_one(make: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    ca = tmp_path / "ca.crt"
    shutil.copy(PKI / "ca.crt", ca)

    async def scenario() -> None:
        c = client(make, node.address, ca_file=ca)
        ca.write_text("not a certificate, and longer")
        for _ in range(2):
            await c.get("x")
            await c.close()
        shutil.copy(PKI / "other-ca.crt", ca)
        with pytest.raises(lockd.Unavailable, match="certificate"):
            await c.get("x")

    with serving(Leases(), tls=True) as node, caplog.at_level(logging.WARNING, "lockd"):
        run(scenario)
    assert [r.getMessage().startswith(f"ca_file '{ca}': it is not a valid PEM file") for r in caplog.records] == [True, False]


@pytest.mark.parametrize("make", [lockd.Client, lockd.aio.Client])
@pytest.mark.parametrize(
    "options,error",
    [
        ({"ca_file": "/none"}, "ca_file '/none': No such file"),
        ({"ca_file": PKI / "billing.key"}, "ca_file .*not a valid PEM file"),
        ({"cert_file": PKI / "billing.crt"}, "cert_file and key_file belong together"),
        ({"key_file": PKI / "billing.key"}, "cert_file and key_file belong together"),
        ({"cert_file": PKI / "billing.crt", "key_file": PKI / "reports.key"}, "key belongs to another certificate"),
    ],
)
def test_wrong_files_are_refused_when_the_client_is_made(make: Any, options: Dict[str, Any], error: str) -> None:
    with pytest.raises(ValueError, match=error):
        make("https://node", **options)


def test_files_without_https_are_refused() -> None:
    with pytest.raises(ValueError, match="ca_file is given, but no address begins with https"):
        lockd.Client("10.0.0.1:7400", ca_file=PKI / "ca.crt")
