//! From a route's name to the function that answers it.

use management_api::RouteId as Id;

use crate::call::Call;
use crate::failure::Failure;
use crate::policies::Kind;
use crate::reply::Reply;
use crate::{
    bindings, channels, connections, consumers, definitions, exchanges, extensions, features,
    global_parameters, health, limits, messages, nodes, overview, parameters, permissions,
    policies, queues, users, version, vhosts, whoami,
};

/// Answers a call. Every route that is served has its line here, or this does not compile.
#[allow(clippy::too_many_lines, reason = "one line per route")]
pub(crate) async fn dispatch(call: &Call) -> Result<Reply, Failure> {
    match call.id {
        Id::Overview => overview::show(call).await,
        Id::Definitions | Id::AllConfiguration => definitions::show(call),
        Id::VhostDefinitions => definitions::show_vhost(call),
        Id::ImportDefinitions | Id::ImportAllConfiguration => definitions::import(call).await,
        Id::ImportVhostDefinitions => definitions::import_vhost(call).await,
        Id::ClusterName => Ok(global_parameters::show_cluster_name(call)),
        Id::SetClusterName => global_parameters::put_cluster_name(call).await,
        Id::Nodes => nodes::list(call).await,
        Id::Node => nodes::show(call).await,
        Id::NodeMemory => nodes::memory(call, false).await,
        Id::NodeMemoryRelative => nodes::memory(call, true).await,
        Id::Version => Ok(version::show(call)),
        Id::WhoAmI => Ok(whoami::show(call)),
        Id::Extensions => Ok(extensions::list()),
        Id::FeatureFlags => features::list_flags(call),
        Id::EnableFeatureFlag => features::enable_flag(call),
        Id::DeprecatedFeatures => features::list_deprecated(call),
        Id::DeprecatedFeaturesUsed => features::list_deprecated_in_use(call),
        Id::RebalanceQueues => Ok(Reply::done()),
        Id::Vhosts => vhosts::list(call).await,
        Id::Vhost => vhosts::show(call).await,
        Id::PutVhost => vhosts::put(call).await,
        Id::DeleteVhost => vhosts::delete(call).await,
        Id::ProtectVhost => vhosts::protect(call, true).await,
        Id::UnprotectVhost => vhosts::protect(call, false).await,
        Id::StartVhost => vhosts::start(call),
        Id::VhostLimits => limits::list_vhosts(call),
        Id::VhostLimitsOfVhost => limits::list_vhost(call),
        Id::PutVhostLimit => limits::set_vhost(call, true).await,
        Id::DeleteVhostLimit => limits::set_vhost(call, false).await,
        Id::Users => users::list(call),
        Id::UsersWithoutPermissions => users::list_without_permissions(call),
        Id::User => users::show(call),
        Id::PutUser => users::put(call).await,
        Id::DeleteUser => users::delete(call).await,
        Id::DeleteUsers => users::delete_many(call).await,
        Id::HashPassword => users::hash_password(call).await,
        Id::UserLimits => limits::list_users(call),
        Id::UserLimitsOfUser => limits::list_user(call),
        Id::PutUserLimit => limits::set_user(call, true).await,
        Id::DeleteUserLimit => limits::set_user(call, false).await,
        Id::AllPermissions | Id::PermissionsOfVhost | Id::PermissionsOfUser => {
            permissions::list(call)
        }
        Id::Permission => permissions::show(call),
        Id::PutPermission => permissions::put(call).await,
        Id::DeletePermission => permissions::delete(call).await,
        Id::AllTopicPermissions | Id::TopicPermissionsOfVhost | Id::TopicPermissionsOfUser => {
            permissions::list_topic(call)
        }
        Id::TopicPermission => permissions::show_topic(call),
        Id::PutTopicPermission => permissions::put_topic(call).await,
        Id::DeleteTopicPermission | Id::DeleteTopicPermissionOfExchange => {
            permissions::delete_topic(call).await
        }
        Id::Parameters | Id::ParametersOfComponent | Id::ParametersOfVhost => {
            parameters::list(call)
        }
        Id::Parameter => parameters::show(call),
        Id::PutParameter => parameters::put(call).await,
        Id::DeleteParameter => parameters::delete(call).await,
        Id::GlobalParameters => global_parameters::list(call),
        Id::GlobalParameter => global_parameters::show(call),
        Id::PutGlobalParameter => global_parameters::put(call).await,
        Id::DeleteGlobalParameter => global_parameters::delete(call).await,
        Id::Policies => policies::list_all(call, Kind::User),
        Id::PoliciesOfVhost => policies::list(call, Kind::User),
        Id::Policy => policies::show(call, Kind::User),
        Id::PutPolicy => policies::put(call, Kind::User).await,
        Id::DeletePolicy => policies::delete(call, Kind::User).await,
        Id::OperatorPolicies => policies::list_all(call, Kind::Operator),
        Id::OperatorPoliciesOfVhost => policies::list(call, Kind::Operator),
        Id::OperatorPolicy => policies::show(call, Kind::Operator),
        Id::PutOperatorPolicy => policies::put(call, Kind::Operator).await,
        Id::DeleteOperatorPolicy => policies::delete(call, Kind::Operator).await,
        Id::Exchanges | Id::ExchangesOfVhost => exchanges::list(call).await,
        Id::Exchange => exchanges::show(call).await,
        Id::PutExchange => exchanges::put(call).await,
        Id::DeleteExchange => exchanges::delete(call).await,
        Id::Queues | Id::QueuesOfVhost => queues::list(call, false).await,
        Id::QueuesDetailed => queues::list(call, true).await,
        Id::Queue => queues::show(call).await,
        Id::PutQueue => queues::put(call).await,
        Id::DeleteQueue => queues::delete(call).await,
        Id::Publish => messages::publish(call).await,
        Id::FetchMessages => messages::fetch(call).await,
        Id::PurgeQueue => queues::purge(call).await,
        Id::QueueAction => queues::act(call),
        Id::Bindings | Id::BindingsOfVhost => bindings::list(call),
        Id::BindingsBySource => bindings::list_by_source(call),
        Id::BindingsByDestination => bindings::list_by_destination(call),
        Id::BindingsOfQueue => bindings::list_of_queue(call),
        Id::BindingsBetween => bindings::list_between(call),
        Id::Binding => bindings::show(call),
        Id::PostBinding => bindings::post(call).await,
        Id::DeleteBinding => bindings::delete(call).await,
        Id::Connections | Id::ConnectionsOfVhost => connections::list(call).await,
        Id::Connection => connections::show(call).await,
        Id::CloseConnection => connections::close(call).await,
        Id::ConnectionsOfUser => connections::list_of_user(call).await,
        Id::CloseConnectionsOfUser => connections::close_of_user(call).await,
        Id::Channels | Id::ChannelsOfVhost => channels::list(call).await,
        Id::ChannelsOfConnection => channels::list_of_connection(call).await,
        Id::Channel => channels::show(call).await,
        Id::Consumers | Id::ConsumersOfVhost => consumers::list(call).await,
        Id::NodeHealth => Ok(health::well()),
        Id::NodeHealthOf => nodes::must_be_this(call).map(|()| health::well()),
        Id::CheckAlarms | Id::CheckLocalAlarms => health::alarms(call).await,
        Id::CheckMetadataStore | Id::CheckMetadataStoreData => Ok(health::metadata_store(call)),
        Id::CheckCertificates => health::certificates(call),
        Id::CheckPortListener => health::port_listener(call),
        Id::CheckProtocolListener => health::protocol_listener(call),
        Id::CheckQuorumCritical => Ok(health::single_node()),
        Id::CheckVirtualHosts
        | Id::CheckElectedLeaders
        | Id::CheckElectedLeadersOfVhost
        | Id::CheckElectedLeadersMatching
        | Id::CheckElectedLeadersOfVhostMatching
        | Id::CheckInService
        | Id::CheckClusterSize => Ok(health::well()),
        Id::CheckReady => health::ready(call),
        Id::CheckConnectionLimit => health::connection_limit(call).await,
    }
}
