"""Twilio's own description of its interface, and prism, which serves it on loopback and rejects requests that do not
conform. Both are npm packages; they are fetched anew only when the lock file changed."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).resolve().parent
MODULES = HERE / 'node_modules'
PRISM = MODULES / '@stoplight/prism-cli/dist/index.js'
DESCRIPTION = MODULES / '@twilio/cli-core/src/services/twilio-api/twilio_api_v2010.json'
MESSAGES = '/2010-04-01/Accounts/{AccountSid}/Messages.json'


def install():
    """Installs the packages; returns the Node.js that runs them."""
    node = subprocess.run([HERE / '../../scripts/node.sh'], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    lock, installed = HERE / 'package-lock.json', MODULES / '.installed'
    if not installed.exists() or installed.read_bytes() != lock.read_bytes():
        environment = {**os.environ, 'PATH': f'{Path(node).parent}:{os.environ["PATH"]}'}
        subprocess.run(
            ['npm', 'ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'],
            check=True, cwd=HERE, env=environment)
        shutil.copy(lock, installed)
    return node


class Description:
    """What Twilio says of the request that makes a message."""

    def __init__(self):
        post = json.loads(DESCRIPTION.read_text())['paths'][MESSAGES]['post']
        form = post['requestBody']['content']['application/x-www-form-urlencoded']['schema']
        self.fields = set(form['properties'])
        self.example = post['responses']['201']['content']['application/json']['examples']['create']['value']


class Prism:
    """A server that answers what conforms with Twilio's example, and all else with an error."""

    def __init__(self, node):
        self.process = subprocess.Popen(
            [node, PRISM, 'mock', '--errors', '--host', '127.0.0.1', '--port', '0', DESCRIPTION],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env={**os.environ, 'NODE_NO_WARNINGS': '1'})
        self.lines = []
        for line in self.process.stdout:
            self.lines.append(line)
            listening = re.search(r'listening on (http://\S+:\d+)', line)
            if listening:
                self.url = listening[1]
                return
        raise RuntimeError('prism did not start: ' + ''.join(self.lines[-20:]))

    def stop(self):
        self.process.terminate()
        self.process.communicate()
