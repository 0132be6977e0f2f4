"""What a Dag file takes from other files of the folder is judged as if it were written in it."""

import pytest

from xcomkit.lint.dags import scan

PULLS = "def alert(context):\n    context['ti'].xcom_pull()\n"
CASES = {
    "keywords of a Dag": (
        PULLS + "MORE = {'on_failure_callback': alert}\n",
        "from common import MORE\nfrom airflow.sdk import DAG\nDAG('x', **MORE)\n",
        [("XC030", "common.py", 2)],
    ),
    "defaults of tasks": (
        PULLS + "DEFAULTS = {'on_failure_callback': alert}\n",
        "import common\nfrom airflow.sdk import DAG\nDAG('x', default_args=common.DEFAULTS)\n",
        [("XC095", "common.py", 2)],
    ),
    "a factory of Dags": (
        "from airflow.sdk import DAG\ndef flow(name, tell): DAG(name, on_failure_callback=tell)\n",
        f"from common import flow\n{PULLS}flow('x', tell=alert)\n",
        [("XC030", "dag.py", 3)],
    ),
    "a class of Dags": (
        "from airflow.sdk import DAG\nclass Team(DAG): ...\n",
        f"from common import Team as T\n{PULLS}T('x', on_failure_callback=alert)\n",
        [("XC030", "dag.py", 3)],
    ),
    "a notifier": (
        "from chat import Chat\ntell = Chat(text='{{ ti.xcom_pull(1) }}')\n",
        "from common import *\nfrom airflow.sdk import DAG\nDAG('x', on_failure_callback=tell)\n",
        [("XC030", "common.py", 2)],
    ),
    "a text of a notifier": (
        "TEXT = '{{ ti.xcom_pull(1) }}'\n",
        "from common import TEXT\ntask(on_retry_callback=Chat(TEXT))(f)\n",
        [("XC095", "common.py", 1)],
    ),
    "Airflow's names": (
        "from airflow.sdk import DeadlineAlert, AsyncCallback\n",
        f"from common import AsyncCallback\n{PULLS}AsyncCallback(alert)\n",
        [("XC030", "dag.py", 3)],
    ),
    "Airflow's names under others": (
        "import airflow.triggers.base as b\nEnd = b.TaskSuccessEvent\n",
        "from common import End\nEnd(xcoms={'a': 1})\n",
        [("XC097", "dag.py", 2)],
    ),
    "an event that ends a task": (
        "import airflow.triggers.base as b\ndef end(x):\n  return b.TaskSuccessEvent(xcoms=x)\n",
        "from common import end\nend({'a': 1})\n",
        [("XC097", "common.py", 3)],
    ),
    "the class of XComs": (
        "from airflow.models.xcom import XComModel as X\n",
        "from common import X\nsession.query(X).delete()\n",
        [("XC096", "dag.py", 2)],
    ),
    "a query": (
        "from airflow.models import XCom\ndef old(session): return session.query(XCom)\n",
        "import common\ncommon.old(session).delete()\n",
        [("XC035", "common.py", 2), ("XC096", "dag.py", 2)],
    ),
    "a task of another language": (
        "from airflow.sdk import task\njava = task.stub(queue='java')\n",
        "from common import java\n@java\ndef load(): ...\n",
        [("XC098", "common.py", 2)],
    ),
    "a function whose value is pushed": (
        "from decimal import Decimal\ndef price(): return Decimal(1)\n",
        "import common\nfrom airflow.sdk import task\n@task\ndef f(): return common.price()\n",
        [("XC037", "common.py", 2)],
    ),
    "a class within a function": (
        "import pydantic\ndef make():\n  class P(pydantic.BaseModel): ...\n  return P()\n",
        "import common\nfrom airflow.sdk import task\n@task\ndef f(): return common.make()\n",
        [("XC099", "common.py", 4)],
    ),
}


@pytest.mark.parametrize(("common", "dag", "expected"), CASES.values(), ids=CASES)
def test_helper_module_is_followed(tmp_path, common, dag, expected):
    (tmp_path / "common.py").write_text(common)
    (tmp_path / "dag.py").write_text(dag)

    findings = scan(tmp_path)
    assert [(one.rule.id, one.file.rpartition("/")[2], one.line) for one in findings] == expected
