"""Takes log records as a collector of OpenTelemetry does, by the official definitions, and writes what came as lines.

    collector.py OUTPUT

Prints the port it listens on. Each record is one line of JSON: `index`, `event`, `severity`, `model`, `time` in nanoseconds and
`body`. A body that is not an ExportLogsServiceRequest, to the last field, is answered with 400 and stands there as `refused`.
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse

output = open(sys.argv[1], "a", encoding="utf-8")


class Collector(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        try:
            assert self.path == "/v1/logs" and self.headers["content-type"] == "application/json"
            told = json_format.Parse(body, ExportLogsServiceRequest())
        except (AssertionError, json_format.ParseError) as error:
            self.tell(400, str(error).encode())
            print(json.dumps({"refused": str(error)}), file=output, flush=True)
            return
        for resource in told.resource_logs:
            for scope in resource.scope_logs:
                for record in scope.log_records:
                    keys = {pair.key: pair.value for pair in record.attributes}
                    line = {
                        "index": keys["schleuse.index"].int_value,
                        "event": record.event_name,
                        "severity": record.severity_text,
                        "model": keys["gen_ai.request.model"].string_value if "gen_ai.request.model" in keys else None,
                        "time": record.time_unix_nano,
                        "body": record.body.string_value,
                    }
                    print(json.dumps(line), file=output, flush=True)
        self.tell(200, json_format.MessageToJson(ExportLogsServiceResponse()).encode())

    def tell(self, status, body):
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", 0), Collector)
print(server.server_port, flush=True)
server.serve_forever()
