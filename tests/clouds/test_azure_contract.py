from azure_rig import AzureRig
from contract import CloudContract


class TestAzure(CloudContract):
    kind = AzureRig
