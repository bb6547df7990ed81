# Usage: file_server.py DIRECTORY      answers GET /name, one client after the other
import os
import socket
import sys

server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
server.bind(("127.0.0.1", 0))
server.listen(5)
print("Listening on port", server.getsockname()[1])

while True:
    connection, address = server.accept()
    request = connection.recv(1024).decode()
    filename = request.split()[1].lstrip("/")
    path = os.path.join(sys.argv[1], filename)
    if os.path.isfile(path):
        connection.send("HTTP/1.1 200 OK\r\n\r\n".encode())
        with open(path, "rb") as f:
            while True:
                data = f.read(1024)
                if not data:
                    break
                connection.sendall(data)
    else:
        connection.send("HTTP/1.1 404 Not Found\r\n\r\nFile not found".encode())
    connection.close()
