def wait_for_completion(execution, timeout=300):
    start_time = time.time()
    while time.time() - start_time < timeout:
        if execution.status == dl.ExecutionStatus.SUCCESS:
            return True
        elif execution.status == dl.ExecutionStatus.FAILED:
            return False
        time.sleep(5)
    return False
