"""What a person can do about a refusal, by the service's error code.

Rule: advice is looked up, by the whole code first and then by its part before the dot; a code that
is not listed has no advice rather than a guess. Source of the meanings: the vendor's list of common
error codes and the codes it lists for these API actions.
"""

from collections.abc import Mapping

_ADVICE: Mapping[str, str] = {
    "AuthFailure": "Check the credentials that the message names.",
    "AuthFailure.SecretIdNotFound": "The key does not exist or is disabled: check it where it comes from.",
    "AuthFailure.SignatureExpire": "This machine's clock is off by more than five minutes: set it.",
    "AuthFailure.SignatureFailure": "The secret key does not fit the id: check both where they come from.",
    "AuthFailure.TokenFailure": "The session token has expired: get new temporary credentials.",
    "AuthFailure.UnauthorizedOperation": "The account may not do this: grant it QcloudWeDataFullAccess.",
    "UnauthorizedOperation": "Grant the account QcloudWeDataFullAccess, or add it to the project.",
    "InvalidParameter": "Correct the manifest as the message says.",
    "InvalidParameterValue": "Correct the manifest as the message says.",
    "UnknownParameter": "This endpoint does not know the field: some exist on the China site only.",
    "MissingParameter": "Add the missing field to the manifest.",
    "LimitExceeded": "A quota of the account is used up: raise it or delete something.",
    "RequestLimitExceeded": "Others use the same quota: lower rate_per_second, or run again later.",
    "ResourceNotFound": "The manifest names a project, data source or resource group that is not there.",
    "ResourceInUse": "Somebody works on the task: run again later.",
    "ResourceInsufficient": "The resource group has no room.",
    "UnsupportedOperation": "The task is locked by somebody or in a state that does not allow this.",
    "OperationDenied": "The service does not allow this for the project or the account.",
    "UnsupportedRegion": "Check region in provisioner.yaml.",
    "Status 7": "Look at its log in WeData; the next apply submits it anew, as run.on_change says.",
    "Status 20": "Look at its log in WeData; the next apply submits it anew, as run.on_change says.",
    "StateLoss": "See what is there, and what would be done about it: provisioner plan --refresh",
    "NotSent": "Check endpoint in provisioner.yaml and the network.",
    "BeingEdited": "To wait until they have closed it: --lock-wait 5m. To take it over: --take-lock.",
    "NotTakenOver": "Ask them to close it; to wait until they have: --lock-wait 5m.",
    "DeleteFlag 100": "The task is running or suspended: to stop and delete it, add --stop-running.",
}


def advice_for(code: str) -> str:
    """What to do about a refusal; empty if nothing sensible can be said."""
    return _ADVICE.get(code) or _ADVICE.get(code.partition(".")[0], "")
