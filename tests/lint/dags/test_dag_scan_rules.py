"""What each rule over Dag files finds, and what is none of its business."""

from importlib.util import find_spec
from pathlib import Path

import pytest
from scanning import found, scan_text

from xcomkit.lint.dags import RULES, scan

AIRFLOWS = [
    folder
    for base in find_spec("airflow").submodule_search_locations
    for folder in sorted(Path(base).rglob("example_dags"))
]
PATH = "from airflow.sdk import *\nbase = ObjectStoragePath('s3://aws_default@b/x')\n"
ALERT = "def other(context): ...\ndef alert(context):\n    context['ti'].xcom_pull()\n\n"
VALUES = """
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
class Wide(Thing, object): ...
class Own(Thing): serialize = str
@np.mark
class Marked: ...
class Loud(str): ...
class Foreign(np.Something): ...
class Tool:
    def __call__(self, x): return x
tool = Tool()
try: from shop import Either
except ImportError:
    class Either: ...

class Colour(str, Enum):
    RED = "red"

class Shape(Enum):
    ROUND = "round"

"""
ROWS = "import sqlalchemy as sa\nfrom airflow.models import XCom\nfrom shop import Order\n"
SETTINGS = "import os\nNAME = 'AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_THRESHOLD'\n"

WRONG: dict[tuple[str, str], list[str]] = {
    ("XC030", ALERT): [
        "DAG('x', on_success_callback=alert)",
        "DAG('x', sla_miss_callback=partial(alert, 1))",
        "DAG('x', on_failure_callback=lambda context: alert(context))",
        "DAG('x', on_failure_callback=other if DEBUG else alert)",
        "again = alert\nDAG('x', on_failure_callback=again)",
        "many = [other]\nDAG('x', on_failure_callback=many + [alert])",
        "many = [other]\nmany += [alert]\nDAG('x', on_failure_callback=many)",
        "DAG('x', on_failure_callback=(chosen := alert))",
        "DAG('x', on_failure_callback=quietly(alert))",
        "def make():\n    return alert\nDAG('x', on_failure_callback=make())",
        "if D:\n    def use(c): ...\nelse:\n    use = alert\nDAG('x', on_failure_callback=use)",
        "match DEBUG:\n    case 1:\n        use = alert\nDAG('x', on_failure_callback=use)",
        "ask = Notifier(text='{{ ti.xcom_pull(1) }}')\nDAG('x', on_failure_callback=[ask])",
        "TEXT = '{% set a = ti.xcom_pull(1) %}'\nDAG('x', on_failure_callback=Notifier(TEXT))",
        "class Box:\n  def alert(self): ...\n  def f(self): DAG('x', on_failure_callback=alert)",
        "dag = DAG('x')\ndag.on_failure_callback = alert",
        "with DAG('x') as flow:\n    setattr(flow, 'on_failure_callback', alert)",
        "from airflow.sdk import dag as d\n@d(on_success_callback=[alert])\ndef orders(): ...",
        "from airflow import DAG as D\nD('x', on_failure_callback=alert)",
        "import functools\nTeam = functools.partial(DAG, on_failure_callback=alert)",
        "import functools as f\nT = f.partial(DAG, tags=[])\nT('x', on_failure_callback=alert)",
        "class Team(DAG): ...\nTeam('x', on_failure_callback=alert)",
        "class Team(DAG):\n  def __init__(self): super().__init__('x', on_failure_callback=alert)",
        "class Team(DAG):\n  on_failure_callback = staticmethod(alert)",
        "more = {'on_failure_callback': alert}\nDAG('x', **more)",
        "more = dict(on_failure_callback=alert)\nDAG('x', **{**more, 'tags': []})",
        "more = {}\nmore['on_failure_callback'] = alert\nDAG('x', **more)",
        "more = {}\nmore.setdefault('on_failure_callback', alert)\nDAG('x', **more)",
        "def f(n, **k):\n  k.setdefault('on_failure_callback', alert)\n  return DAG(n, **k)",
        "def f(n, **k):\n  k['on_failure_callback'] = alert\n  return DAG(n, **k)",
        (
            "import functools\ndef wrap(f):\n  @functools.wraps(f)\n  def w(c): alert(c)\n"
            "  return w\n@wrap\ndef f(c): ...\nDAG('x', on_failure_callback=f)"
        ),
        "def make(name, **kw):\n  return DAG(name, **kw)\nmake('x', on_failure_callback=alert)",
        "def make(name, tell):\n    DAG(name, on_failure_callback=tell)\nmake('x', alert)",
        "from factory import create_dag\ncreate_dag('x', on_failure_callback=alert)",
        "DeadlineAlert(reference=R, interval=I, callback=AsyncCallback(alert))",
        "class N(Notifier):\n  text = '{{ ti.xcom_pull(1) }}'\nDAG('x', on_failure_callback=N())",
        "from airflow.sdk import SyncCallback as S\nlate = S(callback_callable=alert)",
        "AsyncCallback('orders.alert', kwargs={})",
        "DeadlineAlert(R, I, alert)",
        "AsyncCallback(Chat, kwargs={'text': '{{ ti.xcom_pull(1) }}'})",
        "MORE = {'text': '{{ ti.xcom_pull(1) }}'}\nSyncCallback(Chat, kwargs=MORE)",
        "class Chat(BaseNotifier):\n  async def async_notify(c): alert(c)\nAsyncCallback(Chat)",
    ],
    ("XC095", ALERT): [
        "BashOperator(task_id='x', on_failure_callback=alert)",
        "BashOperator.partial(task_id='x', on_failure_callback=[other, alert]).expand(env=[])",
        "task(on_retry_callback=alert)(other)",
        "@task(on_success_callback=alert)\ndef load(): ...",
        "DAG('x', default_args={'on_execute_callback': alert})",
        "DAG('x', default_args=dict(on_skipped_callback=(alert,)))",
        "default_args = {}\ndefault_args['on_failure_callback'] = alert",
        "defaults = {}\ndefaults.setdefault('on_failure_callback', alert)",
        "defaults = {}\ndefaults.update(on_failure_callback=alert)",
        "DAG('x', **{'default_args': {'on_failure_callback': alert}})",
        "load = BashOperator(task_id='x')\nload.on_failure_callback = alert",
        "class Load(BaseOperator):\n    on_failure_callback = alert",
        "class Load(BaseOperator):\n    on_failure_callback: object = staticmethod(alert)",
        "class A(BaseOperator):\n  def __init__(self): super().__init__(on_retry_callback=alert)",
        "TriggerDagRunOperator(task_id='x', on_failure_callback=alert)",
        "def make(tell):\n  DAG('x', default_args={'on_failure_callback': tell})\nmake(tell=alert)",
        "task(on_failure_callback=(N(text='{{ ti.xcom_pull(1) }}'),))",
        "task(on_skipped_callback=alert)",
        "a = lambda c: alert(c)\nDAG('x', on_skipped_callback=a)\ntask(on_retry_callback=a)",
    ],
    ("XC031", ""): [
        "class T(ATrigger):\n  def run(self): ...\n  def cleanup(self):\n    ti.xcom_pull()",
        "class T(BaseTrigger):\n  def serialize(self):\n    ti.xcom_pull()",
        "class T(BaseTrigger):\n  def run(self): ...\n  def cleanup(self): later(XCom.get_one)",
    ],
    ("XC032", PATH): [
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
        "@dag\ndef orders():\n    base.exists()",
        "@dag\ndef orders():\n    @task_group\n    def group():\n        base.exists()",
        "def make():\n    with DAG('x'):\n        base.exists()",
        "try:\n    base.exists()\nexcept OSError:\n    pass",
    ],
    ("XC033", ""): [
        "if __name__ == 'x':\n    pass\nelse:\n    ti.xcom_pull()",
        "if __name__ != '__main__':\n    ti.xcom_pull()",
        "if not TYPE_CHECKING:\n    ti.xcom_pull()",
        "from os import *\nfrom airflow.sdk import *\nXCom.get_one(key='a')",
    ],
    ("XC034", "from airflow.sdk import DAG\nOTHER = 'other'\nDAG('orders')\n"): [
        "ti.xcom_pull(task_ids='a', dag_id='other')",
        "ti.xcom_pull('a', 'other')",
        "ti.xcom_pull('a', OTHER)",
        "ti.xcom_pull(task_ids='a', include_prior_dates=True)",
        "XCom.get_one(key='a', dag_id='other')",
        '\'{{ ti.xcom_pull("a", dag_id="other") }}\'.strip()',
        '\'{% if task_instance.xcom_pull(task_ids=["a)"], dag_id="other") %}x{% endif %}\'.x',
        ("B(sql='{% if ti.xcom_pull(1) %}{{ ti.xcom_pull(2, dag_id=\"z\") }}{% endif %}')"),
    ],
    ("XC035", ""): [
        "x = f's3://c@b/xcom/orders/{context[\"run_id\"]}/load'",
        "x = f'gs://c@b/astro/xcom/{dag_id}/{ti.run_id}'",
        "x = 'abfs://c@b/xcom/d/r/t/0f8fad5b-d9cb-469f-a165-70867728950e.gz'",
        "x = 's3://c@b/xcom/orders/manual__2026-01-01T00:00:00+00:00/load'",
        "from airflow.providers.common.io.xcom.backend import _get_base_path",
        "import airflow.sdk.bases.xcom as x; x.BaseXCom._get_xcom_db_ref()",
        "from airflow.models import XCom; session.query(XCom.value)",
    ],
    ("XC036", VALUES): [
        "@t.virtualenv(requirements=[])\ndef push():\n    return b'x'",
        "@t.branch\ndef push():\n    data = b'x'\n    return data",
        "@t\nasync def push():\n    return b'x'",
        "@t\ndef push() -> pathlib.Path:\n    return pathlib.Path('x')",
        "@t.run_if(lambda context: True)\n@t\ndef push():\n    return b'x'",
        "PythonOperator(task_id='x', python_callable=helper)",
        "PythonOperator(task_id='x', python_callable=lambda: b'x')",
        "t(helper)()",
        "t(task_id='x')(helper)()",
        "class Op(BaseOperator):\n    def execute(self, context):\n        return b'x'",
        "class A(FileSensor): ...\nclass B(A):\n    def execute(self, c):\n        return b'x'",
        "class Op(BaseOperator):\n    def execute_complete(self, c, event):\n        return b'x'",
        "def late(ti):\n    ti.xcom_push(key='a', value={'b': b'x'})",
        "def late(ti):\n    ti.xcom_push('a', b'x')",
        "@t.sensor\ndef poke():\n    return PokeReturnValue(True, xcom_value=b'x')",
        "@t.sensor\ndef poke():\n    return PokeReturnValue(True, b'x')",
        "from airflow.sdk import asset\n@asset(schedule=None)\ndef push():\n    return b'x'",
        "import airflow.decorators as d\n@d.task.docker(image='x')\ndef push():\n    return b'x'",
        "if X:\n import airflow.sdk as u\nelse:\n u = None\n@u.task()\ndef f():\n    return b'x'",
        "@t\ndef push(x):\n    return 1 if x else b'x'",
        "@t\ndef push(x):\n    y = b'x' if x else None\n    return y",
        "@t\ndef push(x):\n    if x:\n        y = b'x'\n    else:\n        y = None\n    return y",
        "@t\ndef push(x):\n    y = []\n    y.append(b'x')\n    return y",
        "@t\ndef push(x):\n    y = {}\n    y['a'] = b'x'\n    return {'y': y}",
        "@t\ndef push(x):\n    return dict(a=b'x')",
        "@t\ndef push(x):\n    path = pathlib.Path('x') / 'y'\n    return {'path': path}",
        "@t\ndef push(x):\n    return pathlib.Path('x').resolve()",
    ],
    ("XC039", SETTINGS): [
        "os.environ[NAME] = '0'",
        "os.environ.update({NAME: '0'})",
        "os.environ.update(AIRFLOW__CORE__XCOM_BACKEND='x')",
        "new = {NAME: '0'}\nos.environ.update(new)",
        "os.environ |= {NAME: '0'}",
        "os.putenv(NAME, '0')",
        "from os import environ as e\ne.setdefault(NAME, '0')",
        "from airflow.configuration import conf\nconf.set('core', 'xcom_backend', 'x')",
        "from airflow.sdk import conf\nconf.set(section='common.io', option='xcom_x', value=1)",
        "from airflow.sdk import conf\nconf.set('COMMON.IO', 'xcom_x', '1')",
    ],
    ("XC096", ROWS): [
        "session.query(XCom).filter(XCom.dag_id == 'd').delete()",
        "session.query(XCom.key).delete(synchronize_session=False)",
        "rows = session.query(XCom)\nrows = rows.filter(x)\nrows.delete()",
        "for row in session.query(XCom).all():\n    session.delete(row)",
        "[session.delete(row) for row in session.scalars(sa.select(XCom))]",
        "session.delete(session.get(XCom, 1))",
        "session.execute(sa.delete(XCom).where(x))",
        "from sqlalchemy import delete as d\nsession.execute(d(XCom))",
        "import airflow.models.xcom as m\nsession.query(m.XComModel).delete()",
        "from airflow.models.xcom import BaseXCom as B\nsession.query(B).delete()",
        "def old(s):\n    return s.query(XCom)\nold(session).filter(x).delete()",
        "session.execute(XCom.__table__.delete())",
        "XCom.clear(dag_id='d', task_id='t', run_id='r')",
        "def clean(ti):\n    ti.clear_xcom_data()",
        "XCom.delete(rows, session=session)",
        "for row in XCom.get_many(run_id='r'):\n    session.delete(row)",
        "class Clean:\n  model = XCom\n  def run(self, s): s.query(self.model).delete()",
        "from airflow.utils.db_cleanup import run_cleanup as clean\nclean(table_names=['xcom'])",
        "session.execute(sa.text('DELETE FROM xcom WHERE dag_id = :d'))",
        "SQLExecuteQueryOperator(task_id='x', sql='delete from \"public\".\"xcom\"')",
        "hook.run(f'TRUNCATE TABLE xcom_v2 /* {name} */')",
        "BashOperator(task_id='x', bash_command='airflow db clean --yes')",
        "BashOperator(task_id='x', bash_command='airflow db clean -t log,xcom')",
        "session.execute(sa.text(f'DELETE FROM {XCom.__tablename__} WHERE a = 1'))",
        "import subprocess\nsubprocess.run(['airflow', 'db', 'clean', '--yes', '-v'])",
    ],
    ("XC097", "from airflow.triggers.base import TaskFailedEvent, TaskSuccessEvent\n"): [
        "async def run(self):\n    yield TaskSuccessEvent(xcoms={'a': 1})",
        "def done(values):\n    return TaskFailedEvent(xcoms=values)",
        "import airflow.triggers.base as b\nb.TaskSkippedEvent(xcoms={'a': 1})",
        "End = TaskSuccessEvent\nout = {}\nout['a'] = 1\nEnd(xcoms=out)",
        "End = TaskSuccessEvent if OK else TaskFailedEvent\nEnd(xcoms=values)",
        "more = {'xcoms': values}\nTaskSuccessEvent(**more)",
        "more = dict(xcoms=values)\nTaskSuccessEvent(**more)",
        "more = {'xcoms': values} if values else {}\nTaskSuccessEvent(**more)",
        "class T:\n  end = TaskSuccessEvent\n  def run(self): yield self.end(xcoms=values)",
        "class E(TaskSuccessEvent):\n  def __init__(self, x): super().__init__(xcoms=x)",
        "from functools import partial\nEnd = partial(TaskSuccessEvent, xcoms=values)",
        "class Done(TaskSuccessEvent): ...\nDone(xcoms=values)",
        "end = TaskSuccessEvent()\nend.xcoms = values",
    ],
    ("XC098", "from airflow.sdk import task\n"): [
        "@task.stub\ndef load(): ...",
        "@task.stub(queue='java', retries=3)\ndef load(): ...",
        "import airflow.sdk as sdk\n@sdk.task.stub(queue='go')\ndef load(rows): ...",
        "def load(): ...\ntask.stub(queue='node')(load)",
        "from airflow.providers.standard.decorators.stub import stub as s\n@s\ndef load(): ...",
        "from airflow.providers.standard.decorators.stub import stub\nstub(load, queue='go')",
        "from functools import partial\njava = partial(task.stub, queue='java')",
    ],
}
FINE: dict[tuple[str, str], list[str]] = {
    ("XC096", ROWS): [
        "session.query(XCom).filter(XCom.dag_id == 'd').all()",
        "session.query(Order).delete()",
        "session.execute(sa.select(XCom).order_by(sa.desc(XCom.timestamp)))",
        "names = {'a': Order}\nfor model in names.values():\n    session.query(model).delete()",
        "bucket.delete(key)",
        "from airflow.sdk.execution_time.xcom import XCom as X\nX.delete(key='a')",
        "hook.run('delete from xcom_archive_of_ours')",
        "BashOperator(task_id='x', bash_command='airflow db clean --tables log,job --yes')",
        "import subprocess\nsubprocess.run(['airflow', 'db', 'clean', '--tables', 'log'])",
        "session.execute(sa.text(f'DELETE FROM {Order.__tablename__}'))",
    ],
    ("XC097", "from airflow.triggers.base import TaskSuccessEvent, TriggerEvent\n"): [
        "TaskSuccessEvent()",
        "TaskSuccessEvent(xcoms=None)",
        "TaskSuccessEvent(xcoms={})",
        "TriggerEvent({'xcoms': values})",
        "from mine import TaskSuccessEvent as E\nE(xcoms=values)",
        "class Report: ...\nReport(xcoms=values)",
    ],
    ("XC098", "from airflow.sdk import task\n"): [
        "@task(queue='java')\ndef load(): ...",
        "import mine\n@mine.task.stub\ndef load(): ...",
    ],
    ("XC030", ALERT): [
        "DAG('x', default_args={'on_failure_callback': alert})",
        "defaults = {'on_failure_callback': alert}\nDAG('x', default_args=defaults)",
        "TriggerDagRunOperator(task_id='x', on_failure_callback=alert)",
        "def f(n, **k):\n  k.setdefault('on_failure_callback', alert)\n  return BashOperator(**k)",
        "def f(**k):\n  k.setdefault('on_failure_callback', alert)\n  return DAG(default_args=k)",
        "def make(cb): DAG('x', default_args={'on_failure_callback': cb})\nmake(cb=alert)",
        "DeadlineAlert(reference=alert, interval=I, callback=AsyncCallback(other))",
    ],
    ("XC095", ALERT): [
        "DAG('x', on_failure_callback=alert)",
        "AsyncCallback(alert)",
        (
            "def f(on_success_callback): DAG('x', on_success_callback=on_success_callback)\n"
            "f(on_success_callback=alert)"
        ),
    ],
    ("XC030", "class Meter:\n  def xcom_push(self): ...\nmeter = Meter()\n"): [
        "DAG('x', on_failure_callback=lambda context: meter.xcom_push())",
        "BashOperator(task_id='x', bash_command='{{ ti.xcom_pull(1) }}')",
    ],
    ("XC031", "from apscheduler import CronTrigger\n"): [
        "class Plan(CronTrigger):\n  def __init__(self, ti):\n    ti.xcom_pull()",
        "class Runner:\n  def run(self, ti):\n    ti.xcom_pull()",
        "class Trigger:\n  def run(self, ti):\n    ti.xcom_pull()",
    ],
    ("XC032", PATH): [
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
        "from mine import ObjectStoragePath as P\nP('x').exists()",
    ],
    ("XC033", ""): [
        "if __name__ == 'x':\n  if T:\n    ti.xcom_pull()",
        "if '__main__' == __name__:\n    ti.xcom_pull()",
        "if __name__ != '__main__':\n    pass\nelse:\n    ti.xcom_pull()",
    ],
    ("XC034", "from airflow.sdk import dag\n@dag\ndef orders(): ...\n"): [
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
    ("XC034", ""): [
        "ti.xcom_pull(dag_id=ti.dag_id) or dag.x(dag_id='y')",
        'ti.xcom_pull(dag_id=context["dag"].dag_id)',
        'ti.xcom_pull(dag_id=kwargs.get("dag_run").dag_id)',
        'ti.xcom_pull(dag_id=get_current_context()["ti"].dag_id)',
    ],
    ("XC035", ""): [
        "ObjectStoragePath('s3://c@b/xcom')",
        "ObjectStoragePath('s3://c@b/reports/manual__x/a')",
        "x = f's3://c@b/reports/{run_id}/a.csv'",
        "x = f's3://xcom-bucket/reports/{run_id}/a.csv'",
        "x = f's3://c@b/xcom/{name}'",
        "x = 's3://c@b/data/0f8fad5b-d9cb-469f-a165-70867728950e'",
        "session.query(Order)",
        "mine._get_full_path('x')",
        "class Mine(XComObjectStorageBackend):\n    def f(self): self._get_full_path('x')",
    ],
    ("XC036", VALUES): [
        "@t\ndef push():\n    def inner():\n        return b'x'\n    return len(inner())",
        "@t(do_xcom_push=False)\ndef push() -> bytes:\n    return b'x'",
        "@t(do_xcom_push=FLAG)\ndef push():\n    return b'x'",
        "@t\ndef push():\n    return b'x'\npush.override(do_xcom_push=False)()",
        "@t.bash\ndef push():\n    return b'x'",
        "@t.sensor\ndef poke():\n    return b'x'",
        "@t.run_if(lambda context: True)\ndef push():\n    return b'x'",
        "from airflow.sdk.definitions.asset import Asset\nAsset(helper)",
        "@cached\ndef push():\n    return b'x'",
        "PythonOperator(task_id='x', python_callable=helper, do_xcom_push=False)",
        "PythonSensor(task_id='x', python_callable=helper)",
        "DAG('x', default_args={'do_xcom_push': False})\n@t\ndef push():\n    return b'x'",
        "more = {}\nmore['do_xcom_push'] = False\n@t\ndef push():\n    return b'x'",
        "class Op(BaseOperator):\n  do_xcom_push = False\n  def execute(self, c): return b'x'",
        "class Op(BaseOperator):\n    def helper(self):\n        return b'x'",
        "class Op(BaseOperator):\n  def execute(self, c): return b'x'\nOp(do_xcom_push=False)",
        "class Maker:\n    def execute(self, context):\n        return b'x'",
        "@t\ndef push():\n    data = b'x'\n    data = data.decode()\n    return data",
        "@t\ndef push():\n    y = []\n    z.append(b'x')\n    return y",
        "def other():\n    y['a'] = b'x'\n@t\ndef push():\n    y = {}\n    return y",
        "@t(outlets=[x])\ndef push():\n    yield Metadata(x, {'a': b'x'})",
        "@t\ndef f(x):\n    y = bytes\n    y = x\n    return y(1)",
        "@t(do_xcom_push='no')\ndef push():\n    return b'x'",
        "t(helper, 2)",
    ],
    ("XC039", SETTINGS): [
        "os.environ['AIRFLOW__CORE__LOAD_EXAMPLES'] = 'x'",
        "os.environ.get('AIRFLOW__CORE__XCOM_BACKEND')",
        "env = {'AIRFLOW__CORE__XCOM_BACKEND': 'x'}",
        "settings['AIRFLOW__CORE__XCOM_BACKEND'] = 'x'",
        "from mine import conf\nconf.set('core', 'xcom_backend', 'x')",
        "from airflow.configuration import conf\nconf.get('core', 'xcom_backend')",
        "BashOperator(task_id='x', env={'AIRFLOW__CORE__XCOM_BACKEND': 'x'})",
    ],
}
# what a task returns
REFUSED_VALUES = {
    "b'x'": "bytes",
    "{'a': [1, (b'x',)]}": "bytes",
    "[b'x' for _ in y]": "bytes",
    "base64.b64encode(y)": "bytes",
    "(i for i in x)": "a generator",
    "pathlib.Path('x')": "a Path",
    "np.array([1])": "an ndarray",
    "x if y else b'x'": "bytes",
    "y or b'x'": "bytes",
    "helper()": "bytes",
    "{'shape': Shape.ROUND}": "a member of the Enum Shape",
    "Shape('round')": "a member of the Enum Shape",
    "{'k': lambda: 1}": "a function",
    "open('x')": "an open file",
    "map(str, x)": "a map object",
    "{'a': range(3)}": "a range object",
    "[Thing()]": "an instance of Thing, a class without serialize()",
    "Wide()": "an instance of Wide, a class without serialize()",
}
ACCEPTED_VALUES = [
    "'x'", "1.5", "None", "{1, 2}", "(1, 2)", "{'a': {'b': [1]}}", "{1: 'a'}", "Colour.RED",
    "datetime.datetime.now()", "pd.DataFrame({'a': [1]})", "list(map(str, x))", "[*map(str, x)]",
    "Colour('red')", "Shape.ROUND.value",
    "str(pathlib.Path('x'))", "b'x'.decode()", "len(b'x')", "np.array([1]).tolist()",
    "Own()", "Marked()", "Loud('x')", "Foreign()", "Thing.name", "Tool()(1)", "tool(1)", "Either()",
    "x.encode()", "open('x').read()", "uuid.uuid4()", "np.int64(1)", "decorated",
]  # fmt: skip
PLACES = """
try:
    from airflow.sdk import BaseNotifier, task
except ImportError:
    from airflow.decorators import task
    from airflow.notifications.basenotifier import BaseNotifier

class Pager(BaseNotifier):
    def notify(self, context):
        match context:
            case {"ti": ti}:
                ti.xcom_pull()  # XC030

class Factory:
    def make(self):
        PythonOperator(task_id="x", python_callable=run, on_retry_callback=self.alert)

    def alert(self, context):
        if (ti := context.get("ti")) is not None:
            ti.xcom_push("a", 1)  # XC095

@task_group
def outer():
    @task_group
    def inner():
        @task.branch(on_failure_callback=lambda c: c["ti"].xcom_pull())  # XC095
        def choose(ti=None):
            return ti.xcom_pull()

def run(ti):
    return ti.xcom_pull()

DAG("x", on_failure_callback=Pager())
"""
# every line that says "here", or the rule, is found, and no other
MARKED = {
    ("XC030", "methods, closures and notifiers that are given"): """
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

    def shout(self, context):
        context["ti"].xcom_push("loud", True)

class Alerts:
    @staticmethod
    def plain(context):
        context["ti"].xcom_pull()  # here

async def later(context):
    context["ti"].xcom_pull()  # here

pager = Pager()
DAG("x", on_failure_callback=[pager, Louder(), Alerts.plain, later])
""",
    ("XC030", "a task with the name of a callback"): """
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
""",
    ("XC030", "conditional imports, patterns, factories"): PLACES,
    ("XC095", "conditional imports, patterns, factories"): PLACES,
    ("XC031", "a trigger through its bases and helpers"): """
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
""",
    ("XC033", "parse time and inside tasks"): """
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
""",
    ("XC032", "an object of a listing"): """
from airflow.sdk import ObjectStoragePath

for one in ObjectStoragePath("s3://b/x").iterdir():  # here
    one.read_text()  # here
""",
    ("XC034", "the second line of a template"): '''
BashOperator(bash_command="""
    {{ ti.xcom_pull("a", dag_id="other") }}""")  # here
''',
    ("XC034", "the line of a template"): '''
BashOperator(
    bash_command="""
        echo {{ ds }}
        echo {{ ti.xcom_pull(task_ids="a", dag_id="other") }}  # here
    """,
)
''',
}


def cases(table):
    return [
        pytest.param(rule_id, head + code, id=f"{rule_id}-{number}")
        for (rule_id, head), codes in table.items()
        for number, code in enumerate(codes)
    ]


def test_ids_are_stable_and_rules_explained():
    assert [rule.id for rule in RULES] == [
        f"XC{number:03}" for number in (*range(30, 41), *range(95, 100))
    ]
    for rule in RULES:
        assert all((rule.title, rule.why, rule.remedy, rule.source)), rule.id


def test_whole_dags_that_do_it_right_have_no_finding():
    assert scan(Path(__file__).parent / "examples") == ()


@pytest.mark.parametrize(("rule_id", "code"), cases(WRONG))
def test_wrong_use_is_found_once(rule_id, code):
    assert len(found(code, rule_id)) == 1


@pytest.mark.parametrize(("rule_id", "code"), cases(FINE))
def test_right_use_is_left_alone(rule_id, code):
    assert found(code, rule_id) == []


@pytest.mark.parametrize(("rule_id", "text"), [(key[0], MARKED[key]) for key in MARKED], ids=[
    " ".join(key) for key in MARKED])  # fmt: skip
def test_every_marked_line_is_found_and_no_other(rule_id, text):
    marks = ("# here", f"# {rule_id}")
    marked = [n for n, line in enumerate(text.splitlines(), 1) if line.endswith(marks)]
    assert [one.line for one in found(text, rule_id)] == marked


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
    (finding,) = found(text, "XC030")
    assert finding.line == (12 if "helper" in use else 15)
    assert "given as on_failure_callback at orders.py:17" in finding.observed


@pytest.mark.parametrize(("value", "word"), REFUSED_VALUES.items())
def test_value_the_encoder_refuses_is_found_in_what_a_task_returns(value, word):
    (finding,) = found(f"{VALUES}@t\ndef push(x, y):\n    return {value}\n", "XC036")
    assert finding.observed == f"{word}, returned by the task push"


@pytest.mark.parametrize("value", ACCEPTED_VALUES)
def test_value_the_encoder_takes_is_fine(value):
    assert found(f"{VALUES}@t\ndef push(x, y):\n    return {value}\n", "XC036") == []


def test_deletion_of_a_class_that_is_computed_is_unknown_where_the_file_names_xcom():
    text = """
    from airflow.models import Log, XCom
    TABLES = [{"model": Log, "days": 30}, {"model": XCom, "days": 30}]
    def clean(session, table):
        session.query(table["model"]).filter(old).delete(synchronize_session=False)
    """
    (finding,) = found(text, "XC096")
    assert (finding.is_unknown, finding.line) == (True, 5)


def test_query_that_deletes_is_no_reading():
    text = f"{ROWS}session.query(XCom).delete()\nsession.query(XCom).all()\n"
    assert [(one.rule.id, one.line) for one in scan_text(text)] == [("XC096", 4), ("XC035", 5)]


def test_task_of_another_language_is_named():
    text = "from airflow.sdk import task\n@task.stub(queue='java')\ndef load(rows): ...\n"
    (finding,) = found(text, "XC098")
    assert (finding.severity, finding.line) == ("fail", 2)
    assert finding.observed == "load is declared with @task.stub"


def test_example_dags_of_airflow_itself_have_one_finding():
    assert sum(len([*folder.rglob("*.py")]) for folder in AIRFLOWS) >= 80

    findings = [one for folder in AIRFLOWS for one in scan(folder)]
    assert [(one.rule.id, Path(one.file).name, one.severity) for one in findings] == [
        ("XC095", "example_hitl_operator.py", "warn")
    ]


@pytest.mark.parametrize(
    "body",
    [
        "return [D('1.10')]",
        "return {'total': D(x) * 2}",
        "total = D(0)\n    for row in x:\n        total += row\n    return total",
        "total = 0\n    for row in x:\n        total += D(row)\n    return total",
        "return decimal.Decimal(x).quantize(D('0.01'))",
        "return sum(D(row) for row in x)",
        "return round(-D(x), 2)",
        "return price(x)",
        "ti.xcom_push(key='a', value=D(x))",
        "return [price(row) for row in x]",
        "return decimal.getcontext().create_decimal(x)",
    ],
)
def test_decimal_is_a_warning_as_it_is_rounded_without_an_error(body):
    text = (
        "import decimal\nfrom decimal import Decimal as D\nfrom airflow.sdk import task\n"
        f"def price(x):\n    return D(x)\n@task\ndef f(x, ti=None):\n    {body}\n"
    )
    assert {one.severity for one in found(text, "XC037")} == {"warn"}


@pytest.mark.parametrize(
    "body",
    ["return str(D(x))", "return float(D(x) * 2)", "return round(D(x))", "return D(x) > 2",
     "total = D(x)\n    total = str(total)\n    return total", "return D(x).as_tuple()"],
)  # fmt: skip
def test_what_is_made_of_a_decimal_is_left_alone(body):
    text = f"from decimal import Decimal as D\n@task\ndef f(x):\n    {body}\n"
    assert found(text, "XC037") == []


def test_annotation_tells_what_the_code_does_not():
    text = """
    from decimal import Decimal
    from airflow.sdk import task

    @task
    def total() -> dict[str, Decimal]:
        return ask_the_database()
    """
    (finding,) = found(text, "XC037")
    assert finding.line == 6
    assert finding.observed == "a Decimal by the annotation, returned by the task total"


MODELS = """
import attr, dataclasses, pydantic

@dataclasses.dataclass(frozen=True)
class Order:
    number: int

class Base(pydantic.BaseModel): ...

class Part(Base): ...

@attr.define
class Line: ...

def empty():
    return Part()
"""
TASK = "from airflow.sdk import dag, task\n{}\n@task\ndef f(x):\n    return {}\n"


@pytest.mark.parametrize(
    ("value", "path"),
    [("{'order': Order(1)}", "Order"), ("[Part()]", "Part"), ("Part.model_validate(x)", "Part"),
     ("Line()", "Line"), ("empty()", "Part")],
)  # fmt: skip
def test_class_of_an_imported_module_is_named_as_it_must_be_on_the_list(tmp_path, value, path):
    (tmp_path / "models.py").write_text(MODELS)
    head = "from models import Order, Part, Line, empty"
    (tmp_path / "dag.py").write_text(TASK.format(head, value))

    (finding,) = scan(tmp_path)
    assert (finding.rule.id, finding.severity) == ("XC038", "info")
    assert f"models.{path}" in finding.observed
    (tmp_path / "dag.py").write_text(TASK.format("import models as m", f"m.{path}(1)"))
    assert [one.rule.id for one in scan(tmp_path)] == ["XC038"]


@pytest.mark.parametrize("value", ["Order(1)", "[Part()]", "Part.model_validate(x)", "empty()"])
def test_class_of_a_dag_file_is_a_warning_with_a_remedy_that_works_there(value):
    (finding,) = scan_text(TASK.format(MODELS, value))

    assert (finding.rule.id, finding.severity) == ("XC099", "warn")
    assert "model_dump()" in finding.remedy
    assert "ALLOWED_DESERIALIZATION_CLASSES" not in finding.remedy


@pytest.mark.parametrize(
    "ask", ["@task.llm(output_type=list[Part])\n", "@task.agent(output_type=Part)\n"]
)
def test_class_that_a_model_is_to_answer_with_is_pushed_as_well(ask):
    findings = scan_text(f"from airflow.sdk import task\n{MODELS}\n{ask}\ndef f(): return 'x'\n")
    assert [one.rule.id for one in findings] == ["XC099"]


def test_class_of_a_file_that_builds_a_dag_is_of_a_dag_file_though_others_import_it(tmp_path):
    (tmp_path / "models.py").write_text(f"{MODELS}from airflow.sdk import DAG\nDAG('m')\n")
    (tmp_path / "dag.py").write_text(TASK.format("from models import Part", "Part()"))

    assert [one.rule.id for one in scan(tmp_path)] == ["XC099"]


def test_observed_shows_no_value_and_nothing_before_the_bucket():
    text = """
    from airflow.sdk import task
    place = "s3://AKIA:hidden@b/xcom/orders/manual__2026-01-01T00:00:00+00:00/load"
    other = f"s3://AKIA:hidden@b/xcom/{run_id}"

    @task
    def push():
        return b"hidden"
    """
    findings = scan_text(text)
    assert [one.rule.id for one in findings] == ["XC035", "XC035", "XC036"]
    assert not [one for one in findings if "hidden" in one.observed]
