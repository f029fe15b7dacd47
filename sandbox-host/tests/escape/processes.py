#--- os.fork | raised Exception
import os
os.fork()
#--- fork bomb | raised Exception
import os
while True:
    os.fork()
#--- os.system does nothing | ok 32512
import os
print(os.system('id > /tmp/pwned'))
#--- os.popen | raised Exception
import os
print(os.popen('id').read())
#--- subprocess.run | raised Exception
import subprocess
subprocess.run(['id'])
#--- subprocess with shell | raised Exception
import subprocess
subprocess.check_output('id', shell=True)
#--- os.execv | raised Exception
import os
os.execv('/bin/sh', ['sh'])
#--- os.spawnv | raised Exception
import os
os.spawnv(os.P_WAIT, '/bin/sh', ['sh'])
#--- posix_spawn | raised Exception
import os
os.posix_spawn('/bin/sh', ['sh'], {})
#--- os.kill of the host | raised Exception
import os
os.kill(1, 9)
#--- os._exit | exited 7
import os
print('before', flush=True)
os._exit(7)
#--- os._exit cannot be caught | exited 3
import os
try:
    os._exit(3)
except BaseException:
    print('caught')
#--- os.abort | exited 134
import os
os.abort()
#--- threads take turns | ok x
import threading
t = threading.Thread(target=print, args=['x'])
t.start(); t.join()
#--- low-level threads are bounded | raised RuntimeError
import _thread
while True:
    _thread.start_new_thread(print, ())
#--- thread bomb | raised RuntimeError
import threading
while True:
    threading.Thread(target=lambda: None).start()
#--- threads that start threads | any ok,output_limit,timeout
import threading
def f():
    t = threading.Thread(target=f); t.start(); t.join()
f()
#--- the interpreter's own thread function | raised Exception
import _thread, gc
[f for f in (getattr(m, 'start_joinable_thread', None) for m in [_thread]) if type(f).__name__ == 'builtin_function_or_method'][0](print)
#--- endless thread pool | timeout
from concurrent.futures import ThreadPoolExecutor
def f():
    while True: pass
ThreadPoolExecutor(4).submit(f)
#--- multiprocessing | raised Exception
import multiprocessing
multiprocessing.Process(target=print).start()
#--- ctypes | raised ModuleNotFoundError
import ctypes
ctypes.CDLL(None).system(b'id')
#--- _ctypes | raised ModuleNotFoundError
import _ctypes
#--- cffi | raised ModuleNotFoundError
import cffi
#--- signal handlers do not reach the host | raised Exception
import signal
signal.alarm(1)
#--- raise_signal is Python's own | any raised,interrupted,ok
import signal
signal.raise_signal(signal.SIGINT)
for _ in range(10**6): pass
#--- SIGKILL to itself | exited 137
import signal
signal.raise_signal(signal.SIGKILL)
#--- faulthandler | raised AttributeError
import faulthandler
faulthandler._sigsegv()
#--- resource limits | raised Exception
import resource
resource.setrlimit(resource.RLIMIT_CPU, (1, 1))
#--- pty | raised Exception
import pty
pty.spawn('/bin/sh')
#--- asyncio subprocess | raised Exception
import asyncio
asyncio.run(asyncio.create_subprocess_exec('id'))
#--- webbrowser | ok False
try:
    import webbrowser
    print(webbrowser.open('http://example.com'))
except Exception:
    print(False)
#--- venv | raised Exception
import venv
venv.create('/tmp/x', with_pip=True)
#--- ensurepip | raised Exception
import ensurepip
ensurepip.bootstrap()
