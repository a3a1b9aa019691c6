//! Moments in time, and the three ways in which AWS writes them.

use std::fmt;
use std::time::Duration;

use time::format_description::BorrowedFormatItem;
use time::format_description::well_known::{Rfc2822, Rfc3339};
use time::macros::format_description;
use time::{Date, Month, OffsetDateTime, PrimitiveDateTime};

/// A moment: microseconds since 1970-01-01T00:00:00Z, years 1970 to 9999.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

/// Text or a number that is no moment in the years 1970 to 9999.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a date in a known format")]
pub struct TimestampError;

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self(0);

    /// The moment this many microseconds after the epoch.
    ///
    /// # Errors
    /// After the year 9999.
    pub fn from_micros(micros: u64) -> Result<Self, TimestampError> {
        if micros > MICROS_MAX {
            return Err(TimestampError);
        }
        Ok(Self(micros))
    }

    /// The moment this many seconds after the epoch.
    ///
    /// # Errors
    /// After the year 9999.
    pub fn from_seconds(seconds: u64) -> Result<Self, TimestampError> {
        Self::from_micros(seconds.checked_mul(MICROS_PER_SECOND).ok_or(TimestampError)?)
    }

    /// Microseconds since the epoch.
    #[must_use]
    pub fn micros(self) -> u64 {
        self.0
    }

    /// Whole seconds since the epoch.
    #[must_use]
    pub fn seconds(self) -> u64 {
        self.0 / MICROS_PER_SECOND
    }

    /// The same moment without its fraction of a second, as HTTP dates compare.
    #[must_use]
    pub fn floor_to_second(self) -> Self {
        Self(self.seconds() * MICROS_PER_SECOND)
    }

    /// This moment plus a span; stays at the end of 9999.
    #[must_use]
    pub fn saturating_add(self, span: Duration) -> Self {
        let micros = u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(micros).min(MICROS_MAX))
    }

    /// The span from `earlier` to this moment; zero if `earlier` is later.
    #[must_use]
    pub fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    /// The span between two moments, whichever is first.
    #[must_use]
    pub fn distance(self, other: Self) -> Duration {
        Duration::from_micros(self.0.abs_diff(other.0))
    }

    /// `2026-01-02T03:04:05.000Z`, as in XML bodies.
    #[must_use]
    pub fn to_iso8601(self) -> String {
        let parts = self.parts();
        let mut text = String::with_capacity(TEXT_BYTES_MAX);
        parts.push_date(&mut text, "-");
        text.push('T');
        parts.push_time(&mut text, ":");
        let millis = self.0 / 1000 % 1000;
        // INVARIANT: less than 1000.
        let (tens, ones) = (u8::try_from(millis / 10), u8::try_from(millis % 10));
        text.push('.');
        push_two(&mut text, tens.unwrap_or_default());
        text.push(digit(ones.unwrap_or_default()));
        text.push('Z');
        text
    }

    /// `Fri, 02 Jan 2026 03:04:05 GMT`, as in HTTP headers.
    #[must_use]
    pub fn to_http_date(self) -> String {
        let parts = self.parts();
        let mut text = String::with_capacity(TEXT_BYTES_MAX);
        text.push_str(parts.weekday);
        text.push_str(", ");
        push_two(&mut text, parts.day);
        text.push(' ');
        text.push_str(parts.month_name);
        text.push(' ');
        push_two(&mut text, parts.century);
        push_two(&mut text, parts.year);
        text.push(' ');
        parts.push_time(&mut text, ":");
        text.push_str(" GMT");
        text
    }

    /// `20260102T030405Z`, as in `x-amz-date`.
    #[must_use]
    pub fn to_amz_date(self) -> String {
        let parts = self.parts();
        let mut text = String::with_capacity(TEXT_BYTES_MAX);
        parts.push_date(&mut text, "");
        text.push('T');
        parts.push_time(&mut text, "");
        text.push('Z');
        text
    }

    /// `20260102`, as in a credential scope.
    #[must_use]
    pub fn to_scope_date(self) -> String {
        let mut text = String::with_capacity(TEXT_BYTES_MAX);
        self.parts().push_date(&mut text, "");
        text
    }

    /// Reads `20260102T030405Z`.
    ///
    /// # Errors
    /// If the text has any other form.
    pub fn parse_amz_date(text: &str) -> Result<Self, TimestampError> {
        let &[c1, c2, y1, y2, m1, m2, d1, d2, b'T', h1, h2, i1, i2, s1, s2, b'Z'] = text.as_bytes()
        else {
            return Err(TimestampError);
        };
        let year = i32::from(two(c1, c2)?) * 100 + i32::from(two(y1, y2)?);
        let month = Month::try_from(two(m1, m2)?).map_err(|_| TimestampError)?;
        let (day, hour, minute, second) = (two(d1, d2)?, two(h1, h2)?, two(i1, i2)?, two(s1, s2)?);
        let moment = Date::from_calendar_date(year, month, day)
            .and_then(|date| date.with_hms(hour, minute, second))
            .map_err(|_| TimestampError)?;
        Self::from_offset(moment.assume_utc())
    }

    /// Reads an ISO 8601 moment with `Z` or an offset, with or without a fraction.
    ///
    /// # Errors
    /// If the text has any other form.
    pub fn parse_iso8601(text: &str) -> Result<Self, TimestampError> {
        OffsetDateTime::parse(text, &Rfc3339)
            .map_err(|_| TimestampError)
            .and_then(Self::from_offset)
    }

    /// Reads a date as HTTP allows it (RFC 9110, 5.6.7): IMF-fixdate, RFC 850 or asctime.
    ///
    /// # Errors
    /// If the text has any other form.
    pub fn parse_http_date(text: &str) -> Result<Self, TimestampError> {
        if let Ok(moment) = PrimitiveDateTime::parse(text, HTTP_DATE) {
            return Self::from_offset(moment.assume_utc());
        }
        if let Ok(moment) = OffsetDateTime::parse(text, &Rfc2822) {
            return Self::from_offset(moment);
        }
        let moment = PrimitiveDateTime::parse(text, ASCTIME).map_err(|_| TimestampError)?;
        Self::from_offset(moment.assume_utc())
    }

    /// The moment as people write it.
    fn parts(self) -> Parts {
        let moment = i64::try_from(self.seconds()).ok();
        let moment = moment.and_then(|at| OffsetDateTime::from_unix_timestamp(at).ok());
        // INVARIANT: years 1970 to 9999 are inside what `time` knows.
        let moment = moment.unwrap_or(OffsetDateTime::UNIX_EPOCH);
        let name = |names: &[&'static str], number: u8| names.get(usize::from(number)).copied();
        let (century, year) = (moment.year() / 100, moment.year() % 100);
        Parts {
            century: u8::try_from(century).unwrap_or_default(),
            year: u8::try_from(year).unwrap_or_default(),
            month: moment.month().into(),
            month_name: name(&MONTHS, u8::from(moment.month()) - 1).unwrap_or_default(),
            day: moment.day(),
            weekday: name(&WEEKDAYS, moment.weekday().number_days_from_monday())
                .unwrap_or_default(),
            hour: moment.hour(),
            minute: moment.minute(),
            second: moment.second(),
        }
    }

    fn from_offset(moment: OffsetDateTime) -> Result<Self, TimestampError> {
        let micros = moment.unix_timestamp_nanos() / 1000;
        u64::try_from(micros).map_err(|_| TimestampError).and_then(Self::from_micros)
    }
}

/// The parts of a moment in writing. Moments are written with every answer and for every name in a
/// listing, so they do not go through a general formatter.
struct Parts {
    century: u8,
    /// Of the century.
    year: u8,
    month: u8,
    month_name: &'static str,
    day: u8,
    weekday: &'static str,
    hour: u8,
    minute: u8,
    second: u8,
}

impl Parts {
    fn push_date(&self, text: &mut String, between: &str) {
        push_two(text, self.century);
        push_two(text, self.year);
        text.push_str(between);
        push_two(text, self.month);
        text.push_str(between);
        push_two(text, self.day);
    }

    fn push_time(&self, text: &mut String, between: &str) {
        push_two(text, self.hour);
        text.push_str(between);
        push_two(text, self.minute);
        text.push_str(between);
        push_two(text, self.second);
    }
}

/// Appends a number below 100 as two digits.
fn push_two(text: &mut String, number: u8) {
    text.push(digit(number / 10));
    text.push(digit(number % 10));
}

/// A number below 10 as a digit.
fn digit(number: u8) -> char {
    char::from(b'0' + number)
}

/// Reads two digits.
fn two(tens: u8, ones: u8) -> Result<u8, TimestampError> {
    let value = |byte: u8| byte.checked_sub(b'0').filter(|value| *value < 10);
    match (value(tens), value(ones)) {
        (Some(tens), Some(ones)) => Ok(tens * 10 + ones),
        _ => Err(TimestampError),
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_iso8601())
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Timestamp({self})")
    }
}

const MICROS_PER_SECOND: u64 = 1_000_000;
const MICROS_MAX: u64 = 253_402_300_799_999_999; // 9999-12-31T23:59:59.999999Z
const TEXT_BYTES_MAX: usize = 32; // the longest form has 29
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

const HTTP_DATE: &[BorrowedFormatItem<'_>] = format_description!(
    "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
);
const ASCTIME: &[BorrowedFormatItem<'_>] = format_description!(
    "[weekday repr:short] [month repr:short] [day padding:space] [hour]:[minute]:[second] [year]"
);

#[cfg(test)]
mod tests {
    use super::*;

    const SECONDS_PER_DAY: u64 = 24 * 60 * 60;
    const MOMENT: Timestamp = Timestamp(1_767_323_045_678_901);

    #[test]
    fn formats_are_those_of_aws() {
        assert_eq!(MOMENT.to_iso8601(), "2026-01-02T03:04:05.678Z");
        assert_eq!(MOMENT.to_http_date(), "Fri, 02 Jan 2026 03:04:05 GMT");
        assert_eq!(MOMENT.to_amz_date(), "20260102T030405Z");
        assert_eq!(MOMENT.to_scope_date(), "20260102");
        assert_eq!(Timestamp(MICROS_MAX).to_iso8601(), "9999-12-31T23:59:59.999Z");
    }

    #[test]
    fn what_is_written_is_read() {
        let seconds = MOMENT.floor_to_second();
        assert_eq!(Timestamp::parse_amz_date(&MOMENT.to_amz_date()), Ok(seconds));
        assert_eq!(Timestamp::parse_http_date(&MOMENT.to_http_date()), Ok(seconds));
        assert_eq!(Timestamp::parse_iso8601("2026-01-02T04:04:05+01:00"), Ok(seconds));
        assert_eq!(Timestamp::parse_http_date("Fri Jan  2 03:04:05 2026"), Ok(seconds));
    }

    #[test]
    fn moments_are_written_as_the_calendar_library_writes_it() {
        let form = format_description!(
            "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
        );
        let mut moment = OffsetDateTime::UNIX_EPOCH;
        let mut days = 0_u64;
        while moment.year() < 9999 {
            let ours = Timestamp::from_seconds(days * SECONDS_PER_DAY + days % SECONDS_PER_DAY);
            let ours = ours.unwrap();
            let theirs = moment + Duration::from_secs(days % SECONDS_PER_DAY);
            assert_eq!(ours.to_http_date(), theirs.format(form).unwrap());
            assert_eq!(Timestamp::parse_amz_date(&ours.to_amz_date()), Ok(ours));
            days += 29;
            moment += Duration::from_secs(29 * SECONDS_PER_DAY);
        }
    }

    #[test]
    fn other_text_is_refused() {
        let bad = [
            "",
            "2026",
            "20260102T030405",
            "20260102T030405z",
            "20261302T030405Z",
            "20260229T030405Z",
            "20260102T240405Z",
            "20260102T036005Z",
            "20260102T030460Z",
            "+0260102T030405Z",
            "2026010 T030405Z",
            "2026-102T030405Z",
            "19691231T235959Z",
            "20260102t030405Z",
            "20260102T030405Z ",
            "20260002T030405Z",
            "20260100T030405Z",
        ];
        for bad in bad {
            assert!(Timestamp::parse_amz_date(bad).is_err(), "{bad}");
        }
        assert!(Timestamp::parse_iso8601("1969-12-31T23:59:59Z").is_err());
        assert!(Timestamp::from_micros(MICROS_MAX + 1).is_err());
    }
}
