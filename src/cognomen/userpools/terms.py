"""Terms documents: links that the sign-up page of a client shows, each in the languages that it has. What is behind them lies elsewhere."""

from __future__ import annotations

from urllib.parse import urlsplit

import msgspec

from cognomen.api import errors, idp
from cognomen.api.operation import op
from cognomen.context import Context
from cognomen.kernel import ids, paging
from cognomen.storage.errors import Missing, Taken
from cognomen.storage.terms import Terms
from cognomen.userpools import find, pages


@op
async def create_terms(cx: Context, request: idp.CreateTermsRequest) -> idp.CreateTermsResponse:
    pool, client = await find.client_in(cx, request.user_pool_id, request.client_id)
    if request.links is None:
        raise errors.InvalidParameterException("Links must be given.")
    _check(request.links)
    now = cx.clock.now()
    terms = Terms(pool.pool_id, ids.uuid(), client.client_id, request.terms_name, now, now, request.links)
    try:
        await cx.store.terms.add(terms)
    except Missing as cause:
        raise find.no_client(client.client_id) from cause
    except Taken as cause:
        raise _exists(request.terms_name) from cause
    return idp.CreateTermsResponse(terms=_shown(terms))


def _check(links: dict[str, str]) -> None:
    """Raises InvalidParameterException: a person will follow these from a page of this server."""
    for language, url in links.items():
        try:
            parts = urlsplit(url)
            is_page = parts.scheme in ("https", "http") and bool(parts.hostname)
        except ValueError:  # brackets that hold no IPv6 address
            is_page = False
        if not is_page:
            raise errors.InvalidParameterException(f"The link for {language} must be an http or https address.")


def _exists(name: str) -> errors.TermsExistsException:
    return errors.TermsExistsException(f"Terms with the name {name} already exist for this client.")


@op
async def describe_terms(cx: Context, request: idp.DescribeTermsRequest) -> idp.DescribeTermsResponse:
    pool = await find.pool(cx, request.user_pool_id)
    terms = await cx.store.terms.get(pool.pool_id, request.terms_id)
    if terms is None:
        raise _no_terms()
    return idp.DescribeTermsResponse(terms=_shown(terms))


@op
async def describe_terms_by_client(cx: Context, request: idp.DescribeTermsByClientRequest) -> idp.DescribeTermsByClientResponse:
    pool, client = await find.client_in(cx, request.user_pool_id, request.client_id)
    terms = (await cx.store.terms.of_client(pool.pool_id, client.client_id)).get(request.terms_name)
    if terms is None:
        raise _no_terms()
    return idp.DescribeTermsByClientResponse(terms=_shown(terms))


@op
async def update_terms(cx: Context, request: idp.UpdateTermsRequest) -> idp.UpdateTermsResponse:
    """What the request leaves out stays; links are replaced together."""
    pool = await find.pool(cx, request.user_pool_id)
    if request.links is not None:
        _check(request.links)
    now = cx.clock.now()

    def update(present: Terms) -> Terms:
        return msgspec.structs.replace(
            present, name=request.terms_name or present.name, links=request.links or present.links, modified_at=now
        )

    try:
        terms = await cx.store.terms.change(pool.pool_id, request.terms_id, update)
    except Missing as cause:
        raise _no_terms() from cause
    except Taken as cause:
        raise _exists(request.terms_name or "") from cause
    return idp.UpdateTermsResponse(terms=_shown(terms))


@op
async def delete_terms(cx: Context, request: idp.DeleteTermsRequest) -> None:
    pool = await find.pool(cx, request.user_pool_id)
    try:
        await cx.store.terms.remove(pool.pool_id, request.terms_id)
    except Missing as cause:
        raise _no_terms() from cause


def _no_terms() -> errors.ResourceNotFoundException:
    return errors.ResourceNotFoundException("Terms not found.")


@op
async def list_terms(cx: Context, request: idp.ListTermsRequest) -> idp.ListTermsResponse:
    pool = await find.pool(cx, request.user_pool_id)
    bound = paging.bound("ListTerms", pool.pool_id)
    after = pages.position(cx, bound, request.next_token)
    limit = request.max_results or pages.MOST
    found = await cx.store.terms.page(pool.pool_id, after[0] if after else "", limit + 1)
    return idp.ListTermsResponse(
        terms=[
            idp.TermsDescriptionType(
                terms_id=terms.terms_id,
                terms_name=terms.name,
                enforcement="NONE",
                creation_date=terms.created_at,
                last_modified_date=terms.modified_at,
            )
            for terms in found[:limit]
        ],
        next_token=cx.pager.token(bound, [found[limit - 1].terms_id]) if len(found) > limit else None,
    )


def _shown(terms: Terms) -> idp.TermsType:
    return idp.TermsType(
        terms_id=terms.terms_id,
        user_pool_id=terms.pool_id,
        client_id=terms.client_id,
        terms_name=terms.name,
        terms_source="LINK",
        enforcement="NONE",
        links=terms.links,
        creation_date=terms.created_at,
        last_modified_date=terms.modified_at,
    )
