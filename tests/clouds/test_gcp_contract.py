from contract import CloudContract
from gcp_rig import GcpRig


class TestGcp(CloudContract):
    kind = GcpRig
