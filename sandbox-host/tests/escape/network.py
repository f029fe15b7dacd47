#--- socket | raised Exception
import socket
socket.socket()
#--- connect | raised Exception
import socket
socket.create_connection(('127.0.0.1', 5432))
#--- raw _socket | raised Exception
import _socket
_socket.socket(2, 1)
#--- DNS | raised Exception
import socket
print(socket.gethostbyname('localhost'))
#--- getaddrinfo | raised Exception
import socket
print(socket.getaddrinfo('example.com', 80))
#--- host name | raised Exception
import socket
print(socket.gethostname())
#--- socketpair | raised Exception
import socket
socket.socketpair()
#--- unix socket | raised Exception
import socket
socket.socket(getattr(socket, 'AF_UNIX', 1)).connect('/var/run/docker.sock')
#--- urllib | raised Exception
import urllib.request
urllib.request.urlopen('http://127.0.0.1:8000/metrics')
#--- urllib file scheme | raised Exception
import urllib.request
print(urllib.request.urlopen('file:///etc/passwd').read())
#--- http.client | raised Exception
import http.client
http.client.HTTPConnection('127.0.0.1', 3000).request('GET', '/')
#--- ftplib | raised Exception
import ftplib
ftplib.FTP('127.0.0.1')
#--- smtplib | raised Exception
import smtplib
smtplib.SMTP('127.0.0.1')
#--- asyncio connection | raised Exception
import asyncio
asyncio.run(asyncio.open_connection('127.0.0.1', 80))
#--- select | raised Exception
import select
select.select([0], [], [], 0)
#--- socketserver | raised Exception
import socketserver
socketserver.TCPServer(('127.0.0.1', 9999), None)
#--- xml external entity | ok safe
import xml.etree.ElementTree as E
try:
    r = E.fromstring('<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>')
    print('leak' if r.text else 'safe')
except Exception:
    print('safe')
