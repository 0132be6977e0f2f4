"""Which settings a step has read, as its evidence says."""

from xcomkit.settings.observed import ObservedSettings
from xcomkit.settings.settings import Settings

SETTINGS = Settings(bucket="some-bucket", payload_sizes=(1000,))


def test_reading_a_field_a_property_or_a_copy_is_known():
    observed = ObservedSettings.of(SETTINGS)
    assert observed.payload_sizes == (1000,)
    assert observed.reads == ["payload_sizes"]

    assert observed.base_path == SETTINGS.base_path
    assert observed.model_copy(update={"threshold": 5}).threshold == 5

    among = {"bucket", "cloud", "connection_id", "prefix", "payload_sizes", "threshold"}
    assert set(observed.reads) == among


def test_what_writes_all_of_them_down_reads_none():
    observed = ObservedSettings.of(SETTINGS)

    assert observed.recorded == SETTINGS.recorded
    assert observed.to_parameters() == SETTINGS.to_parameters()
    assert repr(observed).endswith(repr(SETTINGS).removeprefix("Settings"))
    assert observed.reads == []


def test_settings_that_nobody_observes_count_as_read_altogether():
    assert SETTINGS.reads == sorted(Settings.model_fields)
