"""A pool's message templates, in so far as AWS's model says nothing of them: lengths and most placeholders are the model's patterns.

https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pool-settings-message-customizations.html
"""

from __future__ import annotations

import re

from cognomen.api import errors, idp

_LINK = re.compile(r"\{##(?!##\}).*?\S.*?##\}", re.DOTALL)
_PASSWORD, _USERNAME = "{####}", "{username}"
_CODES = frozenset(("EMAIL_OTP", "SMS_OTP"))


def check(pool: idp.UserPoolType) -> None:
    """Raises InvalidParameterException."""
    verification = pool.verification_message_template
    by_link = verification.email_message_by_link if verification else None
    if by_link is not None and not _LINK.search(by_link):
        raise _invalid()  # `{####}` fits the model's pattern, as a link without words
    invitation = pool.admin_create_user_config.invite_message_template if pool.admin_create_user_config else None
    if invitation is not None:
        for template in (invitation.email_message, invitation.sms_message):
            if template is not None:
                _check_invitation(template, without_password=_may_have_no_password(pool))


def _check_invitation(template: str, *, without_password: bool) -> None:
    """It must hold both placeholders, the password's only where there is one in any case."""
    if _USERNAME not in template or (_PASSWORD not in template and not without_password):
        raise _invalid()


def _may_have_no_password(pool: idp.UserPoolType) -> bool:
    factors = (pool.policies and pool.policies.sign_in_policy and pool.policies.sign_in_policy.allowed_first_auth_factors) or []
    return bool(_CODES & set(factors))


def _invalid() -> errors.InvalidParameterException:
    return errors.InvalidParameterException("The message is invalid.")
