"""Request rates as AWS provisions them: by category and region, for all pools together.

https://docs.aws.amazon.com/cognito/latest/developerguide/quotas.html#provisioned-quotas
"""

from __future__ import annotations

from cognomen.api import errors, idp
from cognomen.api.operation import op
from cognomen.context import Context
from cognomen.metering.categories import CATEGORIES, MAXIMUM, Category


@op
async def get_provisioned_limit(cx: Context, request: idp.GetProvisionedLimitRequest) -> idp.GetProvisionedLimitResponse:
    category = _category(request.limit_definition)
    provisioned = (await cx.store.limits.all()).get((cx.region, category.name), category.rate)
    return idp.GetProvisionedLimitResponse(limit=_shown(category, provisioned))


@op
async def update_provisioned_limit(cx: Context, request: idp.UpdateProvisionedLimitRequest) -> idp.UpdateProvisionedLimitResponse:
    """From the answer on every process enforces the rate, also one that is told to enforce none."""
    category = _category(request.limit_definition)
    if not category.adjustable:
        raise errors.InvalidParameterException(f"The limit of the category {category.name} is not adjustable.")
    asked = request.requested_limit_value
    if asked < category.rate:
        raise errors.InvalidParameterException(
            f"The requested limit value {asked} is less than the default limit {category.rate} of the category {category.name}."
        )
    if asked > MAXIMUM:
        raise errors.ServiceQuotaExceededException(
            f"The requested limit value {asked} is more than the maximum limit {MAXIMUM} of the category {category.name}."
        )
    await cx.store.limits.put(cx.region, category.name, asked)
    return idp.UpdateProvisionedLimitResponse(limit=_shown(category, asked))


def _category(asked: idp.LimitDefinitionType) -> Category:
    """Raises InvalidParameterException, ResourceNotFoundException."""
    name = asked.attributes.get("Category")
    if name is None or len(asked.attributes) != 1:
        raise errors.InvalidParameterException("The attributes of an API_CATEGORY limit are one: Category.")
    category = CATEGORIES.get(name)
    if category is None:
        raise errors.ResourceNotFoundException(f"The category {name} does not exist.")
    return category


def _shown(category: Category, provisioned: int) -> idp.LimitType:
    definition = idp.LimitDefinitionType(limit_class="API_CATEGORY", attributes={"Category": category.name})
    return idp.LimitType(limit_definition=definition, provisioned_limit_value=provisioned, free_limit_value=category.rate)
