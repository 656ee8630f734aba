"""What comes back from a function: values, lines, progress, errors."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

from mock_server.executors.base import Argument, Code, Failed, Succeeded


def test_a_function_returns_its_value(bench):
    end = bench.run(lambda x: {"twice": 2 * x}, x=21)

    assert end.outputs == {"output": {"twice": 42}}
    assert end.action is None


def test_a_tuple_goes_element_by_element_to_the_output_ports(bench):
    end = bench.run(lambda: (1, "two"), outputs=[("first", "Integer"), ("second", "String")])

    assert end.outputs == {"first": 1, "second": "two"}


def test_a_tuple_of_the_wrong_length_fails_and_names_node_and_counts(bench):
    end = bench.run(lambda: (1, 2, 3), outputs=[("first", None), ("second", None)])

    assert isinstance(end, Failed)
    assert end.error["cause"] == "output"
    assert "'tested'" in end.error["message"]
    assert "3 values for 2 output ports" in end.error["message"]


def test_a_value_that_is_no_json_fails_and_names_port_and_place(bench):
    end = bench.run(lambda: {"scores": [0.5, float("nan")]}, outputs=[("result", "Json")])

    assert isinstance(end, Failed)
    assert end.error["cause"] == "output"
    assert "port 'result' (type Json)" in end.error["message"]
    assert "['scores'][1]" in end.error["message"]
    assert "NaN" in end.error["hint"]


def test_an_output_over_the_limit_is_refused(make_bench):
    bench = make_bench(output_limit=1000)

    end = bench.run(lambda: "x" * 2000)

    assert isinstance(end, Failed)
    assert end.error["cause"] == "output"
    assert "limit is 1000 B" in end.error["message"]


def test_large_inputs_and_outputs_pass_whole(bench):
    text = "äöü" * 3_000_000

    assert bench.run(lambda text: text[::-1], text=text).outputs == {"output": text[::-1]}


def test_lines_of_all_python_streams_come_in_order_before_the_end(bench):
    def speak():
        print("one")
        logging.getLogger("somebody").error("two")
        print("three", file=sys.stderr)
        print("four", end="")

    job = bench.submit(speak)
    bench.end_of(job)

    assert bench.lines(job) == [
        ("stdout", "INFO", "one"),
        ("log", "ERROR", "two"),
        ("stderr", "WARNING", "three"),
        ("stdout", "INFO", "four"),
    ]
    assert isinstance(bench.of(job)[-1], Succeeded)


def test_output_that_goes_past_python_is_caught(bench):
    def speak():
        os.write(1, b"native out\n")
        os.write(2, b"native err\n")
        subprocess.run(["echo", "from a child"], check=True)
        sys.stdout.buffer.write(b"bytes\n")

    job = bench.submit(speak)
    bench.end_of(job)

    assert [line for line in bench.lines(job) if line[0] == "stdout"] == [
        ("stdout", "INFO", "native out"),
        ("stdout", "INFO", "from a child"),
        ("stdout", "INFO", "bytes"),
    ]
    assert ("stderr", "WARNING", "native err") in bench.lines(job)


def test_a_child_that_is_forked_and_prints_does_not_disturb_the_worker(bench):
    def fork():
        import multiprocessing

        context = multiprocessing.get_context("fork")
        child = context.Process(target=lambda: print("from the child", flush=True))
        child.start()
        child.join()
        print("from the parent")
        return child.exitcode

    job = bench.submit(fork)

    assert bench.end_of(job).outputs == {"output": 0}
    assert {message for _stream, _level, message in bench.lines(job)} == {"from the child", "from the parent"}


def test_a_forked_child_and_its_parent_may_write_at_the_same_time(bench):
    def both():
        pid = os.fork()
        who = "c" if pid == 0 else "p"
        for _number in range(60):
            print(who * 10_000)
        sys.stdout.flush()
        if pid == 0:
            os._exit(0)
        os.waitpid(pid, 0)

    job = bench.submit(both)

    assert isinstance(bench.end_of(job), Succeeded)
    lines = sorted(message for _stream, _level, message in bench.lines(job))
    assert lines == ["c" * 10_000] * 60 + ["p" * 10_000] * 60


def test_a_forked_child_that_returns_from_the_function_does_not_answer_in_its_place(bench):
    def fork():
        pid = os.fork()
        if pid == 0:
            return "child"
        os.waitpid(pid, 0)
        return "parent"

    assert bench.run(fork).outputs == {"output": "parent"}


def test_lines_are_delivered_while_the_function_runs(bench, tmp_path):
    gate = tmp_path / "gate"
    os.mkfifo(gate)

    def wait(gate):
        print("waiting")
        return Path(gate).read_text()

    job = bench.submit(wait, gate=str(gate))
    bench.said(job, "waiting")
    gate.write_text("go")

    assert bench.end_of(job).outputs == {"output": "go"}


def test_output_over_the_cap_is_dropped_with_one_notice(make_bench):
    bench = make_bench(log_limit=1000)

    def chatter():
        for number in range(1000):
            print(f"line {number}")
        os.write(1, b"native\n" * 1000)

    job = bench.submit(chatter)

    assert isinstance(bench.end_of(job), Succeeded)
    lines = bench.lines(job)
    assert sum(len(message) for _stream, _level, message in lines) < 1200
    assert [message for stream, _level, message in lines if stream == "log"] == [
        "[The execution wrote more than 1000 characters; what follows is dropped.]"
    ]


def test_a_progress_bar_is_one_line_that_shows_its_last_state(bench):
    def bar():
        for percent in (10, 50, 100):
            sys.stderr.write(f"\r{percent}%")
            sys.stderr.flush()
        sys.stderr.write("\n")

    job = bench.submit(bar)
    bench.end_of(job)

    assert bench.lines(job) == [("stderr", "WARNING", "100%")]


def test_text_that_no_store_would_take_is_escaped(bench):
    def odd():
        print("nul \0 and \udc80")
        raise ValueError("half \ud800 a character")

    job = bench.submit(odd)
    end = bench.end_of(job)

    assert bench.lines(job) == [("stdout", "INFO", "nul \\x00 and \\udc80")]
    assert end.error["message"] == "half \\ud800 a character"


def test_the_log_level_of_the_job_counts(bench):
    def speak():
        logging.getLogger().setLevel("CRITICAL")  # only until the next job
        logging.getLogger("a").debug("fine")

    quiet, loud = bench.submit(speak), bench.submit(speak, log_level="DEBUG")
    bench.end_of(quiet)
    bench.end_of(loud)

    def debug():
        logging.getLogger("a").debug("fine")

    loud = bench.submit(debug, log_level="DEBUG")
    bench.end_of(loud)
    assert bench.lines(loud) == [("log", "DEBUG", "fine")]
    assert bench.lines(quiet) == []


def test_progress_is_reported_and_its_last_action_comes_with_the_end(bench):
    def work(progress):
        progress.update(status="inProgress", progress=10, message="started")
        print("between")
        progress.update(progress=90, action="approve", output={"so": "far"})

    job = bench.submit(work)
    end = bench.end_of(job)

    first, second = bench.progress(job)
    assert (first.status, first.progress, first.message, first.action) == ("inProgress", 10.0, "started", None)
    assert (second.progress, second.action, second.output) == (90.0, "approve", {"so": "far"})
    assert end.action == "approve"
    kinds = [type(report).__name__ for report in bench.of(job)]
    assert kinds == ["Started", "Progressed", "Logged", "Progressed", "Succeeded"]


def test_context_carries_the_ids_of_the_execution(bench):
    job = bench.submit(
        lambda context: [context.pipeline_id, context.node_id, context.pipeline_execution_id, context.execution_id],
        context={"pipeline_id": "p", "node_id": "n", "pipeline_execution_id": "c"},
    )

    assert bench.end_of(job).outputs == {"output": ["p", "n", "c", job.execution_id]}


def test_an_exception_keeps_its_causes_and_notes_and_none_of_our_frames(bench):
    def inner():
        raise KeyError("deep")

    def outer():
        try:
            inner()
        except KeyError as error:
            wrong = ValueError("shallow")
            wrong.add_note("look at the key")
            raise wrong from error

    end = bench.run(outer)

    assert end.error["cause"] == "exception"
    assert (end.error["type"], end.error["message"]) == ("ValueError", "shallow")
    text = end.error["traceback"]
    assert "KeyError: 'deep'" in text
    assert "look at the key" in text
    assert "dtlpipe/runtime" not in text


def test_source_code_shows_its_lines_in_the_traceback(bench):
    code = Code(hash="lines", function_name="run", source="def run(item):\n    return item / 0  # here\n")

    end = bench.run(code, item=1)

    assert "line 2, in run\n    return item / 0  # here" in end.error["traceback"]


def test_a_missing_input_is_named_with_node_signature_and_advice(bench):
    def run(item, string):
        return item

    end = bench.run(run, item=1)

    assert end.error["type"] == "TypeError"
    assert "Node 'tested': run(item, string) is missing 1 required input: 'string'" in end.error["message"]
    assert "execution_input" in end.error["hint"]


def test_inputs_that_the_function_does_not_take_are_left_out(bench):
    assert bench.run(lambda a, b=2: [a, b], a=1, c=3).outputs == {"output": [1, 2]}


def test_a_keyword_catch_all_gets_every_other_input(bench):
    assert bench.run(lambda a, **rest: [a, rest], a=1, b=2, c=3).outputs == {"output": [1, {"b": 2, "c": 3}]}


def test_a_none_stays_none_though_there_is_a_default(bench):
    assert bench.run(lambda a=5: a, a=None).outputs == {"output": None}


def test_dataloops_generated_code_runs(bench):
    source = (
        "import dtlpy as dl\n"
        "import logging\n\n"
        "logger = logging.getLogger(name='dtlpy')\n\n\n"
        "class ServiceRunner(dl.BaseServiceRunner):\n"
        "    def __init__(self):\n"
        "        pass\n\n"
        "    @staticmethod\n"
        "    def run(item, string):\n"
        "        logger.info('got %s', string)\n"
        "        return [item, string]\n"
    )
    code = Code(hash="generated", function_name="run", source=source, class_name="ServiceRunner")
    job = bench.submit(code, item="i", string="s")

    assert bench.end_of(job).outputs == {"output": ["i", "s"]}
    assert bench.lines(job) == [("log", "INFO", "got s")]


def test_a_coroutine_function_is_run_to_its_end(bench):
    async def run(x):
        import asyncio

        await asyncio.sleep(0)
        return x + 1

    assert bench.run(run, x=1).outputs == {"output": 2}


def test_source_that_is_no_python_fails_with_its_place(bench):
    end = bench.run(Code(hash="syntax", function_name="run", source="def run(:\n  pass\n"))

    assert end.error["cause"] == "code"
    assert "SyntaxError" in end.error["message"]
    assert "line 1" in end.error["traceback"]


def test_a_pickle_of_another_python_is_refused_unopened(bench):
    end = bench.run(Code(hash="old", function_name="run", pickle="AAAA", python="3.6"))

    assert end.error["cause"] == "code"
    assert "Python 3.6" in end.error["message"]


def test_a_pickle_of_another_python_gives_way_to_source(bench):
    code = Code(
        hash="both", function_name="run", pickle="AAAA", python="3.6", source="def run():\n    return 'source'\n"
    )

    assert bench.run(code).outputs == {"output": "source"}


def test_a_module_that_is_missing_is_named(bench):
    end = bench.run(Code(hash="gone", function_name="run", source="import no_such_module\ndef run(): ...\n"))

    assert end.error["cause"] == "code"
    assert "no_such_module" in end.error["message"]
    assert "Install" in end.error["hint"]


def test_inputs_that_are_no_json_fail_that_job_alone(bench):
    end = bench.run(lambda x: x, x=object())

    assert end.error["cause"] == "exception"
    assert "inputs" in end.error["message"]
    assert bench.run(lambda: 1).outputs == {"output": 1}


def test_an_argument_of_the_wrong_type_is_refused_with_its_name(bench):
    job = bench.job(lambda number: number, arguments=(Argument("number", "Integer", "five"),))
    end = bench.run(job)

    assert end.error["type"] == "TypeError"
    assert "input 'number' has type Integer and needs a whole number, but got 'five'" in end.error["message"]


def test_reports_come_on_the_executors_own_thread(make_bench):
    bench = make_bench()

    assert bench.run(lambda: 1).outputs == {"output": 1}
    assert bench.threads == {"dtlpipe-process-executor"}
