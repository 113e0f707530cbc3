//! From a route's name to the function that answers it.

use management_api::RouteId as Id;

use crate::call::Call;
use crate::failure::Failure;
use crate::reply::Reply;
use crate::{definitions, extensions, health, overview, version, vhosts, whoami};

/// Answers a call. Every route that is served has its line here, or this does not compile.
pub(crate) async fn dispatch(call: &Call) -> Result<Reply, Failure> {
    match call.id {
        Id::Overview => overview::show(call).await,
        Id::Definitions | Id::AllConfiguration => definitions::show(call),
        Id::VhostDefinitions => definitions::show_vhost(call),
        Id::ImportDefinitions | Id::ImportAllConfiguration => definitions::import(call).await,
        Id::ImportVhostDefinitions => definitions::import_vhost(call).await,
        Id::Version => Ok(version::show(call)),
        Id::WhoAmI => Ok(whoami::show(call)),
        Id::Extensions => Ok(extensions::list()),
        Id::Vhosts => vhosts::list(call).await,
        Id::CheckAlarms | Id::CheckLocalAlarms => health::alarms(call).await,
        Id::CheckMetadataStore | Id::CheckMetadataStoreData => Ok(health::metadata_store(call)),
        Id::CheckCertificates => health::certificates(call),
        Id::CheckPortListener => health::port_listener(call),
        Id::CheckProtocolListener => health::protocol_listener(call),
        Id::CheckVirtualHosts
        | Id::CheckElectedLeaders
        | Id::CheckElectedLeadersOfVhost
        | Id::CheckElectedLeadersMatching
        | Id::CheckElectedLeadersOfVhostMatching
        | Id::CheckQuorumCritical
        | Id::CheckInService
        | Id::CheckClusterSize => Ok(health::well()),
        Id::CheckReady => health::ready(call),
        Id::CheckConnectionLimit => health::connection_limit(call).await,
    }
}
