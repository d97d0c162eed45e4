"""The request-rate categories of user pools: what AWS allows each second, and which operation belongs where. A law holds the table complete.

https://docs.aws.amazon.com/cognito/latest/developerguide/quotas.html#category_operations
"""

from __future__ import annotations

import msgspec

# RespondToAuthChallenge and its admin twin have three times their category's rate before they count towards it (same page,
# "special request rate handling").
ANSWERS = 3
# Operations of some categories are held to this many requests a second on one user pool, each (note 3 of the page).
PER_POOL = 5
# What can be provisioned at most. AWS's is each account's own, granted by Service Quotas; there is nobody here to ask.
MAXIMUM = 100_000


class Category(msgspec.Struct, frozen=True):
    """`rate` is AWS's default in requests a second; `adjustable` ones can be provisioned; in `pooled` ones PER_POOL holds too.

    `operations` are those that AWS's page lists, `also` those that it does not list yet and that stand with their nearest kin.
    """

    name: str
    rate: int
    operations: str
    also: str = ""
    adjustable: bool = False
    pooled: bool = False


_TABLE = (
    Category(
        "UserAuthentication",
        120,
        "InitiateAuth RespondToAuthChallenge AdminInitiateAuth AdminRespondToAuthChallenge GetTokensFromRefreshToken",
        adjustable=True,
    ),
    Category("UserCreation", 50, "SignUp ConfirmSignUp AdminCreateUser AdminConfirmSignUp", adjustable=True),
    Category("UserFederation", 25, "", adjustable=True),  # answers of identity providers: oauth/routes.py counts them
    Category("UserAccountRecovery", 30, "ChangePassword ConfirmForgotPassword ForgotPassword AdminResetUserPassword AdminSetUserPassword"),
    Category("UserRead", 120, "AdminGetUser AdminGetUserAuthFactors GetUser", also="GetUserAuthFactors", adjustable=True),
    Category(
        "UserUpdate",
        25,
        (
            "AdminAddUserToGroup AdminDeleteUserAttributes AdminUpdateUserAttributes AdminDeleteUser AdminDisableUser AdminEnableUser"
            " AdminLinkProviderForUser AdminDisableProviderForUser VerifyUserAttribute DeleteUser DeleteUserAttributes"
            " UpdateUserAttributes AdminUserGlobalSignOut GlobalSignOut AdminRemoveUserFromGroup"
        ),
    ),
    Category("UserToken", 120, "RevokeToken", also="GetDerivedToken", adjustable=True),
    Category(
        "UserResourceRead",
        50,
        (
            "AdminGetDevice AdminListGroupsForUser AdminListDevices GetDevice ListDevices GetUserAttributeVerificationCode"
            " ResendConfirmationCode AdminListUserAuthEvents"
        ),
        also="ListWebAuthnCredentials AdminListUserSessions ListUserSessions",
        adjustable=True,
    ),
    Category(
        "UserResourceUpdate",
        25,
        (
            "AdminForgetDevice AdminUpdateAuthEventFeedback AdminSetUserMFAPreference AdminDeleteSoftwareToken AdminSetUserSettings"
            " AdminUpdateDeviceStatus UpdateDeviceStatus UpdateAuthEventFeedback ConfirmDevice SetUserMFAPreference SetUserSettings"
            " VerifySoftwareToken AssociateSoftwareToken ForgetDevice"
        ),
        also="StartWebAuthnRegistration CompleteWebAuthnRegistration DeleteWebAuthnCredential AdminRevokeUserSession RevokeUserSession",
    ),
    Category("UserList", 30, "ListUsers ListUsersInGroup"),
    Category("UserPoolRead", 15, "DescribeUserPool ListUserPools", also="ListUserPoolReplicas"),
    Category(
        "UserPoolUpdate",
        15,
        "CreateUserPool UpdateUserPool DeleteUserPool",
        also="CreateUserPoolReplica UpdateUserPoolReplica DeleteUserPoolReplica",
    ),
    Category(
        "UserPoolResourceRead",
        20,
        (
            "DescribeIdentityProvider DescribeResourceServer DescribeUserImportJob DescribeUserPoolDomain GetCSVHeader GetGroup"
            " GetSigningCertificate GetIdentityProviderByIdentifier GetUserPoolMfaConfig ListGroups ListIdentityProviders"
            " ListResourceServers ListTagsForResource ListUserImportJobs DescribeRiskConfiguration GetUICustomization"
            " DescribeManagedLoginBranding DescribeManagedLoginBrandingByClient"
        ),
        also="GetLogDeliveryConfiguration GetUserPoolSessionConfiguration DescribeTerms DescribeTermsByClient ListTerms",
        pooled=True,
    ),
    Category(
        "UserPoolResourceUpdate",
        15,
        (
            "AddCustomAttributes CreateGroup CreateIdentityProvider CreateResourceServer CreateUserImportJob CreateUserPoolDomain"
            " DeleteGroup DeleteIdentityProvider DeleteResourceServer DeleteUserPoolDomain SetUserPoolMfaConfig StartUserImportJob"
            " StopUserImportJob UpdateGroup UpdateIdentityProvider UpdateResourceServer UpdateUserPoolDomain SetRiskConfiguration"
            " SetUICustomization TagResource UntagResource CreateManagedLoginBranding UpdateManagedLoginBranding"
            " DeleteManagedLoginBranding"
        ),
        also="SetLogDeliveryConfiguration SetUserPoolSessionConfiguration CreateTerms UpdateTerms DeleteTerms",
        pooled=True,
    ),
    Category(
        "UserPoolClientRead",
        15,
        "DescribeUserPoolClient ListUserPoolClients",
        also="ListUserPoolClientSecrets GetUserPoolClientSessionConfiguration",
        pooled=True,
    ),
    Category(
        "UserPoolClientUpdate",
        15,
        "CreateUserPoolClient DeleteUserPoolClient UpdateUserPoolClient",
        also="AddUserPoolClientSecret DeleteUserPoolClientSecret SetUserPoolClientSessionConfiguration",
        pooled=True,
    ),
    Category("ClientAuthentication", 150, "GetClientToken"),
    Category("LimitManagement", 1, "GetProvisionedLimit UpdateProvisionedLimit"),
)

CATEGORIES = {category.name: category for category in _TABLE}
CATEGORY_OF = {operation: category for category in _TABLE for operation in f"{category.operations} {category.also}".split()}
AUTHENTICATION = CATEGORIES["UserAuthentication"]
RECOVERY = CATEGORIES["UserAccountRecovery"]
