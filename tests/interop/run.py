"""Programs written for RabbitMQ, run against Leveret over real sockets with pika.

    python tests/interop/run.py                                  the release binary, on ports of its own
    python tests/interop/run.py --uri amqp://127.0.0.1:5672      a broker that runs already, to prove the tests
    python tests/interop/run.py topics                           only tests with that word in their name
"""

import argparse
import sys

import broker
import suite

# Each module registers its tests; the order is that of the output.
import tutorials  # noqa: F401
import conversations  # noqa: F401
import queues  # noqa: F401
import exchanges  # noqa: F401
import consuming  # noqa: F401
import messages  # noqa: F401
import restarts  # noqa: F401


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    broker.add_arguments(parser)
    parser.add_argument("pattern", nargs="?", default="", help="words of a test's name")
    options = parser.parse_args()
    with broker.open_broker(options) as under_test:
        failed = suite.run(under_test, options.pattern)
        if under_test.is_ours:
            under_test.stop()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
