//! What injuries cost.

use std::fmt;

use crate::damage::injury::{FILES, WOUNDS, Wound};

/// Counts over many injuries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Toll {
    /// Directories that were injured.
    pub directories: u64,
    /// Injuries that changed at least one byte, by kind of wound and kind of file.
    pub injuries: [[u64; FILES.len()]; WOUNDS.len()],
    /// Injuries that were reported.
    pub reported: u64,
    /// Injuries of bytes that mean nothing, or that are stored a second time.
    pub harmless: u64,
    /// Injuries of the end of a journal, where nothing bears witness: what they took away looks like a torn tail.
    pub unwitnessed: u64,
    /// Injuries with which a directory cannot be opened: of the snapshot of the metadata, and of the file `format`.
    pub refused: u64,
    /// Messages of the injured directories that no injury touched, by kind of wound.
    pub undamaged: [u64; WOUNDS.len()],
    /// Of these, not served.
    pub collateral: [u64; WOUNDS.len()],
    /// Settled messages that came back, with a report.
    pub returned: u64,
    /// Damaged directories that were repaired, with and without losses of power.
    pub repaired: u64,
}

impl Toll {
    /// All injuries.
    pub fn count(&self) -> u64 {
        self.injuries.iter().flatten().sum()
    }

    /// The part of the undamaged messages that is served in spite of wounds of this kind.
    pub(super) fn served(&self, wound: Wound) -> f64 {
        let undamaged = self.undamaged[wound as usize].max(1);
        (undamaged - self.collateral[wound as usize].min(undamaged)) as f64 / undamaged as f64
    }

    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        let add = |these: [u64; WOUNDS.len()], those: [u64; WOUNDS.len()]| {
            std::array::from_fn(|at| these[at] + those[at])
        };
        let injuries = std::array::from_fn(|wound| {
            std::array::from_fn(|file| self.injuries[wound][file] + other.injuries[wound][file])
        });
        Self {
            injuries,
            directories: self.directories + other.directories,
            reported: self.reported + other.reported,
            harmless: self.harmless + other.harmless,
            unwitnessed: self.unwitnessed + other.unwitnessed,
            refused: self.refused + other.refused,
            undamaged: add(self.undamaged, other.undamaged),
            collateral: add(self.collateral, other.collateral),
            returned: self.returned + other.returned,
            repaired: self.repaired + other.repaired,
        }
    }
}

impl fmt::Display for Toll {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.count();
        let Self { directories, reported, harmless, unwitnessed, refused, .. } = self;
        writeln!(
            f,
            "{count} injuries of {directories} directories: {reported} reported, {refused} of them refused at the \
             start, {harmless} harmless, {unwitnessed} at the end of a journal without a witness; 0 wrong bytes, \
             0 lost in silence"
        )?;
        writeln!(f, "{} settled messages returned with a report", self.returned)?;
        writeln!(
            f,
            "{} directories repaired: checked clean, and everything else was there",
            self.repaired
        )?;
        write!(f, "{:12}", "")?;
        FILES.iter().try_for_each(|file| write!(f, "{file:>9}"))?;
        write!(f, "   undamaged messages served")?;
        for (at, wound) in WOUNDS.iter().enumerate() {
            write!(f, "\n{:12}", format!("{wound:?}").to_lowercase())?;
            self.injuries[at].iter().try_for_each(|count| write!(f, "{count:9}"))?;
            write!(f, "   {:.3} %", 100.0 * self.served(WOUNDS[at]))?;
        }
        Ok(())
    }
}
