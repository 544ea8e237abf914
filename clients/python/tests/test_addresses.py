"""The rules of addresses, with the cases that all clients share."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict

import pytest

import lockd
import lockd.aio

CASES = json.loads((Path(__file__).parents[2] / "conformance" / "addresses.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", CASES, ids=[repr(c["address"]) for c in CASES])
def test_an_address_of_the_conformance_file(case: Dict[str, Any]) -> None:
    if "refused" not in case:
        client = lockd.Client(case["address"])
        (got,) = client._cfg.addresses
        assert str(got) == case["base"]
        (again,) = lockd.Client(case["base"])._cfg.addresses
        assert str(again) == case["base"]
        return
    with pytest.raises(ValueError) as e:
        lockd.Client(case["address"])
    assert case["refused"] in str(e.value).lower()
    if "secret" in case:
        assert case["secret"] not in str(e.value) and e.value.__cause__ is None


@pytest.mark.parametrize("make", [lockd.Client, lockd.aio.Client])
def test_a_client_without_an_address_is_refused(make: Any) -> None:
    with pytest.raises(ValueError, match="no address"):
        make()
