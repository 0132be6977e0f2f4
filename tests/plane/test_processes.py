"""What whoever starts programs learns of them, and what is left when they are over."""

import os
import shutil
import signal
import sys
import time
from pathlib import Path

import pytest
from leftovers import processes_in, processes_with, supervisor_of_this_process, wait_until

from xcomkit.findings.errors import ProcessError
from xcomkit.plane import supervisor
from xcomkit.plane.processes import Processes, Program, choose_home, supervise

PASSWORD = "Grüße-von-7f3a9c"
LINES_OF_A_KEY = "first line of a key\nsecond line of a key"
SLEEP = "import time; time.sleep(60)"


def program(name: str, code: str, **environment: str) -> Program:
    seen = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", **environment}
    return Program(name, (sys.executable, "-c", code), seen)


@pytest.fixture(autouse=True)
def private(temporary):
    """Put the folders of programs into one of the test."""


def wait_for(running: Processes, is_so, *names: str, timeout: float = 20) -> None:
    running.wait_for(
        is_so, what=lambda: "a sign", blamed=lambda: names[-1], names=names, timeout=timeout
    )


def wait_for_end(running: Processes, name: str) -> None:
    assert wait_until(supervisor.exit_file(running.home, name).exists, seconds=20)


def test_stages_run_one_after_the_other(tmp_path):
    trace = tmp_path / "trace"
    code = (
        f"import sys, time; f = open({str(trace)!r}, 'a'); f.write('NAME begins\\n'); f.flush();"
        " time.sleep(0.2); f.write('NAME ends\\n')"
    )

    stages = [[program(name, code.replace("NAME", name))] for name in ("one", "two")]
    with supervise(choose_home("t"), *stages, [program("three", SLEEP)]) as running:
        wait_for(running, supervisor.log_file(running.home, "three").exists, "three")
        running.check_running("three")

    assert trace.read_text().splitlines() == ["one begins", "one ends", "two begins", "two ends"]


def test_failed_stage_stops_the_rest_and_its_last_lines_are_quoted_without_secrets():
    code = (
        "import os; print('password', os.environ['DB_PASSWORD'], flush=True);"
        f"print({LINES_OF_A_KEY!r}, flush=True); 1/0"
    )
    broken = program("two", code, DB_PASSWORD=PASSWORD, PRIVATE_KEY=LINES_OF_A_KEY)

    with (
        supervise(choose_home("t"), [broken], [program("three", SLEEP)]) as running,
        pytest.raises(ProcessError, match="two ended with status 1; its log ends:") as caught,
    ):
        wait_for(running, supervisor.log_file(running.home, "three").exists, "three")

    assert "password *** | *** | Traceback" in str(caught.value)
    assert "ZeroDivisionError" in str(caught.value)
    assert PASSWORD not in f"{caught.value} {running!r} {broken!r}"
    assert caught.value.hint


def test_causes_are_quoted_and_not_the_frames_below_which_they_stand():
    code = (
        "def deep(n):\n"
        "    if n: deep(n - 1)\n"
        "    else: raise SystemError('at the end')\n"
        "try: import not_there_at_all\n"
        "except ImportError: deep(40)"
    )

    with supervise(choose_home("t"), [program("agent", code)]) as running:
        wait_for_end(running, "agent")
        with pytest.raises(ProcessError, match="No module named 'not_there_at_all'") as caught:
            running.check_running("agent")

    assert str(caught.value).count("File ") == 0
    assert "SystemError: at the end" in str(caught.value)


def test_the_first_of_several_that_ended_is_blamed():
    late = program("a-late", "import time; time.sleep(1); raise SystemExit('late')")
    early = program("z-early", "raise SystemExit('early')")

    with supervise(choose_home("t"), [late, early]) as running:
        wait_for_end(running, "a-late")
        with pytest.raises(ProcessError, match=r"z-early ended with status 1.*: early"):
            running.check_running("a-late", "z-early")


def test_program_that_has_to_go_on_may_not_end_well_either():
    with supervise(choose_home("t"), [program("server", "print('bye')")]) as running:
        wait_for_end(running, "server")
        running.check_running("other")
        with pytest.raises(ProcessError, match="server ended with status 0; its log ends: bye"):
            running.check_running("server")


def test_program_whose_interpreter_is_missing_is_reported_at_once():
    absent = Program("worker", ("/no/such/python", "-c", ""), {})

    with (
        supervise(choose_home("t"), [program("other", SLEEP), absent]) as running,
        pytest.raises(ProcessError, match=r"worker ended with status 127.*'/no/such/python'"),
    ):
        wait_for(running, lambda: False, "worker")


def test_time_out_quotes_the_program_that_runs_not_one_that_has_not_begun():
    slow = program("migration", f"print('on it', flush=True); {SLEEP}")

    with supervise(choose_home("t"), [slow], [program("server", SLEEP)]) as running:
        assert wait_until(lambda: running.read_log("migration"), seconds=20)
        assert (running.read_log("server"), running.tail("server")) == ([], "nothing")
        with pytest.raises(ProcessError, match=r"within 0\.2 s; the log of migration ends: on it"):
            wait_for(running, lambda: False, "server", timeout=0.2)


def test_long_log_is_cut_without_half_a_secret():
    code = "import os\nfor _ in range(9000): print(os.environ['DB_PASSWORD'] + 'x')"
    chatty = program("chatty", code, DB_PASSWORD=PASSWORD * 2)

    with supervise(choose_home("t"), [chatty]) as running:
        wait_for_end(running, "chatty")
        lines = running.read_log("chatty")

    assert 1000 < len(lines) < 9000
    assert set(lines) == {"***x"}


def test_missing_folder_for_temporary_files_is_reported_before_anything_starts(temporary):
    temporary.rmdir()

    with (
        pytest.raises(ProcessError, match=r"no program could be started: .*No such file") as caught,
        supervise(choose_home("t"), [program("server", SLEEP)]),
    ):
        pytest.fail("the block must not run")

    assert "TMPDIR" in caught.value.hint


def test_vanished_folder_is_reported_and_its_programs_end():
    with supervise(choose_home("t"), [program("server", SLEEP)]) as running:
        assert wait_until(lambda: len(processes_with(str(running.home))) == 1, seconds=20)
        shutil.rmtree(running.home)
        with pytest.raises(ProcessError, match=r"server and the folder .* were ended from outside"):
            running.check_running("server")

    assert not processes_with(str(running.home))


def test_killed_supervisor_is_reported_and_another_one_leaves_nothing_behind(temporary):
    stubborn = (
        "import os, signal, time; os.fork() or os.setsid();"
        " signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
    )
    titled = "import setproctitle, time; setproctitle.setproctitle('task'); time.sleep(60)"
    programs = [program("server", stubborn), program("titled", titled)]

    with supervise(choose_home("t"), programs) as running:
        assert wait_until(lambda: len(processes_with(str(running.home))) == 2, seconds=20)
        assert wait_until(lambda: len(processes_in(running.home)) == 3, seconds=20)
        supervisor_of_this_process().kill()
        assert wait_until(lambda: not supervisor.is_supervised(running.home), seconds=5)
        with pytest.raises(ProcessError, match="ended from outside"):
            wait_for(running, lambda: False, "server")

    assert not processes_in(running.home)
    assert not list(temporary.iterdir())


def test_supervisor_that_is_asked_to_end_leaves_nothing_behind(temporary):
    with supervise(choose_home("t"), [program("server", SLEEP)]) as running:
        assert wait_until(lambda: processes_with(str(running.home)), seconds=20)
        asked = supervisor_of_this_process()
        for _ in range(20):
            asked.send_signal(signal.SIGTERM)
            time.sleep(0.01)
        assert wait_until(lambda: not list(temporary.iterdir()), seconds=10)

    assert not processes_with(str(running.home))


def test_what_was_left_behind_is_reported_unless_the_block_fails_itself(tmp_path, monkeypatch):
    script = tmp_path / "leaves.py"
    script.write_text("input(); print('ready', flush=True); input(); print('process 7 is left')")
    monkeypatch.setattr(supervisor, "__file__", str(script))

    with (
        pytest.raises(ProcessError, match="left behind: process 7 is left"),
        supervise(choose_home("t")),
    ):
        pass
    with pytest.raises(InterruptedError), supervise(choose_home("t")):
        raise InterruptedError


def test_home_is_a_new_name_every_time(temporary):
    assert choose_home("plane") != choose_home("plane")
    assert choose_home("plane").parent == Path(temporary)
