"""What the command line is asked in `cli.py`, group by group, and how it has to end.

A step is its exit code, the tool and its arguments, and what the output has to match: regular expressions, searched in what
goes to both streams; one that begins with `!` must not be found. `out` and `err` are the whole of stdout, and the beginning
of stderr. {vhost} and {user} are names of this test, {node} the node, {folder} an empty folder, {port} where it speaks AMQP,
{pid} its process. `ours` marks a step whose answer is Leveret's own: a RabbitMQ behind the HTTP API is not asked for it.

The codes are those of `sysexits.h`, as RabbitMQ's tools end with them.
"""

OK, USAGE, DATA, NO_USER, UNAVAILABLE, SOFTWARE, NO_PERMISSION = 0, 64, 65, 67, 69, 70, 77


def step(code, line, *patterns, out=None, err=None, stdin="", ours=False):
    return {"code": code, "line": line, "patterns": patterns, "out": out, "err": err, "stdin": stdin, "ours": ours}


MISTAKES = [
    step(USAGE, "ctl list_quues", out="", err="\nCommand 'list_quues' not found. \nDid you mean 'list_queues'? \n"),
    step(USAGE, "ctl absolutely_nothing_like_it", "Command 'absolutely_nothing_like_it' not found"),
    step(USAGE, "ctl", "Usage"),
    step(USAGE, "ctl list_queues --bogus", out=""),
    step(USAGE, "ctl list_queues --timeout soon", "Invalid options for this command"),
    step(USAGE, "ctl list_queues --formatter xml", "formatter"),
    step(USAGE, "ctl add_user", "not enough arguments"),
    step(USAGE, "ctl -q add_user {user} x y z", "too many arguments"),
    step(USAGE, "ctl set_permissions {user}", "not enough arguments"),
    step(USAGE, "ctl list_exchanges -p / bogus",
         err="Error (argument validation): Info key(s) bogus are not supported\nArguments given:\n"),
    step(USAGE, "diag list_vhosts bogus", "Info key\\(s\\) bogus are not supported"),
    # A tool has its own commands, and no others.
    step(USAGE, "queues add_user x y", "Command 'add_user' not found"),
    step(USAGE, "plugins list_queues", "Command 'list_queues' not found"),
    step(OK, "ctl help add_user", "add_user <username>"),
    step(OK, "ctl add_user --help", "add_user <username>"),
    step(OK, "ctl help", "list_queues"),
    step(OK, "ctl help --list-commands", "list_queues\n"),
    step(USAGE, "ctl help no_such_command"),
    step(OK, "ctl version", "\\d+\\.\\d+\\.\\d+"),
    step(OK, "ctl autocomplete list_que", "list_queues"),
    step(OK, "leveret completion bash", "autocomplete --", ours=True),
    step(OK, "leveret completion zsh", "autocomplete --", ours=True),
    step(OK, "leveret completion fish", "autocomplete --", ours=True),
]

USERS = [
    step(OK, "ctl add_user {user} sesame"),
    step(SOFTWARE, "ctl add_user {user} sesame", out='Adding user "{user}" ...\n', err='Error:\nUser "{user}" already exists\n'),
    step(USAGE, "ctl -q add_user '' x y"),
    step(OK, "ctl set_user_tags {user} monitoring x", out='Setting tags for user "{user}" to [monitoring, x] ...\n'),
    step(NO_USER, "ctl set_user_tags cli-nobody x", err='Error:\nUser "cli-nobody" does not exist\n'),
    step(OK, "ctl list_users", 'Listing users ...\nuser\ttags\n', "{user}\t\\[monitoring, x\\]"),
    step(OK, "ctl -s list_users", "!Listing", "!user\ttags", "{user}\t"),
    step(OK, "ctl authenticate_user {user} sesame", out='Authenticating user "{user}" ...\nSuccess\n'),
    step(DATA, "ctl authenticate_user {user} wrong"),
    step(OK, "ctl change_password {user} simsim", "Changing password for user"),
    step(NO_USER, "ctl change_password cli-nobody x"),
    step(OK, "ctl authenticate_user {user} simsim"),
    step(OK, "ctl hash_password simsim", "[A-Za-z0-9+/]{{40,}}"),
    step(OK, "ctl hash_password simsim --hashing-algorithm sha512", "[A-Za-z0-9+/]{{80,}}"),
    step(OK, "ctl set_user_limits {user} '{{\"max-channels\": 10, \"max-connections\": 5}}'"),
    step(OK, "ctl list_user_limits --user {user} -q", "\"max-channels\":10"),
    step(OK, "ctl list_user_limits --global -q", "{user}\t"),
    step(OK, "ctl clear_user_limits {user} max-channels"),
    step(OK, "ctl clear_user_limits {user} all"),
    step(UNAVAILABLE, "ctl set_user_limits cli-nobody '{{\"max-channels\": 10}}'"),
    step(OK, "ctl clear_password {user}", "Clearing password"),
    step(DATA, "ctl authenticate_user {user} simsim"),
    step(OK, "ctl delete_user cli-nobody", out='Deleting user "cli-nobody" ...\n', err=""),
]

VHOSTS = [
    step(OK, "ctl add_vhost {vhost}", out='Adding vhost "{vhost}" ...\n'),
    step(OK, "ctl add_vhost {vhost}", out='Adding vhost "{vhost}" ...\n'),
    step(OK, "ctl list_vhosts -q", "name\n", "{vhost}\n"),
    step(OK, "ctl list_vhosts name description -q", "name\tdescription\n", "{vhost}\t\n"),
    step(OK, "ctl update_vhost_metadata {vhost} --description thing --tags a,b --default-queue-type classic"),
    step(OK, "ctl list_vhosts name description tags -q", "{vhost}\tthing\t\\[a, b\\]"),
    step(OK, "ctl set_vhost_tags {vhost} c"),
    step(DATA, "ctl set_vhost_tags cli-none c", "does not exist"),
    step(OK, "ctl enable_vhost_deletion_protection {vhost}"),
    step(UNAVAILABLE, "ctl delete_vhost {vhost}", "protected from deletion"),
    step(OK, "ctl disable_vhost_deletion_protection {vhost}"),
    step(OK, "ctl restart_vhost -p {vhost}"),
    step(OK, "ctl reconcile_vhosts"),
    step(OK, "ctl set_vhost_limits -p {vhost} '{{\"max-queues\": 5}}'"),
    step(OK, "ctl list_vhost_limits -p {vhost} -q", out='{{"max-queues":5}}\n'),
    step(OK, "ctl list_vhost_limits --global -q", "{vhost}"),
    step(OK, "ctl clear_vhost_limits -p {vhost}"),
    step(OK, "ctl set_permissions -p {vhost} {user} .* ^w ''"),
    step(OK, "ctl list_permissions -p {vhost} -q", "{user}\t\\.\\*\t\\^w\t\n"),
    step(DATA, "ctl list_permissions -p cli-none", err="Virtual host 'cli-none' does not exist\n"),
    step(OK, "ctl list_user_permissions {user} -q", "{vhost}\t\\.\\*\t\\^w\t"),
    step(OK, "ctl set_permissions_globally {user} ^c ^w ^r"),
    step(OK, "ctl list_permissions -p / -q", "{user}\t\\^c\t\\^w\t\\^r"),
    step(OK, "ctl set_topic_permissions -p {vhost} {user} amq.topic ^a ^b"),
    step(OK, "ctl list_topic_permissions -p {vhost} -q", "{user}\tamq.topic\t\\^a\t\\^b"),
    step(OK, "ctl list_user_topic_permissions {user} -q", "{vhost}\tamq.topic"),
    step(OK, "ctl clear_topic_permissions -p {vhost} {user} amq.topic"),
    step(OK, "ctl clear_permissions -p {vhost} {user}"),
    step(NO_USER, "ctl set_permissions -p {vhost} cli-nobody .* .* .*"),
    step(OK, "ctl set_permissions -p {vhost} {user} .* .* .*"),
    step(OK, "ctl trace_on -p {vhost}", "Trace enabled for vhost {vhost}"),
    step(OK, "ctl trace_off -p {vhost}", "Trace disabled for vhost {vhost}"),
]

POLICIES = [
    step(OK, "ctl set_policy -p {vhost} p ^a '{{\"max-length\":5}}' --priority 7"),
    step(OK, "ctl list_policies -p {vhost} -s", out='{vhost}\tp\t^a\tall\t{{"max-length":5}}\t7\n'),
    step(DATA, "diag list_policies_that_match -p {vhost} abc", err="Object (queue, stream, exchange, etc) was not found\n"),
    step(OK, "ctl clear_policy -p {vhost} p"),
    step(UNAVAILABLE, "ctl clear_policy -p {vhost} p", err="Error:\nParameter does not exist\n"),
    step(UNAVAILABLE, "ctl set_policy -p {vhost} p ^a '{{\"max-length\":\"x\"}}'", "Validation failed"),
    step(UNAVAILABLE, "ctl set_policy -p {vhost} p ^a nonsense", "Could not parse JSON document"),
    step(OK, "ctl set_operator_policy -p {vhost} o ^a '{{\"expires\":60000}}' --apply-to queues"),
    step(OK, "ctl list_operator_policies -p {vhost} -s", "{vhost}\to\t\\^a\tqueues"),
    step(OK, "ctl clear_operator_policy -p {vhost} o"),
    step(OK, "ctl set_parameter -p {vhost} federation-upstream up '{{\"uri\":\"amqp://127.0.0.1:1\"}}'"),
    step(OK, "ctl list_parameters -p {vhost} -s", "federation-upstream\tup"),
    step(OK, "ctl clear_parameter -p {vhost} federation-upstream up"),
    step(UNAVAILABLE, "ctl clear_parameter -p {vhost} federation-upstream up", "Parameter does not exist"),
    step(UNAVAILABLE, "ctl set_parameter -p {vhost} nonsense x 1", "component nonsense not found"),
    step(OK, "ctl set_global_parameter {user} '{{\"a\":1}}'"),
    step(OK, "ctl list_global_parameters -s", "{user}\t"),
    step(OK, "ctl clear_global_parameter {user}"),
]

# Queues q1 and x1 with a connection and a consumer are there; see cli.py.
LISTS = [
    step(OK, "ctl list_queues -p {vhost} -q", "name\tmessages\n", "q1\t2\n"),
    step(OK, "queues list_queues -p {vhost} -s name durable type consumers", "q1\ttrue\tclassic\t1"),
    step(OK, "ctl list_exchanges -p {vhost} -s name type durable", "x1\ttopic\ttrue", "amq.direct\tdirect\ttrue"),
    step(OK, "ctl list_bindings -p {vhost} -s", "x1\texchange\tq1\tqueue\ta.#\t\\[\\]"),
    step(OK, "ctl list_connections -s user state vhost", "{user}\trunning\t{vhost}"),
    step(OK, "ctl list_channels -s user consumer_count", "{user}\t1"),
    step(OK, "ctl list_consumers -p {vhost} -s queue_name consumer_tag", "q1\tctag-of-test"),
    step(OK, "ctl list_unresponsive_queues -p {vhost}"),
    step(OK, "ctl list_queues -p {vhost} --formatter json name messages", '"name":"q1"', '"messages":2'),
    step(OK, "ctl list_queues -p {vhost} --formatter csv name messages", '"name","messages"\n"q1",2|"name","messages"\n"q1","2"'),
    step(OK, "ctl list_queues -p {vhost} --formatter pretty_table name messages", " q1 .* 2 "),
    step(OK, "ctl list_queues -p {vhost} --formatter erlang name", "q1"),
    step(OK, "ctl list_queues -p {vhost} --no-table-headers -q name", "q1\n", "!name\n"),
    step(OK, "leveret peek -p {vhost} q1 1", "two", ours=True),
    step(OK, "leveret trace_queue -p {vhost} q1 --duration 1", ours=True),
    step(OK, "ctl purge_queue q1 -p {vhost}"),
    step(DATA, "ctl purge_queue cli-none -p {vhost}", err="Object (queue, stream, exchange, etc) was not found\n"),
    step(USAGE, "ctl delete_queue cli-none -p {vhost}", err="Error:\nNo such queue was found\n"),
    step(UNAVAILABLE, "ctl delete_queue q1 -p {vhost} --if-unused", "in use"),
    step(OK, "ctl close_all_user_connections {user} 'closed by a test'"),
    step(OK, "ctl close_all_connections -p {vhost} 'closed by a test'"),
    step(UNAVAILABLE, "ctl close_connection '<0.1.0>' 'closed by a test'", ours=True),
    step(OK, "ctl delete_queue q1 -p {vhost}"),
]

CHECKS = [
    *[step(OK, f"diag {healthy}") for healthy in (
        "ping", "is_running", "check_running", "check_alarms", "check_local_alarms", "check_virtual_hosts", "listeners",
        "status", "alarms", "check_if_metadata_store_is_initialized",
        "check_if_metadata_store_is_initialized_with_data", "check_if_node_is_quorum_critical",
        "check_for_quorum_queues_without_an_elected_leader .*", "check_if_any_deprecated_features_are_used",
        "check_if_new_quorum_queue_replicas_have_finished_initial_sync", "memory_breakdown", "memory_breakdown --unit mb",
        "os_env", "server_version", "tls_versions", "log_location", "report", "list_feature_flags",
        "list_deprecated_features", "list_node_auth_attempt_stats", "reset_node_auth_attempt_metrics",
        "resolve_hostname localhost", "cluster_status")],
    *[step(OK, f"ctl {healthy}") for healthy in (
        "ping", "status", "cluster_status", "await_startup", "await_online_nodes 1", "enable_feature_flag all",
        "enable_feature_flag quorum_queue", "list_feature_flags name state", "list_deprecated_features --used", "report")],
    step(OK, "upgrade await_online_quorum_plus_one"),
    step(OK, "upgrade post_upgrade"),
    step(OK, "ctl has_reached_target_cluster_size"),
    step(OK, "diag certificates", "management.ssl|/server", ours=True),
    step(OK, "diag environment", "management.ssl", ours=True),
    step(OK, "diag consume_event_stream --duration 1", ours=True),
    step(OK, "diag is_booting"),
    # The certificate of this test is one for a day.
    step(UNAVAILABLE, "diag check_certificate_expiration", "Certificates expiring", ours=True),
    step(OK, "diag status --formatter json", '^{{.*"rabbitmq_version"|"versions"'),
    step(OK, "diag check_protocol_listener amqp"),
    step(UNAVAILABLE, "diag check_protocol_listener nonsense"),
    step(OK, "diag check_port_listener {port}"),
    step(UNAVAILABLE, "diag check_port_listener 1"),
    step(DATA, "diag check_port_listener many"),
    step(OK, "diag check_port_connectivity", ours=True),
    step(USAGE, "diag check_certificate_expiration --unit fortnights"),
    step(USAGE, "diag memory_breakdown --unit stones"),
    step(OK, "plugins list -m", "rabbitmq_management\n"),
    step(OK, "plugins list", "\\[E\\*\\] rabbitmq_management"),
    step(OK, "plugins is_enabled rabbitmq_management"),
    step(UNAVAILABLE, "plugins is_enabled rabbitmq_web_mqtt_examples"),
    step(OK, "plugins enable rabbitmq_management", ours=True),
    step(OK, "plugins set rabbitmq_management", ours=True),
    step(DATA, "plugins enable no_such_plugin", "not found", ours=True),
    step(UNAVAILABLE, "plugins disable rabbitmq_management", ours=True),
    step(OK, "plugins directories", ours=True),
    step(OK, "queues rebalance all"),
    step(DATA, "queues quorum_status -p / none", "queue 'none' was not found in virtual host '/'"),
    step(OK, "ctl set_cluster_name cli-test", ours=True),
]

# What changes the node for as long as it runs, and files.
OPERATING = [
    step(OK, "ctl set_vm_memory_high_watermark 0.5", ours=True),
    step(OK, "ctl set_vm_memory_high_watermark absolute 1GB", ours=True),
    step(DATA, "ctl set_vm_memory_high_watermark lots", ours=True),
    step(OK, "ctl set_disk_free_limit 100MB", ours=True),
    step(OK, "ctl set_disk_free_limit mem_relative 0.1", ours=True),
    step(OK, "ctl set_log_level debug", ours=True),
    step(OK, "ctl set_log_level info", ours=True),
    step(OK, "ctl rotate_logs", ours=True),
    # The broker of this test writes its log to stderr.
    step(UNAVAILABLE, "diag log_tail -N 2", "set log.file", ours=True),
    step(OK, "ctl export_definitions {folder}/definitions.json"),
    step(OK, "ctl export_definitions - ", '"vhosts"'),
    step(OK, "ctl import_definitions {folder}/definitions.json"),
    step(DATA, "ctl import_definitions {folder}/nothing.json", ours=True),
    step(UNAVAILABLE, "ctl import_definitions {folder}/broken.json", "not JSON", ours=True),
    step(OK, "ctl wait --pid {pid} --timeout 10", ours=True),
]

# What a single node without Erlang has no use for is refused by name.
REFUSED = [step(UNAVAILABLE, line, ours=True) for line in (
    "ctl join_cluster rabbit@other", "ctl forget_cluster_node rabbit@other", "ctl rename_cluster_node a b",
    "ctl update_cluster_nodes a", "ctl force_boot", "ctl force_standalone_khepri_boot", "ctl reset", "ctl force_reset",
    "ctl start_app", "ctl stop_app", "ctl suspend_listeners", "ctl resume_listeners", "upgrade drain", "upgrade revive",
    "ctl eval 1.", "ctl eval_file x", "ctl exec 1", "ctl force_gc", "diag remote_shell", "diag observer", "diag maybe_stuck",
    "diag erlang_version", "diag erlang_cookie_hash", "diag erlang_cookie_sources", "diag runtime_thread_stats",
    "diag resolver_info", "diag command_line_arguments", "diag cipher_suites", "diag message_size_stats",
    "diag log_tail_stream", "ctl encode x y", "ctl decode x y", "ctl encrypt_conf_value x y",
    "ctl decrypt_conf_value x y", "ctl list_hashes", "ctl list_ciphers", "queues add_member q n", "queues delete_member q n",
    "queues grow n all", "queues grow_to_count 3 all", "queues shrink n", "queues transfer_leadership q n",
    "streams add_replica s n", "streams delete_replica s n", "streams stream_status s", "streams restart_stream s",
    "streams coordinator_status", "streams add_super_stream s", "streams delete_super_stream s",
    "diag list_node_auth_attempt_stats --by-source",
)]

CLEANING = [
    step(OK, "ctl delete_vhost {vhost}"),
    step(DATA, "ctl delete_vhost {vhost}", "does not exist"),
    step(OK, "ctl delete_user {user}"),
]

GROUPS = {
    "mistakes": MISTAKES, "users": USERS, "virtual hosts": VHOSTS, "policies": POLICIES, "lists": LISTS, "checks": CHECKS,
    "operating": OPERATING, "refused": REFUSED, "cleaning": CLEANING,
}
