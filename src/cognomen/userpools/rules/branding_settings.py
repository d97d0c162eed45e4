"""The document of a managed login style: its structure, which is AWS's, and this server's own values where a style has none.

Of the structure every member is known by name and kind; any other is refused, as AWS does. What our pages honour is told in docs/guide/hosted-pages.md.
Pure: documents in, documents out.

Source: the documents that AWS's own tools print (hashicorp/terraform-provider-aws, its test of aws_cognito_managed_login_branding).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

_MOST = 300  # of what has no names of its own: providers in an order, providers with buttons of their own
_COLOR = re.compile(r"[0-9a-fA-F]{6}(?:[0-9a-fA-F]{2})?")
_WORD = re.compile(r"[A-Z][A-Z_]{0,39}")
_NAME = re.compile(r"[^\x00-\x1f<>\"'\\]{1,64}")


class BadSettings(Exception):
    """What is wrong, with the path of the member."""


Kind = Callable[[Any], bool]


def _color(value: Any) -> bool:
    """RRGGBBAA; AWS takes RRGGBB too, and then does nothing with it (FIDELITY B.9.73), where here it is opaque."""
    return isinstance(value, str) and _COLOR.fullmatch(value) is not None


def _flag(value: Any) -> bool:
    return isinstance(value, bool)


def _radius(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 100


def _word(value: Any) -> bool:
    return isinstance(value, str) and _WORD.fullmatch(value) is not None


def _name(value: Any) -> bool:
    return isinstance(value, str) and _NAME.fullmatch(value) is not None


def _mode(value: Any) -> bool:
    return value in ("LIGHT", "DARK", "DYNAMIC")


class _Listed:
    """A list of one kind."""

    def __init__(self, item: Any) -> None:
        self.item = item


class _Named:
    """Members whose names are the user's own: identity providers."""

    def __init__(self, value: Any) -> None:
        self.value = value


def _modes(value: Any) -> dict[str, Any]:
    return {"lightMode": value, "darkMode": value}


def _states(value: Any, *names: str) -> dict[str, Any]:
    return dict.fromkeys(names, value)


_BOX = {"backgroundColor": _color, "borderColor": _color}
_INKED = {**_BOX, "textColor": _color}
_BUTTON = _modes(_states(_INKED, "defaults", "hover", "active", "disabled"))
_IMAGE = {"enabled": _flag}
_STATUS = {**_BOX, "indicatorColor": _color}
_ITEM = {"itemBackgroundColor": _color, "itemBorderColor": _color, "itemTextColor": _color}
_BAND = {
    **_modes({"background": {"color": _color}, "borderColor": _color}),
    "backgroundImage": _IMAGE,
    "logo": {"enabled": _flag, "location": _word},
}
_CATEGORIES: dict[str, Any] = {
    "auth": {
        "authMethodOrder": _Listed(_Listed({"display": _word, "type": _word})),
        "federation": {"interfaceStyle": _word, "order": _Listed(_name)},
    },
    "form": {
        "displayGraphics": _flag,
        "instructions": {"enabled": _flag},
        "languageSelector": {"enabled": _flag},
        "location": {"horizontal": _word, "vertical": _word},
        "sessionTimerDisplay": _word,
    },
    "global": {"colorSchemeMode": _mode, "pageFooter": _IMAGE, "pageHeader": _IMAGE, "spacingDensity": _word},
    "signUp": {"acceptanceElements": _Listed({"enforcement": _word, "textKey": _name})},
}
_CLASSES: dict[str, Any] = {
    "buttons": {"borderRadius": _radius},
    "divider": _modes({"borderColor": _color}),
    "dropDown": {"borderRadius": _radius, **_modes(_states(_ITEM, "defaults", "hover", "match"))},
    "focusState": _modes({"borderColor": _color}),
    "idpButtons": {"icons": {"enabled": _flag}},
    "input": {"borderRadius": _radius, **_modes({"defaults": _BOX, "placeholderColor": _color})},
    "inputDescription": _modes({"textColor": _color}),
    "inputLabel": _modes({"textColor": _color}),
    "link": _modes(_states({"textColor": _color}, "defaults", "hover")),
    "optionControls": _modes({"defaults": _BOX, "selected": {"backgroundColor": _color, "foregroundColor": _color}}),
    "statusIndicator": _modes(_states(_STATUS, "error", "pending", "success", "warning")),
}
_COMPONENTS: dict[str, Any] = {
    "alert": {"borderRadius": _radius, **_modes({"error": _BOX})},
    "favicon": {"enabledTypes": _Listed(_word)},
    "form": {
        "backgroundImage": _IMAGE,
        "borderRadius": _radius,
        **_modes(_BOX),
        "logo": {"enabled": _flag, "formInclusion": _word, "location": _word, "position": _word},
    },
    "idpButton": {"custom": _Named(_BUTTON), "standard": _BUTTON},
    "pageBackground": {**_modes({"color": _color}), "image": _IMAGE},
    "pageFooter": _BAND,
    "pageHeader": _BAND,
    "pageText": _modes({"bodyColor": _color, "descriptionColor": _color, "headingColor": _color}),
    "phoneNumberSelector": {"displayType": _word},
    "primaryButton": _BUTTON,
    "secondaryButton": _BUTTON,
}
_STRUCTURE = {"categories": _CATEGORIES, "componentClasses": _CLASSES, "components": _COMPONENTS}


def check(document: Any) -> None:
    """Raises BadSettings."""
    _check(document, _STRUCTURE, "settings")


def _check(value: Any, kind: Any, path: str) -> None:
    if isinstance(kind, _Listed):
        if not isinstance(value, list) or len(value) > _MOST:
            raise BadSettings(f"{path} must be a list of at most {_MOST}.")
        for n, item in enumerate(value):
            _check(item, kind.item, f"{path}[{n}]")
    elif isinstance(kind, dict | _Named):
        if not isinstance(value, dict) or len(value) > _MOST:
            raise BadSettings(f"{path} must be an object of at most {_MOST} members.")
        for name, member in value.items():
            known = kind.get(name) if isinstance(kind, dict) else (kind.value if _name(name) else None)
            if known is None:
                raise BadSettings(f"{path} has a member that is not known: {str(name)[:64]}.")
            _check(member, known, f"{path}.{name}")
    elif not kind(value):
        raise BadSettings(f"{path} has a value that is not valid.")


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """`above` in the place of `below`, member by member; lists as a whole."""
    result = dict(below)
    for name, value in above.items():
        present = result.get(name)
        result[name] = merged(present, value) if isinstance(value, dict) and isinstance(present, dict) else value
    return result


def _inked(background: str, border: str, text: str) -> dict[str, str]:
    return {"backgroundColor": background, "borderColor": border, "textColor": text}


DEFAULTS: dict[str, Any] = {
    "categories": {
        "form": {"displayGraphics": True, "location": {"horizontal": "CENTER", "vertical": "CENTER"}},
        "global": {
            "colorSchemeMode": "DYNAMIC",
            "pageFooter": {"enabled": False},
            "pageHeader": {"enabled": False},
            "spacingDensity": "REGULAR",
        },
    },
    "componentClasses": {
        "buttons": {"borderRadius": 8},
        "divider": {"lightMode": {"borderColor": "e3e5e8ff"}, "darkMode": {"borderColor": "33383fff"}},
        "focusState": {"lightMode": {"borderColor": "2457c5ff"}, "darkMode": {"borderColor": "8db0ffff"}},
        "input": {
            "borderRadius": 8,
            "lightMode": {"defaults": {"backgroundColor": "ffffffff", "borderColor": "858c96ff"}, "placeholderColor": "6a7079ff"},
            "darkMode": {"defaults": {"backgroundColor": "14171bff", "borderColor": "737b86ff"}, "placeholderColor": "99a1abff"},
        },
        "inputLabel": {"lightMode": {"textColor": "1b1f24ff"}, "darkMode": {"textColor": "e6e9edff"}},
        "link": {
            "lightMode": {"defaults": {"textColor": "2457c5ff"}, "hover": {"textColor": "173a85ff"}},
            "darkMode": {"defaults": {"textColor": "8db0ffff"}, "hover": {"textColor": "bccfffff"}},
        },
    },
    "components": {
        "alert": {
            "borderRadius": 8,
            "lightMode": {"error": {"backgroundColor": "fdf1f0ff", "borderColor": "b3261eff"}},
            "darkMode": {"error": {"backgroundColor": "2b1413ff", "borderColor": "f2867fff"}},
        },
        "form": {
            "borderRadius": 12,
            "backgroundImage": {"enabled": False},
            "lightMode": {"backgroundColor": "ffffffff", "borderColor": "dfe2e6ff"},
            "darkMode": {"backgroundColor": "1c2026ff", "borderColor": "33383fff"},
            "logo": {"enabled": False, "formInclusion": "IN", "location": "CENTER", "position": "TOP"},
        },
        "pageBackground": {
            "image": {"enabled": False},
            "lightMode": {"color": "f4f5f7ff"},
            "darkMode": {"color": "101215ff"},
        },
        "pageText": {
            "lightMode": {"bodyColor": "3c424aff", "descriptionColor": "3c424aff", "headingColor": "1b1f24ff"},
            "darkMode": {"bodyColor": "b9c0c9ff", "descriptionColor": "b9c0c9ff", "headingColor": "e6e9edff"},
        },
        "primaryButton": {
            "lightMode": {
                "defaults": _inked("2457c5ff", "2457c5ff", "ffffffff"),
                "hover": _inked("173a85ff", "173a85ff", "ffffffff"),
            },
            "darkMode": {
                "defaults": _inked("8db0ffff", "8db0ffff", "101215ff"),
                "hover": _inked("bccfffff", "bccfffff", "101215ff"),
            },
        },
        "secondaryButton": {
            "lightMode": {
                "defaults": _inked("ffffffff", "858c96ff", "1b1f24ff"),
                "hover": _inked("f0f3faff", "2457c5ff", "173a85ff"),
            },
            "darkMode": {
                "defaults": _inked("1c2026ff", "737b86ff", "e6e9edff"),
                "hover": _inked("262c35ff", "8db0ffff", "bccfffff"),
            },
        },
    },
}
