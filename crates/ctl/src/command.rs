//! A command as a value.

use crate::call::Call;
use crate::failure::Failure;
use crate::output::Output;

/// The name that the program was started by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tool {
    /// `leveret ctl`, which has the commands of all others.
    Leveret,
    /// `rabbitmqctl`
    Ctl,
    /// `rabbitmq-diagnostics`
    Diagnostics,
    /// `rabbitmq-queues`
    Queues,
    /// `rabbitmq-plugins`
    Plugins,
    /// `rabbitmq-upgrade`
    Upgrade,
    /// `rabbitmq-streams`
    Streams,
}

impl Tool {
    /// All of them, in the order of the documentation.
    pub const ALL: [Self; 7] = [
        Self::Leveret,
        Self::Ctl,
        Self::Diagnostics,
        Self::Queues,
        Self::Plugins,
        Self::Upgrade,
        Self::Streams,
    ];

    /// The tool of that name, if the binary was linked or copied to one.
    #[must_use]
    pub fn of_program(name: &str) -> Option<Self> {
        Self::ALL.into_iter().filter(|tool| *tool != Self::Leveret).find(|tool| tool.name() == name)
    }

    /// What an operator types.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Leveret => "leveret ctl",
            Self::Ctl => "rabbitmqctl",
            Self::Diagnostics => "rabbitmq-diagnostics",
            Self::Queues => "rabbitmq-queues",
            Self::Plugins => "rabbitmq-plugins",
            Self::Upgrade => "rabbitmq-upgrade",
            Self::Streams => "rabbitmq-streams",
        }
    }

    /// Whether the tool has that command.
    pub(crate) fn has(self, command: &Command) -> bool {
        self == Self::Leveret || command.tools.contains(&self)
    }
}

/// What an option wants after its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Takes {
    Nothing,
    Text,
    /// A whole number that is not negative.
    Number,
}

/// An option of one command, or of all.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Flag {
    /// Without its dashes.
    pub(crate) name: &'static str,
    pub(crate) short: Option<char>,
    pub(crate) takes: Takes,
    pub(crate) doc: &'static str,
}

/// An option without a value.
pub(crate) const fn switch(name: &'static str, doc: &'static str) -> Flag {
    Flag { name, short: None, takes: Takes::Nothing, doc }
}

/// An option with a value.
pub(crate) const fn text(name: &'static str, doc: &'static str) -> Flag {
    Flag { name, short: None, takes: Takes::Text, doc }
}

/// An option with a number.
pub(crate) const fn number(name: &'static str, doc: &'static str) -> Flag {
    Flag { name, short: None, takes: Takes::Number, doc }
}

impl Flag {
    pub(crate) const fn or(mut self, short: char) -> Self {
        self.short = Some(short);
        self
    }
}

/// The headings of `help`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Section {
    Help,
    Node,
    Users,
    Access,
    Observing,
    Parameters,
    Policies,
    Vhosts,
    Queues,
    Definitions,
    Operations,
    Features,
    Plugins,
    Configuration,
    Cluster,
}

impl Section {
    pub(crate) const ALL: [Self; 15] = [
        Self::Help,
        Self::Node,
        Self::Users,
        Self::Access,
        Self::Observing,
        Self::Parameters,
        Self::Policies,
        Self::Vhosts,
        Self::Queues,
        Self::Definitions,
        Self::Operations,
        Self::Features,
        Self::Plugins,
        Self::Configuration,
        Self::Cluster,
    ];

    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Help => "Help",
            Self::Node => "Nodes",
            Self::Users => "Users",
            Self::Access => "Access Control",
            Self::Observing => "Monitoring, observability and health checks",
            Self::Parameters => "Parameters",
            Self::Policies => "Policies",
            Self::Vhosts => "Virtual hosts",
            Self::Queues => "Queues",
            Self::Definitions => "Definitions",
            Self::Operations => "Operations",
            Self::Features => "Feature flags",
            Self::Plugins => "Plugins",
            Self::Configuration => "Configuration and Environment",
            Self::Cluster => "Cluster",
        }
    }
}

/// The columns that a list has.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Columns {
    pub(crate) all: &'static [&'static str],
    /// Those that are shown if none are named.
    pub(crate) usual: &'static [&'static str],
}

/// What a command does.
pub(crate) type Runs = fn(&Call<'_>) -> Result<Output, Failure>;

/// One command.
#[derive(Debug)]
pub(crate) struct Command {
    pub(crate) name: &'static str,
    /// What follows the name in the usage.
    pub(crate) usage: &'static str,
    /// One sentence, without its full stop.
    pub(crate) summary: &'static str,
    pub(crate) section: Section,
    pub(crate) tools: &'static [Tool],
    /// The fewest and the most arguments; columns are counted by themselves.
    pub(crate) arity: (usize, usize),
    pub(crate) flags: &'static [Flag],
    pub(crate) columns: Option<Columns>,
    /// It refuses whatever it is given, options of RabbitMQ's included.
    pub(crate) is_refused: bool,
    /// Arguments contain a password, so that they are not repeated in errors.
    pub(crate) has_secrets: bool,
    /// Checks what parsing cannot, before anything is said or done.
    pub(crate) checks: fn(&Call<'_>) -> Result<(), Failure>,
    /// What is said before it is done.
    pub(crate) says: Option<fn(&Call<'_>) -> String>,
    pub(crate) runs: Runs,
}

pub(crate) const CTL: &[Tool] = &[Tool::Ctl];
pub(crate) const CTL_AND_DIAGNOSTICS: &[Tool] = &[Tool::Ctl, Tool::Diagnostics];
pub(crate) const DIAGNOSTICS: &[Tool] = &[Tool::Diagnostics];
pub(crate) const QUEUES: &[Tool] = &[Tool::Queues];
pub(crate) const QUEUES_AND_DIAGNOSTICS: &[Tool] = &[Tool::Queues, Tool::Diagnostics];
pub(crate) const PLUGINS: &[Tool] = &[Tool::Plugins];
pub(crate) const UPGRADE: &[Tool] = &[Tool::Upgrade];
pub(crate) const STREAMS: &[Tool] = &[Tool::Streams];
pub(crate) const EVERYWHERE: &[Tool] =
    &[Tool::Ctl, Tool::Diagnostics, Tool::Queues, Tool::Plugins, Tool::Upgrade, Tool::Streams];

/// A command of `rabbitmqctl` without arguments, which the methods below refine.
pub(crate) const fn command(
    section: Section,
    name: &'static str,
    usage: &'static str,
    summary: &'static str,
    runs: Runs,
) -> Command {
    Command {
        name,
        usage,
        summary,
        section,
        tools: CTL,
        arity: (0, 0),
        flags: &[],
        columns: None,
        is_refused: false,
        has_secrets: false,
        checks: |_| Ok(()),
        says: None,
        runs,
    }
}

impl Command {
    pub(crate) const fn takes(mut self, fewest: usize, most: usize) -> Self {
        self.arity = (fewest, most);
        self
    }

    pub(crate) const fn of(mut self, tools: &'static [Tool]) -> Self {
        self.tools = tools;
        self
    }

    pub(crate) const fn with(mut self, flags: &'static [Flag]) -> Self {
        self.flags = flags;
        self
    }

    pub(crate) const fn lists(
        mut self,
        all: &'static [&'static str],
        usual: &'static [&'static str],
    ) -> Self {
        self.columns = Some(Columns { all, usual });
        self
    }

    pub(crate) const fn refused(mut self) -> Self {
        self.is_refused = true;
        self
    }

    pub(crate) const fn secret(mut self) -> Self {
        self.has_secrets = true;
        self
    }

    pub(crate) const fn checks(mut self, checks: fn(&Call<'_>) -> Result<(), Failure>) -> Self {
        self.checks = checks;
        self
    }

    pub(crate) const fn says(mut self, says: fn(&Call<'_>) -> String) -> Self {
        self.says = Some(says);
        self
    }
}
