"""The pages in the language that the request asks for."""

from __future__ import annotations

import re

import pytest

from cognomen.hosted import texts
from tests.kit.pages import Site
from tests.kit.server import TestServer

BLANK = re.compile(r"\{\w+\}")


@pytest.mark.parametrize("lang", texts.LANGUAGES)
def test_a_catalogue_is_whole(lang: str) -> None:
    """Every text of the English one, with the same blanks to be filled in; beside them only errors."""
    found = texts.of(lang)
    assert {name for name in found if not name.startswith("error:")} == set(texts.ENGLISH)
    assert [name for name, text in texts.ENGLISH.items() if BLANK.findall(text) != BLANK.findall(found[name])] == []
    assert found["language"].lower() == lang


@pytest.mark.parametrize(
    ("lang", "language"),
    [("de", "de"), ("de-AT", "de"), ("pt-BR", "pt-BR"), ("pt", "pt-BR"), ("JA", "ja"), ("xx", "en"), ("../de", "en"), ("", "en")],
)
async def test_of_a_page(server: TestServer, lang: str, language: str) -> None:
    app = await Site(server).made()
    page = await app.opened(lang=lang)
    assert f'<html lang="{language}">' in page.reply.body.decode()
    assert texts.of(lang)["sign_in"] in page.words


async def test_it_stays(server: TestServer) -> None:
    """On every page of the sign-in; the errors that are met most are in it, the others in English."""
    app = await Site(server).made()
    wrong = await app.sign_in("anna", "Wrong-Horse-9", lang="de")
    assert (wrong.alert, "Neu hier?" in wrong.words) == ("Benutzername oder Passwort ist falsch.", True)
    assert "Konto erstellen" in (await app.browser.get(f"/{app.pool}/" + wrong.links["Konto erstellen"])).words


async def test_terms_in_the_language(server: TestServer) -> None:
    """The document in the language of the page, where there is one; else the default one."""
    app = await Site(server).made()
    links = {"cognito:default": "https://app.example/terms", "cognito:german": "https://app.example/agb"}
    given = {"TermsName": "terms-of-use", "TermsSource": "LINK", "Enforcement": "NONE"}
    await server.call("CreateTerms", UserPoolId=app.pool, ClientId=app.client, Links=links, **given)
    assert (await app.page("signup", lang="de")).links["Nutzungsbedingungen"] == "https://app.example/agb"
    assert (await app.page("signup", lang="fr")).links["les conditions d'utilisation"] == "https://app.example/terms"
