//! What the job would call healthy.

use super::judged::{nothing, secs};
use super::settings::plan;
use crate::judge::{Findings, Found, judge};
use crate::mutate::mutations;
use checker_job::Verdict;

#[test]
fn mail_that_is_lost_late_or_spam_is_noticed_unless_a_day_is_well() {
    let arrived = Findings { found: Some(Found::Arrived(secs(3))), ..nothing() };
    for (within, warning, unseen) in [
        (None, None, vec![]),
        (Some(secs(7_200)), None, vec![]),
        (Some(secs(93_600)), None, vec!["slow"]),
        (Some(secs(93_600)), Some(secs(3_600)), vec![]),
    ] {
        let mut plan = plan("");
        plan.limits.within = within.unwrap_or(plan.limits.within);
        plan.limits.warning = warning;
        assert_eq!(judge(&plan, &arrived).verdict, Verdict::Ok);
        let all = mutations(&plan, &arrived);
        assert_eq!(all.iter().map(|m| m.name).collect::<Vec<_>>(), ["refused", "gone", "spam", "slow"]);
        assert_eq!(all.iter().filter(|m| !m.is_noticed()).map(|m| m.name).collect::<Vec<_>>(), unseen, "{within:?}");
        let said = ["sending (SMTP): the server refuses", "does not arrive", "is taken for spam", "arrived"];
        for (mutation, words) in all.iter().zip(said) {
            assert!(mutation.outcome.summary.contains(words), "{mutation:?}");
        }
    }
}
