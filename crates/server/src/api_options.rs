//! How the HTTP API answers: from options to values.

use std::time::Duration;

use config::Config;
use management::ApiOptions;

use crate::descriptors::Shares;

/// How the HTTP API answers.
pub(crate) fn api_options(config: &Config) -> ApiOptions {
    let options = &config.management;
    let bytes_max = |bytes| usize::try_from(bytes).unwrap_or(usize::MAX);
    ApiOptions {
        path_prefix: options.path_prefix.clone(),
        body_bytes_max: options.body_bytes_max.map(bytes_max),
        cors_origins: options.cors_origins.clone(),
        cors_max_age_s: options.cors_max_age_s,
        headers: options.headers.clone().into_iter().collect(),
        hides_allow: options.hides_allow,
        idle_wait: Duration::from_millis(options.http.idle_timeout_ms),
        requests_max: options.http.requests_max,
        has_no_stats: options.has_no_stats,
        has_queue_totals: options.has_queue_totals,
        has_rates: options.rates_mode != config::RatesMode::None,
        sample_interval: Duration::from_millis(config.sample_interval_ms.into()),
        permits_operator_policies: !options.forbids_operator_policies,
        needs_json_extension: options.needs_json_extension,
    }
}

/// How many connections the HTTP API and metrics have together.
pub(crate) fn connections_max(config: &Config, shares: Shares) -> usize {
    let wanted = config.management.http.connections_max;
    let wanted = wanted.map_or(usize::MAX, |max| usize::try_from(max).unwrap_or(usize::MAX));
    shares.management_max.min(wanted.max(1))
}
