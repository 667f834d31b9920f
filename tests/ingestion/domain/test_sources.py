from __future__ import annotations

import re

import pytest

from apps.ingestion.domain.sources import BadSource, check_source


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("production-logs/*.jsonl", "production-logs/*.jsonl"),
        ("./logs//**/*.ndjson.gz", "logs/**/*.ndjson.gz"),
        ("logs/", "logs"),
    ],
)
def test_a_pattern_below_the_folder_is_a_source(text: str, pattern: str) -> None:
    assert check_source(text) == pattern


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("s3://bucket/logs/*.jsonl", "s3:// is not read"),
        ("file:///etc/passwd", "file:// is not read"),
        ("/var/log/*.jsonl", "relative to the organization's folder"),
        ("~/logs", "relative to the organization's folder"),
        ("../other/*.jsonl", ".. leads out of it"),
        ("logs/../../other", ".. leads out of it"),
        ("logs/**.jsonl", "** stands alone"),
        (" ", "a pattern of files"),
        ("a\nb", "a pattern of files"),
        ("x" * 501, "a pattern of files"),
    ],
)
def test_what_is_elsewhere_is_refused_with_its_reason(text: str, reason: str) -> None:
    with pytest.raises(BadSource, match=re.escape(reason)):
        check_source(text)
