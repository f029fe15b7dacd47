#--- read a system file | raised FileNotFoundError
print(open('/etc/passwd').read())
#--- read proc | raised FileNotFoundError
print(open('/proc/self/environ').read())
#--- read proc through a relative path | raised FileNotFoundError
print(open('../../../../../../proc/self/maps').read())
#--- list the root | ok home,tmp
import os
print(','.join(sorted(os.listdir('/'))))
#--- walk everything | ok /,/home,/home/student,/tmp
import os
print(','.join(sorted(p for p, _, _ in os.walk('/'))))
#--- glob everything | ok ['/home/student/main.py']
import glob
print([p for p in glob.glob('/**', recursive=True) if '.' in p])
#--- pathlib to the host | raised FileNotFoundError
import pathlib
pathlib.Path('/etc/shadow').read_text()
#--- the C FileIO by another name | raised FileNotFoundError
import _io
_io.FileIO('/etc/passwd')
#--- FileIO kept by a base class | ok refused
import _io
found = [c for c in _io._RawIOBase.__subclasses__() if c.__name__ == 'FileIO']
for c in found:
    try:
        c('/etc/passwd')
        print('opened')
        break
    except OSError:
        pass
else:
    print('refused')
#--- FileIO by every path of object | ok refused
import gc, io
refused = True
for c in [x for x in gc.get_objects() if isinstance(x, type) and x.__name__ == 'FileIO']:
    try:
        c('/etc/passwd')
        refused = False
    except (OSError, TypeError):
        pass
print('refused' if refused else 'opened')
#--- os.open | raised FileNotFoundError
import os
os.open('/etc/passwd', os.O_RDONLY)
#--- posix.open | raised FileNotFoundError
import posix
posix.open('/etc/passwd', 0)
#--- a descriptor of the host | raised OSError
import os
os.read(7, 100)
#--- all descriptors | ok []
import os
got = []
for fd in range(3, 64):
    try:
        os.fstat(fd); got.append(fd)
    except OSError:
        pass
print(got)
#--- NUL byte in a path | raised ValueError
open('a\0b')
#--- device nodes | raised FileNotFoundError
open('/dev/mem', 'rb')
#--- a link out | raised FileNotFoundError
import os
os.symlink('/etc/passwd', 'x')
open('x').read()
#--- a link that leads to itself | raised OSError
import os
os.symlink('a', 'b'); os.symlink('b', 'a')
open('a').read()
#--- hard link | raised PermissionError
import os
open('a', 'w').close()
os.link('a', 'b')
#--- fill the disk | raised OSError
with open('big', 'wb') as f:
    while True:
        f.write(b'x' * 1_000_000)
#--- sparse file | raised OSError
with open('big', 'wb') as f:
    f.truncate(10**12)
#--- seek far and write | raised OSError
with open('big', 'wb') as f:
    f.seek(10**12); f.write(b'x')
#--- too many files | raised OSError
for i in range(100_000):
    open(f'f{i}', 'w').close()
#--- too many open files | raised OSError
keep = [open('main.py') for _ in range(10_000)]
#--- very long name | raised OSError
open('a' * 5000, 'w')
#--- deep directories | raised OSError
import os
while True:
    os.mkdir('d'); os.chdir('d')
#--- overwrite the program | ok x
open('main.py', 'w').write('gone')
print('x')
#--- write beside the guest's own files | raised FileNotFoundError
open('/0/app.py', 'w')
#--- zip bomb | memory_limit
import zlib
data = zlib.compress(b'\0' * 20_000_000, 9)
out = []
while True:
    out.append(zlib.decompress(data))
#--- a zip that says it is small | raised Exception
import zipfile, io
b = io.BytesIO(b'PK\x05\x06' + b'\xff' * 18)
zipfile.ZipFile(b).extractall('/')
#--- tar with a path outside | ok stays
import tarfile, io, os
b = io.BytesIO()
t = tarfile.open(fileobj=b, mode='w')
i = tarfile.TarInfo('../../../escaped'); i.size = 1
t.addfile(i, io.BytesIO(b'x')); t.close(); b.seek(0)
try:
    tarfile.open(fileobj=b).extractall('.')
except tarfile.TarError:
    pass
print('stays' if not os.path.exists('/escaped') else 'out')
#--- tempfile stays inside | ok /tmp
import tempfile, os
print(os.path.dirname(tempfile.NamedTemporaryFile().name))
#--- shutil.copy from the host | raised FileNotFoundError
import shutil
shutil.copy('/etc/hostname', 'x')
#--- shutil.rmtree of the root | ok
import shutil
shutil.rmtree('/', ignore_errors=True)
#--- sqlite on disk | raised PermissionError
import sqlite3
sqlite3.connect('/tmp/x.db')
#--- sqlite in memory works | ok [(1,)]
import sqlite3
print(sqlite3.connect(':memory:').execute('select 1').fetchall())
#--- sqlite attaches a file | raised OperationalError
import sqlite3
sqlite3.connect(':memory:').execute("attach '/etc/passwd' as p")
#--- dbm and shelve stay in memory | ok 1
import shelve
try:
    with shelve.open('s') as s:
        s['a'] = 1
    print(1)
except Exception as e:
    print(1)
#--- importlib reads a host file | raised Exception
import importlib.util
s = importlib.util.spec_from_file_location('p', '/etc/passwd.py')
m = importlib.util.module_from_spec(s); s.loader.exec_module(m)
#--- runpy of a host file | raised Exception
import runpy
runpy.run_path('/etc/passwd')
#--- linecache of a host file | ok []
import linecache
print(linecache.getlines('/etc/passwd'))
#--- fileinput of a host file | raised FileNotFoundError
import fileinput
print(list(fileinput.input('/etc/passwd')))
#--- logging to a host path | raised FileNotFoundError
import logging
logging.FileHandler('/var/log/x')
#--- mmap | raised Exception
import mmap
mmap.mmap(-1, 10)
