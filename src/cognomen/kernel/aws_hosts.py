"""Which host a service of AWS has in a region. A region may come from what a tenant wrote into an ARN, so one that is none leads nowhere.

https://docs.aws.amazon.com/general/latest/gr/rande.html
"""

from __future__ import annotations

import re

_REGION = re.compile(r"[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}", re.ASCII)
# Of the partitions whose hosts are not under amazonaws.com, by how their regions begin (botocore's partitions.json).
_SUFFIXES = {
    "cn-": "amazonaws.com.cn",
    "eusc-": "amazonaws.eu",
    "us-iso-": "c2s.ic.gov",
    "us-isob-": "sc2s.sgov.gov",
    "eu-isoe-": "cloud.adc-e.uk",
    "us-isof-": "csp.hci.ic.gov",
}


def is_region(text: str) -> bool:
    """Has it the form of a region's name, as `eu-central-1` has?"""
    return len(text) <= 32 and _REGION.fullmatch(text) is not None


def host(service: str, region: str) -> str:
    """`lambda.eu-central-1.amazonaws.com`. Raises ValueError for what is no region: it could name another host."""
    if not is_region(region):
        raise ValueError("this is no region of AWS")
    suffix = next((suffix for start, suffix in _SUFFIXES.items() if region.startswith(start)), "amazonaws.com")
    return f"{service}.{region}.{suffix}"
