#!/usr/bin/python3 -B
"""Runs the instructions of Containerfile in root folders, as no registry of images is needed for that: Debian's packages stand in
for the images that the stages start from. Then it starts what the images would start, as compose.yaml says: the server by its CMD with
the scripts of its first start, and the example shop, which answers."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROOTS = ROOT / 'build/roots'
PG_MAJOR = '17'
SUITE = 'trixie'
BINDIR = f'/usr/lib/postgresql/{PG_MAJOR}/bin'
IMAGES = {'postgres': f'postgresql-{PG_MAJOR}', 'node': 'ca-certificates nodejs npm'}
PORTS = {'database': str(25000 + os.getpid() % 5000), 'shop': str(30000 + os.getpid() % 5000)}
PATH = f'/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:{BINDIR}'


def say(text):
    print(f'-- {text}', flush=True)


def run_in(stage, *command, environment=(), folder='/', user=None):
    settings = {'PATH': PATH, 'PG_MAJOR': PG_MAJOR, **dict(environment)}
    shell = f'cd {shlex.quote(folder)} && exec ' + shlex.join(['env', *(f'{k}={v}' for k, v in settings.items()), *command])
    words = ['runuser', '-u', user, '--', 'sh', '-c', shell] if user else ['sh', '-c', shell]
    return [str(ROOT / 'scripts/root.sh'), 'run', f'container-{stage}', *words]


def execute(command, **how):
    subprocess.run(command, check=True, **how)


def instructions(text):
    """[(word, arguments)], lines that go on joined."""
    lines = re.sub(r'^#.*\n', '', text, flags=re.M).replace('\\\n', ' ').splitlines()
    return [tuple(line.split(None, 1)) for line in lines if line.strip()]


class Stage:
    """An image under way: a root folder, and what later instructions depend on."""

    def __init__(self, image, name):
        self.name, self.environment, self.folder, self.command = name, {}, '/', None
        self.root = ROOTS / f'container-{name}'
        kind = re.search(r'([a-z]+):', image)[1]
        say(f'stage {name}: Debian with what {kind} has')
        execute([ROOT / 'scripts/root.sh', 'make', f'container-{name}', SUITE])
        self.run(f'apt-get update -q && apt-get install -y -q --no-install-recommends {IMAGES[kind]}')
        if kind == 'node':
            self.run('useradd --create-home node')

    def run(self, shell):
        execute(run_in(self.name, 'sh', '-c', shell, environment=self.environment, folder=self.folder), stdout=sys.stderr)

    def copy(self, arguments):
        words = arguments.split()
        source = ROOTS / f"container-{words.pop(0).split('=')[1]}" if words[0].startswith('--from=') else None
        *paths, target = words
        for path in paths:
            self.copy_one(source / path.lstrip('/') if source else path, target)

    def copy_one(self, path, target):
        place = self.root / target.lstrip('/')
        if isinstance(path, Path):
            execute(['cp', '-aT', path, place])
            return
        files = subprocess.run(['git', 'ls-files', path], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
        base = ROOT / path if (ROOT / path).is_dir() else (ROOT / path).parent
        for file in files:
            destination = place / (ROOT / file).relative_to(base)
            destination.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / file, destination)


def build():
    """{name: stage} after all instructions."""
    stages, stage = {}, None
    for word, arguments in instructions((ROOT / 'Containerfile').read_text(encoding='utf-8')):
        if word == 'FROM':
            image, _, name = arguments.split()
            stage = stages[name] = Stage(image, name)
        elif word == 'RUN':
            say(f'{stage.name}: RUN {arguments}')
            stage.run(arguments)
        elif word == 'COPY':
            stage.copy(arguments)
        elif word == 'WORKDIR':
            stage.folder = arguments
        elif word == 'ENV':
            stage.environment.update(pair.split('=', 1) for pair in shlex.split(arguments))
        elif word == 'CMD':
            stage.command = json.loads(arguments)
        elif word not in ('ARG', 'EXPOSE', 'USER'):
            sys.exit(f'container.py knows no {word}')
    return stages


def composed(service, stages):
    """The stage of a service of compose.yaml, with the files that it mounts, and its environment: passwords are made up."""
    text = (ROOT / 'compose.yaml').read_text(encoding='utf-8')
    block = re.search(rf'^  {service}:\n((?:    .*\n)+)', text, re.M)[1]
    stage = stages[re.search(r'^      target: (\w+)$', block, re.M)[1]]
    for source, target in re.findall(r'^      - \./(\S+?):(\S+?):ro$', block, re.M):
        stage.copy_one(source, os.path.dirname(target) + '/')
    pairs = re.search(r'^    environment:\n((?:      .*\n)+)', block, re.M)[1]
    settings = dict(line.strip().split(': ', 1) for line in pairs.splitlines())
    return stage, {name: re.sub(r'\$\{\w+:\?\}', 's' * 32, value).replace('@database/', f"@127.0.0.1:{PORTS['database']}/")
                   for name, value in settings.items()}


def start_server(stages):
    """As the image's entry point does: a new cluster, the scripts of the first start, then CMD."""
    server, given = composed('database', stages)
    settings = {'POSTGRES_USER': 'postgres', 'POSTGRES_DB': 'postgres', 'PGHOST': '/tmp', 'PGPORT': PORTS['database'],
                **server.environment, **given}
    options = shlex.join(server.command[1:]) + f" -k /tmp -p {PORTS['database']} -c listen_addresses=127.0.0.1"
    script = f"""set -e
        initdb -D /tmp/data -U postgres --auth-host=scram-sha-256 --auth-local=trust >/dev/null
        pg_ctl -D /tmp/data -w -l /tmp/log -o {shlex.quote(options)} start >/dev/null || {{ cat /tmp/log; exit 1; }}
        for script in /docker-entrypoint-initdb.d/*.sh; do "$script"; done
        psql -U postgres -XAtc "SELECT current_setting('shared_preload_libraries'), customer_identity.normalize_phone('0151 23456789'),
            (SELECT count(*) FROM pg_available_extension_versions WHERE name = 'customer_identity')"
        echo started
        exec sleep 600"""
    return subprocess.Popen(run_in('server', 'bash', '-c', script, environment=settings, user='postgres'), stdout=subprocess.PIPE, text=True)


def said(process, wanted):
    """Reads what a process prints up to a line that is wanted."""
    printed = []
    for line in process.stdout:
        printed.append(line.strip())
        if wanted in line:
            return printed
    sys.exit(f'container.py: {wanted} was never said:\n' + '\n'.join(printed))


def start_shop(stages):
    shop, given = composed('shop', stages)
    settings = {**shop.environment, **given, 'HOST': '127.0.0.1', 'PORT': PORTS['shop']}
    return subprocess.Popen(run_in('shop', *shop.command, environment=settings, folder=shop.folder, user='node'), stdout=subprocess.PIPE, text=True)


def answers(url):
    for _ in range(50):
        try:
            with urllib.request.urlopen(url) as answer:
                return answer.status
        except OSError:
            time.sleep(0.2)
    return None


def main():
    started = []
    try:
        stages = build()
        started.append(start_server(stages))
        printed = said(started[-1], 'started')
        if 'customer_identity|+4915123456789|2' not in printed:
            sys.exit(f'container.py: the server is not as it should be: {printed}')
        say('the server is preloaded, and its region is that of the environment')
        started.append(start_shop(stages))
        said(started[-1], 'The shop is at')
        if answers(f"http://127.0.0.1:{PORTS['shop']}/") != 200:
            sys.exit('container.py: the shop does not answer')
        print('container: every RUN line succeeds, the server and the shop answer')
    finally:
        for process in started:
            # unshare blocks SIGTERM; what it started ends with it.
            process.kill()
            process.wait()
        for name in ('build', 'shop', 'server'):
            execute([ROOT / 'scripts/root.sh', 'remove', f'container-{name}'])


main()
