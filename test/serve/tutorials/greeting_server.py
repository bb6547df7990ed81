# Usage: greeting_server.py      greets whoever comes, and hangs up
import socket

server = socket.socket()
server.bind(("127.0.0.1", 0))
server.listen(5)
print("Listening on port", server.getsockname()[1])

while True:
    client, address = server.accept()
    print("Got a connection from", address)
    client.send("Thank you for connecting".encode())
    client.close()
