"""What whoever starts programs is told of them, and what it finds when they are over."""

import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

import pytest
from leftovers import keeper_of_this_process, processes_in, processes_with, wait_until

from xcomkit.findings.errors import ProcessError
from xcomkit.plane import keeper
from xcomkit.plane.kept import Kept, Program, choose_home, keep

PASSWORD = "Grüße-von-7f3a9c"
LINES_OF_A_KEY = "first line of a key\nsecond line of a key"
SLEEP = "import time; time.sleep(60)"


def program(name: str, code: str, **environment: str) -> Program:
    seen = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", **environment}
    return Program(name, (sys.executable, "-c", code), seen)


@pytest.fixture(autouse=True)
def temporary(monkeypatch, tmp_path):
    folder = tmp_path / "with space"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def wait_for(kept: Kept, is_so, *names: str, timeout: float = 20) -> None:
    kept.wait_for(
        is_so, what=lambda: "a sign", blamed=lambda: names[-1], names=names, timeout=timeout
    )


def test_stages_run_one_after_the_other(tmp_path):
    trace = tmp_path / "trace"

    def write(name: str) -> str:
        text = f"{name} begins\\n", f"{name} ends\\n"
        return (
            f"import time; f = open({str(trace)!r}, 'a'); f.write('{text[0]}'); f.flush();"
            f" time.sleep(0.2); f.write('{text[1]}')"
        )

    stages = [[program(name, write(name))] for name in ("one", "two")]
    with keep(choose_home("t"), *stages, [program("three", SLEEP)]) as kept:
        wait_for(kept, keeper.log_file(kept.home, "three").exists, "three")
        kept.refuse_ended("three")

    assert trace.read_text().split("\n")[:-1] == [
        "one begins", "one ends", "two begins", "two ends"
    ]  # fmt: skip


def test_failed_stage_stops_the_rest_and_its_last_lines_are_quoted_without_secrets():
    code = (
        "import os; print('password', os.environ['DB_PASSWORD'], flush=True);"
        f"print({LINES_OF_A_KEY!r}, flush=True); 1/0"
    )
    broken = program("two", code, DB_PASSWORD=PASSWORD, PRIVATE_KEY=LINES_OF_A_KEY)

    with (
        keep(choose_home("t"), [broken], [program("three", SLEEP)]) as kept,
        pytest.raises(ProcessError, match="two ended with status 1; its log ends:") as caught,
    ):
        wait_for(kept, keeper.log_file(kept.home, "three").exists, "three")

    assert "password *** | *** | Traceback" in str(caught.value)
    assert "ZeroDivisionError" in str(caught.value)
    assert PASSWORD not in str(caught.value)
    assert caught.value.hint


def test_causes_are_quoted_and_not_the_frames_below_which_they_stand():
    code = (
        "def deep(n):\n"
        "    if n: deep(n - 1)\n"
        "    else: raise SystemError('at the end')\n"
        "try: import not_there_at_all\n"
        "except ImportError: deep(40)"
    )

    with keep(choose_home("t"), [program("agent", code)]) as kept:
        assert wait_until(keeper.exit_file(kept.home, "agent").exists, seconds=20)
        with pytest.raises(ProcessError, match="No module named 'not_there_at_all'") as caught:
            kept.refuse_ended("agent")

    assert str(caught.value).count("File ") == 0
    assert "SystemError: at the end" in str(caught.value)


def test_the_first_of_several_that_ended_is_blamed():
    late = program("a-late", "import time; time.sleep(1); raise SystemExit('late')")
    early = program("z-early", "raise SystemExit('early')")

    with keep(choose_home("t"), [late, early]) as kept:
        assert wait_until(keeper.exit_file(kept.home, "a-late").exists, seconds=20)
        with pytest.raises(ProcessError, match=r"z-early ended with status 1.*: early"):
            kept.refuse_ended("a-late", "z-early")


def test_program_that_has_to_go_on_may_not_end_well_either():
    with keep(choose_home("t"), [program("server", "print('bye')")]) as kept:
        assert wait_until(keeper.exit_file(kept.home, "server").exists, seconds=20)
        kept.refuse_ended("other")
        with pytest.raises(ProcessError, match="server ended with status 0; its log ends: bye"):
            kept.refuse_ended("server")


def test_program_whose_interpreter_is_missing_is_told_at_once():
    absent = Program("worker", ("/no/such/python", "-c", ""), {})

    with (
        keep(choose_home("t"), [program("other", SLEEP), absent]) as kept,
        pytest.raises(ProcessError, match=r"worker ended with status 127.*'/no/such/python'"),
    ):
        wait_for(kept, lambda: False, "worker")


def test_time_out_quotes_the_program_that_runs_not_one_that_has_not_begun():
    slow = program("migration", f"print('on it', flush=True); {SLEEP}")

    with keep(choose_home("t"), [slow], [program("server", SLEEP)]) as kept:
        assert wait_until(lambda: kept.read_log("migration"), seconds=20)
        with pytest.raises(ProcessError, match=r"within 0\.2 s; the log of migration ends: on it"):
            wait_for(kept, lambda: False, "server", timeout=0.2)


def test_long_log_is_cut_without_half_a_secret():
    code = "import os\nfor _ in range(9000): print(os.environ['DB_PASSWORD'] + 'x')"
    chatty = program("chatty", code, DB_PASSWORD=PASSWORD * 2)

    with keep(choose_home("t"), [chatty]) as kept:
        assert wait_until(keeper.exit_file(kept.home, "chatty").exists, seconds=20)
        lines = kept.read_log("chatty")

    assert 1000 < len(lines) < 9000
    assert set(lines) == {"***x"}


def test_log_of_a_program_that_has_not_begun_is_empty():
    with keep(choose_home("t"), [program("server", SLEEP)]) as kept:
        assert kept.read_log("later") == []
        assert kept.tail("later") == "nothing"


def test_missing_folder_for_temporary_files_is_told_before_anything_starts(temporary):
    temporary.rmdir()

    with (
        pytest.raises(ProcessError, match=r"no program could be started: .*No such file") as caught,
        keep(choose_home("t"), [program("server", SLEEP)]),
    ):
        pytest.fail("the block must not run")

    assert "TMPDIR" in caught.value.hint


def test_vanished_folder_is_told_and_its_programs_end(tmp_path):
    done = tmp_path / "done"
    last = program("last", f"open({str(done)!r}, 'w')")

    with keep(choose_home("t"), [program("server", SLEEP)], last=[last]) as kept:
        assert wait_until(lambda: len(processes_with(str(kept.home))) == 1, seconds=20)
        shutil.rmtree(kept.home)
        with pytest.raises(ProcessError, match=r"server and the folder .* were ended from outside"):
            kept.refuse_ended("server")

    assert not processes_with(str(kept.home))
    assert done.exists()


def test_killed_keeper_is_told_and_another_one_leaves_nothing_behind(tmp_path, temporary):
    done = tmp_path / "done"
    last = program("last", f"open({str(done)!r}, 'w')")
    stubborn = (
        "import os, signal, time; os.fork() or os.setsid();"
        " signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
    )
    titled = "import setproctitle, time; setproctitle.setproctitle('task'); time.sleep(60)"
    programs = [program("server", stubborn), program("titled", titled)]

    with keep(choose_home("t"), programs, last=[last]) as kept:
        assert wait_until(lambda: len(processes_with(str(kept.home))) == 2, seconds=20)
        assert wait_until(lambda: len(processes_in(kept.home)) == 3, seconds=20)
        held = keeper_of_this_process()
        held.kill()
        assert wait_until(lambda: not keeper.is_kept(kept.home), seconds=5)
        with pytest.raises(ProcessError, match="ended from outside"):
            wait_for(kept, lambda: False, "server")

    assert not processes_in(kept.home)
    assert not list(temporary.iterdir())
    assert done.exists()


def test_keeper_that_is_asked_to_end_leaves_nothing_behind(temporary):
    with keep(choose_home("t"), [program("server", SLEEP)]) as kept:
        assert wait_until(lambda: processes_with(str(kept.home)), seconds=20)
        held = keeper_of_this_process()
        for _ in range(20):
            held.send_signal(signal.SIGTERM)
            time.sleep(0.01)
        assert wait_until(lambda: not list(temporary.iterdir()), seconds=10)

    assert not processes_with(str(kept.home))


def test_what_could_not_be_undone_is_told_without_secrets():
    code = "import os; raise SystemExit('no drop: ' + os.environ['DB_PASSWORD'])"
    last = program("database-drop", code, DB_PASSWORD=PASSWORD)

    with (
        pytest.raises(ProcessError, match=r"left behind: database-drop .* 1: no drop: \*\*\*"),
        keep(choose_home("t"), [program("server", SLEEP)], last=[last]),
    ):
        pass


def test_error_of_the_block_is_not_hidden_by_what_could_not_be_undone():
    last = program("database-drop", "raise SystemExit(1)")

    with (
        pytest.raises(InterruptedError),
        keep(choose_home("t"), [program("server", SLEEP)], last=[last]),
    ):
        raise InterruptedError


def test_secrets_are_in_no_repr():
    secret = program("server", SLEEP, DB_PASSWORD=PASSWORD)

    with keep(choose_home("t"), [secret]) as kept:
        assert PASSWORD not in repr((secret, kept))


def test_home_is_a_new_name_every_time(temporary):
    assert choose_home("plane") != choose_home("plane")
    assert choose_home("plane").parent == Path(temporary)
