"""Google Cloud: who may become a service account, and the roles on the bucket."""

BECOME = "roles/iam.workloadIdentityUser"
OBJECTS = "roles/storage.objectUser"
READER = "roles/storage.legacyBucketReader"
