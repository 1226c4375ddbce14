use std::collections::BTreeSet;

use super::*;
use crate::workflow::PROGRESS;

#[test]
fn the_same_seed_tells_the_same_and_another_one_something_else() {
    let stretches = |seed| {
        let mut drill = Drill::new(seed);
        [drill.stretch(), drill.stretch()]
    };
    assert_eq!(stretches(1), stretches(1));
    assert_ne!(stretches(1), stretches(2));
    assert_ne!(stretches(1)[0], stretches(1)[1]);
}

#[test]
fn much_that_packs_name_happens() {
    let (mut kinds, mut forms, mut told) = (BTreeSet::new(), BTreeSet::new(), Told::default());
    let (mut steps, mut conflicts, mut tasks, mut deeds) = (0, 0, 0, 0);
    for seed in 0..120 {
        let kind = [VenueKind::Fitness, VenueKind::Sports][seed as usize % 2];
        let mut club = Club::new(kind, seed);
        (0..CLUB_ACTIONS).for_each(|_| club.act(&mut told));
        for record in club.records.values() {
            kinds.insert(record.kind().as_str().to_owned());
            let heads = record.head_changes(PROGRESS);
            steps += heads.into_iter().filter(|head| *head != record.begun().change).count();
            conflicts += record.conflicts().count();
            deeds += usize::from(record.kind().as_str() == "task");
            tasks += club.on_ground(|ground| task::of_record(record, ground)).len();
        }
        forms.extend(club.changes.iter().map(|change| change.change.header.form.clone()));
    }
    assert!(kinds.len() > 40 && forms.len() > 40, "{} kinds, {} forms", kinds.len(), forms.len());
    assert!(steps > 50 && conflicts > 5 && tasks > 100 && deeds > 20, "{steps} {conflicts} {tasks} {deeds}");
}
