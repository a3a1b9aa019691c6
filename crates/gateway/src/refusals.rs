//! Refusals of strangers: counted, not recorded one by one.
//!
//! Requests that fail authentication and refused anonymous ones cost the server nothing that
//! grows: a bounded table of counts, emptied at an interval. DESIGN, 3.

use std::collections::BTreeMap;
use std::net::IpAddr;

use parking_lot::Mutex;

/// Counts of refusals by source and reason.
#[derive(Debug, Default)]
pub(crate) struct Refusals(Mutex<RefusalReport>);

/// What was refused in one interval.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct RefusalReport {
    /// How often each source was refused for each reason (AWS's error code).
    pub counts: BTreeMap<(IpAddr, String), u64>,
    /// Refusals of further sources or reasons, once the table was full.
    pub others: u64,
}

impl Refusals {
    pub(crate) fn note(&self, source_ip: IpAddr, error_code: &str) {
        let mut report = self.0.lock();
        let full = report.counts.len() >= SOURCES_MAX;
        let counted = (source_ip, error_code.to_owned());
        match report.counts.get_mut(&counted) {
            Some(count) => *count = count.saturating_add(1),
            None if full => report.others = report.others.saturating_add(1),
            None => {
                report.counts.insert(counted, 1);
            }
        }
    }

    pub(crate) fn take(&self) -> RefusalReport {
        std::mem::take(&mut *self.0.lock())
    }
}

/// Sources and reasons told apart in one interval.
const SOURCES_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn a_flood_from_many_addresses_keeps_the_table_bounded() {
        let refusals = Refusals::default();
        for address in 0..100_000_u32 {
            refusals.note(Ipv4Addr::from(address).into(), "AccessDenied");
        }
        let report = refusals.take();
        assert_eq!(report.counts.len(), SOURCES_MAX);
        let counted: u64 = report.counts.values().sum();
        assert_eq!(counted + report.others, 100_000);
        assert_eq!(refusals.take(), RefusalReport::default());
    }
}
