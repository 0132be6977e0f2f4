import re
import textwrap
from pathlib import Path

import pytest

from xcomkit.findings.model import Finding
from xcomkit.lint.dags import RULES, scan, scan_text

EXAMPLES = Path(__file__).parent / "examples"
IDS = [rule.id for rule in RULES]


def found(text: str, rule_id: str) -> list[Finding]:
    findings = scan_text(textwrap.dedent(text), name="dags/orders.py")
    return [one for one in findings if one.rule.id == rule_id]


def lines(text: str, rule_id: str) -> list[int]:
    return [one.line for one in found(text, rule_id)]


def marked(text: str) -> list[int]:
    """Return the lines that say they are to be found."""
    return [n for n, line in enumerate(textwrap.dedent(text).splitlines(), 1) if "# here" in line]


def test_ids_are_stable_and_rules_explained():
    numbers = [int(rule_id.removeprefix("XC")) for rule_id in IDS]
    assert numbers == list(range(30, 41))
    for rule in RULES:
        assert all((rule.title, rule.why, rule.remedy, rule.source)), rule.id


def test_whole_dags_that_do_it_right_have_no_finding():
    assert scan(EXAMPLES) == ()


# callbacks


@pytest.mark.parametrize(
    "place",
    [
        "BashOperator(task_id='x', on_failure_callback=alert)",
        "BashOperator.partial(task_id='x', on_failure_callback=[other, alert]).expand(env=[])",
        "DAG('x', on_success_callback=alert)",
        "task(on_retry_callback=alert)(other)",
        "DAG('x', default_args={'on_execute_callback': alert})",
        "DAG('x', default_args=dict(on_skipped_callback=(alert,)))",
        "default_args = {}\ndefault_args['on_failure_callback'] = alert",
        "dag = DAG('x')\ndag.on_failure_callback = alert",
        "DAG('x', sla_miss_callback=partial(alert, 1))",
        "DAG('x', on_failure_callback=lambda context: alert(context))",
        "DAG('x', on_failure_callback=other if DEBUG else alert)",
        "again = alert\nDAG('x', on_failure_callback=again)",
        "many = [other]\nDAG('x', on_failure_callback=many + [alert])",
        "DAG('x', on_failure_callback=(chosen := alert))",
        "DAG('x', on_failure_callback=quietly(alert))",
        "def make():\n    return alert\nDAG('x', on_failure_callback=make())",
        "if D:\n    def use(c): ...\nelse:\n    use = alert\nDAG('x', on_failure_callback=use)",
        "match DEBUG:\n    case 1:\n        use = alert\nDAG('x', on_failure_callback=use)",
    ],
)
def test_callback_is_found_wherever_it_is_given(place):
    text = "def other(context):\n    pass\n\ndef alert(context):\n    context['ti'].xcom_pull()\n"
    (finding,) = found(f"{text}\n{place}\n", "XC030")
    assert finding.line == 5
    assert "xcom_pull in alert" in finding.observed


@pytest.mark.parametrize(
    "use",
    [
        "context['ti'].xcom_push('a', 1)",
        "pull = context['ti'].xcom_pull; pull()",
        "getattr(context['ti'], 'xcom_pull')()",
        "XCom.get_one(key='a')",
        "X.set(key='a', value=1)",
        "models.XCom.get_many(key='a')",
        "sdk.execution_time.xcom.XCom.get_all(key='a')",
        "retry(lambda: context['ti'].xcom_pull())",
        "[row for row in context['ti'].xcom_pull()]",
        "helper(context)",
        "run(helper, context)",
        "(lambda: helper(context))()",
    ],
)
def test_every_way_to_use_xcom_counts_in_a_callback(use):
    text = f"""
    import airflow.sdk as sdk
    from airflow import models
    from airflow.models.xcom import XComModel as X
    from airflow.sdk.execution_time.xcom import XCom

    def helper(context):
        deeper(context)

    def deeper(context):
        helper(context)
        context["ti"].xcom_pull()

    def alert(context):
        {use}

    DAG("x", on_failure_callback=alert)
    """
    assert lines(text, "XC030") == ([12] if "helper" in use else [15])


def test_async_callbacks_methods_and_notifiers_are_followed():
    text = """
    class Pager:
        def __call__(self, context):
            self.tell(context)

        def tell(self, context):
            context["ti"].xcom_pull()  # here

    class Mailer(BaseNotifier):
        async def async_notify(self, context):
            await context["ti"].axcom_push("sent", True)  # here

        def shout(self, context):
            context["ti"].xcom_pull()  # here

    class Louder(Mailer):
        def notify(self, context):
            super().shout(context)

    class Alerts:
        @staticmethod
        def plain(context):
            context["ti"].xcom_pull()  # here

    async def later(context):
        context["ti"].xcom_pull()  # here

    pager = Pager()
    DAG("x", on_failure_callback=[pager, Louder(), Alerts.plain, later])
    """
    assert lines(text, "XC030") == marked(text)


def test_template_that_a_notifier_renders_counts_as_its_pull():
    text = """
    ask = SlackNotifier(
        text="{{ ti.xcom_pull(task_ids='count') }}",  # here
    )
    DAG("x", on_failure_callback=[ask])
    BashOperator(task_id="x", bash_command="{{ ti.xcom_pull(task_ids='count') }}")
    """
    assert lines(text, "XC030") == marked(text)


def test_observed_says_where_the_callback_is_given_and_the_way_to_the_use():
    text = """
    def count(context):
        return context["ti"].xcom_pull()

    def alert(context):
        count(context)

    DAG("x", on_failure_callback=alert)
    """
    (finding,) = found(text, "XC030")
    assert finding.observed == (
        "xcom_pull in count, given as on_failure_callback at dags/orders.py:8"
    )


def test_task_with_the_name_of_a_callback_may_use_xcom():
    text = """
    from airflow.sdk import task as t

    @t
    def on_failure_callback(ti=None):
        return ti.xcom_pull(task_ids="x")

    @t()
    def on_failure(ti=None):
        ti.xcom_push("a", 1)

    def alert(context):
        on_failure()
        context["log"].info("no value")

    PythonOperator(task_id="p", python_callable=pull, on_failure_callback=alert)

    def pull(ti):
        return ti.xcom_pull(task_ids="x")
    """
    assert found(text, "XC030") == []


def test_method_of_ones_own_called_xcom_push_is_not_airflows():
    text = """
    class Meter:
        def xcom_push(self):
            return 1

    meter = Meter()
    DAG("x", on_failure_callback=lambda context: meter.xcom_push())
    """
    assert found(text, "XC030") == []


def test_conditional_imports_patterns_and_methods_of_factories_are_followed():
    text = """
    try:
        from airflow.sdk import BaseNotifier, task
    except ImportError:
        from airflow.decorators import task
        from airflow.notifications.basenotifier import BaseNotifier

    class Pager(BaseNotifier):
        def notify(self, context):
            match context:
                case {"ti": ti}:
                    ti.xcom_pull()  # here

    class Factory:
        def make(self):
            PythonOperator(task_id="x", python_callable=run, on_retry_callback=self.alert)

        def alert(self, context):
            if (ti := context.get("ti")) is not None:
                ti.xcom_push("a", 1)  # here

    @task_group
    def outer():
        @task_group
        def inner():
            @task.branch(on_failure_callback=lambda c: c["ti"].xcom_pull())  # here
            def choose(ti=None):
                return ti.xcom_pull()

    def run(ti):
        return ti.xcom_pull()

    DAG("x", on_failure_callback=Pager())
    """
    assert lines(text, "XC030") == marked(text)
    assert {one.rule.id for one in scan_text(textwrap.dedent(text), name="d.py")} == {"XC030"}


def test_name_in_a_method_is_not_looked_up_in_its_class():
    text = """
    def alert(context):
        context["ti"].xcom_pull()  # here

    class Box:
        def alert(self):
            pass

        def make(self):
            DAG("x", on_failure_callback=alert)
    """
    assert lines(text, "XC030") == marked(text)


# triggers


def test_trigger_is_found_through_its_bases_and_its_helpers():
    text = """
    from airflow.triggers import base

    class Base(base.BaseEventTrigger):
        async def run(self):
            self.look()

        def look(self):
            self.ti.xcom_pull()  # here

    class Odd(Base):
        async def cleanup(self):
            push(self.ti)

        def unrelated(self):
            self.ti.xcom_pull()

    def push(ti):
        ti.xcom_push("a", 1)  # here
    """
    assert lines(text, "XC031") == marked(text)


def test_class_that_is_no_trigger_may_pull():
    text = """
    from apscheduler import CronTrigger

    class Plan(CronTrigger):
        def __init__(self, ti):
            ti.xcom_pull()

        def next(self, ti):
            return ti.xcom_pull()

    class Runner:
        def run(self, ti):
            return ti.xcom_pull()

    class Trigger:
        def run(self, ti):
            return ti.xcom_pull()
    """
    assert found(text, "XC031") == []


# parse time


@pytest.mark.parametrize(
    "code",
    [
        "base.read_text()",
        "(base / 'a' / 'b').exists()",
        "sub = base.joinpath('a')\nsub.parent.mkdir()",
        "for one in base.iterdir():\n    pass",
        "with base.open() as file:\n    pass",
        "if (here := base / 'x').is_file():\n    pass",
        "class Config:\n    rows = base.read_text()",
        "def late(rows=base.read_text()):\n    pass",
        "@task.virtualenv(requirements=base.read_text())\ndef late():\n    pass",
        "names = [one.name for one in base.glob('*')]",
        "import fsspec\nfs = fsspec.filesystem('s3')\nfs.ls('x')",
        "import fsspec as f\nwith f.open('s3://x/y') as file:\n    pass",
        "base.fs.ls('x')",
        "for one in (base, base / 'x'):\n    one.exists()",
        "import functools\n@functools.lru_cache\ndef rows():\n    base.exists()\nrows()",
        "def rows():\n    return base.read_text()\nCOUNT = len(rows())",
        "def rows(path: ObjectStoragePath):\n    return path.read_text()\nrows(base)",
        "class Op(BaseOperator):\n    def __init__(self):\n        base.exists()\nOp()",
        "@sdk.dag\ndef orders():\n    base.exists()",
        (
            "@sdk.dag(schedule=None)\ndef orders():\n    @sdk.task_group\n"
            "    def group():\n        base.exists()"
        ),
        "def make():\n    with sdk.DAG('x'):\n        base.exists()",
        "try:\n    base.exists()\nexcept OSError:\n    pass",
    ],
)
def test_io_that_runs_at_parse_time_is_found(code):
    head = "import airflow.sdk as sdk\nfrom airflow.sdk import *\n"
    base = "base = ObjectStoragePath('s3://aws_default@b/x')\n"
    assert len(found(head + base + code, "XC032")) == 1


@pytest.mark.parametrize(
    "code",
    [
        "base / 'a'",
        "base.joinpath('a').with_suffix('.csv')",
        "str(base)",
        "attach('s3')",
        "@task\ndef late():\n    return base.exists()\nlate()",
        "@task.short_circuit(ignore_downstream_trigger_rules=True)\ndef late():\n    base.exists()",
        "def late():\n    base.exists()\nPythonOperator(task_id='x', python_callable=late)",
        "PythonOperator(task_id='x', python_callable=lambda: base.exists())",
        "if __name__ == '__main__':\n    base.exists()",
        "def rows():\n    base.exists()\nif __name__ == '__main__':\n    rows()",
        "class Op(BaseOperator):\n    def execute(self, context):\n        base.exists()\nOp()",
        "from pathlib import Path\nPath('x').read_text()",
        "open('x').read()",
        "'a'.replace('a', 'b')",
    ],
)
def test_paths_alone_and_io_inside_tasks_are_fine(code):
    head = "from airflow.sdk import *\nfrom airflow.sdk.io import attach\n"
    base = "base = ObjectStoragePath('s3://aws_default@b/x')\n"
    assert found(head + base + code, "XC032") == []


def test_class_of_the_same_name_from_elsewhere_is_not_airflows():
    text = "from mine import ObjectStoragePath\nObjectStoragePath('x').exists()"
    assert found(text, "XC032") == []


def test_xcom_at_parse_time_fails_and_inside_tasks_does_not():
    text = """
    from airflow.sdk import dag, task
    from airflow.sdk.execution_time.xcom import XCom

    LIMIT = XCom.get_one(key="limit")  # here

    @dag
    def orders():
        @task
        def one(ti=None):
            return ti.xcom_pull(task_ids="x")

        first = one()
        first.operator.xcom_pull({})  # here

    if __name__ == "__main__":
        XCom.get_one(key="limit")
    """
    assert lines(text, "XC033") == marked(text)


# other runs, references


@pytest.mark.parametrize(
    "pull",
    [
        "ti.xcom_pull(task_ids='a', dag_id='other')",
        "ti.xcom_pull('a', 'other')",
        "ti.xcom_pull('a', OTHER)",
        "ti.xcom_pull(task_ids='a', include_prior_dates=True)",
        "XCom.get_one(key='a', dag_id='other')",
        '\'{{ ti.xcom_pull("a", dag_id="other") }}\'.strip()',
        '\'{% if task_instance.xcom_pull(task_ids=["a)"], dag_id="other") %}x{% endif %}\'.x',
    ],
)
def test_pull_from_another_run_is_found(pull):
    text = f"from airflow.sdk import DAG\nOTHER = 'other'\nDAG('orders')\n{pull}\n"
    (finding,) = found(text, "XC034")
    assert (finding.line, finding.severity) == (4, "warn")


@pytest.mark.parametrize(
    "pull",
    [
        "ti.xcom_pull(task_ids='a')",
        "ti.xcom_pull(task_ids='a', dag_id='orders')",
        "ti.xcom_pull(task_ids='a', dag_id=None, include_prior_dates=False)",
        "ti.xcom_pull(task_ids='a', dag_id=context['dag'].dag_id)",
        "ti.xcom_pull(task_ids='a', dag_id=ti.dag_id)",
        "ti.xcom_pull(*places)",
        "ti.xcom_pull('a', dag_id='{{ dag.dag_id }}')",
        "'{{ ti.xcom_pull(\"a\", dag_id=dag.dag_id) }}'.x",
        "'xcom_pull(dag_id=\"other\") is what not to write'.x",
        "'{{ ti.xcom_pull(\"a\" '.x",
    ],
)
def test_pull_from_the_own_run_is_fine(pull):
    text = f"from airflow.sdk import dag\n\n@dag\ndef orders(): ...\n\n{pull}\n"
    assert found(text, "XC034") == []


def test_own_dag_id_is_fine_in_a_file_without_a_dag():
    text = "def pull(ti, dag):\n    return ti.xcom_pull(dag_id=ti.dag_id) or dag.x(dag_id='y')\n"
    assert found(text, "XC034") == []


def test_object_of_a_listing_is_a_path_too():
    text = """
    from airflow.sdk import ObjectStoragePath

    for one in ObjectStoragePath("s3://b/x").iterdir():  # here
        one.read_text()  # here
    """
    assert lines(text, "XC032") == marked(text)


def test_dag_id_that_is_not_told_is_unknown_where_the_own_is_not_either():
    (finding,) = found("def pull(ti, of):\n    return ti.xcom_pull(dag_id=of)\n", "XC034")
    assert finding.is_unknown


def test_line_of_a_template_is_that_of_its_pull():
    text = '''
    BashOperator(
        bash_command="""
            echo {{ ds }}
            echo {{ ti.xcom_pull(task_ids="a", dag_id="other") }}
        """,
    )
    '''
    assert lines(text, "XC034") == [5]


@pytest.mark.parametrize(
    "code",
    [
        "x = f's3://c@b/xcom/orders/{context[\"run_id\"]}/load'",
        "x = f'gs://c@b/astro/xcom/{dag_id}/{ti.run_id}'",
        "x = 'abfs://c@b/xcom/d/r/t/0f8fad5b-d9cb-469f-a165-70867728950e.gz'",
        "x = 's3://c@b/xcom/orders/manual__2026-01-01T00:00:00+00:00/load'",
        "from airflow.providers.common.io.xcom.backend import _get_base_path",
        "import airflow.sdk.bases.xcom as x; x.BaseXCom._get_xcom_db_ref()",
        "from airflow.models import XCom; session.query(XCom.value)",
    ],
)
def test_reference_taken_apart_or_together_is_found(code):
    assert len(found(code, "XC035")) == 1


def test_observed_shows_no_value_and_nothing_before_the_bucket():
    text = """
    from airflow.sdk import task
    place = "s3://AKIA:hidden@b/xcom/orders/manual__2026-01-01T00:00:00+00:00/load"
    other = f"s3://AKIA:hidden@b/xcom/{run_id}"

    @task
    def push():
        return b"hidden"
    """
    findings = scan_text(textwrap.dedent(text), name="d.py")
    assert [one.rule.id for one in findings] == ["XC035", "XC035", "XC036"]
    assert not [one for one in findings if "hidden" in one.observed]


@pytest.mark.parametrize(
    "code",
    [
        "ObjectStoragePath('s3://c@b/xcom')",
        "ObjectStoragePath('s3://c@b/reports/manual__x/a')",
        "x = f's3://c@b/reports/{run_id}/a.csv'",
        "x = f's3://xcom-bucket/reports/{run_id}/a.csv'",
        "x = f's3://c@b/xcom/{name}'",
        "x = 's3://c@b/data/0f8fad5b-d9cb-469f-a165-70867728950e'",
        "session.query(Order)",
        "mine._get_full_path('x')",
        (
            "from airflow.providers.common.io.xcom.backend import XComObjectStorageBackend as X\n"
            "class Mine(X):\n    def f(self): X._get_full_path('x')"
        ),
    ],
)
def test_ordinary_object_storage_is_no_reference(code):
    assert found(code, "XC035") == []


# values

REFUSED = {
    "b'x'": "bytes",
    "{'a': [1, (b'x',)]}": "bytes",
    "[b'x' for _ in y]": "bytes",
    "base64.b64encode(y)": "bytes",
    "(i for i in x)": "a generator",
    "pathlib.Path('x')": "a Path",
    "np.array([1])": "an ndarray",
    "x if y else b'x'": "bytes",
    "y or b'x'": "bytes",
}
KEPT = [
    "'x'", "1.5", "None", "{1, 2}", "(1, 2)", "{'a': {'b': [1]}}", "{1: 'a'}", "Colour.RED",
    "datetime.datetime.now()", "pd.DataFrame({'a': [1]})", "list(map(str, x))", "[*map(str, x)]",
    "str(pathlib.Path('x'))", "b'x'.decode()", "len(b'x')", "np.array([1]).tolist()", "Thing()",
    "helper()", "x.encode()", "open('x').read()", "uuid.uuid4()", "np.int64(1)", "decorated",
]  # fmt: skip
HEAD = """
import base64, datetime, pathlib, uuid
import numpy as np, pandas as pd
from enum import Enum
from airflow.sdk import task as t, BaseOperator
from airflow.providers.standard.operators.python import PythonOperator

def helper():
    return b"x"

@t
def decorated():
    return 1

class Thing:
    name = "x"

class Colour(str, Enum):
    RED = "red"

"""


@pytest.mark.parametrize(("value", "word"), REFUSED.items())
def test_value_the_encoder_refuses_is_found_in_what_a_task_returns(value, word):
    (finding,) = found(f"{HEAD}@t\ndef push(x, y):\n    return {value}\n", "XC036")
    assert finding.observed.startswith(word)
    assert finding.observed.endswith("returned by the task push")


@pytest.mark.parametrize("value", KEPT)
def test_value_the_encoder_takes_is_fine(value):
    assert found(f"{HEAD}@t\ndef push(x, y):\n    return {value}\n", "XC036") == []


PUSHES = {
    "@t.virtualenv(requirements=[])\ndef push():\n    return b'x'": 1,
    "@t.branch\ndef push():\n    data = b'x'\n    return data": 1,
    "@t\nasync def push():\n    return b'x'": 1,
    "@t\ndef push() -> pathlib.Path:\n    return pathlib.Path('x')": 1,
    "@t.run_if(lambda context: True)\n@t\ndef push():\n    return b'x'": 1,
    "PythonOperator(task_id='x', python_callable=helper)": 1,
    "PythonOperator(task_id='x', python_callable=lambda: b'x')": 1,
    "t(helper)()": 1,
    "t(task_id='x')(helper)()": 1,
    "class Op(BaseOperator):\n    def execute(self, context):\n        return b'x'": 1,
    "class A(FileSensor): ...\nclass B(A):\n    def execute(self, c):\n        return b'x'": 1,
    "class Op(BaseOperator):\n    def execute_complete(self, c, event):\n        return b'x'": 1,
    "def late(ti):\n    ti.xcom_push(key='a', value={'b': b'x'})": 1,
    "def late(ti):\n    ti.xcom_push('a', b'x')": 1,
    "@t.sensor\ndef poke():\n    return PokeReturnValue(True, xcom_value=b'x')": 1,
    "@t\ndef push():\n    def inner():\n        return b'x'\n    return len(inner())": 0,
    "@t(do_xcom_push=False)\ndef push() -> bytes:\n    return b'x'": 0,
    "@t(do_xcom_push=FLAG)\ndef push():\n    return b'x'": 0,
    "@t\ndef push():\n    return b'x'\npush.override(do_xcom_push=False)()": 0,
    "@t.bash\ndef push():\n    return b'x'": 0,
    "@t.sensor\ndef poke():\n    return b'x'": 0,
    "@t.run_if(lambda context: True)\ndef push():\n    return b'x'": 0,
    "from airflow.sdk import asset\n@asset(schedule=None)\ndef push():\n    return b'x'": 1,
    "from airflow.sdk.definitions.asset import Asset\nAsset(helper)": 0,
    "import airflow.decorators as d\n@d.task.docker(image='x')\ndef push():\n    return b'x'": 1,
    "if X:\n from airflow.sdk import task as u\nelse:\n from airflow.decorators import task as u"
    "\n@u()\ndef push():\n    return b'x'": 1,
    "@cached\ndef push():\n    return b'x'": 0,
    "PythonOperator(task_id='x', python_callable=helper, do_xcom_push=False)": 0,
    "PythonSensor(task_id='x', python_callable=helper)": 0,
    "DAG('x', default_args={'do_xcom_push': False})\n@t\ndef push():\n    return b'x'": 0,
    "class Op(BaseOperator):\n    do_xcom_push = False\n"
    "    def execute(self, context):\n        return b'x'": 0,
    "class Op(BaseOperator):\n    def helper(self):\n        return b'x'": 0,
    "class Op(BaseOperator):\n    def execute(self, c):\n        return b'x'\n"
    "Op(do_xcom_push=False)": 0,
    "class Maker:\n    def execute(self, context):\n        return b'x'": 0,
    "@t\ndef push():\n    data = b'x'\n    data = data.decode()\n    return data": 0,
    "@t(outlets=[x])\ndef push():\n    yield Metadata(x, {'a': b'x'})": 0,
}


@pytest.mark.parametrize(("code", "count"), PUSHES.items())
def test_only_what_is_pushed_is_judged(code, count):
    assert len(found(HEAD + code, "XC036")) == count


def test_decimal_is_a_warning_as_it_is_rounded_without_an_error():
    text = "from decimal import Decimal\n@task\ndef f():\n    return [Decimal('1.10')]\n"
    (finding,) = found(text, "XC037")
    assert (finding.severity, finding.line) == ("warn", 4)
    assert finding.observed == "a Decimal, returned by the task f"


def test_dataclass_is_named_as_it_must_stand_on_the_list():
    text = """
    import dataclasses
    from airflow.decorators import task

    @dataclasses.dataclass(frozen=True)
    class Order:
        number: int

    @task
    def order():
        return {"order": Order(1)}
    """
    (finding,) = found(text, "XC038")
    assert "orders.Order" in finding.observed
    assert re.search("ALLOWED_DESERIALIZATION_CLASSES", finding.rule.remedy)


# settings


@pytest.mark.parametrize(
    "code",
    [
        "os.environ[NAME] = '0'",
        "os.environ.update({NAME: '0'})",
        "os.environ.update(AIRFLOW__CORE__XCOM_BACKEND='x')",
        "new = {NAME: '0'}\nos.environ.update(new)",
        "os.environ |= {NAME: '0'}",
        "os.putenv(NAME, '0')",
        "from os import environ as e\ne.setdefault(NAME, '0')",
        "from airflow.configuration import conf\nconf.set('core', 'xcom_backend', 'x')",
        (
            "from airflow.sdk.configuration import conf as c\n"
            "c.set(section='common.io', option='xcom_objectstorage_path', value='x')"
        ),
    ],
)
def test_setting_of_xcom_in_code_is_found(code):
    head = "import os\nNAME = 'AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_THRESHOLD'\n"
    assert len(found(head + code, "XC039")) == 1


@pytest.mark.parametrize(
    "code",
    [
        "os.environ['AIRFLOW__CORE__LOAD_EXAMPLES'] = 'x'",
        "os.environ.get('AIRFLOW__CORE__XCOM_BACKEND')",
        "env = {'AIRFLOW__CORE__XCOM_BACKEND': 'x'}",
        "settings['AIRFLOW__CORE__XCOM_BACKEND'] = 'x'",
        "from mine import conf\nconf.set('core', 'xcom_backend', 'x')",
        "from airflow.configuration import conf\nconf.get('core', 'xcom_backend')",
        "BashOperator(task_id='x', env={'AIRFLOW__CORE__XCOM_BACKEND': 'x'})",
    ],
)
def test_other_settings_and_reading_are_fine(code):
    assert found(f"import os\n{code}", "XC039") == []
