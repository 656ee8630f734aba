"""What node code is told, and how often it is tried. (What it does at its worst: see test_poison.)"""

from __future__ import annotations


def test_a_missing_parameter_names_the_node_and_the_parameter(platform):
    pipeline = platform.pipeline(platform.project(), "return x", parameters="x, threshold")
    run = platform.settled(platform.execute(pipeline, x=1))
    assert run["status"] == "failed"
    assert "threshold" in run["error"]["message"]
    assert "node0" in run["error"]["message"]


def test_a_failed_attempt_is_repeated(platform, tmp_path):
    marker = tmp_path / "tries"
    body = f"""
with open({str(marker)!r}, "a+") as tries:
    tries.write("x")
    tries.seek(0)
    if len(tries.read()) < 3:
        raise ValueError("not yet")
return "done"
"""
    pipeline = platform.pipeline(platform.project(), body, config={"maxAttempts": 3})
    run = platform.settled(platform.execute(pipeline))
    assert run["status"] == "success"
    ((execution,),) = run["executions"].values()
    assert execution["attempts"] == 3
