"""A stock python-socketio client. Lines of JSON say what it does, and what happens to it; bytes stand in
them as {"base64": ...}."""

import base64
import json
import sys
import threading

import socketio

lock = threading.Lock()


def tell(**what):
    text = json.dumps(what, default=lambda data: {"base64": base64.b64encode(data).decode()})
    with lock:
        print(text, flush=True)


def decoded(value):
    return base64.b64decode(value["base64"]) if value.keys() == {"base64"} else value


def main():
    url, token, transports = sys.argv[1], sys.argv[2], sys.argv[3].split(",")
    client = socketio.Client(reconnection_delay=0.1, reconnection_delay_max=0.5)
    client.on("connect", lambda: tell(event="connect", args=[]))
    client.on("disconnect", lambda reason: tell(event="disconnect", args=[reason]))
    client.on("*", lambda event, *args: tell(event=event, args=args))
    client.connect(url, auth={"token": token}, transports=transports, retry=True)
    for line in sys.stdin:
        said = json.loads(line, object_hook=decoded)
        if "event" not in said:
            tell(answer=said["id"], args=[client.transport()])
            continue
        answer = lambda *args, id=said["id"]: tell(answer=id, args=args)
        client.emit(said["event"], said["payload"], callback=answer)
    client.disconnect()


main()
