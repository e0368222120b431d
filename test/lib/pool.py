#!/usr/bin/env python3
"""Runs the jobs of check.sh side by side: the longest first, each with a log of its own, which is printed when the job has ended.

    pool.py --jobs N --logs DIRECTORY --seconds FILE <jobs

A job is a line of three fields with tabs between them: its name, the name of the job that must have succeeded before (or nothing), and a command for
bash. A job's last line is "N passed, N failed"; the pool's is their sum. FILE says how long jobs take, by the last word of their names: it decides the
order only, and is never compared with what a job took. Before the sum the pool prints the ten tests that took longest.

Tests that run side by side disturb one another on a small machine. A few jobs that failed so are run once more, each by itself, and that result counts.
The pool says which they were: a name that comes again and again has a race of its own. Where many fail the tree is broken, and nothing is repeated.
"""
import argparse
import collections
import os
import re
import signal
import subprocess
import sys
import time

LIMIT = 3000            # seconds after which a job that hangs is ended
UNKNOWN = 20            # seconds expected of a job that FILE does not name
REPEATED = 8            # more failures than these are not repeated
REPEAT_BEFORE = 4200    # seconds after which nothing is repeated any more
RESULT = re.compile(r"^(\d+) passed, (\d+) failed$")
TEST = re.compile(r"^(?:ok|FAILED) +(.*)  \((\d+) s\)$")


class Job:
    def __init__(self, line, seconds):
        self.name, self.after, self.command = line.rstrip("\n").split("\t", 2)
        words = self.name.split()
        self.seconds = seconds.get(self.name, seconds.get(words[-1], UNKNOWN))
        self.weight = self.seconds      # with the longest chain of jobs that wait for it
        self.process = self.started = self.log = None
        self.ended = self.passed = self.repeated = False


class Pool:
    def __init__(self, jobs, logs):
        self.jobs, self.logs = jobs, logs
        self.counts = collections.Counter()
        self.tests = []
        self.begun = time.monotonic()
        self.to_repeat = []
        by_name = {job.name: job for job in jobs}
        for job in sorted(jobs, key=lambda job: -job.seconds):
            while job.after:
                before = by_name[job.after]
                before.weight = max(before.weight, before.seconds + job.weight)
                job = before
        self.by_name = by_name

    def ready(self):
        """The waiting jobs whose turn may come, the weightiest first; those that wait for a failed one are given up."""
        found = []
        for job in self.jobs:
            if job.process or job.ended:
                continue
            before = self.by_name.get(job.after)
            if before and before.ended and not before.passed:
                job.ended = True
                self.counts["failed"] += 1
                print(f"FAILED  {job.name}: not run, because \"{before.name}\" failed", flush=True)
            elif not before or before.passed:
                found.append(job)
        return sorted(found, key=lambda job: -job.weight)

    def start(self, job):
        job.log = os.path.join(self.logs, re.sub(r"[^A-Za-z0-9_.-]+", "-", job.name) + ".log")
        with open(job.log, "wb") as log:
            job.process = subprocess.Popen(["bash", "-c", job.command], stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                                           start_new_session=True)
        job.started = time.monotonic()

    def finish(self, job, status):
        """Prints a job's log, and adds its counts and its tests' durations."""
        with open(job.log, encoding="utf-8", errors="replace") as log:
            lines = log.read().splitlines()
        took = round(time.monotonic() - job.started)
        result = RESULT.match(lines[-1]) if lines else None
        passed, failed = (int(result[1]), int(result[2])) if result else (0, 0)
        if result:
            lines.pop()
        if (status != 0 or passed == 0) and failed == 0:
            failed = 1
            lines.append(f"FAILED  {job.name}: ended early with status {status}  ({took} s)")
        for line in lines:
            print(line)
            test = TEST.match(line)
            if test:
                self.tests.append((int(test[2]), test[1]))
        sys.stdout.flush()
        job.ended, job.passed, job.process = True, failed == 0, None
        if failed and not job.repeated and not any(other.after == job.name for other in self.jobs):
            self.to_repeat.append((job, passed, failed))
        else:
            self.counts.update(passed=passed, failed=failed)

    def repeat(self):
        """Runs the jobs that failed beside others once more, each by itself."""
        again, self.to_repeat = self.to_repeat, []
        for job, passed, failed in again:
            if len(again) > REPEATED or time.monotonic() - self.begun > REPEAT_BEFORE:
                self.counts.update(passed=passed, failed=failed)
                continue
            print(f"-- again, by itself: {job.name}", flush=True)
            job.repeated, job.ended = True, False
            self.run(1)

    def stop(self):
        """Ends what still runs, so that an interrupted run leaves no server behind."""
        running = [job for job in self.jobs if job.process]
        for sign, patience in ((signal.SIGTERM, 20), (signal.SIGKILL, 5)):
            for job in running:
                try:
                    os.killpg(job.process.pid, sign)
                except ProcessLookupError:
                    pass
            until = time.monotonic() + patience
            while any(job.process.poll() is None for job in running) and time.monotonic() < until:
                time.sleep(0.1)

    def run(self, workers):
        while True:
            running = [job for job in self.jobs if job.process]
            for job in running:
                status = job.process.poll()
                if status is None and time.monotonic() - job.started > LIMIT:
                    os.killpg(job.process.pid, signal.SIGKILL)
                    status = job.process.wait()
                if status is not None:
                    self.finish(job, status)
            running = [job for job in self.jobs if job.process]
            ready = self.ready()
            for job in ready[:workers - len(running)]:
                self.start(job)
            if not ready and not running:
                return
            time.sleep(0.1)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, required=True)
    parser.add_argument("--logs", required=True)
    parser.add_argument("--seconds", required=True)
    options = parser.parse_args()
    with open(options.seconds, encoding="utf-8") as file:
        fields = [line.rsplit(None, 1) for line in file if line.strip() and not line.startswith("#")]
    seconds = {name: float(value) for name, value in fields}
    os.makedirs(options.logs, exist_ok=True)
    pool = Pool([Job(line, seconds) for line in sys.stdin], options.logs)
    for sign in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(sign, lambda *_: sys.exit(143))
    try:
        pool.run(options.jobs)
        pool.repeat()
    finally:
        pool.stop()
    print("The slowest:")
    for took, name in sorted(pool.tests, reverse=True)[:10]:
        print(f"  {took:5d} s  {name}")
    print(f"{pool.counts['passed']} passed, {pool.counts['failed']} failed")
    return 1 if pool.counts["failed"] or not pool.counts["passed"] else 0


sys.exit(main())
