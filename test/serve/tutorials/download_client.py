# Usage: download_client.py HOST PORT NAME TARGET      fetches a file by hand
import socket
import sys

host = sys.argv[1]
port = int(sys.argv[2])
name = sys.argv[3]
target = sys.argv[4]

sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
sock.connect((host, port))

request = "GET /" + name + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n"
sock.send(request.encode())

# The first part is the header, the rest is the file.
header = sock.recv(1024).decode()
if header.startswith("HTTP/1.1 200 OK"):
    with open(target, "wb") as f:
        while True:
            data = sock.recv(1024)
            if not data:
                break
            f.write(data)
    print("File saved as " + target)
else:
    print("The server said: " + header.split("\r\n")[0])

sock.close()
