use super::*;
use checker_job::Verdict;
use std::time::Duration;

const ID: &str = "5bf66975-d4c7-4bf5-bcc8-b8d8a82ea278";
const RID: &str = "a0b1c2d3-0000-4000-8000-000000000001";

fn said(url: &str) -> Result<(Said, Option<Uuid>, bool), Refusal> {
    let (path, query) = url.split_once('?').map_or((url, None), |(path, query)| (path, Some(query)));
    parse(path, query).map(|ping| (ping.said, ping.rid, ping.create))
}

#[test]
fn all_urls_of_existing_clients_are_understood() {
    for base in [format!("/ping/{ID}"), "/ping/fqOOd6-F4MMNuCEnzTU01w/db-backup".to_owned()] {
        for (end, expected) in [
            ("", Said::Success),
            ("/start", Said::Start),
            ("/fail", Said::Fail),
            ("/log", Said::Log),
            ("/0", Said::Exit(0)),
            ("/3", Said::Exit(3)),
            ("/255", Said::Exit(255)),
            ("/007", Said::Exit(7)),
        ] {
            assert_eq!(said(&format!("{base}{end}")), Ok((expected, None, false)), "{base}{end}");
            let rid = Uuid::try_parse(RID).unwrap();
            let with = format!("{base}{end}?create=1&rid={}", RID.to_uppercase());
            assert_eq!(said(&with), Ok((expected, Some(rid), true)), "{with}");
        }
        assert_eq!(said(&format!("{base}/256")), Err(Refusal::BadUrl));
        assert_eq!(said(&format!("{base}?rid=12345")), Err(Refusal::BadRid));
        assert_eq!(said(&format!("{base}?rid=")), Err(Refusal::BadRid));
        assert_eq!(said(&format!("{base}?rid={RID}0")), Err(Refusal::BadRid));
        for wrong in ["/begin", "/-1", "/Start", "/start/", "/start/now", "/3a"] {
            assert_eq!(said(&format!("{base}{wrong}")), Err(Refusal::NotFound), "{wrong}");
        }
    }
    assert_eq!(said(&format!("/ping/{ID}/")), Ok((Said::Success, None, false)));
    assert_eq!(said("/ping/key/Backup"), Err(Refusal::BadUrl), "capitals in a slug");
    for wrong in
        ["/ping/", "/ping/key", "/ping/key/", "/pong/x/y", "/", &format!("/ping/{}", ID.to_uppercase()), "/ping/a b/c"]
    {
        assert_eq!(said(wrong), Err(Refusal::NotFound), "{wrong}");
    }
}

#[test]
fn a_name_becomes_a_slug() {
    for (name, expected) in [
        ("nightly-backup", "nightly-backup"),
        ("Nightly backup (db1)", "nightly-backup-db1"),
        ("a_B.c", "a_b-c"),
        ("Ü", ""),
    ] {
        assert_eq!(slug(name), expected);
    }
}

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(1_700_000_000 + secs)
}

/// Calls one after the other, each second one; the answer is what is known then: how each run ended, and how long it took.
fn after(calls: &[(Said, Option<u8>)]) -> Vec<(Option<Verdict>, Option<u64>)> {
    let mut runs: Vec<RunRecord> = Vec::new();
    for (nth, (said, rid)) in calls.iter().enumerate() {
        let call = Call {
            name: "backup",
            host: "alpha",
            said: *said,
            rid: rid.map(|n| Uuid::from_u128(u128::from(n))),
            at: at(i64::try_from(nth).unwrap()),
            id: Uuid::from_u128(u128::try_from(nth).unwrap() + 1000),
            body: "text",
            from: "127.0.0.1",
            node: Uuid::nil(),
        };
        let open: Vec<RunRecord> = runs.iter().filter(|r| r.outcome.is_none()).cloned().collect();
        for record in call.records(&open) {
            runs.retain(|run| run.id != record.id);
            runs.push(record);
        }
    }
    runs.sort_by_key(|run| run.id);
    runs.iter().map(|run| (run.outcome.as_ref().map(|o| o.verdict), run.took().map(|t| t.as_secs()))).collect()
}

/// The pairing of starts and ends is that of Healthchecks (`Check.ping` in `hc/api/models.py`).
#[test]
fn a_start_and_an_end_of_the_same_run_are_one_run() {
    use Said::{Exit, Fail, Log, Start, Success};
    use Verdict::{Failed, Ok, Unknown};
    let (a, b) = (Some(1), Some(2));
    for (calls, expected) in [
        (vec![(Success, None)], vec![(Some(Ok), Some(0))]),
        (vec![(Start, None), (Success, None)], vec![(Some(Ok), Some(1))]),
        (vec![(Start, a), (Exit(3), a)], vec![(Some(Failed), Some(1))]),
        // The clock starts anew.
        (vec![(Start, None), (Start, None), (Success, None)], vec![(Some(Unknown), None), (Some(Ok), Some(1))]),
        // Two at once.
        (vec![(Start, a), (Start, b), (Success, b), (Success, a)], vec![(Some(Ok), Some(3)), (Some(Ok), Some(1))]),
        // Another run's success leaves the one that was started alone.
        (vec![(Start, a), (Success, b)], vec![(None, None), (Some(Ok), Some(0))]),
        // One that names no run ends it, and so does a failure.
        (vec![(Start, a), (Success, None)], vec![(Some(Unknown), None), (Some(Ok), Some(0))]),
        (vec![(Start, a), (Fail, b)], vec![(Some(Unknown), None), (Some(Failed), Some(0))]),
        // A log changes nothing.
        (vec![(Start, a), (Log, a), (Success, a)], vec![(Some(Ok), Some(2)), (Some(Unknown), Some(0))]),
    ] {
        assert_eq!(after(&calls), expected, "{calls:?}");
    }
}

#[test]
fn what_is_recorded_says_who_called_and_what() {
    let call = Call {
        name: "backup",
        host: "alpha",
        said: Said::Exit(3),
        rid: None,
        at: at(60),
        id: Uuid::from_u128((7 << 76) | (2 << 62)),
        body: "no space\u{0} left\n",
        from: "192.0.2.7",
        node: Uuid::nil(),
    };
    let begun = RunRecord { started: Some(at(0)), ..call.begun() };
    let [run] = &call.records(std::slice::from_ref(&begun))[..] else { panic!() };
    let outcome = run.outcome.as_ref().unwrap();
    assert_eq!((outcome.summary.as_str(), outcome.detail.as_str()), ("exit 3 after 1 min", "no space left"));
    assert_eq!((run.asked_by.as_deref(), run.source), (Some("192.0.2.7"), Source::Remote));
    assert_eq!(run.took(), Some(Duration::from_secs(60)));
    crate::store::check_run(run).unwrap();
    for said in [Said::Success, Said::Start, Said::Fail, Said::Log] {
        for record in (Call { said, ..call.clone() }).records(std::slice::from_ref(&begun)) {
            crate::store::check_run(&record).unwrap();
        }
    }
}
