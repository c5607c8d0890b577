"""A provider of the test's own: it answers requests for messages in Twilio's form, each phone in the way it is told,
and keeps what it received."""

import json
import socket
import threading
from base64 import b64decode
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

ELSEWHERE = '/elsewhere'


@dataclass(frozen=True)
class Request:
    number: int
    path: str
    type: str
    user: str
    password: str
    form: dict

    @property
    def phone(self):
        return self.form.get('To')

    @property
    def text(self):
        return self.form.get('Body')


class Provider(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, example):
        super().__init__(('127.0.0.1', 0), Handler)
        self.example = example
        self.changed = threading.Condition()
        self.requests = []
        self.answers = {}
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f'http://127.0.0.1:{self.server_port}'

    def answer(self, phone, *answers):
        """How requests for the phone are answered, one after the other; the last answer stays."""
        with self.changed:
            self.answers[phone] = list(answers)

    def take(self, path, form, content_type, credentials):
        """The request as it is kept, and its answer."""
        user, _, password = credentials.partition(':')
        with self.changed:
            request = Request(len(self.requests), path, content_type, user, password, form)
            self.requests.append(request)
            answers = self.answers.get(request.phone, [accepted])
            self.changed.notify_all()
            return request, answers.pop(0) if len(answers) > 1 else answers[0]

    def received(self, phone):
        with self.changed:
            return [request for request in self.requests if request.phone == phone]

    def handle_error(self, request, client_address):
        """A client that hangs up is what some of these answers are for."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get('Content-Length', 0))).decode()
        form = {name: values[0] if len(values) == 1 else values for name, values in parse_qs(body).items()}
        kind, _, credentials = self.headers.get('Authorization', '').partition(' ')
        request, answer = self.server.take(
            self.path, form, self.headers.get('Content-Type'),
            b64decode(credentials).decode() if kind == 'Basic' else '')
        answer(self, request)

    def do_GET(self):
        self.server.take(self.path, {}, None, '')
        self.respond(200, b'')

    def respond(self, status, body, *headers):
        self.send_response(status)
        for header in headers:
            self.send_header(*header)
        self.send_header('Content-Type', 'application/json')
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def hang_up(self):
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, *arguments):
        pass


def message(handler, request):
    """Twilio's own example of an answer, for this request."""
    sid = f'SM{request.number:032x}'
    return sid, json.dumps({**handler.server.example, 'sid': sid, 'to': request.phone, 'body': request.text}).encode()


def accepted(handler, request):
    handler.respond(201, message(handler, request)[1])


def refused(status, code=None, *headers):
    """An error as Twilio puts it: its text names the phone."""
    def answer(handler, request):
        text = f"The 'To' number {request.phone} is not a valid phone number."
        error = {'code': code, 'message': text, 'more_info': f'https://www.twilio.com/docs/errors/{code}', 'status': status}
        handler.respond(status, json.dumps(error).encode(), *headers)
    return answer


def redirected(handler, request):
    handler.respond(307, b'', ('Location', f'{handler.server.url}{ELSEWHERE}'))


def garbage(status):
    def answer(handler, request):
        handler.respond(status, b'\x00\xff<html>{"sid": ' + str(request.text).encode())
    return answer


def not_http(handler, request):
    handler.wfile.write(b'\x00\x01' + str(request.text).encode() + b'\r\n\r\n')
    handler.hang_up()


def cut_off(status):
    """Half of the body, then the end of the connection."""
    def answer(handler, request):
        body = message(handler, request)[1]
        handler.send_response(status)
        handler.send_header('Content-Type', 'application/json')
        handler.send_header('Content-Length', str(len(body)))
        handler.end_headers()
        handler.wfile.write(body[:len(body) // 2])
        handler.wfile.flush()
        handler.hang_up()
    return answer


def endless(handler, request):
    """A body without an end."""
    handler.send_response(500)
    handler.end_headers()
    while True:
        handler.wfile.write(b' ' * 65536)


def slow(handler, request):
    """A good answer in drops."""
    body = message(handler, request)[1]
    handler.send_response(201)
    handler.send_header('Content-Type', 'application/json')
    handler.send_header('Content-Length', str(len(body)))
    handler.end_headers()
    step = -(-len(body) // 10)
    for start in range(0, len(body), step):
        threading.Event().wait(0.1)
        handler.wfile.write(body[start:start + step])
        handler.wfile.flush()


class Hanging:
    """No answer until it is released, then the given one."""

    def __init__(self, answer=accepted):
        self.answer = answer
        self.released = threading.Event()

    def __call__(self, handler, request):
        self.released.wait()
        self.answer(handler, request)

    def release(self):
        self.released.set()
