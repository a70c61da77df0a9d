"""Custom resources: the deployed function is asked as CloudFormation asks it, and its answer decides."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from local.aws.resources import Created, Handler, Request

LONGEST_ANSWER = 4096
"""Bytes of an answer that CloudFormation takes."""


def custom_resource(request: Request) -> Created:
    """Asks the function behind ``ServiceToken`` to create the resource; raises ValueError with the reason if it fails.

    CloudFormation starts the function and waits for an answer at an address; here the function has ended when the
    answer is looked for, so that one that never answers is a failure at once.
    """
    request_id = str(uuid.uuid4())
    place = f"{request.region}:{request.account_id}"
    with mailbox() as (url, answers):
        asked = {
            "RequestType": "Create",
            "ResponseURL": url,
            "StackId": f"arn:aws:cloudformation:{place}:stack/{request.name}/{request_id}",
            "RequestId": request_id,
            "LogicalResourceId": request.logical_id,
            "ResourceType": request.type,
            "ResourceProperties": _as_text(request.properties),
        }
        invoked = request.client("lambda").invoke(
            FunctionName=request.properties["ServiceToken"], Payload=json.dumps(asked).encode()
        )
        said = invoked["Payload"].read().decode()
    if not answers:
        raise ValueError(f"the function did not answer; it ended with {said}")
    return _created(answers[0], asked)


def _created(body: bytes, asked: Mapping[str, Any]) -> Created:
    if len(body) > LONGEST_ANSWER:
        raise ValueError(f"the answer has {len(body)} bytes, CloudFormation takes {LONGEST_ANSWER}")
    answer = json.loads(body)
    for name in ("StackId", "RequestId", "LogicalResourceId"):
        if answer.get(name) != asked[name]:
            raise ValueError(f"the answer is about {name} {answer.get(name)!r}, the question about {asked[name]!r}")
    if answer["Status"] != "SUCCESS":
        raise ValueError(answer.get("Reason") or "the answer has no reason")
    if not answer.get("PhysicalResourceId"):
        raise ValueError("the answer has no PhysicalResourceId")
    return Created(answer["PhysicalResourceId"], {name: str(value) for name, value in answer.get("Data", {}).items()})


@contextmanager
def mailbox() -> Iterator[tuple[str, list[bytes]]]:
    """An address on this machine that takes one answer as S3 takes it: signed for no type of content."""
    answers: list[bytes] = []
    path = f"/{uuid.uuid4()}"

    class Mailbox(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            is_signed = self.path == path and not self.headers.get("Content-Type")
            if is_signed:
                answers.append(body)
            self.send_response(200 if is_signed else 403)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """An answer is not reported."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Mailbox)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}{path}", answers
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _as_text(value: Any) -> Any:
    """CloudFormation hands numbers and booleans to a custom resource as text."""
    if isinstance(value, Mapping):
        return {name: _as_text(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_as_text(member) for member in value]
    return json.dumps(value) if isinstance(value, bool | int) else str(value)


HANDLERS: dict[str, Handler] = {"Custom::CostAllocationTags": custom_resource}
