# Copyright (c) 2026, The lifeboat.dr authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module util is **PRIVATE** to the collection. It can have breaking changes at any time.

"""Batch replication on Amazon S3: a job that replicates what is there already, or failed. Nothing passes through this
host.

Shapes and values are those of s3control's ``CreateJob`` in botocore 1.43 and of the S3 user guide's page "Replicating
existing objects".
"""

from __future__ import annotations

import time
import typing as t

from ansible_collections.lifeboat.dr.plugins.module_utils._core._deadline import Deadline
from ansible_collections.lifeboat.dr.plugins.module_utils._core._errors import LifeboatError

STATUSES = {"missing": ["NONE", "FAILED"], "failed": ["FAILED"], "different": ["NONE", "FAILED", "COMPLETED"]}
_ENDED = ("Complete", "Failed", "Cancelled", "Suspended")
_POLL_SECONDS = 10.0

# What the job's report and the event OperationFailedReplication name, and what to do.
REASONS = {
    "AssumeRoleNotPermitted": "S3 may not take the role: its trust policy must name s3.amazonaws.com.",
    "DstBucketNotFound": "The destination bucket is gone.",
    "DstBucketObjectLockConfigMissing": "The source has object lock and the destination has none: set object_lock.",
    "DstBucketUnversioned": "The destination's versioning is suspended: run state present.",
    "DstDelObjNotPermitted": "The role needs s3:ReplicateDelete on the destination.",
    "DstKmsKeyInvalidState": "The destination's KMS key is disabled or being deleted.",
    "DstKmsKeyNotFound": "destination.kms_key_arn does not exist.",
    "DstMultipartCompleteNotPermitted": "The role needs s3:ReplicateObject on the destination.",
    "DstMultipartInitNotPermitted": "The role needs s3:ReplicateObject on the destination.",
    "DstMultipartPartUploadNotPermitted": "The role needs s3:ReplicateObject on the destination.",
    "DstObjectHardDeleted": "The replica was deleted by its version id: replicate it by copying (method server).",
    "DstPutAclNotPermitted": "The role needs s3:ReplicateObject, or s3:ObjectOwnerOverrideToBucketOwner "
    "with owner_override.",
    "DstPutLegalHoldNotPermitted": "The role needs s3:PutObjectLegalHold on the destination.",
    "DstPutObjectNotPermitted": "The role needs s3:ReplicateObject on the destination.",
    "DstPutRetentionNotPermitted": "The role needs s3:PutObjectRetention on the destination.",
    "DstPutTaggingNotPermitted": "The role needs s3:ReplicateTags on the destination.",
    "DstVersionNotFound": "The version is gone from the destination, so its metadata cannot be replicated.",
    "InitiateReplicationNotPermitted": "The batch role needs s3:InitiateReplication on the source.",
    "SrcBucketInvalidRegion": "The job runs in another region than the source bucket.",
    "SrcBucketNotFound": "The source bucket is gone.",
    "SrcBucketReplicationConfigMissing": "The source has no replication rules: run state present first.",
    "SrcGetAclNotPermitted": "The role needs s3:GetObjectVersionAcl on the source.",
    "SrcGetObjectNotPermitted": "The role needs s3:GetObjectVersionForReplication on the source.",
    "SrcGetTaggingNotPermitted": "The role needs s3:GetObjectVersionTagging on the source.",
    "SrcHeadObjectNotPermitted": "The role needs s3:GetObjectVersionForReplication on the source.",
    "SrcKmsKeyInvalidState": "The source's KMS key is disabled or being deleted.",
    "SrcObjectNotEligible": "No rule covers the object, or it is a replica itself.",
    "SrcVersionNotFound": "The version was removed before it could be replicated.",
}


def job_request(
    account: str, role: str, bucket: str, kind: str, prefix: str, report_bucket: str, token: str
) -> dict[str, t.Any]:
    """The parameters of ``create_job``. Pure."""
    filter_: dict[str, t.Any] = {"EligibleForReplication": True, "ObjectReplicationStatuses": STATUSES[kind]}
    if prefix:
        filter_["KeyNameConstraint"] = {"MatchAnyPrefix": [prefix]}
    report: dict[str, t.Any] = {"Enabled": False}
    if report_bucket:
        report = {
            "Enabled": True,
            "Bucket": f"arn:aws:s3:::{report_bucket}",
            "Format": "Report_CSV_20180820",
            "ReportScope": "FailedTasksOnly",
            "Prefix": f"lifeboat-resync/{bucket}",
        }
    generator = {"SourceBucket": f"arn:aws:s3:::{bucket}", "EnableManifestOutput": False, "Filter": filter_}
    return {
        "AccountId": account,
        "ClientRequestToken": token,
        "Priority": 10,
        "RoleArn": role,
        "ConfirmationRequired": False,
        "Description": f"lifeboat.dr: {kind} of {bucket}"[:256],
        "Operation": {"S3ReplicateObject": {}},
        "Report": report,
        "ManifestGenerator": {"S3JobManifestGenerator": generator},
    }


def start_job(client: t.Any, request: t.Mapping[str, t.Any]) -> str:
    """Create the job. Gives its id. Raises LifeboatError."""
    return str(_asked("Creating the batch job", lambda: client.create_job(**request))["JobId"])


def watch_job(
    client: t.Any, account: str, job: str, deadline: Deadline, pause: t.Callable[[float], None] = time.sleep
) -> dict[str, t.Any]:
    """Wait until the job has ended.

    Gives what ``described`` gives. Raises LifeboatError, also when the time is over.
    """
    while True:
        found = described(
            _asked("Looking at the batch job", lambda: client.describe_job(AccountId=account, JobId=job))["Job"]
        )
        if found["status"] in _ENDED:
            return found
        deadline.check(f"Waiting for the batch job {job}, which goes on by itself,")
        pause(deadline.remaining(_POLL_SECONDS))


def described(job: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """A job for the result. Pure."""
    summary = job.get("ProgressSummary") or {}
    reasons = [f"{entry.get('FailureCode')}: {entry.get('FailureReason')}" for entry in job.get("FailureReasons") or []]
    report = job.get("Report") or {}
    where = f"{report.get('Bucket', '').rpartition(':')[2]}/{report.get('Prefix', '')}" if report.get("Enabled") else ""
    return {
        "id": job["JobId"],
        "status": job["Status"],
        "total": summary.get("TotalNumberOfTasks", 0),
        "succeeded": summary.get("NumberOfTasksSucceeded", 0),
        "failed": summary.get("NumberOfTasksFailed", 0),
        "reasons": reasons,
        "report": where,
    }


def _asked(what: str, request: t.Callable[[], t.Any]) -> t.Any:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return request()
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        said = str(error.response.get("Error", {}).get("Message", ""))
        raise LifeboatError(
            f"{what} failed: {code}: {said}",
            hint=REASONS.get(
                code,
                "This key needs s3:CreateJob, s3:DescribeJob and iam:PassRole on the role; method: server copies "
                "instead.",
            ),
            details={"code": code},
        ) from None
    except BotoCoreError as error:
        raise LifeboatError(
            f"{what} failed: {error}.", hint="Check the network and the region, then run again."
        ) from None
