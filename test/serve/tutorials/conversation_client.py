# Usage: conversation_client.py HOST PORT      talks until you type "bye"
import socket
import sys

host = sys.argv[1]
port = int(sys.argv[2])

client_socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
client_socket.connect((host, port))

message = input("You: ")
while message.lower().strip() != "bye":
    client_socket.send(message.encode())
    answer = client_socket.recv(1024).decode()
    print("Server: " + answer)
    message = input("You: ")

client_socket.close()
