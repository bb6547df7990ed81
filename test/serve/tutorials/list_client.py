# Usage: list_client.py HOST PORT      keeps a list in sync with a server: get, set, quit
import socket
import sys

s = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
s.connect((sys.argv[1], int(sys.argv[2])))

my_list = []

while True:
    command = input("> ")
    if command == "get":
        s.send("get_data".encode())
        my_list = s.recv(1024).decode().split(",")
        print("The list is", my_list)
    elif command.startswith("set "):
        my_list = command[4:].split()
        s.send(("update_data," + ",".join(my_list)).encode())
        response = s.recv(1024).decode()
        if response == "update_ack":
            print("Updated")
        else:
            print("Error: " + response)
    elif command == "quit":
        s.send("quit".encode())
        break

s.close()
