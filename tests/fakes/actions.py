"""Names and numbers of the service that the fakes share."""

from provisioner.core.jobs.job import Job, Step

CREATE = "CreateIntegrationTask"
MODIFY = "ModifyIntegrationTask"
DELETE = "DeleteIntegrationTask"
DELETE_OFFLINE = "DeleteOfflineTask"
COMMIT = "CommitIntegrationTask"
RUN_ACTIONS = {
    Step.START: "StartIntegrationTask",
    Step.STOP: "StopIntegrationTask",
    Step.SUSPEND: "SuspendIntegrationTask",
    Step.RESUME: "ResumeIntegrationTask",
}

STATUSES = {Job.READY: 1, Job.MOVING: 2, Job.RUNNING: 3, Job.SUSPENDED: 4, Job.STOPPED: 6, Job.FAILED: 7}
"""As the service numbers what a job does."""

US = "us"
"""Our name at the service."""
