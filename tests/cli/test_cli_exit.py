"""The end of the process, which skips what Python would do last."""

import subprocess
import sys

_PROGRAM = """
import atexit, sys, threading, time
from impasto.cli import main
sys.argv[1:] = ["plates", "export", "nowhere", "no-such-style"]
code = main()
atexit.register(print, "called at exit")
threading.Thread(target=lambda: (threading.main_thread().join(), print("from a thread"))).start()
sys.exit(code)
"""


def test_threads_and_functions_of_others_end_first_and_the_exit_code_is_kept():
    ended = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (2, "from a thread\ncalled at exit\n")
    assert "no-such-style" in ended.stderr


def test_the_process_ends_before_python_dismantles_its_modules():
    program = """
import sys
from impasto.cli import main
class Late:
    def __del__(self):
        print("dismantled")
sys.modules["late"] = Late()
sys.argv[1:] = ["--version"]
sys.exit(main())
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stdout.startswith("impasto ")
    assert "dismantled" not in ended.stdout
