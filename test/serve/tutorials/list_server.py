# Usage: list_server.py [ITEM...]      gives its list away and takes a new one, one client after the other
import socket
import sys

data_list = sys.argv[1:]

server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
server.bind(("127.0.0.1", 0))
server.listen(1)
print("Listening on port", server.getsockname()[1])

while True:
    conn, addr = server.accept()
    while True:
        request = conn.recv(1024).decode()
        if not request or request == "quit":
            break
        if request == "get_data":
            conn.send(",".join(data_list).encode())
        elif request.startswith("update_data"):
            data_list = request.split(",")[1:]
            print("The list is", data_list)
            conn.send("update_ack".encode())
        else:
            conn.send("unknown command".encode())
    conn.close()
