"""Which settings a step has read, as its evidence says."""

from xcomkit.settings.observed import ObservedSettings
from xcomkit.settings.settings import Settings

SETTINGS = Settings(bucket="some-bucket", payload_sizes=(1000,))


def test_field_that_was_read_is_known_and_has_its_value():
    observed = ObservedSettings.of(SETTINGS)

    assert observed.payload_sizes == (1000,)
    assert observed.reads == ["payload_sizes"]


def test_property_reads_the_fields_that_it_is_made_of():
    observed = ObservedSettings.of(SETTINGS)

    assert observed.base_path == SETTINGS.base_path
    assert observed.reads == ["bucket", "cloud", "connection_id", "prefix"]


def test_what_writes_all_of_them_down_reads_none():
    observed = ObservedSettings.of(SETTINGS)

    assert observed.recorded == SETTINGS.recorded
    assert observed.to_parameters() == SETTINGS.to_parameters()
    assert repr(observed).endswith(repr(SETTINGS).removeprefix("Settings"))
    assert observed.reads == []


def test_copy_reads_for_the_step_too():
    observed = ObservedSettings.of(SETTINGS)

    assert observed.model_copy(update={"prefix": "other"}).prefix == "other"
    assert observed.reads == ["prefix"]


def test_settings_that_nobody_observes_count_as_read_altogether():
    assert SETTINGS.reads == sorted(Settings.model_fields)
