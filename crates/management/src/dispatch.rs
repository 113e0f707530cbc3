//! From a route's name to the function that answers it.

use management_api::RouteId as Id;

use crate::call::Call;
use crate::failure::Failure;
use crate::policies::Kind;
use crate::reply::Reply;
use crate::{
    aliveness, attempts, bindings, certificates, channels, connections, consumers, definitions,
    events, exchanges, explain, extensions, features, global_parameters, health, limits, messages,
    nodes, overview, parameters, peek, permissions, policies, queues, redrive, replicas,
    stewardship, trace, users, version, vhosts, whoami,
};

/// The table of answers, as a function: every route that is served has its line in it, or this does not compile.
macro_rules! answers {
    ($call:ident: $($($id:ident)|+ => $answer:expr;)*) => {
        /// Answers a call.
        pub(crate) async fn dispatch($call: &Call) -> Result<Reply, Failure> {
            match $call.id {
                $($(Id::$id)|+ => $answer,)*
            }
        }
    };
}

answers! {
    call:
    Overview => overview::show(call).await;
    Definitions | AllConfiguration => definitions::show(call);
    VhostDefinitions => definitions::show_vhost(call);
    ImportDefinitions | ImportAllConfiguration => definitions::import(call).await;
    ImportVhostDefinitions => definitions::import_vhost(call).await;
    ClusterName => Ok(global_parameters::show_cluster_name(call));
    SetClusterName => global_parameters::put_cluster_name(call).await;
    Nodes => nodes::list(call).await;
    Node => nodes::show(call).await;
    NodeMemory => nodes::memory(call, false).await;
    NodeMemoryRelative => nodes::memory(call, true).await;
    Version => Ok(version::show(call));
    WhoAmI => Ok(whoami::show(call));
    Extensions => Ok(extensions::list());
    FeatureFlags => features::list_flags(call);
    EnableFeatureFlag => features::enable_flag(call);
    DeprecatedFeatures => features::list_deprecated(call);
    DeprecatedFeaturesUsed => features::list_deprecated_in_use(call);
    RebalanceQueues => Ok(Reply::done());
    Reset => Ok(nodes::reset(call));
    ResetNode => nodes::must_be_this(call).map(|()| nodes::reset(call));
    AlivenessTest => aliveness::test(call).await;
    Vhosts => vhosts::list(call).await;
    Vhost => vhosts::show(call).await;
    PutVhost => vhosts::put(call).await;
    DeleteVhost => vhosts::delete(call).await;
    ProtectVhost => vhosts::protect(call, true).await;
    UnprotectVhost => vhosts::protect(call, false).await;
    StartVhost => vhosts::start(call);
    VhostLimits => limits::list_vhosts(call);
    VhostLimitsOfVhost => limits::list_vhost(call);
    PutVhostLimit => limits::set_vhost(call, true).await;
    DeleteVhostLimit => limits::set_vhost(call, false).await;
    Users => users::list(call);
    UsersWithoutPermissions => users::list_without_permissions(call);
    User => users::show(call);
    PutUser => users::put(call).await;
    DeleteUser => users::delete(call).await;
    DeleteUsers => users::delete_many(call).await;
    HashPassword => users::hash_password(call).await;
    UserLimits => limits::list_users(call);
    UserLimitsOfUser => limits::list_user(call);
    PutUserLimit => limits::set_user(call, true).await;
    DeleteUserLimit => limits::set_user(call, false).await;
    AllPermissions | PermissionsOfVhost | PermissionsOfUser => {
        permissions::list(call)
    };
    Permission => permissions::show(call);
    PutPermission => permissions::put(call).await;
    DeletePermission => permissions::delete(call).await;
    AllTopicPermissions | TopicPermissionsOfVhost | TopicPermissionsOfUser => {
        permissions::list_topic(call)
    };
    TopicPermission => permissions::show_topic(call);
    PutTopicPermission => permissions::put_topic(call).await;
    DeleteTopicPermission | DeleteTopicPermissionOfExchange => {
        permissions::delete_topic(call).await
    };
    Parameters | ParametersOfComponent | ParametersOfVhost => {
        parameters::list(call)
    };
    Parameter => parameters::show(call);
    PutParameter => parameters::put(call).await;
    DeleteParameter => parameters::delete(call).await;
    GlobalParameters => global_parameters::list(call);
    GlobalParameter => global_parameters::show(call);
    PutGlobalParameter => global_parameters::put(call).await;
    DeleteGlobalParameter => global_parameters::delete(call).await;
    Policies => policies::list_all(call, Kind::User);
    PoliciesOfVhost => policies::list(call, Kind::User);
    Policy => policies::show(call, Kind::User);
    PutPolicy => policies::put(call, Kind::User).await;
    DeletePolicy => policies::delete(call, Kind::User).await;
    OperatorPolicies => policies::list_all(call, Kind::Operator);
    OperatorPoliciesOfVhost => policies::list(call, Kind::Operator);
    OperatorPolicy => policies::show(call, Kind::Operator);
    PutOperatorPolicy => policies::put(call, Kind::Operator).await;
    DeleteOperatorPolicy => policies::delete(call, Kind::Operator).await;
    Exchanges | ExchangesOfVhost => exchanges::list(call).await;
    Exchange => exchanges::show(call).await;
    PutExchange => exchanges::put(call).await;
    DeleteExchange => exchanges::delete(call).await;
    Queues | QueuesOfVhost => queues::list(call, false).await;
    QueuesDetailed => queues::list(call, true).await;
    Queue => queues::show(call).await;
    PutQueue => queues::put(call).await;
    DeleteQueue => queues::delete(call).await;
    Publish => messages::publish(call).await;
    FetchMessages => messages::fetch(call).await;
    PurgeQueue => queues::purge(call).await;
    QueueAction => queues::act(call);
    ReplicaStatus => replicas::status(call);
    AddReplica => replicas::add(call);
    RemoveReplica => replicas::remove(call);
    GrowReplicas => replicas::grow(call);
    Bindings | BindingsOfVhost => bindings::list(call);
    BindingsBySource => bindings::list_by_source(call);
    BindingsByDestination => bindings::list_by_destination(call);
    BindingsOfQueue => bindings::list_of_queue(call);
    BindingsBetween => bindings::list_between(call);
    Binding => bindings::show(call);
    PostBinding => bindings::post(call).await;
    DeleteBinding => bindings::delete(call).await;
    Connections | ConnectionsOfVhost => connections::list(call).await;
    Connection => connections::show(call).await;
    CloseConnection => connections::close(call).await;
    ConnectionsOfUser => connections::list_of_user(call).await;
    CloseConnectionsOfUser => connections::close_of_user(call).await;
    Channels | ChannelsOfVhost => channels::list(call).await;
    ChannelsOfConnection => channels::list_of_connection(call).await;
    Channel => channels::show(call).await;
    Consumers | ConsumersOfVhost => consumers::list(call).await;
    NodeHealth => Ok(health::well());
    NodeHealthOf => nodes::must_be_this(call).map(|()| health::well());
    CheckAlarms | CheckLocalAlarms => health::alarms(call).await;
    CheckMetadataStore | CheckMetadataStoreData => Ok(health::metadata_store(call));
    CheckCertificates => certificates::check(call);
    CheckPortListener => health::port_listener(call);
    CheckProtocolListener => health::protocol_listener(call);
    CheckQuorumCritical => Ok(health::single_node());
    CheckVirtualHosts
    | CheckElectedLeaders
    | CheckElectedLeadersOfVhost
    | CheckElectedLeadersMatching
    | CheckElectedLeadersOfVhostMatching
    | CheckInService
    | CheckClusterSize => Ok(health::well());
    CheckReady => health::ready(call);
    Explain => explain::explain(call);
    PeekMessages => peek::list(call).await;
    CancelDelayed => peek::cancel(call).await;
    Redrive => redrive::redrive(call).await;
    Events => events::watch(call).await;
    TraceQueue => trace::watch(call).await;
    Stop => stewardship::stop(call);
    RotateLog => stewardship::rotate_log(call);
    SetLogLevel => stewardship::set_log_level(call);
    Log => stewardship::log(call).await;
    Configuration => Ok(stewardship::configuration(call));
    EffectiveConfiguration => Ok(stewardship::effective_configuration(call));
    LoginAttempts => attempts::list(call).await;
    ResetLoginAttempts => attempts::reset(call).await;
    SetMemoryLimit => stewardship::set_memory_limit(call).await;
    SetDiskFreeLimit => stewardship::set_disk_free_limit(call);
    Authenticate => stewardship::authenticate(call).await;
    Certificates => Ok(certificates::list(call));
    CheckConnectionLimit => health::connection_limit(call).await;
}
