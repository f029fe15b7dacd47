#--- sys.exit | exited 5
import sys
sys.exit(5)
#--- sys.exit with a text | exited 1
import sys
sys.exit('bye')
#--- raise SystemExit with a huge code | exited 255
raise SystemExit(2**32 - 1)
#--- poison builtins | ok x
import builtins
builtins.print = builtins.len = None
import sys
sys.stdout.write('x\n')
#--- poison exec and compile | ok
import builtins
builtins.exec = builtins.compile = None
#--- poison the exception machinery | raised ValueError
import traceback, linecache
traceback.TracebackException = linecache.getlines = None
raise ValueError('v')
#--- poison the guest's own modules | any raised,crashed
import sys
for f in (type(sys.stdout.buffer).write, input):
    f.__globals__.clear()
raise ValueError('v')
#--- poison what explains exceptions | raised ValueError
import sys
for n in list(sys.modules):
    if 'learnflow' in n or 'friendly' in n:
        sys.modules[n].__dict__.clear()
raise ValueError('v')
#--- close the streams | any ok,raised
import sys
sys.stdout.close(); sys.stderr.close(); sys.stdin.close()
#--- delete the streams | any ok,raised
import sys
del sys.stdout, sys.stderr
print('x')
#--- replace stdout with a trap | any ok,raised,timeout
import sys
class T:
    def write(self, s): raise KeyError(s)
    def flush(self): raise KeyError
sys.stdout = sys.stderr = T()
raise ValueError
#--- frames of the guest | ok not the host
import sys
f = sys._getframe()
names = []
while f:
    names.append(f.f_code.co_filename); f = f.f_back
print('not the host' if all('/work' not in n and '/root' not in n for n in names) else names)
#--- every object that gc knows | ok clean
import gc
secrets = [o for o in gc.get_objects() if isinstance(o, dict) and any('CANARY' in str(k) for k in list(o)[:50] if isinstance(k, str) and k.startswith('LEARNFLOW_TEST'))]
print('clean' if not secrets else secrets)
#--- the environment | ok clean
import os
print('clean' if not any('CANARY' in k or 'DATABASE' in k for k in os.environ) else dict(os.environ))
#--- the real environment by posix | ok clean
import posix
print('clean' if not any(b'CANARY' in k for k in posix.environ) else 1)
#--- paths of the build machine | ok clean
import sys, os
text = repr(sys.path) + repr(sys.argv) + sys.executable + repr([getattr(m, '__file__', '') for m in sys.modules.values()])
print('clean' if '/root' not in text and '/work' not in text and 'target' not in text else text)
#--- the audit hook cannot be removed | raised PermissionError
import sys
sys.addaudithook(lambda *a: None)
import sqlite3
sqlite3.connect('/x')
#--- the audit hook by gc | any raised,ok
import gc, types
for o in gc.get_objects():
    if isinstance(o, types.FunctionType) and o.__name__ == '_hook':
        o.__code__ = (lambda *a: None).__code__
import _io
print('done')
#--- C open after the hook was poisoned | any raised,crashed
import gc, types
for o in gc.get_objects():
    if isinstance(o, types.FunctionType) and o.__name__ == '_hook':
        o.__code__ = (lambda event, arguments: None).__code__
c = [x for x in gc.get_objects() if isinstance(x, type) and x.__name__ == 'FileIO' and x.__module__ == '_io']
for x in c:
    print(x('/etc/passwd').read())
raise SystemError('refused')
#--- forged code object | any raised,crashed,ok,timeout
def f(): pass
f.__code__ = f.__code__.replace(co_code=b'\xff' * 50, co_stacksize=0)
f()
#--- unmarshal garbage | any raised,crashed
import marshal
marshal.loads(b'\xe3' + b'\xff' * 100)
#--- unmarshal and run | any raised,crashed,ok
import marshal, types
c = marshal.loads(marshal.dumps(compile('1', 'x', 'exec')))
exec(c.replace(co_consts=(), co_code=bytes(range(200, 250))))
#--- evil pickle | raised Exception
import pickle
pickle.loads(b"cos\npopen\n(S'id'\ntR.")
#--- evil pickle with posix | raised Exception
import pickle
pickle.loads(b"cposix\nfork\n(tR.")
#--- exec in other globals | raised Exception
exec("__import__('os').fork()", {})
#--- eval without builtins | raised Exception
[c for c in ().__class__.__base__.__subclasses__() if c.__name__ == 'Popen'][0](['id'])
#--- warnings' linecache trick | raised Exception
[c for c in ().__class__.__base__.__subclasses__() if c.__name__ == 'catch_warnings'][0]()._module.__builtins__['open']('/etc/passwd')
#--- str.format attribute walk | ok
print(bool('{0.__init__.__globals__}'.format(type('A', (), {'__init__': lambda s: None})())) and '')
#--- import hook that replaces json for the next run | ok
import sys
class F:
    def find_spec(self, n, p=None, t=None): raise RuntimeError('poisoned')
sys.meta_path.insert(0, F())
#--- poison random | ok
import random
random.random = lambda: 4
random.seed(1)
#--- poison a class of the library | ok
import collections
collections.Counter.__init__ = None
#--- change an interned constant | any ok,raised
import gc
(0.5).__class__
#--- settrace of the guest | any ok,raised
import sys
sys.settrace(lambda *a: 1 / 0)
#--- sys.monitoring of the guest | any ok,raised
import sys
sys.monitoring.use_tool_id(3, 'x')
sys.monitoring.register_callback(3, sys.monitoring.events.PY_START, lambda *a: 1 / 0)
sys.monitoring.set_events(3, sys.monitoring.events.PY_START)
#--- excepthook | raised ValueError
import sys
sys.excepthook = lambda *a: print('own hook')
raise ValueError
#--- the host's interface as a module | raised ModuleNotFoundError
from wit_world.imports import host
host.leave(9)
#--- the host's interface among the loaded modules | ok []
import sys
print([n for n in sys.modules if n.startswith(('wit_world', 'componentize', 'app', '_learnflow'))])
#--- the runtime module itself | raised ModuleNotFoundError
import componentize_py_runtime as r
r.call_import(99, [], 1)
#--- the runtime module by the builtin importer | any raised,crashed
import importlib.machinery as m, importlib.util as u, sys
sys.meta_path[:] = [m.BuiltinImporter]
import componentize_py_runtime as r
r.call_import(-1, [object()], 10**9)
#--- leave through the host's function | exited 9
import sys
type(sys.stdout.buffer).write.__globals__['host'].leave(9)
#--- host function with wrong types | any raised,crashed
import sys
type(sys.stdout.buffer).write.__globals__['host'].emit('x', 5)
#--- lend the memory again | ok lent
import sys
type(sys.stdout.buffer).write.__globals__['signals']._lend(b'x' * 1000)
print('lent')
#--- import another world's exports | raised ModuleNotFoundError
import wit_world
wit_world.WitWorld.run(None, None)
#--- exit code by exception in exit handler | any ok,raised
import atexit
atexit.register(lambda: 1 / 0)
#--- lone surrogate on stdout | raised UnicodeEncodeError
print('\ud800')
#--- lone surrogate in an exception | raised ValueError
raise ValueError('\ud800')
#--- NUL in source | any raised,syntax_error
compile('a\0b', 'x', 'exec')
#--- class with an evil name | raised Exception
raise type('E\ud800', (Exception,), {})('x')
#--- exception with an evil class | any raised,timeout,crashed
class M(type):
    def __getattribute__(c, n): raise KeyError(n)
class E(Exception, metaclass=M): pass
raise E()
#--- exception group bomb | any raised,memory_limit,timeout
e = ValueError('x')
for _ in range(3000):
    e = ExceptionGroup('g', [e])
raise e
#--- cause that leads to itself | raised ValueError
e = ValueError('x'); e.__context__ = e
raise e
#--- long chain of causes | any raised,timeout
e = None
for i in range(5000):
    n = ValueError(i); n.__cause__ = e; e = n
raise e
#--- interpreters | raised Exception
import _interpreters
_interpreters.create()
#--- test of C internals | raised ModuleNotFoundError
import _testcapi
#--- sys._clear_type_cache and friends | any ok,raised
import sys
sys._clear_internal_caches()
sys.setswitchinterval(1e-9)
