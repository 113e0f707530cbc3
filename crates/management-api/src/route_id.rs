//! The names of the routes that are served: what the server dispatches on.

/// A route that is served. What each is for stands in the table.
#[allow(missing_docs, reason = "the table of routes describes each of them")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RouteId {
    Overview,
    AllConfiguration,
    Definitions,
    Extensions,
    ImportAllConfiguration,
    ImportDefinitions,
    ImportVhostDefinitions,
    VhostDefinitions,
    Version,
    Vhosts,
    WhoAmI,
    CheckAlarms,
    CheckLocalAlarms,
    CheckMetadataStore,
    CheckMetadataStoreData,
    CheckCertificates,
    CheckPortListener,
    CheckProtocolListener,
    CheckVirtualHosts,
    CheckElectedLeaders,
    CheckElectedLeadersOfVhost,
    CheckElectedLeadersMatching,
    CheckElectedLeadersOfVhostMatching,
    CheckQuorumCritical,
    CheckInService,
    CheckConnectionLimit,
    CheckReady,
    CheckClusterSize,
}
