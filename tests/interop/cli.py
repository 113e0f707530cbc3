"""The command line against a server of the HTTP API: what it prints, where, and how it ends.

    python3 cli.py target/debug/leveret http://guest:guest@127.0.0.1:15672

The server may be Leveret or RabbitMQ: what is expected here is what RabbitMQ 4.3's own tools print. Everything is done in
a virtual host and with a user of this test, which are deleted afterwards.
"""

import os
import subprocess
import sys

VHOST, USER = "cli-test", "cli-test-user"


class Cli:
    def __init__(self, program, uri):
        self.program, self.environment = program, {**os.environ, "LEVERET_URI": uri}
        self.failures = 0

    def run(self, *arguments, stdin=""):
        return subprocess.run([self.program, "ctl", *arguments], env=self.environment, input=stdin,
                              capture_output=True, text=True, timeout=60)

    def check(self, arguments, code, out=None, err=None):
        found = self.run(*arguments)
        problems = [f"exit code {found.returncode} instead of {code}"] if found.returncode != code else []
        if out is not None and found.stdout != out:
            problems.append(f"stdout {found.stdout!r} instead of {out!r}")
        if err is not None and not found.stderr.startswith(err):
            problems.append(f"stderr {found.stderr!r} instead of {err!r}")
        for problem in problems:
            print(f"FAILED {' '.join(arguments)}: {problem}")
        self.failures += bool(problems)


def users(cli):
    cli.check(["add_user", USER, "sesame"], 0)
    cli.check(["add_user", USER, "sesame"], 70, f'Adding user "{USER}" ...\n', f'Error:\nUser "{USER}" already exists\n')
    cli.check(["-q", "add_user", "", "x", "y"], 64)
    cli.check(["set_user_tags", USER, "monitoring", "x"], 0, f'Setting tags for user "{USER}" to [monitoring, x] ...\n')
    cli.check(["set_user_tags", "cli-nobody", "x"], 67, err='Error:\nUser "cli-nobody" does not exist\n')
    cli.check(["authenticate_user", USER, "sesame"], 0, f'Authenticating user "{USER}" ...\nSuccess\n')
    cli.check(["authenticate_user", USER, "wrong"], 65)
    cli.check(["delete_user", "cli-nobody"], 0, 'Deleting user "cli-nobody" ...\n', "")


def vhosts(cli):
    cli.check(["add_vhost", VHOST], 0, f'Adding vhost "{VHOST}" ...\n')
    cli.check(["add_vhost", VHOST], 0, f'Adding vhost "{VHOST}" ...\n')
    cli.check(["set_permissions", "-p", VHOST, USER, ".*", "^w", ""], 0)
    # Whoever makes a virtual host over TCP has permissions there, so that only the line of this user is looked at.
    assert f"{USER}\t.*\t^w\t\n" in cli.run("list_permissions", "-p", VHOST, "-q").stdout
    cli.check(["list_permissions", "-p", "cli-none"], 65, err="Virtual host 'cli-none' does not exist\n")
    cli.check(["set_vhost_limits", "-p", VHOST, '{"max-queues": 5}'], 0)
    cli.check(["list_vhost_limits", "-p", VHOST, "-q"], 0, '{"max-queues":5}\n')
    cli.check(["clear_vhost_limits", "-p", VHOST], 0)
    cli.check(["set_policy", "-p", VHOST, "p", "^a", '{"max-length":5}', "--priority", "7"], 0)
    cli.check(["list_policies", "-p", VHOST, "-s"], 0, f'{VHOST}\tp\t^a\tall\t{{"max-length":5}}\t7\n')
    cli.check(["clear_policy", "-p", VHOST, "p"], 0)
    cli.check(["clear_policy", "-p", VHOST, "p"], 69, err="Error:\nParameter does not exist\n")


def lists_and_checks(cli):
    cli.check(["list_queues", "-p", VHOST, "--formatter", "json"], 0, "[\n]\n")
    cli.check(["list_exchanges", "-p", VHOST, "bogus"], 64,
              err="Error (argument validation): Info key(s) bogus are not supported\nArguments given:\n")
    cli.check(["list_queues", "--bogus"], 64, "")
    cli.check(["list_quues"], 64, "", "\nCommand 'list_quues' not found. \nDid you mean 'list_queues'? \n")
    cli.check(["purge_queue", "cli-none", "-p", VHOST], 65, err="Object (queue, stream, exchange, etc) was not found\n")
    cli.check(["delete_queue", "cli-none", "-p", VHOST], 64, err="Error:\nNo such queue was found\n")
    for healthy in ["ping", "check_running", "check_alarms", "check_virtual_hosts", "listeners", "status",
                    "cluster_status", "list_feature_flags", "list_connections", "list_channels", "list_consumers"]:
        cli.check([healthy], 0)
    cli.check(["join_cluster", "rabbit@other"], 69)
    cli.check(["check_port_listener", "1"], 69)


def main():
    cli = Cli(*sys.argv[1:3])
    try:
        users(cli)
        vhosts(cli)
        lists_and_checks(cli)
    finally:
        cli.run("delete_vhost", VHOST)
        cli.run("delete_user", USER)
    print("ok" if not cli.failures else f"{cli.failures} failed")
    sys.exit(bool(cli.failures))


if __name__ == "__main__":
    main()
