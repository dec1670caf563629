"""A mail server for tests: it takes mail on a free port of loopback and judges by the recipient.

It writes a line of JSON to standard output for its port, and one for each mail that it took. The part of
an address before the plus sign or the at sign is the rule: busy (451), grey (451 for the first time),
gone (550), slow (answers late), cut (the connection ends in the middle of the mail), hang (never
answers). It ends with its standard input.

Options: --port PORT, --size BYTES (the largest mail), --tls CERTIFICATE KEY (offers STARTTLS), --brief
(says no more of a mail than its Message-ID and its recipients), --die-after MAILS (is killed once it has
taken so many, before it answers the last one).
"""

import argparse
import asyncio
import email
import email.policy
import json
import os
import re
import signal
import ssl
import sys

from aiosmtpd.smtp import SMTP


def say(**fields):
    print(json.dumps(fields), flush=True)


def described(message):
    parts = []
    for part in message.walk():
        if part.is_multipart():
            continue
        content = part.get_content()
        is_text = part.get_content_maintype() == "text" and not part.get_filename()
        parts.append({
            "type": part.get_content_type(),
            "name": part.get_filename(),
            "id": part.get("Content-ID"),
            "disposition": part.get_content_disposition(),
            "text": content if is_text else None,
            "size": len(content),
        })
    return parts


class Rules:
    def __init__(self, options):
        self.options = options
        self.known = set()
        self.taken = 0

    async def handle_RCPT(self, server, session, envelope, address, options):
        rule = address.split("@")[0].split("+")[0]
        if rule == "busy":
            return f"451 4.7.1 <{address}> try again later"
        if rule == "gone":
            return f"550 5.1.1 <{address}> no such user"
        if rule == "grey" and address not in self.known:
            self.known.add(address)
            return f"451 4.7.1 <{address}> greylisted, try again later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        rule = envelope.rcpt_tos[0].split("@")[0].split("+")[0]
        if rule == "cut":
            server.transport.abort()
            return "250 not heard"
        if rule == "slow":
            await asyncio.sleep(0.5)
        if rule == "hang":
            await asyncio.sleep(3_600)
        self.take(session, envelope)
        self.taken += 1
        if self.taken == self.options.die_after:
            os.kill(os.getpid(), signal.SIGKILL)
        return "250 taken"

    def take(self, session, envelope):
        if self.options.brief:
            # Reading all of it would make this server the slower one.
            found = re.search(rb"^Message-ID: *(\S+)\r$", envelope.original_content, re.M | re.I)
            return say(id=found[1].decode(), recipients=envelope.rcpt_tos)
        message = email.message_from_bytes(envelope.original_content, policy=email.policy.default)
        structure = [part.get_content_type() for part in message.walk()]
        say(
            sender=envelope.mail_from,
            recipients=envelope.rcpt_tos,
            headers=[[name, str(value)] for name, value in message.items()],
            structure=structure,
            parts=described(message),
            encrypted=session.ssl is not None,
        )


async def main():
    options = argparse.ArgumentParser()
    options.add_argument("--port", type=int, default=0)
    options.add_argument("--brief", action="store_true")
    options.add_argument("--die-after", type=int)
    options.add_argument("--size", type=int, default=33_554_432)
    options.add_argument("--tls", nargs=2)
    options = options.parse_args()
    tls = None
    if options.tls:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(*options.tls)

    rules = Rules(options)

    def session():
        return SMTP(rules, data_size_limit=options.size, enable_SMTPUTF8=False, tls_context=tls)

    loop = asyncio.get_running_loop()
    server = await loop.create_server(session, "127.0.0.1", options.port)
    say(port=server.sockets[0].getsockname()[1])
    await loop.run_in_executor(None, sys.stdin.read)


asyncio.run(main())
