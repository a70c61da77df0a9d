"""The local cloud over HTTP, for programs that are not this process: the CDK CLI, the AWS CLI, another boto3.

A request is handed to moto as if botocore had sent it from here, so that there is one way in and one state: what a
program deploys over HTTP, the functions in this process see.
"""

from __future__ import annotations

import json
import logging
import re
import threading
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Any, Self
from xml.sax.saxutils import escape

import boto3
from botocore.awsrequest import AWSPreparedRequest
from botocore.compat import HTTPHeaders
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

from local.aws.accounts import ACCOUNT_ID, operators_key
from local.aws.cloud import LocalCloud
from local.aws.environment import NO_CONFIGURATION
from local.aws.errors import LocalCloudError

HOST = "127.0.0.1"
_ANYTHING = "local"
_UNKNOWN_TO_MOTO: Any = (404, {}, "Not yet implemented")
_log = logging.getLogger("moto.endpoint")
_SCOPE = re.compile(r"Credential=[^/\s]+/\d{8}/(?P<region>[a-z0-9-]+)/(?P<service>[a-z0-9-]+)/aws4_request")

_OF_THIS_HOP = {"connection", "date", "host", "server", "transfer-encoding"}
"""Headers that say something of the connection; this server writes its own."""


class Endpoint:
    """Serves a running local cloud on a port of this machine; 0 takes a free one."""

    def __init__(self, cloud: LocalCloud, port: int = 0) -> None:
        self._cloud = cloud
        self._port = port
        self._server: BaseWSGIServer | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        try:
            self._server = make_server(HOST, self._port, _answer, threaded=True, request_handler=_Quiet)
        except (OSError, SystemExit) as error:
            raise LocalCloudError(f"Port {self._port} cannot be opened: choose another one.") from error
        self._thread = threading.Thread(target=self._server.serve_forever, name="endpoint", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()

    @property
    def url(self) -> str:
        if self._server is None:
            raise LocalCloudError("The endpoint is not running: start it first.")
        return f"http://{HOST}:{self._server.server_port}"

    def environment(self, account_id: str = ACCOUNT_ID) -> dict[str, str]:
        """What a program needs in its environment to work with an account of the local cloud and with nothing else."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": operators_key(account_id),
            "AWS_SECRET_ACCESS_KEY": _ANYTHING,
            "AWS_REGION": self._cloud.region,
            "AWS_DEFAULT_REGION": self._cloud.region,
            **NO_CONFIGURATION,
        }

    def client(self, service: str, region: str | None = None, account_id: str = ACCOUNT_ID) -> Any:
        """A boto3 client that goes through the endpoint, as any other program's does."""
        key = operators_key(account_id)
        session: Any = boto3.session.Session(aws_access_key_id=key, aws_secret_access_key=_ANYTHING)
        return session.client(service, region_name=region or self._cloud.region, endpoint_url=self.url)


class _Quiet(WSGIRequestHandler):
    """Requests are answered, not reported."""

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002
        pass


def _answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    response = _respond(Request(environ))
    return response(environ, start_response)


def _respond(request: Request) -> Response:
    from moto.core.botocore_stubber import BotocoreStubber

    scope = _SCOPE.search(request.headers.get("Authorization", ""))
    if scope is None:
        return Response("Only signed requests are answered: set any credentials.", 403)
    # S3 compares names in the path with what was signed, so the path goes on exactly as it came.
    address = f"https://{scope['service']}.{scope['region']}.amazonaws.com{request.environ['REQUEST_URI']}"
    headers = HTTPHeaders()
    for name, value in request.headers.items():
        if name.lower() not in _OF_THIS_HOP:
            headers[name] = value
    prepared = AWSPreparedRequest(request.method, address, headers, request.get_data(), stream_output=False)
    try:
        answer = BotocoreStubber().process_request(prepared)
    except NotImplementedError as error:
        return _failure(request, "NotImplemented", str(error))
    except Exception as error:  # a request that fails in here must not end the connection without an answer
        _log.exception("%s %s", request.method, address)
        return _failure(request, "LocalCloudFailure", f"{type(error).__name__}: {error}")
    if answer is None or answer == _UNKNOWN_TO_MOTO:
        return _failure(request, "NotImplemented", f"The local cloud has no {scope['service']}.")
    status, answered, body = answer
    return _response(status, {name.lower(): str(value) for name, value in answered.items()}, body)


def _failure(request: Request, code: str, message: str) -> Response:
    """An error in the form that the service's answers have, and of a kind that no client tries again."""
    if "json" in request.headers.get("Content-Type", ""):
        return Response(
            json.dumps({"__type": code, "message": message}), 400, content_type="application/x-amz-json-1.1"
        )
    error = f"<Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
    return Response(f"<ErrorResponse>{error}</ErrorResponse>", 400, content_type="text/xml")


def _response(status: int, headers: Mapping[str, str], body: bytes | str) -> Response:
    response = Response(status=status)
    response.headers.clear()
    response.set_data(body)
    for name, value in headers.items():
        # The length of what HEAD leaves out is moto's to say, that of a body is counted.
        if name not in _OF_THIS_HOP and (name != "content-length" or not body):
            response.headers[name] = value
    return response
