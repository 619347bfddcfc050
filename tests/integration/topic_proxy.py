"""A proxy in front of a broker that can cut off one topic: whoever asks for it loses the connection, and all else goes on.

A request of Kafka's protocol is a size of four bytes and so many bytes; a request that means a topic holds its name.
"""

import socket
import struct
import threading


class TopicProxy:
    def __init__(self, port, broker):
        host, broker_port = broker.rsplit(":", 1)
        self.broker = (host, int(broker_port))
        self.topic = b""
        self.cut = threading.Event()
        self.listener = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            client, _ = self.listener.accept()
            try:
                server = socket.create_connection(self.broker)
            except OSError:
                client.close()
                continue
            threading.Thread(target=self._requests, args=(client, server), daemon=True).start()
            threading.Thread(target=self._answers, args=(server, client), daemon=True).start()

    @staticmethod
    def _close(*ends):
        for end in ends:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    @staticmethod
    def _read(end, size):
        data = bytearray()
        while len(data) < size:
            part = end.recv(size - len(data))
            if not part:
                raise OSError("closed")
            data += part
        return bytes(data)

    def _requests(self, client, server):
        try:
            while True:
                size = self._read(client, 4)
                request = self._read(client, struct.unpack(">i", size)[0])
                if self.cut.is_set() and self.topic in request:
                    break
                server.sendall(size + request)
        except OSError:
            pass
        self._close(client, server)

    def _answers(self, server, client):
        try:
            while True:
                data = server.recv(1 << 16)
                if not data:
                    break
                client.sendall(data)
        except OSError:
            pass
        self._close(client, server)
