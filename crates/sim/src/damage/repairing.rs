//! What a check says of an injured directory, and what a repair makes of it.

use store::{Disk, check, repair};

use stdx::Random;

use crate::SimDisk;
use crate::crashes::Inventory;
use crate::damage::injury::Injury;
use crate::damage::specimen::Specimen;

/// How often the power goes while a directory is repaired.
const CRASHES_MAX: u64 = 2;

/// Checks and repairs an injured directory, and holds it against what recovery `found` without that; says whether there
/// was anything to repair.
pub(super) fn examine(
    specimen: &Specimen,
    mut disk: SimDisk,
    found: &Inventory,
    injury: &Injury,
    random: &mut Random,
) -> bool {
    let options = &specimen.options;
    let before = disk.clone();
    let checked = check(&mut disk, options).expect("what can be opened can be checked");
    let is_same = before.paths().eq(disk.paths())
        && before.paths().all(|path| before.bytes(path) == disk.bytes(path));
    assert!(is_same, "{injury:?}: a check changes something");
    assert!(
        found.damage.is_empty() || !checked.damage.is_empty(),
        "{injury:?}: the check does not find {:?}",
        found.damage
    );
    assert_eq!(checked.messages, found.live.len() as u64, "{injury:?}: {:?}", checked.damage);

    for _ in 0..random.below(CRASHES_MAX + 1) {
        disk.fail_at = Some(disk.calls() + random.below(400));
        let is_done = repair(&mut disk, random.next_u64(), options).is_ok();
        disk.fail_at = None;
        if is_done {
            break;
        }
        disk = disk.crash(random);
    }
    let repaired = repair(&mut disk, random.next_u64(), options).expect("the power is on");
    assert_eq!(repaired.after.damage, [], "{injury:?}: {:?}", checked.damage);
    for (_, name) in &repaired.moved {
        assert!(disk.len(name).is_ok(), "{injury:?}: {name} is not where it is said to be");
    }
    let again = Inventory::of(&mut disk, specimen.shards, random.next_u64(), options);
    let again = again.expect("what was repaired can be opened");
    assert_eq!(again.damage, [], "{injury:?}: a start reports damage after a repair");
    assert_eq!(again.live, found.live, "{injury:?}: a repair changes what is live");
    assert_eq!(again.notes, found.notes, "{injury:?}: a repair changes the notes");
    !checked.damage.is_empty()
}
