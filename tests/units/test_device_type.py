"""What a user agent says of a device, in words."""

from __future__ import annotations

import time

import pytest

from cognomen.userpools.rules import device_type

CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0"


@pytest.mark.parametrize(
    ("agent", "said"),
    [
        (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {CHROME} Safari/537.36", "Windows, Chrome"),
        (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {CHROME} Safari/537.36 OPR/116.0.0.0", "Windows, Opera"),
        (f"Mozilla/5.0 (Linux; Android 14; SM-S911B) AppleWebKit/537.36 SamsungBrowser/27.0 {CHROME}", "Android, Samsung Internet"),
        (f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {CHROME} Safari/537.36", "ChromeOS, Chrome"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/17.6 Safari/605.1.15", "macOS, Safari"),
        ("Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0", "Linux, Firefox"),
        ("Mozilla/5.0 (iPad; CPU OS 17_5 like Mac OS X) AppleWebKit/605.1.15 CriOS/131.0 Mobile/15E148 Safari/604.1", "iPadOS, Chrome"),
        ("Boto3/1.44.5 md/Botocore#1.44.5 ua/2.1 os/linux#6.1 md/arch#x86_64 lang/python#3.11", "Linux, Boto3"),
        ("okhttp/4.12.0", "okhttp"),
        ("Dalvik/2.1.0 (Linux; U; Android 14; Pixel 8)", "Android, Dalvik"),
        ("MyApp/7 CFNetwork/1404.0.5 Darwin/22.3.0", "Darwin, MyApp"),
        ("", "unknown"),
        ("Mozilla/5.0", "unknown"),
        ("<script>alert(1)</script>", "unknown"),
        ("\xff\x00 /", "unknown"),
    ],
)
def test_known_agents(agent: str, said: str) -> None:
    """System, then browser or app; whatever else stands in the line is not repeated."""
    assert device_type.of(agent) == said


def test_a_long_line_costs_no_more_than_a_short_one() -> None:
    """Only its beginning is read, and no pattern there can be made slow."""
    began = time.perf_counter()
    assert device_type.of("a" * 10_000_000 + " Linux") == "unknown"
    assert device_type.of("Mozilla/5.0 (" * 100_000) == "unknown"
    assert time.perf_counter() - began < 0.1
