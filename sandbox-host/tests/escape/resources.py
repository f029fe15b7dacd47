#--- endless loop | timeout
while True:
    pass
#--- endless loop that catches everything | timeout
while True:
    try:
        while True:
            pass
    except BaseException:
        pass
#--- what was printed before a timeout is kept | timeout before
print('before')
while True:
    pass
#--- regex bomb | timeout
import re
re.match(r'(a+)+$', 'a' * 40 + 'b')
#--- huge power | any timeout,memory_limit,raised
x = 10 ** 10 ** 10
#--- many huge integers | any timeout,memory_limit
x = 3
while True:
    x = x * x
#--- huge integer to text | raised ValueError
print(10 ** 10_000)
#--- huge string | any raised,memory_limit
'x' * 10 ** 10
#--- growing list | memory_limit
x = []
while True:
    x.append('y' * 100_000)
#--- growing dict | memory_limit
d = {}
i = 0
while True:
    d[i] = bytearray(100_000); i += 1
#--- caught MemoryError goes on | ok still here
try:
    x = bytearray(400_000_000)
except MemoryError:
    print('still here')
#--- format bomb | any raised,memory_limit
'{:>99999999999}'.format(1)
#--- percent bomb | any raised,memory_limit
'%999999999d' % 1
#--- repr of nested list | any raised,ok,timeout
x = []
for _ in range(100_000):
    x = [x]
repr(x)
#--- comparison of nested lists | raised RecursionError
a, b = [], []
for _ in range(100_000):
    a, b = [a], [b]
a == b
#--- plain recursion | raised RecursionError
def f():
    f()
f()
#--- mutual recursion | raised RecursionError
def f(): g()
def g(): f()
f()
#--- raised recursion limit | any raised,crashed
import sys
sys.setrecursionlimit(10**9)
def f(): f()
f()
#--- recursion through repr | raised RecursionError
class A:
    def __repr__(self): return repr(self)
print(A())
#--- recursion through str and format | raised RecursionError
class A:
    def __str__(self): return f'{self}'
print(A())
#--- recursion through getattr | raised RecursionError
class A:
    def __getattr__(self, n): return getattr(self, n + 'x')
A().a
#--- recursion through eq | raised RecursionError
class A:
    def __eq__(self, o): return self == o
A() == A()
#--- recursion through sort keys | raised RecursionError
def k(x): return sorted([x], key=k)
k(1)
#--- recursion through map | raised RecursionError
f = lambda x: list(map(f, [x]))
f(1)
#--- recursion in json | raised RecursionError
import json
x = []
for _ in range(100_000): x = [x]
json.dumps(x)
#--- recursion in json loads | raised RecursionError
import json
json.loads('[' * 100_000)
#--- recursion in pickle | raised RecursionError
import pickle
x = []
for _ in range(100_000): x = [x]
pickle.dumps(x)
#--- recursion in copy | raised RecursionError
import copy
x = []
for _ in range(100_000): x = [x]
copy.deepcopy(x)
#--- deeply nested source | any raised,syntax_error
eval('(' * 100_000 + ')' * 100_000)
#--- deeply nested operators | any raised,syntax_error,ok
eval('-' * 100_000 + '1')
#--- deep attribute chain in the parser | any raised,syntax_error
compile('a' + '.a' * 100_000, 'x', 'exec')
#--- ast of deep nesting | any raised,syntax_error
import ast
ast.literal_eval('[' * 90_000 + ']' * 90_000)
#--- deep generators | raised RecursionError
def g(n):
    yield from g(n + 1)
next(g(0))
#--- endless generator into a list | memory_limit
import itertools
list(itertools.count())
#--- output flood | output_limit
while True:
    print('x' * 1000)
#--- output flood to stderr | output_limit
import sys
while True:
    sys.stderr.write('x' * 1000)
#--- output flood in small pieces | output_limit
while True:
    print(end='x', flush=True)
#--- flood through the host's function | output_limit
import sys
host = type(sys.stdout.buffer).write.__globals__['host']
while True:
    host.emit(host.Channel.STDOUT, b'x' * 10_000)
#--- traceback flood | raised ValueError
raise ValueError('x' * 10_000_000)
#--- sleep longer than allowed | timeout
import time
time.sleep(10_000)
#--- sleep of infinity | any timeout,raised
import time
time.sleep(float('inf'))
#--- busy wait on the clock | timeout
import time
while time.time() < 1e12:
    pass
#--- endless exit handler | timeout
import atexit
@atexit.register
def f():
    while True: pass
#--- endless finalizer | timeout
class A:
    def __del__(self):
        while True: pass
A()
#--- endless exception text | timeout
class E(Exception):
    def __str__(self):
        while True: pass
raise E()
#--- hash collisions | any timeout,ok
class A:
    def __hash__(self): return 1
    def __eq__(self, o): return False
d = {A(): i for i in range(20_000)}
#--- lock that is never released | raised RuntimeError
import threading
l = threading.Lock()
l.acquire(); l.acquire()
#--- lock with a timeout | ok False
import threading
l = threading.Lock()
l.acquire(); print(l.acquire(timeout=0.1))
#--- endless asyncio | timeout
import asyncio
asyncio.run(asyncio.Event().wait())
#--- decimal bomb | any raised,timeout,memory_limit
import decimal
decimal.getcontext().prec = decimal.MAX_PREC
decimal.Decimal(1) / 3
#--- factorial bomb | any timeout,memory_limit
import math
math.factorial(10**7)
#--- random bytes of the host | ok 65536
import sys
host = type(sys.stdout.buffer).write.__globals__['host']
print(len(host.random_bytes(2**31)))
#--- steps of the host without recording | any ok,memory_limit,timeout
import sys
host = type(sys.stdout.buffer).write.__globals__['host']
for _ in range(100):
    host.record_steps(['x' * 100_000])
