"""payment.py HOST PORT DEVICE: silence a call while a card number is given. Over the API socket; nothing but Python."""

import socket
import sys
import time
from itertools import count
from xml.etree import ElementTree
from xml.sax.saxutils import escape

# Answers after which the same may be said again with hope. None: no answer, so nobody knows whether it was done.
AGAIN = {None, "API_PARTIAL_CORE_RESPONSE", "API_ERROR_RECORDER_NOT_RUNNING", "API_ERROR_PROCESSING_MESSAGE"}


class Recorders:
    """One connection to the API socket; it is made anew when it is lost."""

    def __init__(self, host, port):
        self.address, self.connection, self.numbers = (host, port), None, count(1)

    def ask(self, kind, **fields):
        """Sends a command and gives RESULTTYPE and RESULTMSG; None and the reason if there is no answer."""
        number = str(next(self.numbers))
        inside = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in fields.items())
        request = f"<REQUEST><TYPE>{kind}</TYPE><REQUESTID>{number}</REQUESTID>{inside}</REQUEST>\r\n"
        try:
            if self.connection is None:
                # Longer than the proxy takes for an answer (limits.deadline, 2 s).
                self.connection = socket.create_connection(self.address, timeout=5).makefile("rwb")
            self.connection.write(request.encode("utf-8"))
            self.connection.flush()
            # An answer is one line.
            answer = ElementTree.fromstring(self.connection.readline())
            if answer.findtext("REQUESTID") != number:
                raise ValueError("the answer is another command's")
            return answer.findtext("RESULTTYPE"), answer.findtext("RESULTMSG")
        except (OSError, ElementTree.ParseError, ValueError) as error:
            # An answer that comes late must not be taken for the next command's: never use this connection again.
            self.connection = None
            return None, str(error)

    def insist(self, kind, **fields):
        """Says it until it is confirmed by every recorder, for ten seconds; gives whether it is."""
        end = time.monotonic() + 10
        while True:
            verdict, text = self.ask(kind, **fields)
            print(kind, verdict, text, flush=True)
            if verdict not in AGAIN or time.monotonic() > end:
                return verdict == "API_OK"
            time.sleep(1)


def main(host, port, device):
    recorders = Recorders(host, int(port))
    try:
        if not recorders.insist("BLACKOUTSTART", DEVICEID=device):
            print("DO NOT ASK: it may be recorded. Take the payment another way")
            return 1
        print("ASK FOR THE CARD NUMBER")  # … and wait until it has been given
        return 0
    finally:
        # In any case: those recorders that did begin are silent until they are told to stop.
        recorders.insist("BLACKOUTSTOP", DEVICEID=device)


sys.exit(main(*sys.argv[1:]))
