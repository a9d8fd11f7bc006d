use super::*;
use crate::decide::mail::Canaries;
use crate::decide::pace::Pace;
use checker_job::Frequency;

pub(super) fn site() -> Site {
    let minute = Duration::from_secs(60);
    Site {
        pace: Pace::default(),
        canaries: Canaries::new(minute * 15, minute * 10, true, 200),
        proof: crate::decide::bound::Proof::Mailbox,
        peers: 1,
        legacy: 0,
        daemon: true,
        listens: true,
        channels: 0,
        deadman: false,
        jobs: vec![(Frequency::Minute, 2, Duration::from_secs(10))],
        latency: crate::decide::bound::LATENCY,
    }
}

#[test]
#[ignore = "shows figures"]
fn figures() {
    let seeds: u64 = std::env::var("SEEDS").ok().and_then(|s| s.parse().ok()).unwrap_or(40);
    let peers: usize = std::env::var("PEERS").ok().and_then(|s| s.parse().ok()).unwrap_or(1);
    let only = std::env::var("FAULT").unwrap_or_default();
    let site = Site { peers, ..site() };
    for fault in Fault::ALL.into_iter().filter(|f| f.name().contains(&only)) {
        for steered in [false, true] {
            let begun = std::time::Instant::now();
            let p = prove_one(&site, fault, 0..seeds, Some(steered));
            let part = p.bound.zip(p.longest).map(|(b, l)| 100 * l.as_millis() / b.as_millis());
            println!("{:14} {} bound {:?} longest {:?} {part:?}% seed {} wrong {} ({:?})", fault.name(), if steered { "steered" } else { "random " }, p.bound, p.longest, p.seed, p.wrong.len(), begun.elapsed());
            for (seed, w) in p.wrong.iter().take(3) { println!("      {seed}: {w}"); }
        }
    }
}
