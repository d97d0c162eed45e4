"""What a server loads at its start, and what waits until somebody asks for it: memory and time that a server for the API alone does not pay."""

from __future__ import annotations

import subprocess
import sys

# Libraries and rooms that are loaded by the first who needs them.
LATER = (
    "lxml",
    "segno",
    "oauthlib",
    "cognomen.hosted.sign_in",
    "cognomen.gateway",
    "cognomen.saml.xml",
    "cognomen.federation.upstream.saml",
)
START = """
import asyncio, sys
from cognomen.app import Server
from cognomen.config import load
async def started():
    server = Server(load(None, {}, data=":memory:"))
    await server.start()
    await server.stop()
asyncio.run(started())
print(*sorted(sys.modules))
"""


def test_what_few_need_waits() -> None:
    done = subprocess.run([sys.executable, "-c", START], capture_output=True, text=True, check=True, timeout=60)
    loaded = set(done.stdout.split())
    assert "cognomen.hosted.site" in loaded
    assert [name for name in LATER if name in loaded] == []
