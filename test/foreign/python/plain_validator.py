"""A validator with no library at all: Python's own web server, JSON in, JSON out.

Prints its endpoint as the first line, then each question as one line.
"""

import json
from http.server import BaseHTTPRequestHandler, HTTPServer


class Validator(BaseHTTPRequestHandler):
    def do_POST(self):
        question = json.loads(self.rfile.read(int(self.headers["content-length"])))
        print(json.dumps(question), flush=True)
        if question["transition"] == "remind":
            answer = {"verdict": "VERDICT_VALID", "context": {"language": "none"}}
        else:
            answer = {"verdict": "VERDICT_INVALID", "errors": ["too early"]}
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", 0), Validator)
print(f"http://127.0.0.1:{server.server_port}/may-i", flush=True)
server.serve_forever()
