//! Numbers, dates and address ranges as policies and requests write them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// A decimal number of up to 19 digits before and 9 behind the point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Decimal(i128);

impl Decimal {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (whole, fraction) = match digits.split_once('.') {
            Some((_, "")) => return None,
            Some(parts) => parts,
            None => (digits, ""),
        };
        let numeric = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || whole.len() > 19 || fraction.len() > FRACTION_DIGITS_MAX {
            return None;
        }
        if !numeric(whole) || !numeric(fraction) {
            return None;
        }
        let padded = format!("{fraction:0<FRACTION_DIGITS_MAX$}");
        let scaled = whole.parse::<i128>().ok()? * FRACTION_SCALE + padded.parse::<i128>().ok()?;
        Some(Self(if negative { -scaled } else { scaled }))
    }
}

impl From<i64> for Decimal {
    fn from(number: i64) -> Self {
        Self(i128::from(number) * FRACTION_SCALE)
    }
}

const FRACTION_DIGITS_MAX: usize = 9;
const FRACTION_SCALE: i128 = 1_000_000_000;

/// A moment, in microseconds from 1970, before it too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(i64);

impl Moment {
    pub(crate) fn from_micros(micros: u64) -> Option<Self> {
        i64::try_from(micros).ok().map(Self)
    }

    /// Reads seconds since 1970, or a date in the W3C profile of ISO 8601: a year, a month, a day,
    /// or a time of day to the minute, second or fraction, which then has a zone.
    ///
    /// SPEC: access-control, 1.5. A text of four digits is a year.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('-').unwrap_or(text);
        if digits.len() != 4 && (1..=12).contains(&digits.len()) && all_digits(digits) {
            return text.parse::<i64>().ok()?.checked_mul(MICROS_PER_SECOND).map(Self);
        }
        let (date, time) = match text.split_once('T') {
            Some((date, time)) => (date, Some(time)),
            None => (text, None),
        };
        let mut parts = date.split('-');
        let year = fixed(parts.next()?, 4)?;
        let month = parts.next().map_or(Some(1), |text| fixed(text, 2))?;
        let day = parts.next().map(|text| fixed(text, 2));
        if parts.next().is_some() || (time.is_some() && day.is_none()) {
            return None;
        }
        let day = day.unwrap_or(Some(1))?;
        if !(1..=12).contains(&month) || !(1..=days_of(year, month)).contains(&day) {
            return None;
        }
        let days = days_from_epoch(year, month, day);
        let micros = time.map_or(Some(0), micros_of_day)?;
        Some(Self(days * MICROS_PER_DAY + micros))
    }
}

/// `hh:mm`, `hh:mm:ss` or `hh:mm:ss.f`, and `Z` or `+hh:mm`: microseconds since midnight in UTC.
fn micros_of_day(text: &str) -> Option<i64> {
    let (clock, offset_minutes) = match text.strip_suffix('Z') {
        Some(clock) => (clock, 0),
        None => {
            let (clock, zone) = text.split_at_checked(text.len().checked_sub(6)?)?;
            let sign = match zone.bytes().next()? {
                b'+' => 1,
                b'-' => -1,
                _ => return None,
            };
            let (hours, minutes) = zone.get(1..)?.split_once(':')?;
            let (hours, minutes) = (fixed(hours, 2)?, fixed(minutes, 2)?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            (clock, sign * (hours * 60 + minutes))
        }
    };
    let mut parts = clock.split(':');
    let hour = fixed(parts.next()?, 2)?;
    let minute = fixed(parts.next()?, 2)?;
    let (second, fraction) = match parts.next() {
        None => (0, 0),
        Some(seconds) => match seconds.split_once('.') {
            None => (fixed(seconds, 2)?, 0),
            Some((whole, fraction)) => (fixed(whole, 2)?, fraction_micros(fraction)?),
        },
    };
    if parts.next().is_some() || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let seconds = (hour * 60 + minute - offset_minutes) * 60 + second;
    Some(seconds * MICROS_PER_SECOND + fraction)
}

fn fraction_micros(text: &str) -> Option<i64> {
    if text.is_empty() || text.len() > 9 || !all_digits(text) {
        return None;
    }
    let padded = format!("{text:0<9}");
    padded.get(..6)?.parse().ok()
}

fn fixed(text: &str, digits: usize) -> Option<i64> {
    (text.len() == digits && all_digits(text)).then(|| text.parse().ok()).flatten()
}

fn all_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

fn days_of(year: i64, month: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01, counted in years that begin in March so that the leap day is the last.
fn days_from_epoch(year: i64, month: i64, day: i64) -> i64 {
    let shifted_year = if month <= 2 { year - 1 } else { year };
    let shifted_month = (month + 9) % 12;
    let leap_days =
        shifted_year.div_euclid(4) - shifted_year.div_euclid(100) + shifted_year.div_euclid(400);
    let day_of_year = (153 * shifted_month + 2) / 5 + day - 1;
    365 * shifted_year + leap_days + day_of_year - DAYS_TO_EPOCH
}

/// Days from 0000-03-01 to 1970-01-01.
const DAYS_TO_EPOCH: i64 = 719_468;
const MICROS_PER_SECOND: i64 = 1_000_000;
const MICROS_PER_DAY: i64 = 86_400 * MICROS_PER_SECOND;

/// A range of addresses: `10.0.0.0/8`. Bits behind the prefix do not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cidr {
    network: IpAddr,
    prefix_bits: u8,
}

impl Cidr {
    /// Reads a range; without a prefix it is one address.
    ///
    /// SPEC: access-control, 1.5.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address = IpAddr::from_str(address).ok()?;
        let bits_max = if address.is_ipv4() { 32 } else { 128 };
        let prefix_bits = match prefix {
            None => bits_max,
            Some(prefix) if prefix.len() <= 3 && all_digits(prefix) => prefix.parse().ok()?,
            Some(_) => return None,
        };
        if prefix_bits > bits_max {
            return None;
        }
        // SECURITY: an IPv4 address in IPv6 clothes is the IPv4 address, in policies as in requests.
        let canonical = address.to_canonical();
        match (address, canonical) {
            (IpAddr::V6(_), IpAddr::V4(_)) if prefix_bits >= MAPPED_BITS => {
                Some(Self { network: canonical, prefix_bits: prefix_bits - MAPPED_BITS })
            }
            _ => Some(Self { network: address, prefix_bits }),
        }
    }

    /// Whether the address lies in the range.
    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        match (self.network, address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.prefix_bits)).unwrap_or(0);
                (network.to_bits() ^ address.to_bits()) & mask == 0
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.prefix_bits)).unwrap_or(0);
                (network.to_bits() ^ address.to_bits()) & mask == 0
            }
            _ => false,
        }
    }

    /// Whether so many bits are fixed that the range is not "the internet", or it is private anyway.
    ///
    /// SPEC: access-control, 4.3.1 (aws:SourceIp).
    pub(crate) fn is_narrow(&self) -> bool {
        match self.network {
            IpAddr::V4(_) => self.prefix_bits >= 8 || self.is_private(),
            IpAddr::V6(_) => self.prefix_bits >= 32,
        }
    }

    /// Whether the whole range lies in one of the private ranges of IPv4.
    pub(crate) fn is_private(&self) -> bool {
        let inside = |network: [u8; 4], bits: u8| {
            let range = Self { network: IpAddr::V4(Ipv4Addr::from(network)), prefix_bits: bits };
            self.prefix_bits >= bits && range.contains(self.network)
        };
        self.network.is_ipv4()
            && (inside([10, 0, 0, 0], 8)
                || inside([172, 16, 0, 0], 12)
                || inside([192, 168, 0, 0], 16))
    }
}

/// Bits before the IPv4 address in `::ffff:0:0/96`.
const MAPPED_BITS: u8 = 96;
const _: () = assert!(Ipv6Addr::BITS == 128);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_compare_by_value() {
        let number = |text| Decimal::parse(text).unwrap();
        assert!(number("1.2") < number("1.3") && number("1.10001") < number("1.2"));
        assert_eq!(number("1.50"), number("1.5"));
        assert_eq!(number("010"), Decimal::from(10));
        assert_eq!(number("-0"), number("0"));
        assert!(number("-1.5") < number("-1"));
        for bad in ["", "-", ".5", "5.", "1e3", "1,5", " 1", "1 ", "x", "--1", "1.0000000001"] {
            assert!(Decimal::parse(bad).is_none(), "{bad}");
        }
        assert!(Decimal::parse(&"9".repeat(19)).is_some());
        assert!(Decimal::parse(&"9".repeat(20)).is_none());
    }

    #[test]
    fn dates_are_read_in_every_form_of_the_profile() {
        let moment = |text: &str| Moment::parse(text).unwrap_or_else(|| panic!("{text}"));
        let seconds = |seconds: i64| Moment(seconds * MICROS_PER_SECOND);
        assert_eq!(moment("1970"), seconds(0));
        assert_eq!(moment("2026-11"), moment("2026-11-01T00:00Z"));
        assert_eq!(moment("2026-01-02"), seconds(1_767_312_000));
        assert_eq!(moment("2026-01-02T03:04Z"), seconds(1_767_323_040));
        assert_eq!(moment("2026-01-02T03:04:05Z"), seconds(1_767_323_045));
        assert_eq!(moment("2026-01-02T03:04:05.25Z"), Moment(1_767_323_045_250_000));
        assert_eq!(moment("2026-01-02T05:04:05+02:00"), seconds(1_767_323_045));
        assert_eq!(moment("2026-01-01T22:04:05-05:00"), seconds(1_767_323_045));
        assert_eq!(moment("1767323045"), seconds(1_767_323_045));
        assert_eq!(moment("0"), seconds(0));
        assert_eq!(moment("2024-02-29"), seconds(1_709_164_800));
        assert_eq!(moment("1969-12-31T23:59:59Z"), seconds(-1));
        for bad in [
            "",
            "x",
            "2026-13",
            "2026-02-29",
            "2026-1-2",
            "2026-01-02T03:04",
            "2026-01T03:04Z",
            "2026-01-02T24:00Z",
            "2026-01-02T03:60Z",
            "2026-01-02T03:04:05.Z",
            "2026-01-02 03:04Z",
            "2026-01-02T03:04:05+2:00",
            "2026-01-02T03:04:05+24:00",
            "2026-01-02-03",
            "1e9",
            "1.5",
        ] {
            assert!(Moment::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn the_calendar_agrees_with_that_of_timestamps() {
        for seconds in (0..253_402_300_799).step_by(86_400 * 97 + 12_345) {
            let time = strongroom_types::Timestamp::from_seconds(seconds).unwrap();
            let expected = Moment::from_micros(time.micros());
            assert_eq!(Moment::parse(&time.to_iso8601()), expected, "{seconds}");
        }
    }

    #[test]
    fn ranges_contain_addresses_whatever_their_host_bits() {
        let contains = |range: &str, address: &str| {
            Cidr::parse(range).unwrap().contains(address.parse().unwrap())
        };
        assert!(contains("10.1.2.3/8", "10.255.0.1"));
        assert!(!contains("10.0.0.0/8", "11.0.0.1"));
        assert!(contains("127.0.0.1", "127.0.0.1") && !contains("127.0.0.1", "127.0.0.2"));
        assert!(contains("0.0.0.0/0", "1.2.3.4") && !contains("0.0.0.0/0", "::1"));
        assert!(contains("::/0", "2001:db8::1") && !contains("::/0", "1.2.3.4"));
        assert!(contains("::1/128", "::1") && contains("::1", "::1"));
        assert!(contains("2001:db8::/32", "2001:db8:1::1"));
        assert!(contains("10.0.0.0/8", "::ffff:10.1.1.1"), "mapped addresses are IPv4");
        assert!(contains("::ffff:10.0.0.0/104", "10.1.1.1"));
        for bad in ["", "300.1.1.1/8", "10.0.0.0/33", "::1/129", "10.0.0.0/", "10/8", "10.0.0.0/+8"]
        {
            assert!(Cidr::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn narrow_ranges_are_a_few_or_private_addresses() {
        let narrow = |range: &str| Cidr::parse(range).unwrap().is_narrow();
        assert!(narrow("1.0.0.0/8") && !narrow("0.0.0.0/7"));
        assert!(narrow("2001:db8::/32") && !narrow("2001:db8::/31"));
        assert!(narrow("10.0.0.0/8") && narrow("172.16.0.0/12") && narrow("192.168.0.0/16"));
    }
}
