//! The command line of the simulator.

use sim::crashes::Sequences;

/// How the program is called.
pub(crate) const USAGE: &str = "\
usage: sim            [--seeds N] [--first SEED] [--minutes M]   whole nodes in made worlds
       sim crashes    [--states N | --seeds N] [--first SEED] [--minutes M]
                                                                every state that a crash may leave of a store
       sim damage     [--injuries N | --seeds N] [--first SEED] [--minutes M]
                                                                bytes that change behind a store's back
       sim exhaustive [--ops N] [--first NUMBER --seeds N]       all sequences of up to N operations";

const SEEDS: u64 = 1_000;
const STATES: u64 = 50_000;
const INJURIES: u64 = 20_000;
const OPS_MAX: u32 = 4;

/// What is simulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Worlds,
    Crashes,
    Damage,
    Exhaustive { ops_max: u32 },
}

impl Mode {
    /// The command that runs one seed again.
    pub(crate) fn repeat_with(self, seed: u64) -> String {
        let mode = match self {
            Self::Worlds => return sim::repeat_with(seed),
            Self::Crashes => "crashes",
            Self::Damage => "damage",
            Self::Exhaustive { .. } => "exhaustive",
        };
        format!("cargo xtask sim {mode} --first {seed} --seeds 1")
    }
}

/// What the command line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) mode: Mode,
    pub(crate) first: u64,
    /// How many seeds, unless something else ends first.
    pub(crate) seeds: u64,
    /// Ends when so much was looked at: states of crashes, or injuries.
    pub(crate) work_max: u64,
    /// Ends after this time.
    pub(crate) minutes_max: Option<u64>,
}

impl Options {
    /// The options, or `None` when the arguments mean nothing.
    pub(crate) fn parse(arguments: &[String]) -> Option<Self> {
        let (mode, rest) = match arguments.split_first() {
            Some((mode, rest)) if mode == "crashes" => (Mode::Crashes, rest),
            Some((mode, rest)) if mode == "damage" => (Mode::Damage, rest),
            Some((mode, rest)) if mode == "exhaustive" => {
                (Mode::Exhaustive { ops_max: OPS_MAX }, rest)
            }
            _ => (Mode::Worlds, arguments),
        };
        let (mut seeds, mut work) = (None, None);
        let mut options =
            Self { mode, first: 0, seeds: u64::MAX, work_max: u64::MAX, minutes_max: None };
        for pair in rest.chunks(2) {
            let [name, value] = pair else { return None };
            let value: u64 = value.parse().ok()?;
            match (name.as_str(), &mut options.mode) {
                ("--first", _) => options.first = value,
                ("--seeds", _) => seeds = Some(value),
                ("--states", Mode::Crashes) | ("--injuries", Mode::Damage) => work = Some(value),
                ("--ops", Mode::Exhaustive { ops_max }) => {
                    *ops_max = u32::try_from(value).ok().filter(|ops| (1..=8).contains(ops))?;
                }
                ("--minutes", Mode::Worlds | Mode::Crashes | Mode::Damage) => {
                    options.minutes_max = Some(value);
                }
                _ => return None,
            }
        }
        options.limit(seeds, work);
        Some(options)
    }

    fn limit(&mut self, seeds: Option<u64>, work: Option<u64>) {
        let is_timed = self.minutes_max.is_some();
        match self.mode {
            Mode::Worlds if seeds.is_none() && !is_timed => self.seeds = SEEDS,
            Mode::Crashes if seeds.is_none() && !is_timed => {
                self.work_max = work.unwrap_or(STATES);
            }
            Mode::Damage if seeds.is_none() && !is_timed => {
                self.work_max = work.unwrap_or(INJURIES);
            }
            Mode::Exhaustive { ops_max } if seeds.is_none() => {
                self.seeds = Sequences::new(ops_max).count();
            }
            _ => {
                self.seeds = seeds.unwrap_or(u64::MAX);
                self.work_max = work.unwrap_or(u64::MAX);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Option<Options> {
        let arguments: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Options::parse(&arguments)
    }

    #[test]
    fn something_always_ends_a_run() {
        for line in ["", "crashes", "damage", "exhaustive", "--minutes 1", "crashes --minutes 1"] {
            let options = parse(line).expect("it means something");
            let is_bounded = options.seeds < u64::MAX || options.work_max < u64::MAX;
            assert!(is_bounded || options.minutes_max.is_some(), "{line}: {options:?}");
        }
        assert_eq!(parse("exhaustive --ops 2").map(|options| options.seeds), Some(110));
    }

    #[test]
    fn what_means_nothing_is_refused() {
        for line in ["--states 3", "crashes --ops 2", "exhaustive --ops 9", "--seeds", "--seeds x"]
        {
            assert_eq!(parse(line), None, "{line}");
        }
    }

    #[test]
    fn a_repeated_seed_is_run_alone() {
        for mode in
            [Mode::Worlds, Mode::Crashes, Mode::Damage, Mode::Exhaustive { ops_max: OPS_MAX }]
        {
            let line = mode.repeat_with(7);
            let options = parse(line.strip_prefix("cargo xtask sim").expect("it is this program"));
            let options = options.expect("the command is understood");
            assert_eq!((options.mode, options.first, options.seeds), (mode, 7, 1));
        }
    }
}
