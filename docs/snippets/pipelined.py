"""pipelined.py HOST PORT DEVICE…: one command for each of many devices, on one connection, without waiting in between."""

import socket
import sys
from xml.etree import ElementTree
from xml.sax.saxutils import escape

host, port, *devices = sys.argv[1:]


def update(number, device):
    fields = f"<DEVICEID>{escape(device)}</DEVICEID><USER1>{escape('Müller & Söhne <Köln>')}</USER1>"
    return f"<REQUEST><TYPE>CALLUPDATE</TYPE><REQUESTID>{number}</REQUESTID>{fields}</REQUEST>\r\n"


with socket.create_connection((host, int(port)), timeout=5) as connection:
    # The proxy works on 64 of a connection at once and reads on when there is room again. To send thousands, read
    # answers meanwhile.
    connection.sendall("".join(update(n, device) for n, device in enumerate(devices, 1)).encode("utf-8"))
    answers = connection.makefile("rb")
    for number, device in enumerate(devices, 1):
        # They come in the order of the requests.
        answer = ElementTree.fromstring(answers.readline())
        assert answer.findtext("REQUESTID") == str(number)
        print(device, answer.findtext("RESULTTYPE"), answer.findtext("RESULTMSG"))
