# Usage: chat_client.py HOST PORT      what others write is shown while you type
import socket
import sys
import threading


def receive_messages(sock):
    while True:
        try:
            message = sock.recv(1024).decode()
            if not message:
                break
            print("<<", message)
        except OSError:
            break


client = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
client.connect((sys.argv[1], int(sys.argv[2])))

thread = threading.Thread(target=receive_messages, args=(client,))
thread.start()

while True:
    try:
        text = input()
    except EOFError:
        break
    client.send(text.encode())

client.shutdown(socket.SHUT_RDWR)
client.close()
thread.join()
print("Goodbye")
