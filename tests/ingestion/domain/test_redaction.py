from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.ingestion.domain.redaction import RedactionFailed, Redactor, mask


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("mail ann.b@shop.example.org now", "mail [EMAIL] now"),
        ("card 4111-1111-1111-1111.", "card [CARD]."),
        ("IBAN DE89 3704 0044 0532 0130 00 ok", "IBAN [IBAN] ok"),
        ("ssn 123-45-6789", "ssn [NATIONAL_ID]"),
        ("host 192.168.10.4 down", "host [IP] down"),
        ("call (555) 123-4567 or +4915123456789", "call [PHONE] or [PHONE]"),
        ("key sk-abcdefghijklmnop1234", "key [TOKEN]"),
        ("password: hunter22 thanks", "[PASSWORD] thanks"),
    ],
)
def test_personal_data_and_secrets_are_masked(text: str, masked: str) -> None:
    assert mask(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "order 1002334455 from 2026-11-02 at 10:30",
        "card 4111 1111 1111 1112 fails the check",
        "it costs $1,299.00 or 12 x 99",
        "version 3.11.7 of the app",
        "reference 02.11.2026 14",
        "room 12, floor 3, building 4",
    ],
)
def test_ordinary_numbers_stay(text: str) -> None:
    assert mask(text) == text


def test_the_policies_off_mask_and_drop() -> None:
    text = "mail a@b.example"

    assert Redactor("off").text(text) == text
    assert Redactor("mask").text(text) == "mail [EMAIL]"
    assert Redactor("drop").text(text) == "[REDACTED]"
    assert Redactor("drop").text("nothing here") == "nothing here"
    with pytest.raises(RedactionFailed, match="unknown redaction policy"):
        Redactor("maks")


def test_metadata_is_redacted_to_its_depth_and_references_stay() -> None:
    value = {"a@b.example": [{"note": "a@b.example"}], "prompt_version": "v1@b.example", "n": 4111111111111111}

    assert Redactor("mask").metadata(value) == {
        "[EMAIL]": [{"note": "[EMAIL]"}],
        "prompt_version": "v1@b.example",
        "n": 4111111111111111,
    }


@given(st.text(alphabet="0123456789 -", max_size=40))
def test_no_valid_card_number_survives(text: str) -> None:
    masked = mask(f"pay {text} end")

    assert not any(_is_card(run) for run in re.findall(r"\b\d{13,19}\b", masked))


def _is_card(digits: str) -> bool:
    total = sum(d if i % 2 == 0 else sum(divmod(2 * d, 10)) for i, d in enumerate(map(int, reversed(digits))))
    return total % 10 == 0 and len(set(digits)) > 1


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("IBAN DE89370400440532013000 THANK YOU", "IBAN [IBAN] THANK YOU"),
        ("GB82 WEST 1234 5698 7654 32 ASAP please", "[IBAN] ASAP please"),
        ("my visa4111111111111111 is new", "my visa[CARD] is new"),
        ("voucher 1234-5678-9012", "voucher 1234-5678-9012"),
        ("call (555) 555-5555", "call [PHONE]"),
        ("AB12 DE89370400440532013000", "AB12 [IBAN]"),
        ("ref AB12 3456 DE89 3704 0044 0532 0130 00", "ref AB12 3456 [IBAN]"),
        ("xDE89370400440532013000", "x[IBAN]"),
        ("1" * 30 + " 4111111111111111", "1" * 30 + " [CARD]"),
        ("1234567 " * 6 + "4111-1111-1111-1111", "1234567 " * 6 + "[CARD]"),
        ("4111\u00a01111\u00a01111\u00a01111", "[CARD]"),
        ("a@b.example123-45-6789", "[EMAIL][NATIONAL_ID]"),
        ("BEARER abc.def.ghi.jkl.mno", "[TOKEN]"),
    ],
)
def test_what_stands_around_a_number_neither_hides_nor_makes_one(text: str, masked: str) -> None:
    assert mask(text) == masked


# What patterns may begin or end with, or reach across: as pieces, so that chance puts them together.
_PIECES = (
    "password", ": ", "=", "\n", "\0", " ", "x", "hunter22", "Bearer ", "abcdefgh.ijklmnop",
    "-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----", "a@b.example", "4111 1111 1111 1111",
    "DE89 3704 0044 0532 0130 00", "123-45-6789", "192.168.10.4", "2001:db8:0:1::7", "+49 151 234567", "é",
)  # fmt: skip


@given(st.lists(st.lists(st.sampled_from(_PIECES), max_size=6).map("".join), max_size=8))
def test_texts_masked_together_are_masked_as_if_each_stood_alone(texts: list[str]) -> None:
    assert Redactor("mask").texts(texts) == [mask(text) for text in texts]
    assert Redactor("drop").texts(texts) == [text if mask(text) == text else "[REDACTED]" for text in texts]


@pytest.mark.parametrize("piece", ["DE89", "DE89 ", "4111 ", "41", "1 ", "A@", "+49 "])
def test_a_mebibyte_made_to_be_slow_is_masked_in_linear_time(piece: str) -> None:
    began = time.process_time()

    mask(piece * (2**20 // len(piece)))

    assert time.process_time() - began < 8
