//! Values while they are being read: what is set in several options, and in any order.

use std::collections::{BTreeMap, BTreeSet};

use crate::accounts::{AnonymousLogin, DefaultUser, PasswordRule, PasswordRuleKind};
use crate::amount::Amount;
use crate::config::{Config, DefaultPolicy, VhostLimits};
use crate::listener::Listener;
use crate::logging::LogOutput;
use crate::management::{HttpListener, RatesMode, unasked};
use crate::options;
use crate::tls::{CertificateName, Password, SanKind, TlsOptions, TlsVersion};

const AMQP_PORT: u16 = 5672;
const MANAGEMENT_PORT: u16 = 15_672;
const MANAGEMENT_TLS_PORT: u16 = 15_671;
const PROMETHEUS_PORT: u16 = 15_692;
const PROMETHEUS_TLS_PORT: u16 = 15_691;
/// How many bytes passwords have when only the kind of the rule is named; as in RabbitMQ, `guest` is long enough.
const PASSWORD_LENGTH_MIN: u32 = 5;

/// Values while they are being read. Options with a part to fill in (`listeners.tcp.$name`) are ordered by it.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) config: Config,
    pub(crate) listeners: BTreeMap<String, Listener>,
    /// What is not told where to listen listens everywhere.
    pub(crate) is_open: bool,
    pub(crate) has_no_listener: bool,
    pub(crate) tls_listeners: BTreeMap<String, Listener>,
    pub(crate) has_no_tls_listener: bool,
    pub(crate) tls: TlsDraft,
    pub(crate) management_tls: TlsDraft,
    pub(crate) prometheus_tls: TlsDraft,
    pub(crate) san_kind: SanKind,
    pub(crate) san_index: usize,
    pub(crate) auth_mechanisms: BTreeMap<String, String>,
    pub(crate) has_no_loopback_user: bool,
    /// These win over shares, wherever they stand.
    pub(crate) disk_free_bytes: Option<Amount>,
    pub(crate) memory_bytes: Option<Amount>,
    pub(crate) default_tags: BTreeMap<String, bool>,
    default_users: BTreeMap<String, DefaultUser>,
    pub(crate) anonymous_user: String,
    pub(crate) anonymous_password: Password,
    pub(crate) password_rule: PasswordRuleDraft,
    vhost_limits: BTreeMap<String, VhostLimits>,
    default_policies: BTreeMap<String, DefaultPolicy>,
    pub(crate) management_tcp: HttpListener,
    pub(crate) management_ssl: HttpListener,
    pub(crate) management_listener: HttpListener,
    pub(crate) is_management_listener_tls: bool,
    pub(crate) has_management: Option<bool>,
    pub(crate) has_no_cors: bool,
    pub(crate) cors_origins: BTreeMap<String, String>,
    pub(crate) prometheus_tcp: HttpListener,
    pub(crate) prometheus_ssl: HttpListener,
    pub(crate) has_no_prometheus_tcp: bool,
    pub(crate) has_prometheus: Option<bool>,
    pub(crate) log: LogDraft,
}

/// Outputs of logs, which may be configured without being there.
#[derive(Clone, Debug)]
pub(crate) struct LogDraft {
    pub(crate) has_console: Option<bool>,
    pub(crate) has_file: Option<bool>,
    pub(crate) console: LogOutput,
    pub(crate) file: LogOutput,
}

/// What passwords have to be like, as far as it is read.
#[derive(Clone, Debug, Default)]
pub(crate) struct PasswordRuleDraft {
    pub(crate) kind: Option<PasswordRuleKind>,
    pub(crate) length_min: Option<u32>,
    pub(crate) pattern: Option<String>,
}

impl PasswordRuleDraft {
    fn finish(&self) -> PasswordRule {
        let (length_min, pattern) = (self.length_min, self.pattern.clone());
        match self.kind {
            None => PasswordRule { length_min, pattern },
            Some(PasswordRuleKind::Anything) => PasswordRule::default(),
            Some(PasswordRuleKind::Length) => {
                PasswordRule { length_min: length_min.or(Some(PASSWORD_LENGTH_MIN)), pattern: None }
            }
            Some(PasswordRuleKind::Pattern) => PasswordRule { length_min: None, pattern },
        }
    }
}

/// Options of TLS, as far as they are read.
#[derive(Clone, Debug, Default)]
pub(crate) struct TlsDraft {
    pub(crate) options: TlsOptions,
    pub(crate) versions: BTreeMap<String, TlsVersion>,
    /// By their numbers, where they have some.
    pub(crate) ciphers: BTreeMap<(u64, String), &'static str>,
}

impl TlsDraft {
    fn finish(&self) -> TlsOptions {
        TlsOptions {
            versions: self.versions.values().copied().collect(),
            ciphers: self.ciphers.values().map(|name| (*name).to_owned()).collect(),
            ..self.options.clone()
        }
    }
}

/// Nothing but the defaults, which stand in the table of options as text and are read like any other.
impl Default for Draft {
    fn default() -> Self {
        let mut draft = Self::blank();
        draft.config.loopback_users = BTreeSet::from(["guest".to_owned()]);
        for definition in options::definitions() {
            if let Some(default) = definition.default {
                let read = definition.apply(&mut draft, &[], default);
                assert_eq!(read, Ok(()), "the default of {} is valid", definition.name);
            }
        }
        draft
    }
}

impl Draft {
    fn blank() -> Self {
        let (console, file) = (LogOutput::default(), LogOutput::default());
        Self {
            config: Config::blank(),
            listeners: BTreeMap::new(),
            is_open: false,
            has_no_listener: false,
            tls_listeners: BTreeMap::new(),
            has_no_tls_listener: false,
            tls: TlsDraft::default(),
            management_tls: TlsDraft::default(),
            prometheus_tls: TlsDraft::default(),
            san_kind: SanKind::default(),
            san_index: 0,
            auth_mechanisms: BTreeMap::new(),
            has_no_loopback_user: false,
            disk_free_bytes: None,
            memory_bytes: None,
            default_tags: BTreeMap::new(),
            default_users: BTreeMap::new(),
            anonymous_user: String::new(),
            anonymous_password: Password::default(),
            password_rule: PasswordRuleDraft::default(),
            vhost_limits: BTreeMap::new(),
            default_policies: BTreeMap::new(),
            management_tcp: HttpListener::default(),
            management_ssl: HttpListener::default(),
            management_listener: HttpListener::default(),
            is_management_listener_tls: false,
            has_management: None,
            has_no_cors: false,
            cors_origins: BTreeMap::new(),
            prometheus_tcp: HttpListener::default(),
            prometheus_ssl: HttpListener::default(),
            has_no_prometheus_tcp: false,
            has_prometheus: None,
            log: LogDraft { has_console: None, has_file: None, console, file },
        }
    }

    /// The user that virtual hosts get under this name.
    pub(crate) fn default_user(&mut self, name: &str) -> &mut DefaultUser {
        self.default_users.entry(name.to_owned()).or_insert_with(|| DefaultUser::new(name))
    }

    /// The limits that virtual hosts get under this name.
    pub(crate) fn vhost_limits(&mut self, id: &str) -> &mut VhostLimits {
        self.vhost_limits.entry(id.to_owned()).or_default()
    }

    /// The operator policy that virtual hosts get under this name.
    pub(crate) fn default_policy(&mut self, id: &str) -> &mut DefaultPolicy {
        self.default_policies.entry(id.to_owned()).or_insert_with(|| DefaultPolicy::new(id))
    }

    /// What is wrong with options together: the key that it is about, and why.
    pub(crate) fn contradictions(&self) -> Vec<(String, String)> {
        let mut found = Vec::new();
        let rule = &self.password_rule;
        if rule.kind == Some(PasswordRuleKind::Pattern) && rule.pattern.is_none() {
            let text = "needs credential_validator.regexp, which is not set";
            found.push(("credential_validator.validation_backend".to_owned(), text.to_owned()));
        }
        for (listeners, prefix, tls) in [
            ("listeners.ssl", "ssl_options", &self.tls),
            ("management.ssl", "management.ssl", &self.management_tls),
            ("prometheus.ssl", "prometheus.ssl", &self.prometheus_tls),
        ] {
            let is_wanted = match listeners {
                "listeners.ssl" => !self.has_no_tls_listener && !self.tls_listeners.is_empty(),
                "management.ssl" => {
                    let is_old =
                        self.is_management_listener_tls && self.management_listener.is_set();
                    self.management_ssl.is_set() || is_old
                }
                _ => self.prometheus_ssl.is_set(),
            };
            for (name, path) in
                [("certfile", &tls.options.certfile), ("keyfile", &tls.options.keyfile)]
            {
                if is_wanted && path.is_empty() {
                    let text = format!("TLS needs {prefix}.{name}, which is not set");
                    found.push((listeners.to_owned(), text));
                }
            }
        }
        for (id, policy) in &self.default_policies {
            if policy.definition.is_empty() {
                let text = "the policy says nothing: set a limit like max_length beside it";
                found.push((format!("default_policies.operator.{id}"), text.to_owned()));
            }
        }
        found
    }

    /// What should be known of options together: the key that it is about, and what.
    pub(crate) fn remarks(&self) -> Vec<(String, String)> {
        let mut found = Vec::new();
        if self.config.management.rates_mode == RatesMode::Detailed {
            let text = "`detailed` is `basic` here: pairs of objects are told apart with either";
            found.push(("management.rates_mode".to_owned(), text.to_owned()));
        }
        found
    }

    pub(crate) fn finish(mut self) -> Config {
        self.finish_tls();
        self.finish_access();
        self.finish_management();
        self.finish_prometheus();
        self.finish_logs();
        let mut config = self.config;
        // What the environment says stands for all that files say.
        if let Some(listener) = self.listeners.remove("$environment") {
            self.listeners = BTreeMap::from([(String::new(), listener)]);
            self.has_no_listener = false;
        }
        config.listeners = match (self.has_no_listener, self.listeners.is_empty()) {
            (true, _) => vec![],
            // RabbitMQ listens on all interfaces unless told otherwise. With an account whose password everybody knows,
            // that is for the operator to ask for: `listeners.tcp.default = 5672`.
            (false, true) => unasked(AMQP_PORT, self.is_open),
            (false, false) => self.listeners.into_values().collect(),
        };
        config.disk_free_limit = self.disk_free_bytes.or(config.disk_free_limit);
        config.memory_max = self.memory_bytes.unwrap_or(config.memory_max);
        config.limits.vhosts = self.vhost_limits.into_values().collect();
        config.default_policies = self.default_policies.into_values().collect();
        config
    }

    fn finish_tls(&mut self) {
        let config = &mut self.config;
        if !self.has_no_tls_listener {
            config.tls_listeners = self.tls_listeners.values().cloned().collect();
        }
        config.tls = self.tls.finish();
        config.management.tls = self.management_tls.finish();
        config.prometheus.tls = self.prometheus_tls.finish();
        if let CertificateName::SubjectAlternativeName { kind, index } =
            &mut config.certificate_name
        {
            (*kind, *index) = (self.san_kind, self.san_index);
        }
    }

    fn finish_access(&mut self) {
        let config = &mut self.config;
        config.auth_mechanisms = if self.auth_mechanisms.is_empty() {
            options::AUTH_MECHANISMS.map(str::to_owned).to_vec()
        } else {
            self.auth_mechanisms.values().cloned().collect()
        };
        if self.has_no_loopback_user {
            config.loopback_users.clear();
        }
        let tags = self.default_tags.iter().filter(|(_, is_on)| **is_on);
        config.accounts.default_tags = match self.default_tags.is_empty() {
            true => vec!["administrator".to_owned()],
            false => tags.map(|(tag, _)| tag.clone()).collect(),
        };
        config.accounts.password_rule = self.password_rule.finish();
        config.accounts.default_users = self.default_users.values().cloned().collect();
        config.accounts.anonymous = (self.anonymous_user != "none").then(|| AnonymousLogin {
            user: self.anonymous_user.clone(),
            password: self.anonymous_password.clone(),
        });
    }

    fn finish_management(&mut self) {
        let management = &mut self.config.management;
        management.cors_origins = match self.has_no_cors {
            true => vec![],
            false => self.cors_origins.values().cloned().collect(),
        };
        if self.has_management == Some(false) {
            return;
        }
        let old = self.management_listener;
        let (old_tcp, old_tls) = match self.is_management_listener_tls {
            true => (None, old.configured(MANAGEMENT_TLS_PORT)),
            false => (old.configured(MANAGEMENT_PORT), None),
        };
        let tcp = self.management_tcp.configured(MANAGEMENT_PORT).or(old_tcp);
        let tls = self.management_ssl.configured(MANAGEMENT_TLS_PORT).or(old_tls);
        management.listeners = match (&tcp, &tls) {
            (None, None) => unasked(MANAGEMENT_PORT, self.is_open),
            _ => tcp.into_iter().collect(),
        };
        management.tls_listeners = tls.into_iter().collect();
    }

    fn finish_prometheus(&mut self) {
        if self.has_prometheus == Some(false) {
            return;
        }
        let prometheus = &mut self.config.prometheus;
        let tcp = self.prometheus_tcp.configured(PROMETHEUS_PORT);
        let tls = self.prometheus_ssl.configured(PROMETHEUS_TLS_PORT);
        prometheus.listeners = match (self.has_no_prometheus_tcp, &tcp, &tls) {
            (true, ..) => vec![],
            (false, None, None) => unasked(PROMETHEUS_PORT, self.is_open),
            (false, ..) => tcp.into_iter().collect(),
        };
        prometheus.tls_listeners = tls.into_iter().collect();
    }

    fn finish_logs(&mut self) {
        let (draft, log) = (self.log.clone(), &mut self.config.log);
        log.category_output = draft.file.clone();
        let has_file = draft.has_file.unwrap_or(!log.dir.is_empty());
        log.file = has_file.then_some(draft.file);
        log.console = draft.has_console.unwrap_or(!has_file).then_some(draft.console);
    }
}
