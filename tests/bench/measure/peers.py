"""Servers that ours is held against."""

import os
import shutil
from pathlib import Path

from measure.machine import TOOLS
from measure.process import Server, free_port

NGINX = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    types {{ }}
    default_type application/octet-stream;
    keepalive_requests 1000000000;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        root {root};
        {sending}
        # A POST is answered with a file too.
        error_page 405 =200 $uri;
    }}
}}
"""

SENDING = {"sendfile": "sendfile on;", "copy": "sendfile off; output_buffers 2 512k;"}


class Nginx(Server):
    """Files of a folder. `sending` is `sendfile` or `copy`."""

    def __init__(self, folder: Path, root: Path, sending: str):
        folder = folder / f"nginx-{sending}"
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        config = folder / "nginx.conf"
        config.write_text(NGINX.format(folder=folder, root=root, port=self.port, sending=SENDING[sending]))
        program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
        super().__init__([program, "-c", config, "-p", folder], folder / "log")
        self.listening_on(self.port)


class S3sFs(Server):
    """An S3 server over the same stack as ours (hyper and Tokio). Objects are files of `root/BUCKET`."""

    def __init__(self, folder: Path, root: Path):
        root.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        command = [TOOLS / "bin" / "s3s-fs", "--host", "127.0.0.1", "--port", self.port, root]
        super().__init__(command, folder / "s3s-fs.log")
        self.listening_on(self.port)
