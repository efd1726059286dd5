"""A CONNECT proxy: whatever host is asked for, it connects to that port of this machine.

usage: proxy.py LOG [STATUS]
Writes each request's head into LOG, before it answers; with STATUS it refuses everything with that.
Prints its port when it is ready; ends with its stdin.
"""

import os
import socket
import sys
import threading


def pump(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
    except OSError:
        pass
    finally:
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def serve(client, log, status):
    head = b""
    while b"\r\n\r\n" not in head:
        data = client.recv(65536)
        if not data:
            return client.close()
        head += data
    # One write: lines of two connections never mix.
    os.write(log, head)
    method, target = head.split(b" ", 2)[:2]
    if status or method != b"CONNECT":
        client.sendall(b"HTTP/1.1 %s No\r\nContent-Length: 0\r\n\r\n" % (status or b"405"))
        return client.close()
    server = socket.create_connection(("127.0.0.1", int(target.rsplit(b":", 1)[1])))
    client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    threading.Thread(target=pump, args=(client, server), daemon=True).start()
    pump(server, client)


def main():
    log = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    status = sys.argv[2].encode() if len(sys.argv) > 2 else b""
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)

    def accept():
        while True:
            client, _ = listener.accept()
            threading.Thread(target=serve, args=(client, log, status), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    sys.stdin.read()


main()
