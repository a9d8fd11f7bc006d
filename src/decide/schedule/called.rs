//! What is due, and the crontab line that is missing.

use super::tests::utc;
use super::*;

const CLASSES: [Class; 4] = [Class::Minute, Class::Hour, Class::Day, Class::DayNoon];

#[test]
fn what_each_call_includes() {
    let includes = |called: Called| CLASSES.map(|c| called.includes(c));
    assert_eq!(includes(Called::All), [true; 4]);
    assert_eq!(includes(Called::Now), [true; 4]);
    let of = |class| includes(Called::Class(class));
    assert_eq!(of(Class::Minute), [true, false, false, false]);
    assert_eq!(of(Class::Hour), [true, true, false, false]);
    assert_eq!(of(Class::Day), [true, true, true, false]);
    assert_eq!(of(Class::DayNoon), [true, true, false, true]);
    let class = |every: &str| Class::of(Frequency::parse(every).unwrap());
    assert_eq!(class("90min"), Class::Minute);
    assert_eq!(class("2h"), Class::Hour);
}

#[test]
fn due_in_all_classes() {
    let day = utc("2026-06-01T00:00");
    let after = |secs| day.plus(Duration::from_secs(secs));
    let daily = |served, now, called| due(Frequency::Day, served, day, now, called);
    let yesterday = Some(day.minus(Duration::from_secs(86_400)));
    let minute = Called::Class(Class::Minute);
    // Never ran: any class runs it.
    for class in CLASSES {
        let called = Called::Class(class);
        assert_eq!(daily(None, after(1), called), Some(Reason::NeverRan));
    }
    // Its slot has come: its own line and a line without a class run it at once, others after the grace.
    assert_eq!(daily(yesterday, after(1), Called::Class(Class::Day)), Some(Reason::Slot));
    assert_eq!(daily(yesterday, after(1), Called::All), Some(Reason::Slot));
    for other in [Class::Minute, Class::Hour, Class::DayNoon] {
        let called = Called::Class(other);
        assert_eq!(daily(yesterday, after(599), called), None);
        assert_eq!(daily(yesterday, after(600), called), Some(Reason::CatchUp));
    }
    // Served: nobody runs it again, but for a person who asks.
    assert_eq!(daily(Some(day), after(5_000), Called::All), None);
    assert_eq!(daily(Some(day), after(5_000), minute), None);
    assert_eq!(daily(Some(day), after(1), Called::Now), Some(Reason::Asked));
    // A small step back of the clock does not run it twice; a slot served by a clock that was far ahead holds nothing.
    let ahead = |secs| Some(after(secs));
    assert_eq!(daily(ahead(300), after(0), Called::All), None);
    assert_eq!(daily(ahead(301), after(0), Called::All), Some(Reason::Slot));
    assert_eq!(daily(ahead(31_536_000), after(1), minute), Some(Reason::CatchUp));
}

/// Passes once a minute from `from` on, each calling for what `called` says of its minute.
fn passes(memory: &mut CronMemory, from: Timestamp, minutes: i64, called: impl Fn(i64) -> Option<Called>) {
    for minute in 0..minutes {
        let now = instant_of(from.secs() + minute * 60 + 2);
        if let Some(called) = called(minute) {
            let zone = TimeZone::UTC;
            let mut slots = Slots::new(now, &zone);
            let needed = needed([Frequency::Minute, Frequency::Hour], &mut slots);
            *memory = memory.after(now, called, &needed);
        }
    }
}

fn missing(memory: &CronMemory) -> Vec<Class> {
    memory.missing().collect()
}

const MINUTE: Called = Called::Class(Class::Minute);

#[test]
fn a_missing_line_is_told_after_two_unserved_slots_and_forgotten_when_it_is_called() {
    let start = utc("2026-06-01T00:30");
    let mut memory = CronMemory::default();
    // 00:30 to 02:09: one slot is overdue, the second is not yet.
    passes(&mut memory, start, 100, |_| Some(MINUTE));
    assert_eq!(missing(&memory), []);
    passes(&mut memory, start.plus(Duration::from_secs(6_000)), 2, |_| Some(MINUTE));
    assert_eq!(missing(&memory), [Class::Hour]);
    let text = serde_json::to_string(&memory).unwrap();
    assert_eq!(serde_json::from_str::<CronMemory>(&text).unwrap(), memory);
    let line = utc("2026-06-01T03:00");
    passes(&mut memory, line, 1, |_| Some(Called::Class(Class::Hour)));
    assert_eq!(missing(&memory), []);
}

#[test]
fn another_line_that_includes_the_class_serves_its_slot_but_does_not_stand_for_its_line() {
    let mut memory = CronMemory::default();
    passes(&mut memory, utc("2026-06-01T20:30"), 180, |_| Some(MINUTE));
    assert_eq!(missing(&memory), [Class::Hour]);
    // Midnight: `day` includes the hour. The hour line is still missing, and was told: it must not be told anew.
    passes(&mut memory, utc("2026-06-02T00:00"), 1, |_| Some(Called::Class(Class::Day)));
    assert_eq!(missing(&memory), [Class::Hour]);
    // Where `day` is called each hour, no slot stays unserved.
    let mut memory = CronMemory::default();
    passes(&mut memory, utc("2026-06-01T00:30"), 300, |minute| {
        Some(if minute % 60 == 30 { Called::Class(Class::Day) } else { MINUTE })
    });
    assert_eq!(missing(&memory), []);
}

#[test]
fn a_host_that_was_off_a_pass_by_hand_and_one_line_for_all_are_silent() {
    let start = utc("2026-06-01T00:30");
    // Off around each full hour.
    let mut memory = CronMemory::default();
    passes(&mut memory, start, 600, |minute| {
        let of_hour = (minute + 30) % 60;
        (10..50).contains(&of_hour).then_some(MINUTE)
    });
    assert_eq!(missing(&memory), []);
    // On before the hour, and again six minutes after it.
    let mut memory = CronMemory::default();
    passes(&mut memory, start, 600, |minute| {
        let of_hour = (minute + 30) % 60;
        (of_hour > 5).then_some(MINUTE)
    });
    assert_eq!(missing(&memory), []);
    // By hand.
    let mut memory = CronMemory::default();
    passes(&mut memory, start, 600, |_| Some(Called::Now));
    assert_eq!((missing(&memory), memory.last_pass), (vec![], None));
    // By hand now and then: that serves jobs, and says nothing about the crontab.
    let mut memory = CronMemory::default();
    passes(&mut memory, start, 180, |minute| {
        let by_hand = minute % 60 == 35;
        Some(if by_hand { Called::Now } else { MINUTE })
    });
    assert_eq!(missing(&memory), [Class::Hour]);
    // Without `-c`.
    let mut memory = CronMemory::default();
    passes(&mut memory, start, 600, |_| Some(Called::All));
    assert_eq!(missing(&memory), []);
}

#[test]
fn a_memory_that_is_kept_only_where_it_moves_on_decides_the_same() {
    let patterns: [fn(i64) -> Option<Called>; 5] = [
        |_| Some(MINUTE),
        |m| Some(if m % 60 == 0 { Called::Class(Class::Hour) } else { MINUTE }),
        |m| (m % 2 == 0).then_some(MINUTE),
        |m| (m % 150 < 100).then_some(if m % 7 == 0 { Called::Class(Class::Day) } else { MINUTE }),
        |m| Some(if m < 300 { Called::All } else { MINUTE }),
    ];
    let zone = TimeZone::UTC;
    for (number, called) in patterns.iter().enumerate() {
        let (mut all, mut kept, mut writes) = (CronMemory::default(), CronMemory::default(), 0);
        for minute in 0..900 {
            let Some(called) = called(minute) else { continue };
            let now = instant_of(utc("2026-06-01T00:30").secs() + minute * 60 + 2);
            let mut slots = Slots::new(now, &zone);
            let needed = needed([Frequency::Hour, Frequency::Day], &mut slots);
            all = all.after(now, called, &needed);
            let next = kept.after(now, called, &needed);
            assert_eq!(missing(&next), missing(&all), "pattern {number}, minute {minute}");
            if kept.moves_on(&next, &needed) {
                (kept, writes) = (next, writes + 1);
            }
        }
        assert!(writes < 600, "pattern {number}: {writes} writes");
    }
}

#[test]
fn a_clock_that_was_ahead_does_not_hide_a_missing_line_and_unneeded_classes_are_forgotten() {
    let mut memory = CronMemory::default();
    passes(&mut memory, utc("2027-06-01T00:00"), 2, |_| Some(Called::Class(Class::Hour)));
    passes(&mut memory, utc("2026-06-01T00:30"), 110, |_| Some(MINUTE));
    assert_eq!(missing(&memory), [Class::Hour]);
    let now = utc("2026-06-01T05:00");
    let none = memory.after(now, MINUTE, &BTreeMap::new());
    assert!(none.classes.is_empty());
}
