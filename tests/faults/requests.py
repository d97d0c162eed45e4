"""Requests made from the service model: well-formed with values that mean something, and spoilt in every way that bytes can be."""

from __future__ import annotations

import json
import random
import re
from typing import Any

from cognomen.api import model
from tests.kit.server import PASSWORD

SERVICE = "cognito-idp"
ALPHABETS = (
    "abcxyz",
    "ABC019",
    "äß中я",
    "\U0001f600\U0001f9ff",
    "\0\x01\x1f\x7f",
    " \t\r\n\u3000",
    "'\"\\%_;--",
    "\ud800\udfff",
    "\ufeff\u202e\u0301",
)
ODD = (
    "", " ", "\0", "a\0b", "\ud800", "\U0010ffff", "' OR 1=1 --", "%s%n{0}${jndi:x}", "../../etc/passwd", "null", "undefined", "NaN",
    "1e999", "0", "-1", "true", "\u202eabc", "a" * 2049, "{}", "[]", "<script>", "\r\nx-injected: 1", "+12065550100", "a@b.example", "=",
)  # fmt: skip
NUMBERS = (0, -1, 1, 60, 61, 2**31 - 1, 2**31, -(2**31) - 1, 2**53, 2**63 - 1, 2**63, 2**64, -(2**63) - 1, 10**30, 0.5, -0.0, 1e308)
AUTH = (
    "USERNAME", "PASSWORD", "SRP_A", "SECRET_HASH", "REFRESH_TOKEN", "DEVICE_KEY", "NEW_PASSWORD", "SESSION", "TIMESTAMP", "userAttributes.name",
    "PASSWORD_CLAIM_SIGNATURE", "PASSWORD_CLAIM_SECRET_BLOCK", "userAttributes.email", "ANSWER", "PREFERRED_CHALLENGE",
)  # fmt: skip


class Known:
    """Values that exist, by the name of the shape or member that takes them. What answers bring is added, so that requests build on each other."""

    def __init__(self) -> None:
        self.by_name: dict[str, list[str]] = {}

    def add(self, name: str, value: str) -> None:
        kept = self.by_name.setdefault(name.lower(), [])
        if value not in kept:
            kept.append(value)
            del kept[1:-30]  # the first is the one that everything else belongs to

    def learn(self, answer: Any, name: str = "") -> None:
        """Ids, tokens and sessions of an answer, wherever they stand in it."""
        if isinstance(answer, dict):
            for key, value in answer.items():
                self.learn(value, f"UserPool{key}" if key == "Id" else key)
        elif isinstance(answer, list):
            for item in answer:
                self.learn(item, name)
        elif isinstance(answer, str) and answer and name.lower() in self.by_name:
            self.add(name, answer)


class Maker:
    """Requests of one random source: the same seed makes the same requests."""

    def __init__(self, chance: random.Random, known: Known, service: str = SERVICE) -> None:
        self.chance = chance
        self.known = known
        self.service = service
        self.shapes = model.load(service).shapes
        self._optional = 0.35

    def valid(self, operation: str) -> Any:
        """Every required member and some of the others, of the right types; most values mean something."""
        self._optional = self.chance.choice((0.0, 0.05, 0.35, 0.8))
        return self.value(model.load(self.service).operations[operation].input.shape, "")

    def value(self, shape_name: str, member: str, depth: int = 0) -> Any:
        shape = self.shapes[shape_name]
        chance = self.chance
        if shape.type == "structure":
            found = {}
            for name, reference in shape.members.items():
                if name in shape.required or chance.random() < self._optional / (1 if depth < 2 else 2):
                    found[name] = self.value(reference.shape, name, depth + 1)
            return found
        if shape.type == "list":
            assert shape.member is not None
            return [self.value(shape.member.shape, member, depth + 1) for _ in range(max(shape.min or 0, chance.choice((0, 1, 1, 2, 3))))]
        if shape.type == "map":
            assert shape.key is not None and shape.value is not None
            if member in ("AuthParameters", "ChallengeResponses") and chance.random() < 0.5:
                return self._credentials()
            return {self._key(shape.key.shape, member): self._of_map(shape.value.shape, depth) for _ in range(chance.choice((0, 1, 2, 4)))}
        return self._scalar(shape, shape_name, member)

    def _scalar(self, shape: model.Shape, shape_name: str, member: str) -> Any:
        chance = self.chance
        if shape.type == "string":
            return self._text(shape, shape_name, member)
        if shape.type == "boolean":
            return chance.random() < 0.5
        if shape.type in ("integer", "long"):
            low, high = shape.min or 0, shape.max if shape.max is not None else 100
            return chance.choice((low, high, chance.randint(low, max(low, high))))
        if shape.type == "timestamp":
            return chance.choice((0, 1.5, 1_790_000_000, -1, 1e15))
        if shape.type == "blob":
            return chance.choice(("", "AAAA", "aGVsbG8="))
        return chance.choice((0.5, 1, -3.25))

    def _credentials(self) -> dict[str, str]:
        """What any flow asks for, of the user who exists."""
        known = self.known.by_name
        return {
            "USERNAME": known["username"][0],
            "PASSWORD": PASSWORD,
            "NEW_PASSWORD": PASSWORD,
            "SRP_A": f"{self.chance.getrandbits(3000):x}",
            "REFRESH_TOKEN": self.chance.choice(known["refreshtoken"]),
        }

    def _key(self, shape_name: str, member: str) -> str:
        if member in ("AuthParameters", "ChallengeResponses"):
            return self.chance.choice(AUTH)
        return self._text(self.shapes[shape_name], shape_name, member)

    def _of_map(self, shape_name: str, depth: int) -> Any:
        if self.shapes[shape_name].type == "string" and self.chance.random() < 0.7:
            return self.chance.choice((PASSWORD, *self.known.by_name.get("username", ()), *ODD[:12], "f" * 700, self._anything()))
        return self.value(shape_name, "", depth + 1)

    def _text(self, shape: model.Shape, shape_name: str, member: str) -> str:
        chance = self.chance
        known = self.known.by_name.get(member.lower()) or self.known.by_name.get(shape_name.lower().removesuffix("type"))
        if known and chance.random() < 0.85:
            return chance.choice((known[0], known[0], known[0], chance.choice(known)))
        if shape.enum and chance.random() < 0.9:
            return chance.choice(shape.enum)
        if chance.random() < 0.1:
            return self._anything()
        low, high = shape.min or 1, min(shape.max or 40, 2048)
        length = chance.choice((low, min(high, low + 5), high, chance.randint(low, max(low, min(high, 60)))))
        return "".join(chance.choice(chance.choice(ALPHABETS[:4])) for _ in range(length)) if chance.random() < 0.3 else "a" * length

    def _anything(self) -> str:
        chance = self.chance
        return chance.choice((chance.choice(ODD), "".join(chance.choice(chance.choice(ALPHABETS)) for _ in range(chance.randint(0, 200)))))

    def spoilt(self, operation: str) -> bytes:
        """A request with one or two things wrong, or bytes that are no request at all."""
        return self.chance.choice((self._misshapen, self._misshapen, self._misshapen, self._bytes))(operation)

    def _misshapen(self, operation: str) -> bytes:
        request = self.valid(operation)
        for _ in range(self.chance.choice((1, 1, 2))):
            request = self._change(request, operation)
        return encoded(request)

    def _change(self, request: Any, operation: str) -> Any:
        """Walks to a random place and puts something there that does not belong."""
        chance = self.chance
        if isinstance(request, dict) and request and chance.random() < 0.9:
            name = chance.choice(sorted(request))
            if chance.random() < 0.15:
                return {key: value for key, value in request.items() if key != name}
            return {**request, name: self._change(request[name], operation)}
        if isinstance(request, list) and request and chance.random() < 0.6:
            place = chance.randrange(len(request))
            return [*request[:place], self._change(request[place], operation), *request[place + 1 :]]
        shape = self.shapes[chance.choice(sorted(self.shapes))]
        return chance.choice(
            (
                None,
                chance.choice(ODD),
                self._anything(),
                chance.choice(NUMBERS),
                [], {}, [[]], [None], {"": None}, True,
                "x" * ((shape.max or 10) + 1),
                "x" * max(0, (shape.min or 1) - 1),
                [request] * 150,
                {f"k{number}": request for number in range(60)},
                self._deep(chance.choice((5, 60))),
            )
        )  # fmt: skip

    def _deep(self, depth: int) -> Any:
        found: Any = "x"
        for _ in range(depth):
            found = [found] if self.chance.random() < 0.5 else {"a": found}
        return found

    def _bytes(self, operation: str) -> bytes:
        chance = self.chance
        good = encoded(self.valid(operation))
        place = chance.randrange(len(good) + 1)
        return chance.choice(
            (
                b"", b" ", b"null", b"[]", b"0", b'"x"', b"{", b"{}}", b"\xef\xbb\xbf" + good, b"\xff\xfe" + good.decode().encode("utf-16-le"),
                good.decode().encode("utf-16"),
                good.replace(b'"a', b'"\xff\xfea', 1),
                good.replace(b'"a', b'"\xed\xa0\x80a', 1),
                good[:place],
                good[:place] + bytes(chance.randrange(256) for _ in range(8)) + good[place:],
                good + good,
                good[:-1] + b"," + good[1:],
                b"[" * 50_000,
                b'{"a":' * 20_000 + b"1" + b"}" * 20_000,
                b'{"ClientId": ' + b"9" * 5000 + b"}",
                b'{"Username": "' + b"a" * 1_000_000 + b'"}',
                b'{"UserAttributes": [' + b",".join([b"{}"] * 100_000) + b"]}",
                re.sub(rb'"([A-Z])', lambda found: b'"' + found[1].lower(), good),
            )
        )  # fmt: skip


def encoded(request: Any) -> bytes:
    """JSON as Python writes it: NaN, lone surrogates as escapes, and all."""
    return json.dumps(request).encode()
