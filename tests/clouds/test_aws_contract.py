from aws_rig import AwsRig
from contract import CloudContract


class TestAws(CloudContract):
    kind = AwsRig
