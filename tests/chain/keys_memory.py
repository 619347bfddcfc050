"""No key is seen of a running process: by `ps`, in its environment, its maps, in what a core file would hold, and in one that
was really made; and not only because core files are switched off. The process runs over files, its input held open, with IDs
made and keys derived; tests/integration/keys_memory_test.py does the same on Kafka.

Looked for are the bytes of every key file's key, of the links of the chain that it makes, and of the feeds' keys of IDs and
slots, whole or in halves, as bytes, in hex and in base64. That the eye is not blind is shown on the pages that are left out
of core files, where the keys must be found, and on a core file of a process that was made to forget to leave them out.
"""
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "integration"))
import documented  # noqa: E402
from key_search import Keys, core_holds, seen_outside  # noqa: E402
from support import PROGRAM, Place, Tap  # noqa: E402

NOW = "2026-11-24T12:00:00Z"
OPTIONS = ["publish.trial=true", "publish.k=2", "runtime.commit_interval=20ms"]
# takes the process's hands off core files (setrlimit, prctl) and, on request, off the advice that leaves pages out of them
UNHARDENED = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
int setrlimit(__rlimit_resource_t resource, const struct rlimit *limit) { (void)resource; (void)limit; return 0; }
int prctl(int option, ...) { (void)option; return 0; }
int madvise(void *address, size_t size, int advice)
{
    int (*next)(void *, size_t, int) = (int (*)(void *, size_t, int))dlsym(RTLD_NEXT, "madvise");
    return advice == MADV_DONTDUMP && getenv("FORGET_DONTDUMP") ? 0 : next(address, size, advice);
}
"""

tap = Tap()
place = Place(NOW)
made = subprocess.run([PROGRAM, "generate", "--events", "3000", "--subscribers", "50", "--start", "2026-11-24T06:00:00Z",
                       "--output-events", place.path / "events", "--output-consent", place.path / "consent"],
                      capture_output=True)
tap.check(made.returncode == 0, "sample_is_made", made.stderr.decode())
keys = Keys(place.path / "config/secrets", [
    {"advertiser": "acme", "programme": "tmobile", "kind": "interests", "id": "user"},
    {"advertiser": "globex", "programme": "tmobile", "kind": "interests", "id": "device"}])


class Running:
    """A run over files whose input does not end."""

    def __init__(self, environment=None):
        self.cwd = place.path / "cwd"
        self.cwd.mkdir(exist_ok=True)
        line = [PROGRAM, "run", "--config", place.config, "--now", NOW, "--input", "-", "--consent", place.path / "consent",
                "--output", place.path / "out"]
        for option in OPTIONS:
            line += ["--set", option]
        self.process = subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                        cwd=self.cwd, env={**os.environ, **(environment or {})})
        self.process.stdin.write((place.path / "events").read_bytes())
        self.process.stdin.flush()
        self.pid = self.process.pid
        self.wait_until_idle()

    def wait_until_idle(self):
        """Until everything that was written has been read and judged: the process sleeps and uses no more time."""
        used, since, limit = -1, time.monotonic(), time.monotonic() + 60
        while time.monotonic() < limit:
            fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
            now = int(fields[11]) + int(fields[12])
            if now != used or fields[0] != "S":
                used, since = now, time.monotonic()
            elif time.monotonic() - since > 0.5:
                return
            time.sleep(0.02)
        sys.exit("the run does not come to rest")

    def crash(self):
        """SIGSEGV; gives whether the kernel says that it wrote a core file, and the files that are there."""
        os.kill(self.pid, signal.SIGSEGV)
        _, status = os.waitpid(self.pid, 0)
        self.process.returncode = -signal.SIGSEGV
        self.process.stderr.close()
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        files = [path for path in self.cwd.iterdir() if path.name.startswith("core")]
        return os.WCOREDUMP(status), files


running = Running()
for where, found in seen_outside(running.pid, keys).items():
    tap.equal(found, [], f"no_key_is_in_{where}")
sanitized = any(mark in Path(PROGRAM).read_bytes() for mark in (b"__asan_init", b"__tsan_init"))
if sanitized:
    tap.skip("no_key_is_in_what_a_core_file_would_hold", "a sanitizer's process is too large to be read")
else:
    core, left_out = core_holds(running.pid, keys)
    tap.equal(core, [], "no_key_is_in_what_a_core_file_would_hold")
    tap.check({"pseudonym", "publish"} <= {name.split()[0] for name in left_out}, "keys_are_in_the_pages_that_are_left_out",
              left_out)
tap.check(running.process.poll() is None, "the_process_runs_on")

# ---- as root: the limit is raised, and still there is no core file, since the process is not dumpable ----

NAME = "a_crash_leaves_no_core_file_though_the_limit_was_raised"
try:
    resource.prlimit(running.pid, resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    raised = True
except PermissionError:
    raised = False
dumped, files = running.crash()
if raised:
    tap.equal((dumped, files), (False, []), NAME)
else:
    tap.skip(NAME, "needs the right to raise a limit")
    tap.equal((dumped, files), (False, []), "a_crash_leaves_no_core_file")

# ---- a real core file, of a process that could not harden itself ----

NAMES = ["a_core_file_that_is_made_holds_no_key", "a_core_file_holds_keys_when_their_pages_are_not_left_out"]
library = place.path / "unhardened.so"
source = place.write("unhardened.c", UNHARDENED)
built = subprocess.run([os.environ.get("CC", "cc"), "-shared", "-fPIC", "-o", library, source, "-ldl"], capture_output=True)
pattern = Path("/proc/sys/kernel/core_pattern").read_text().strip()
why = ("no compiler" if built.returncode else "core files go elsewhere" if pattern[:1] in ("|", "/") else
       "a sanitizer's process is too large" if sanitized else None)
for name, forgets in zip(NAMES, (False, True)):
    if why:
        tap.skip(name, why)
        continue
    resource.setrlimit(resource.RLIMIT_CORE, (resource.getrlimit(resource.RLIMIT_CORE)[1],) * 2)
    running = Running({"LD_PRELOAD": str(library), **({"FORGET_DONTDUMP": "1"} if forgets else {})})
    dumped, files = running.crash()
    found = [name for path in files for name in keys.found_in(path.read_bytes())]
    if not files:
        tap.skip(name, f"the kernel wrote no core file ({pattern})")
    elif forgets:
        tap.check(any(name.startswith("publish") for name in found), name, found)
    else:
        tap.equal(found, [], name)
    for path in files:
        path.unlink()

place.remove()
tap.end()
