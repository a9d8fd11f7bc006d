use super::super::{Addressed, Planned, Result, rules};
use super::ledger::{Book, Posted, Progress};
use crate::decide::{AlertId, Delivery, DeliveryState, Recipient, SendResult, Sent, Waiting};
use checker_job::{JobId, Timestamp};
use std::cmp::Reverse;
use std::collections::BTreeSet;
use uuid::Uuid;

impl Book {
    pub(super) fn waiting(&self) -> Vec<Waiting> {
        let is_news = |p: &Progress| matches!(p, Progress::Waiting | Progress::Withheld);
        let news: BTreeSet<(&JobId, &Recipient)> =
            self.addressees.iter().filter(|(_, p)| is_news(p)).map(|((id, to), _)| (&id.job, to)).collect();
        // What a refused delivery carries waits where newer news of that job does; one that is gone by age carries nothing.
        let listed = self.addressees.iter().filter(|((id, to), progress)| match progress {
            Progress::Refused(by) => news.contains(&(&id.job, to)) && self.deliveries.contains_key(by),
            other => other.is_open(),
        });
        let mut found: Vec<Waiting> = listed
            .filter_map(|((id, recipient), progress)| {
                let thread = self.thread(id, recipient);
                Some(Waiting {
                    alert: self.alerts.get(id)?.clone(),
                    recipient: recipient.clone(),
                    delivery: match progress {
                        Progress::Planned(delivery) | Progress::Refused(delivery) => Some(*delivery),
                        _ => None,
                    },
                    withheld: *progress == Progress::Withheld,
                    told: thread.is_some(),
                    thread,
                })
            })
            .collect();
        // Alerts of one instant stay in the order of the map.
        found.sort_by_key(|w| w.alert.at);
        found
    }

    /// The Message-ID of the earliest delivery that told this recipient of this episode.
    fn thread(&self, of: &AlertId, recipient: &Recipient) -> Option<String> {
        let same = self
            .addressees
            .iter()
            .filter(|((id, to), _)| (&id.job, id.episode, to) == (&of.job, of.episode, recipient));
        same.filter_map(|(_, progress)| match progress {
            Progress::Told(at, message_id) => Some((*at, message_id.clone())),
            _ => None,
        })
        .min()
        .map(|(_, message_id)| message_id)
    }

    pub(super) fn plan(&mut self, planned: &Planned) {
        for id in &planned.superseded {
            self.supersede(*id);
        }
        for (alert, recipient) in planned.addressed.iter().filter(|(alert, _)| self.alerts.contains_key(alert)) {
            self.addressees.entry((alert.clone(), recipient.clone())).or_insert(Progress::Waiting);
        }
        for delivery in &planned.deliveries {
            self.add_delivery(delivery);
        }
        for (alert, recipient, _) in &planned.dropped {
            if let Some(p) = self.progress(alert, recipient).filter(|p| p.is_open()) {
                *p = Progress::Dropped;
            }
        }
        for (alert, recipient) in &planned.withheld {
            if let Some(p) = self.progress(alert, recipient)
                && *p == Progress::Waiting
            {
                *p = Progress::Withheld;
            }
        }
    }

    pub(super) fn addressees(&self, of: &BTreeSet<(JobId, u32)>) -> BTreeSet<Addressed> {
        let all = self.addressees.keys();
        all.filter(|(id, _)| of.contains(&(id.job.clone(), id.episode))).cloned().collect()
    }

    fn progress(&mut self, alert: &AlertId, recipient: &Recipient) -> Option<&mut Progress> {
        self.addressees.get_mut(&(alert.clone(), recipient.clone()))
    }

    fn supersede(&mut self, id: Uuid) {
        let Some(posted) = self.deliveries.get_mut(&id) else {
            return;
        };
        let delivery = &mut posted.delivery;
        if !matches!(delivery.state, DeliveryState::Unsent | DeliveryState::Refused { .. }) {
            return;
        }
        delivery.state = DeliveryState::Superseded;
        for progress in self.addressees.values_mut() {
            if *progress == Progress::Planned(id) || *progress == Progress::Refused(id) {
                *progress = Progress::Waiting;
            }
        }
    }

    fn add_delivery(&mut self, delivery: &Delivery) {
        if self.deliveries.contains_key(&delivery.id) {
            return;
        }
        let posted = Posted { delivery: delivery.clone(), tried_at: None };
        self.deliveries.insert(delivery.id, posted);
        for id in &delivery.alerts {
            self.advance(id, &delivery.recipient, Progress::Planned(delivery.id));
        }
    }

    /// Told stays told, by the earlier of two deliveries.
    fn advance(&mut self, id: &AlertId, recipient: &Recipient, to: Progress) {
        if !self.alerts.contains_key(id) {
            return;
        }
        let key = (id.clone(), recipient.clone());
        let there = self.addressees.entry(key).or_insert(Progress::Waiting);
        match (&*there, &to) {
            (Progress::Told(at, thread), Progress::Told(new_at, new_thread)) if (new_at, new_thread) < (at, thread) => {
                *there = to;
            }
            (Progress::Told(..), _) => {}
            _ => *there = to,
        }
    }

    pub(super) fn mark(&mut self, id: Uuid, result: &SendResult, at: Timestamp, next_try: Timestamp) -> Result<()> {
        let posted = self.deliveries.get_mut(&id).ok_or_else(|| rules::no_delivery(id))?;
        let delivery = &mut posted.delivery;
        let (why, refused) = match (&delivery.state, result) {
            (DeliveryState::Told { .. }, _) => return Ok(()),
            (_, SendResult::Accepted { answer }) => {
                let answer = answer.clone();
                delivery.state = DeliveryState::Told { at, answer };
                let told = delivery.clone();
                for alert in &told.alerts {
                    let by = Progress::Told(told.created_at, told.message_id.clone());
                    self.advance(alert, &told.recipient, by);
                }
                return Ok(());
            }
            (DeliveryState::Superseded, _) => return Ok(()),
            (_, SendResult::Later { why }) => (why, false),
            (_, SendResult::Refused { why }) => (why, true),
        };
        if posted.tried_at == Some(at) {
            return Ok(());
        }
        posted.tried_at = Some(at);
        delivery.attempts += 1;
        delivery.next_try = next_try;
        delivery.last_error = Some(why.clone());
        if refused {
            let why = why.clone();
            delivery.state = DeliveryState::Refused { at, why };
            for progress in self.addressees.values_mut() {
                if *progress == Progress::Planned(id) {
                    *progress = Progress::Refused(id);
                }
            }
        }
        Ok(())
    }

    pub(super) fn unsent(&self) -> Vec<Delivery> {
        let all = self.deliveries.values().map(|p| &p.delivery);
        let mut found: Vec<Delivery> =
            all.filter(|d| matches!(d.state, DeliveryState::Unsent | DeliveryState::Refused { .. })).cloned().collect();
        found.sort_by_key(|d| (!d.urgent, d.created_at, d.id));
        found
    }

    pub(super) fn sent(&self, since: Timestamp) -> Vec<Sent> {
        let all = self.deliveries.values().map(|p| &p.delivery);
        let counts = |d: &&Delivery| {
            d.state != DeliveryState::Superseded && !d.alerts.iter().any(|a| crate::decide::drill::is_drill(&a.job))
        };
        let mut found: Vec<&Delivery> = all.filter(|d| d.created_at >= since).filter(counts).collect();
        found.sort_by_key(|d| (d.created_at, d.id));
        let short = |d: &Delivery| Sent {
            recipient: d.recipient.clone(),
            at: d.created_at,
            digest: d.digest,
            urgent: d.urgent,
        };
        found.into_iter().map(short).collect()
    }

    pub(super) fn newest_deliveries(&self, limit: usize) -> Vec<Delivery> {
        let mut found: Vec<&Delivery> = self.deliveries.values().map(|p| &p.delivery).collect();
        found.sort_by_key(|d| Reverse((d.created_at, d.id)));
        found.into_iter().take(limit).cloned().collect()
    }
}
