# Usage: conversation_server.py      shows what comes and acknowledges it, one client after the other
import socket

server_socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
server_socket.bind(("127.0.0.1", 0))
server_socket.listen(2)
print("Listening on port", server_socket.getsockname()[1])

while True:
    connection, address = server_socket.accept()
    while True:
        data = connection.recv(1024).decode()
        if not data:
            break
        print("Client: " + data)
        connection.send(("You said: " + data).encode())
    connection.close()
