"""What `rabbitmqadmin` v2 is asked to do in `rabbitmqadmin.py`, group by group, and what it has to answer.

A step is its exit code, its arguments, and what the output has to match: a regular expression each, searched in what goes to
both streams; one that begins with `!` must not be found. Cells of a table are one blank apart. Steps build on each other.

{vhost}, {other} and {user} are names of this test, {node} the broker's node, {connection} a connection that is open as
{user}, {folder} an empty folder. `ours` marks a step whose answer is Leveret's own: a RabbitMQ is not asked for it.
"""

OK, DATA, MISUSE = 0, 65, 2


def step(code, arguments, *patterns, stdin="", ours=False):
    return (code, arguments, patterns, stdin, ours)


VHOSTS = [
    step(OK, "vhosts declare --name {vhost} --description 'Made by a test' --default-queue-type classic"),
    step(OK, "declare vhost --name {other} --description second --tracing"),
    step(OK, "vhosts list", "{vhost} Made by a test classic false", "{other} second \\w+ false"),
    step(OK, "list vhosts", "{vhost} Made by a test"),
    step(OK, "vhosts enable_deletion_protection --name {other}"),
    step(DATA, "vhosts delete --name {other}", "protected from deletion"),
    step(OK, "vhosts disable_deletion_protection --name {other}"),
    step(OK, "vhosts delete_multiple --name-pattern ^{other}$ --dry-run", "{other}"),
    step(OK, "vhosts delete_multiple --name-pattern ^{other}$ --approve"),
    step(OK, "list vhosts", "!{other}"),
    step(DATA, "vhosts delete --name {other}", "404 Not Found"),
    step(OK, "vhosts delete --name {other} --idempotently"),
    step(DATA, "-V {other} list exchanges", "404 Not Found"),
]

USERS = [
    step(OK, "users declare --name {user} --password sesame --tags monitoring,policymaker"),
    step(OK, "users list", "{user} monitoring, policymaker"),
    step(OK, "declare user --name {user}-2 --password-hash '{hash}' --tags management"),
    step(OK, "list users", "{user}-2 management"),
    step(OK, "-u {user}-2 -p sesame show overview", "RabbitMQ version 4"),
    step(DATA, "-u {user}-2 -p wrong show overview", "Not_Authorized"),
    step(DATA, "-u {user}-2 -p sesame list users"),
    step(OK, "permissions declare -V {vhost} --username {user} --configure .* --read .* --write .*"),
    step(OK, "declare permissions -V {vhost} --username {user}-2 --configure '' --read ^r --write ^w"),
    step(OK, "permissions list", r"{user} {vhost} \.\* \.\* \.\*", r"{user}-2 {vhost} (\^r \^w|\^w \^r)"),
    step(OK, "list permissions", "{user}-2 {vhost}"),
    step(OK, "users permissions", "{user}-2 {vhost}"),
    step(OK, "permissions delete -V {vhost} --username {user}-2"),
    step(DATA, "delete permissions -V {vhost} --username {user}-2", "404 Not Found"),
    step(OK, "delete permissions -V {vhost} --username {user}-2 --idempotently"),
    step(DATA, "declare permissions -V {vhost} --username nobody-at-all --configure .* --read .* --write .*"),
    step(OK, "delete user --name {user}-2"),
    step(DATA, "users delete --name {user}-2", "404 Not Found"),
    step(OK, "users delete --name {user}-2 --idempotently"),
    step(OK, "passwords salt_and_hash sesame", "password hash [A-Za-z0-9+/=]{{40,}}"),
]

LIMITS = [
    step(OK, "vhost_limits declare -V {vhost} --name max-queues --value 77"),
    step(OK, "declare vhost_limit -V {vhost} --name max-connections --value 88"),
    step(OK, "vhost_limits list -V {vhost}", "max-queues.*77"),
    step(OK, "list vhost_limits -V {vhost}", "max-connections.*88"),
    step(DATA, "declare vhost_limit -V {vhost} --name max-queues --value many", "not a valid integer"),
    step(OK, "vhost_limits delete -V {vhost} --name max-queues"),
    step(OK, "delete vhost_limit -V {vhost} --name max-connections"),
    step(OK, "list vhost_limits -V {vhost}", "!max-"),
    step(OK, "user_limits declare --username {user} --name max-channels --value 500"),
    step(OK, "declare user_limit --username {user} --name max-connections --value 50"),
    step(OK, "user_limits list --username {user}", "max-channels.*500"),
    step(OK, "list user_limits --username {user}", "max-connections.*50"),
    step(OK, "users limits --username {user}", "max-connections.*50"),
    step(OK, "user_limits delete --username {user} --name max-channels"),
    step(OK, "delete user_limit --username {user} --name max-connections"),
]

OBJECTS = [
    step(OK, "queues declare -V {vhost} --name q1 --type classic --durable true"),
    step(OK, "declare queue -V {vhost} --name q2 --type quorum --arguments '{{\"x-delivery-limit\": 5}}'"),
    step(OK, "declare queue -V {vhost} --name q2 --type quorum --arguments '{{\"x-delivery-limit\": 5}}'"),
    step(DATA, "declare queue -V {vhost} --name q2 --type classic", "inequivalent arg .x-queue-type. for queue .q2."),
    step(DATA, "declare queue -V {vhost} --name q3 --type nonsense", "queue type 'nonsense'"),
    step(DATA, "declare queue -V {vhost} --name amq.q", "Access refused"),
    step(OK, "queues list -V {vhost}", "q1 {vhost} classic true false", "q2 {vhost} quorum true false"),
    step(OK, "list queues -V {vhost} --page 1 --page-size 1", "q1 ", "!q2 "),
    step(OK, "queues list -V {vhost} --columns name,queue_type,durable", "q2 quorum true"),
    step(OK, "queues show -V {vhost} --name q1", "q1 {vhost} classic true false"),
    step(OK, "queues show -V {vhost} --name q1 --columns name,vhost", "q1"),
    step(DATA, "queues show -V {vhost} --name none", "404 Not Found"),
    step(OK, "exchanges declare -V {vhost} --name x1 --type topic --durable true"),
    step(OK, "declare exchange -V {vhost} --name x2 --type fanout --auto-delete false --durable false"),
    step(OK, "declare exchange -V {vhost} --name x3 --type direct --arguments '{{\"alternate-exchange\": \"x2\"}}'"),
    step(DATA, "declare exchange -V {vhost} --name x1 --type direct", "inequivalent arg .type. for exchange .x1."),
    step(DATA, "declare exchange -V {vhost} --name x4 --type nonsense", "(unknown|invalid) exchange type .nonsense."),
    step(OK, "exchanges list -V {vhost}", "x1 {vhost} topic true false", "x2 {vhost} fanout false false", "x3 {vhost} direct .*alternate-exchange: .?x2"),
    step(OK, "list exchanges -V {vhost} --page 1 --page-size 2", "amq.direct", "!x1 "),
    step(OK, "bindings declare -V {vhost} --source x1 --destination-type queue --destination q1 --routing-key a.#"),
    step(OK, "declare binding -V {vhost} --source x1 --destination-type exchange --destination x2 --routing-key b.*"),
    step(OK, "exchanges bind -V {vhost} --source x2 --destination-type queue --destination q2 --routing-key '' "
         "--arguments '{{\"k\": 1}}'"),
    step(DATA, "declare binding -V {vhost} --source none --destination-type queue --destination q1 --routing-key k",
         "404 Not Found"),
    step(OK, "bindings list -V {vhost}", "{vhost} x1 q1 queue a.#", "{vhost} x1 x2 exchange b.\\*", "x2 q2 queue"),
    step(OK, "list bindings -V {vhost}", "x1 q1"),
    step(OK, "bindings delete -V {vhost} --source x1 --destination-type queue --destination q1 --routing-key a.#"),
    step(DATA, "delete binding -V {vhost} --source x1 --destination-type queue --destination q1 --routing-key a.#"),
    step(OK, "delete binding -V {vhost} --source x1 --destination-type exchange --destination x2 --routing-key b.*"),
    step(OK, "exchanges unbind -V {vhost} --source x2 --destination-type queue --destination q2 --routing-key '' "
         "--arguments '{{\"k\": 1}}'"),
    step(OK, "list bindings -V {vhost}", "!x1 ", "!x2 q2"),
    step(OK, "exchanges delete -V {vhost} --name x3"),
    step(DATA, "delete exchange -V {vhost} --name x3", "404 Not Found"),
    step(OK, "delete exchange -V {vhost} --name x3 --idempotently"),
    step(DATA, "delete exchange -V {vhost} --name amq.direct", "Access refused"),
    step(OK, "delete exchange -V {vhost} --name x2"),
]

MESSAGES = [
    step(OK, "publish message -V {vhost} -k q1 -m one", "Message published and routed successfully"),
    step(OK, "publish message -V {vhost} -e x1 -k nowhere -m lost", "Message published but NOT routed"),
    step(OK, "publish message -V {vhost} -k q1 -m two -p '{{\"message_id\": \"m2\", \"delivery_mode\": 2}}'"),
    step(OK, "publish message -V {vhost} -k q1 --payload-file {folder}/payload"),
    step(DATA, "publish message -V {vhost} -e none -k q1 -m x", "404 Not Found|400 Bad Request"),
    step(OK, "get messages -V {vhost} -q q1 -c 1 -a ack_requeue_true", "3 bytes|one"),
    step(OK, "get messages -V {vhost} -q q1 -c 5 -a ack_requeue_false", "one", "two", "from a file", "m2"),
    step(OK, "get messages -V {vhost} -q q1", "!one"),
    step(DATA, "get messages -V {vhost} -q none", "404 Not Found"),
    step(OK, "publish message -V {vhost} -k q2 -m x"),
    step(OK, "get messages -V {vhost} -q q2 -a reject_requeue_true", "x"),
    step(OK, "queues purge -V {vhost} --name q2"),
    step(OK, "publish message -V {vhost} -k q2 -m x"),
    step(OK, "purge queue -V {vhost} --name q2"),
    step(DATA, "purge queue -V {vhost} --name none", "404 Not Found"),
    step(OK, "get messages -V {vhost} -q q2", "! x "),
]

POLICIES = [
    step(OK, "policies declare -V {vhost} --name p1 --pattern ^q --apply-to queues --priority 3 "
         "--definition '{{\"max-length\": 10, \"expires\": 600000}}'"),
    step(OK, "declare policy -V {vhost} --name p2 --pattern ^x --apply-to exchanges --definition '{{\"alternate-exchange\": \"x9\"}}'"),
    step(DATA, "declare policy -V {vhost} --name p3 --pattern ^q --apply-to queues --definition '{{\"max-length\": \"ten\"}}'",
         "Validation failed", "not a valid maximum length"),
    step(DATA, "declare policy -V {vhost} --name p3 --pattern '*' --apply-to queues --definition '{{\"max-length\": 1}}'",
         "pattern should be regular expression but is invalid"),
    step(OK, "policies list", "p1 {vhost} \\^q queues 3 ", "expires: 600000", "max-length: 10"),
    step(OK, "list policies", "p2 {vhost} \\^x exchanges 0 alternate-exchange: .?x9"),
    step(OK, "policies list_in -V {vhost}", "p1", "p2"),
    step(OK, "policies list_in -V {vhost} --apply-to exchanges", "p2", "!p1 "),
    step(OK, "policies list_matching_object -V {vhost} --name q1 --type queues", "p1", "!p2 "),
    step(OK, "policies patch -V {vhost} --name p1 --definition '{{\"max-length\": 20, \"message-ttl\": 5000}}'"),
    step(OK, "list policies", "max-length: 20", "message-ttl: 5000"),
    step(OK, "policies update_definition -V {vhost} --name p1 --definition-key max-length --new-value 30"),
    step(OK, "policies update_definitions_of_all_in -V {vhost} --definition-key max-length --new-value 40"),
    step(OK, "list policies", "max-length: 40"),
    step(OK, "policies declare_override -V {vhost} --name p1 --override-name p1-over --definition '{{\"max-length\": 50}}'"),
    step(OK, "policies list", "p1-over {vhost} \\^q queues 103"),
    step(OK, "policies declare_blanket -V {vhost} --name blanket --apply-to queues --definition '{{\"max-length-bytes\": 1000000}}'"),
    step(OK, "policies list", "blanket {vhost} \\.\\* queues -20"),
    step(OK, "policies list_conflicting"),
    step(OK, "policies list_conflicting_in -V {vhost}"),
    step(OK, "policies delete -V {vhost} --name p1-over"),
    step(OK, "policies delete_definition_keys -V {vhost} --name p1 --definition-keys message-ttl"),
    step(OK, "policies delete_definition_keys_from_all_in -V {vhost} --definition-keys expires"),
    step(OK, "policies list_in -V {vhost}", "!message-ttl", "!expires"),
    step(OK, "policies delete -V {vhost} --name blanket"),
    step(OK, "delete policy -V {vhost} --name p2"),
    step(DATA, "delete policy -V {vhost} --name p2", "404 Not Found"),
    step(OK, "delete policy -V {vhost} --name p2 --idempotently"),
]

OPERATOR_POLICIES = [
    step(OK, "operator_policies declare -V {vhost} --name o1 --pattern ^q --apply-to queues --priority 1 "
         "--definition '{{\"max-length\": 1000}}'"),
    step(OK, "declare operator_policy -V {vhost} --name o2 --pattern ^z --apply-to queues --definition '{{\"expires\": 100000}}'"),
    step(DATA, "declare operator_policy -V {vhost} --name o3 --pattern ^z --apply-to queues "
         "--definition '{{\"dead-letter-exchange\": \"x\"}}'", "dead-letter-exchange.*not recognised"),
    step(OK, "operator_policies list", "o1 {vhost} \\^q queues 1 max-length: 1000"),
    step(OK, "list operator_policies", "o2 {vhost}"),
    step(OK, "operator_policies list_in -V {vhost} --apply-to queues", "o1", "o2"),
    step(OK, "operator_policies list_matching_object -V {vhost} --name q1 --type queues", "o1", "!o2 "),
    step(OK, "operator_policies patch -V {vhost} --name o1 --definition '{{\"max-length\": 900, \"max-length-bytes\": 100000}}'"),
    step(OK, "operator_policies update_definition -V {vhost} --name o1 --definition-key max-length --new-value 800"),
    step(OK, "operator_policies update_definitions_of_all_in -V {vhost} --definition-key max-length --new-value 700"),
    step(OK, "list operator_policies", "max-length: 700"),
    step(OK, "operator_policies delete_definition_keys -V {vhost} --name o1 --definition-keys max-length-bytes"),
    step(OK, "operator_policies delete_definition_keys_from_all_in -V {vhost} --definition-keys expires"),
    step(OK, "operator_policies list_in -V {vhost}", "!max-length-bytes"),
    step(OK, "queues list -V {vhost} --columns name,policy,operator_policy", "q1 p1"),
    step(OK, "operator_policies delete -V {vhost} --name o1"),
    step(OK, "delete operator_policy -V {vhost} --name o2"),
    step(DATA, "delete operator_policy -V {vhost} --name o2", "404 Not Found"),
    step(OK, "delete operator_policy -V {vhost} --name o2 --idempotently"),
    step(OK, "delete policy -V {vhost} --name p1"),
]

PARAMETERS = [
    step(OK, "parameters set -V {vhost} --component federation-upstream --name up1 "
         "--value '{{\"uri\": \"amqp://127.0.0.1:1\", \"max-hops\": 1}}'"),
    step(DATA, "declare parameter -V {vhost} --component nonsense --name n --value '{{}}'", "component nonsense not found"),
    step(OK, "parameters list_all", "up1 {vhost} federation-upstream"),
    step(OK, "parameters list -V {vhost} --component federation-upstream", "up1"),
    step(OK, "parameters list_in -V {vhost} --component federation-upstream", "up1"),
    step(OK, "list parameters -V {vhost} --component federation-upstream", "up1"),
    step(OK, "parameters clear -V {vhost} --component federation-upstream --name up1"),
    step(DATA, "delete parameter -V {vhost} --component federation-upstream --name up1", "404 Not Found"),
    step(OK, "delete parameter -V {vhost} --component federation-upstream --name up1 --idempotently"),
    step(OK, "global_parameters set --name {user} --value '{{\"a\": 1}}'"),
    step(OK, "global_parameters list", "{user} a: 1|{user} .*1"),
    step(OK, "global_parameters clear --name {user}"),
    step(DATA, "global_parameters clear --name {user}", "404 Not Found"),
    # It does not do what its name says, in RabbitMQ neither.
    step(DATA, "global_parameters clear --name {user} --idempotently", "404 Not Found"),
]

FEDERATION = [
    step(OK, "federation declare_upstream -V {vhost} --name up --uri amqp://127.0.0.1:1"),
    step(OK, "federation declare_upstream_for_exchanges -V {vhost} --name upx --uri amqp://127.0.0.1:1"),
    step(OK, "federation declare_upstream_for_queues -V {vhost} --name upq --uri amqp://127.0.0.1:1"),
    step(OK, "federation list_all_upstreams", "up {vhost}|up amqp", "upx", "upq"),
    step(OK, "federation delete_upstream -V {vhost} --name up"),
    step(OK, "federation delete_upstream -V {vhost} --name upx"),
    step(OK, "federation delete_upstream -V {vhost} --name upq"),
    step(OK, "federation delete_upstream -V {vhost} --name upq --idempotently"),
]

DEFINITIONS = [
    step(OK, "definitions export --file {folder}/all.json"),
    step(OK, "definitions export --stdout", "\"rabbitmq_version\"", "\"{vhost}\"", "\"q1\""),
    step(OK, "export definitions --stdout", "\"{vhost}\""),
    step(OK, "definitions export --stdout --transformations exclude_users,exclude_permissions", "\"users\": ?\\[\\]"),
    step(OK, "definitions export_from_vhost -V {vhost} --file {folder}/vhost.json"),
    step(OK, "definitions export_from_vhost -V {vhost} --stdout", "\"q1\"", "!\"users\": ?\\[ *\\{{"),
    step(OK, "delete queue -V {vhost} --name q1"),
    step(OK, "definitions import_into_vhost -V {vhost} --file {folder}/vhost.json"),
    step(OK, "list queues -V {vhost}", "q1 {vhost} classic"),
    step(OK, "definitions import --file {folder}/small.json"),
    step(OK, "definitions import --stdin", stdin='{{"queues": [{{"name": "from-stdin", "vhost": "{vhost}", "durable": true, '
         '"auto_delete": false, "arguments": {{}}}}]}}'),
    step(OK, "list queues -V {vhost}", "from-file {vhost}", "from-stdin {vhost}"),
    step(DATA, "definitions import --stdin", "create virtual host .?no-such-vhost",
         stdin='{{"queues": [{{"name": "q", "vhost": "no-such-vhost", "durable": true, "auto_delete": false, "arguments": {{}}}}]}}'),
]

CLIENTS = [
    step(OK, "connections list", "{connection}"),
    step(OK, "list connections --page 1 --page-size 100", "{user}"),
    step(OK, "list connections", "!{user}-nobody"),
    step(OK, "connections list_of_user --username {user}", "{connection}"),
    step(OK, "list user_connections --username {user}", "{connection}"),
    step(OK, "users connections --username {user}", "{connection}"),
    step(OK, "channels list", "{connection} \\(1\\)"),
    step(OK, "list channels --page 1 --page-size 100", "{vhost}"),
    step(OK, "list consumers", "ctag-of-test"),
    step(OK, "close connection --name '{connection}'"),
    step(DATA, "close connection --name no-such-connection", "404 Not Found"),
    step(OK, "connections close --name '{connection}' --idempotently"),
    step(OK, "close user_connections --username {user}"),
    step(OK, "connections close_of_user --username {user}"),
]

NODE = [
    step(OK, "nodes list", "{node} \\d+"),
    step(OK, "list nodes", "{node}"),
    step(OK, "show overview", "Product name \\w+", "RabbitMQ version 4\\.", "Erlang version \\S+", "Erlang details \\S+"),
    step(OK, "show churn", "Queues and streams created \\d+"),
    step(OK, "show endpoint", "/api"),
    step(OK, "show memory_breakdown_in_bytes --node {node}", "Total"),
    step(OK, "show memory_breakdown_in_percent --node {node}", "[Tt]otal|Code"),
    step(OK, "nodes memory_breakdown_in_bytes --node {node}", "Total"),
    step(OK, "nodes memory_breakdown_in_percent --node {node}", "[Tt]otal|Code"),
    step(DATA, "show memory_breakdown_in_bytes --node rabbit@nowhere", "404 Not Found"),
    step(OK, "auth_attempts stats --node {node}", "amqp \\d+ \\d+ \\d+", "http \\d+ \\d+ \\d+"),
    step(DATA, "auth_attempts stats --node rabbit@nowhere", "404 Not Found"),
    step(OK, "plugins list_all", "rabbitmq_management"),
    step(OK, "plugins list_on_node --node {node}", "rabbitmq_management"),
    step(OK, "feature_flags list", "message_containers", "enabled"),
    step(OK, "list feature_flags", "quorum_queue"),
    step(OK, "feature_flags enable --name quorum_queue"),
    step(OK, "feature_flags enable_all"),
    step(DATA, "feature_flags enable --name nonsense"),
    step(OK, "deprecated_features list", "transient_nonexcl_queues"),
    step(OK, "list deprecated_features", "global_qos"),
    step(OK, "deprecated_features list_used"),
    step(OK, "list deprecated_features_in_use"),
    step(OK, "health_check local_alarms", "[Pp]assed"),
    step(OK, "health_check cluster_wide_alarms", "[Pp]assed"),
    step(OK, "health_check node_is_quorum_critical", "[Pp]assed"),
    step(OK, "health_check port_listener --port {http_port}", "[Pp]assed"),
    step(69, "health_check port_listener --port 1", "[Ff]ailed"),
    step(OK, "health_check protocol_listener --protocol amqp", "[Pp]assed"),
    step(69, "health_check protocol_listener --protocol nonsense", "[Ff]ailed"),
    step(OK, "rebalance queues"),
    step(OK, "queues rebalance"),
]

STREAMS_AND_SHOVELS = [
    step(OK, "streams list", ours=True),
    step(DATA, "streams declare -V {vhost} --name s --expiration 1D", "queue type 'stream' is not supported", ours=True),
    step(DATA, "declare stream -V {vhost} --name s --expiration 1D", "queue type 'stream' is not supported", ours=True),
    step(DATA, "shovels list_all", "501 Not Implemented", "shovels come later", ours=True),
    step(DATA, "shovels list -V {vhost}", "shovels come later", ours=True),
    step(DATA, "federation list_all_links", "federation comes later", ours=True),
]

OUTPUT = [
    step(OK, "list vhosts --table-style markdown", "\\|-+\\|"),
    step(OK, "list vhosts --table-style ascii", "\\+-+\\+"),
    step(OK, "list vhosts --table-style psql"),
    step(OK, "--non-interactive list vhosts", "{vhost}", "!name"),
    step(OK, "-q list vhosts", "{vhost}"),
    step(OK, "shell completions --shell bash", "rabbitmqadmin"),
    step(MISUSE, "list quues", "unrecognized subcommand"),
    step(MISUSE, "declare queue", "required arguments"),
]

CLEANING = [
    step(OK, "queues delete_multiple -V {vhost} --name-pattern ^from- --dry-run", "from-file"),
    step(OK, "queues delete_multiple -V {vhost} --name-pattern ^from- --approve"),
    step(OK, "list queues -V {vhost}", "!from-file", "q1"),
    step(OK, "delete queue -V {vhost} --name q1"),
    step(DATA, "delete queue -V {vhost} --name q1", "404 Not Found"),
    step(OK, "queues delete -V {vhost} --name q1 --idempotently"),
    step(OK, "users delete --name {user}"),
    step(OK, "delete vhost --name {vhost}"),
]

GROUPS = {
    "virtual hosts": VHOSTS, "users": USERS, "limits": LIMITS, "objects": OBJECTS, "messages": MESSAGES, "policies": POLICIES,
    "operator policies": OPERATOR_POLICIES, "parameters": PARAMETERS, "federation": FEDERATION, "definitions": DEFINITIONS,
    "clients": CLIENTS, "node": NODE, "streams and shovels": STREAMS_AND_SHOVELS, "output": OUTPUT, "cleaning": CLEANING,
}
